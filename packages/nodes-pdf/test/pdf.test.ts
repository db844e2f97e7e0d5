import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { openBlobStore, type BlobRef } from "@atomiton/runtime";
import { runNode } from "@atomiton/runtime/testing";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { expect, test } from "vitest";

import { runInstalled } from "../../../tests/run-installed.ts";
import { pdfMerge, pdfRead, pdfWrite } from "../src/index.ts";

const blobs = openBlobStore({ memory: true });
const put = (bytes: Uint8Array): Promise<BlobRef> => blobs.put(bytes, { type: "application/pdf", name: "in.pdf" });
const textOf = async (file: unknown, config = {}): Promise<string[]> =>
  ((await runNode(pdfRead, { in: { file }, config, blobs })).items["pages"] as { text: string }[]).map(
    ({ text }) => text,
  );
const pdfOf = async (texts: string[]): Promise<BlobRef> => {
  const pdf = await PDFDocument.create();
  pdf.setTitle("Report");
  const font = await pdf.embedFont(StandardFonts.Helvetica);
  for (const text of texts) pdf.addPage().drawText(text, { font });
  return await put(await pdf.save());
};

test("[PDF-1] core/pdf.read gives the text page by page, what the file says of itself, and the pages asked for", async () => {
  const file = await pdfOf(["First page", "Second page", "Third"]);
  const { items, outputs } = await runNode(pdfRead, { in: { file }, blobs });
  expect(items["pages"]).toEqual([
    { page: 1, text: "First page" },
    { page: 2, text: "Second page" },
    { page: 3, text: "Third" },
  ]);
  expect(outputs).toMatchObject({ count: 3, info: { Title: "Report" } });
  expect(await textOf(file, { first: 2, last: 2 })).toEqual(["Second page"]);
  await expect(textOf(file, { first: 4 })).rejects.toMatchObject({ error: { code: "PAGE" } });
});

test("[PDF-2] what is no PDF, cut off or protected fails with its name and the reason", async () => {
  const bytes = await readFile(await blobs.path(await pdfOf(["x"])));
  const fails = async (data: Uint8Array, code: string) => {
    const file = await put(data);
    await expect(textOf(file)).rejects.toMatchObject({
      message: expect.stringMatching(/^Cannot read the PDF "in.pdf": /),
      error: { code, class: "user", retryable: false },
    });
    return file;
  };
  const none = await fails(Buffer.from("no PDF"), "PDF");
  await fails(bytes.subarray(0, 20), "PDF");
  await expect(runNode(pdfMerge, { in: { files: [none] }, blobs })).rejects.toMatchObject({ error: { code: "PDF" } });
});

test("[PDF-3] core/pdf.write sets text whose words can be read again, breaks lines and pages, and names a character it lacks", async () => {
  const words = Array.from({ length: 1_500 }, (_, at) => `word${at}`);
  const made = async (text: string, config = {}) => (await runNode(pdfWrite, { in: { text }, config, blobs })).outputs;
  const long = await made(words.join(" "), { fontSize: 14, title: "Long", name: "long.pdf" });
  expect(long).toMatchObject({ file: { name: "long.pdf", type: "application/pdf" } });
  expect(long["pages"]).toBeGreaterThan(2);
  const pages = await textOf(long["file"]);
  expect(pages).toHaveLength(long["pages"] as number);
  expect(pages.join("\n").split(/\s+/)).toEqual(words);
  expect(await textOf((await made("größe\f2nd €"))["file"])).toEqual(["größe", "2nd €"]);
  expect((await textOf((await made("x".repeat(5_000)))["file"])).join("").replaceAll("\n", "")).toBe("x".repeat(5_000));
  await expect(made("ok\nnot 漢")).rejects.toMatchObject({
    message: 'Cannot write the PDF, line 2: its font has no "漢"; replace the character',
    error: { code: "CHARACTER" },
  });
});

test("[PDF-4] core/pdf.merge puts pages one after the other", async () => {
  const files = [await pdfOf(["a", "b"]), await pdfOf(["c"])];
  const { outputs } = await runNode(pdfMerge, { in: { files }, config: { name: "all.pdf" }, blobs });
  expect(outputs).toMatchObject({ pages: 3, file: { name: "all.pdf" } });
  expect(await textOf(outputs["file"])).toEqual(["a", "b", "c"]);
});

test("[PDF-5] a Blueprint writes and reads PDFs in threads, with the installed package", async () => {
  const nodes = {
    text: { uses: "core/file.read@1", with: { path: "in.txt", as: "text" } },
    write: { uses: "core/pdf.write@1", in: { text: "text.text" } },
    read: { uses: "core/pdf.read@1", in: { file: "write.file" } },
    all: { uses: "core/collect@1", in: { items: ["read.pages"] } },
  };
  await runInstalled(
    "nodes-pdf",
    { nodes, outputs: { pages: { type: "any", from: "all.items" } } },
    (dir) => writeFile(join(dir, "in.txt"), "Hello"),
    async (outputs) => expect(outputs).toEqual({ pages: [{ page: 1, text: "Hello" }] }),
  );
});
