import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { openBlobStore, type BlobRef } from "@atomiton/runtime";
import { runNode } from "@atomiton/runtime/testing";
import { utils, write } from "@e965/xlsx";
import { expect, test } from "vitest";

import { runInstalled } from "../../../tests/run-installed.ts";
import { xlsxRead, xlsxWrite } from "../src/index.ts";

const blobs = openBlobStore({ memory: true });
type Cells = Parameters<typeof utils.aoa_to_sheet>[0];
/** A real file of the library's own making. */
const bookOf = (sheets: Record<string, Cells>, bookType: "xlsx" | "ods" | "xlsb" = "xlsx"): Uint8Array => {
  const book = utils.book_new();
  for (const [name, cells] of Object.entries(sheets)) utils.book_append_sheet(book, utils.aoa_to_sheet(cells), name);
  return new Uint8Array(write(book, { type: "array", bookType }) as ArrayBuffer);
};
const put = (bytes: Uint8Array): Promise<BlobRef> =>
  blobs.put(bytes, { type: "application/octet-stream", name: "in.xlsx" });
const read = async (bytes: Uint8Array, config = {}) =>
  runNode(xlsxRead, { in: { file: await put(bytes) }, config, blobs });
const CELLS: Cells = [
  ["name", "price", "since"],
  ["ä", 1.5, new Date(Date.UTC(2024, 1, 29))],
  [null, null, null],
  ["=1+1", true, null],
];

test("[SHEET-1] core/xlsx.read gives rows by header, letters or given names, of the sheet and range told, from three formats", async () => {
  const rows = [
    { name: "ä", price: 1.5, since: "2024-02-29T00:00:00.000Z" },
    { name: "=1+1", price: true, since: null },
  ];
  for (const type of ["xlsx", "ods", "xlsb"] as const) {
    const { items, outputs } = await read(bookOf({ Feed: CELLS, Other: [["x"], [1]] }, type));
    expect(items["rows"], type).toEqual(rows);
    expect(outputs).toEqual({ sheets: ["Feed", "Other"] });
  }
  const bytes = bookOf({ Feed: CELLS, Other: [["x"], [1]] });
  expect((await read(bytes, { sheet: "Other" })).items["rows"]).toEqual([{ x: 1 }]);
  expect((await read(bytes, { sheet: 2, header: false })).items["rows"]).toEqual([{ A: "x" }, { A: 1 }]);
  expect((await read(bytes, { range: "A2:B2", header: ["n", "p"] })).items["rows"]).toEqual([{ n: "ä", p: 1.5 }]);
});

test("[SHEET-2] core/xlsx.read names the cell, the header or the sheet that is wrong", async () => {
  const says = async (bytes: Uint8Array, config: Record<string, unknown>, code: string, text: string) =>
    await expect(read(bytes, config)).rejects.toMatchObject({
      message: expect.stringContaining(text),
      error: { code, retryable: false },
    });
  const failing = bookOf({ S: [["a"], [{ t: "e", v: 7, w: "#DIV/0!" }]] as Cells });
  await says(failing, {}, "CELL", 'cell A2 of "S" holds #DIV/0!');
  expect(
    (
      await read(
        bookOf({
          S: [
            ["a", "b"],
            [{ t: "e", v: 7 }, 1],
          ] as Cells,
        }),
        { errors: "null" },
      )
    ).items["rows"],
  ).toEqual([{ a: null, b: 1 }]);
  await says(bookOf({ S: [["a", "a"]] }), {}, "HEADER", 'two columns of "S" are called "a", one of them B');
  await says(bookOf({ S: [["a"], [1, 2]] }), {}, "HEADER", "cell B2");
  await says(bookOf({ S: [["a"]] }), { sheet: "T" }, "SHEET", 'no sheet "T"; it has "S"');
  await says(bookOf({ S: [["a"]] }), { range: "all" }, "CONFIG", '"all" is no range');
  await says(Buffer.from("a,b\n1,2\n"), {}, "SHEET", "core/csv.read reads CSV");
  await says(bookOf({ S: CELLS }).subarray(0, 300), {}, "SHEET", "save it again");
  await says(bookOf({ S: CELLS }), { limitBytes: 10 }, "LIMIT", "larger than 10 bytes");
});

test("[SHEET-3] what core/xlsx.write writes, core/xlsx.read reads back the same; text never becomes a formula", async () => {
  const given = [
    { name: "=HYPERLINK(1)", n: -0.5, ok: false, none: null },
    { name: "007", n: 1e21, ok: true, none: null },
  ];
  const written = await runNode(xlsxWrite, { in: { rows: given }, config: { sheet: "Out", name: "out.xlsx" }, blobs });
  const file = written.outputs["file"] as BlobRef;
  expect(written.outputs).toMatchObject({ rows: 2, file: { name: "out.xlsx" } });
  const back = await runNode(xlsxRead, { in: { file }, blobs });
  expect(back.items["rows"]).toEqual(given);
  expect(back.outputs).toEqual({ sheets: ["Out"] });
  const columns = await runNode(xlsxWrite, { in: { rows: [{ b: 1 }] }, config: { columns: ["a", "b"] }, blobs });
  const read = await runNode(xlsxRead, { in: { file: columns.outputs["file"] }, blobs });
  expect(read.items["rows"]).toEqual([{ a: null, b: 1 }]);
});

test("[SHEET-4] core/xlsx.write names the row and column that a sheet cannot hold", async () => {
  const fails = (rows: unknown[]) => runNode(xlsxWrite, { in: { rows }, blobs });
  await expect(fails([{ a: 1 }, { a: 1, b: 2 }])).rejects.toMatchObject({
    message: expect.stringContaining('row 2, column "b"'),
    error: { code: "COLUMN" },
  });
  await expect(fails([{ a: [1] }])).rejects.toMatchObject({ error: { code: "VALUE" } });
  await expect(fails([{ a: Number.NaN }])).rejects.toMatchObject({ error: { code: "VALUE" } });
  await expect(fails([{ a: "x".repeat(32_768) }])).rejects.toMatchObject({ error: { code: "LIMIT" } });
});

test("[SHEET-5] a Blueprint reads and writes sheets in threads, with the installed package", async () => {
  const nodes = {
    file: { uses: "core/file.read@1", with: { path: "in.xlsx" } },
    read: { uses: "core/xlsx.read@1", in: { file: "file.file" } },
    write: { uses: "core/xlsx.write@1", in: { rows: "read.rows" }, with: { name: "copy.xlsx" } },
    save: { uses: "core/file.write@1", in: { content: "write.file" }, with: { path: "copy.xlsx" } },
  };
  await runInstalled(
    "nodes-sheet",
    { nodes, outputs: { rows: { type: "integer", from: "write.rows" } } },
    (dir) => writeFile(join(dir, "in.xlsx"), bookOf({ S: CELLS })),
    async (outputs, _runtime, dir) => {
      expect(outputs).toEqual({ rows: 2 });
      const { items } = await read(await readFile(join(dir, "copy.xlsx")));
      expect(items["rows"]).toHaveLength(2);
    },
  );
});
