import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { openBlobStore, type BlobRef } from "@atomiton/runtime";
import { runNode } from "@atomiton/runtime/testing";
import { pack } from "tar-stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ZipFile } from "yazl";

import { runInstalled } from "../../../tests/run-installed.ts";
import { archiveExtract, archivePack } from "../src/index.ts";

let dir: string;
const blobs = openBlobStore({ memory: true });
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "archive-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const put = (bytes: Uint8Array | string, name = "file"): Promise<BlobRef> =>
  blobs.put(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, { name });
const extract = async (bytes: Uint8Array, config = {}) => {
  const { items } = await runNode(archiveExtract, { in: { archive: await put(bytes) }, config, blobs });
  const files = items["files"] as { path: string; file: BlobRef }[];
  return Object.fromEntries(
    await Promise.all(
      files.map(async ({ path, file }) => [path, await readFile(await blobs.path(file), "utf8")] as const),
    ),
  );
};
const collected = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
};
/** A tar with these headers, as a program of bad will writes it. */
const tarOf = async (
  ...entries: {
    name: string;
    type?: "file" | "symlink" | "link" | "directory" | "fifo";
    linkname?: string;
    text?: string;
  }[]
) => {
  const made = pack();
  for (const { text = "", ...header } of entries) made.entry(header, text);
  made.finalize();
  return await collected(made);
};
/** A zip whose only entry has any name: the writer refuses bad ones, so one of equal length is replaced. */
const zipNamed = async (name: string): Promise<Buffer> => {
  const zip = new ZipFile();
  const place = "x".repeat(name.length);
  zip.addBuffer(Buffer.from("evil"), place);
  zip.end();
  const bytes = await collected(zip.outputStream as unknown as AsyncIterable<Uint8Array>);
  return Buffer.from(bytes.toString("latin1").replaceAll(place, name), "latin1");
};

test("[ARCH-1] core/archive.extract gives the files of what tar and zip programs made", async () => {
  await mkdir(join(dir, "in/sub"), { recursive: true });
  await writeFile(join(dir, "in/a.txt"), "größe");
  await writeFile(join(dir, "in/sub/b.txt"), "b".repeat(100_000));
  const files = { "a.txt": "größe", "sub/b.txt": "b".repeat(100_000) };
  for (const flags of ["-cf", "-czf"]) {
    execFileSync("tar", [flags, join(dir, "out"), "-C", join(dir, "in"), "."]);
    expect(await extract(await readFile(join(dir, "out"))), flags).toEqual(files);
  }
  const zip = new ZipFile();
  zip.addFile(join(dir, "in/a.txt"), "a.txt");
  zip.addEmptyDirectory("sub");
  zip.addFile(join(dir, "in/sub/b.txt"), "sub/b.txt", { compress: true });
  zip.end();
  expect(await extract(await collected(zip.outputStream as unknown as AsyncIterable<Uint8Array>))).toEqual(files);
});

test.each(["../a", "a/../../b", "/etc/x", "C:/x", "a\\..\\b", "a//b", "./../x"])(
  "[ARCH-2] an entry %s is refused, in zip and tar",
  async (name) => {
    for (const bytes of [await zipNamed(name), await tarOf({ name, text: "evil" }), gzipSync(await tarOf({ name }))]) {
      await expect(extract(bytes)).rejects.toMatchObject({
        message: expect.stringContaining("leads elsewhere"),
        error: { code: "PATH", class: "user", retryable: false },
      });
    }
  },
);

test("[ARCH-2] links, devices and paths that come twice are refused", async () => {
  const refused = { error: { code: "PATH" } };
  await expect(extract(await tarOf({ name: "a", type: "symlink", linkname: "/etc/passwd" }))).rejects.toMatchObject(
    refused,
  );
  await expect(extract(await tarOf({ name: "a", type: "link", linkname: "b" }))).rejects.toMatchObject(refused);
  await expect(extract(await tarOf({ name: "a", type: "fifo" }))).rejects.toMatchObject(refused);
  await expect(extract(await tarOf({ name: "a" }, { name: "./a" }))).rejects.toMatchObject(refused);
  await symlink("/etc/passwd", join(dir, "link"));
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from("/etc/passwd"), "link", { mode: 0o120777 });
  zip.end();
  const linked = await collected(zip.outputStream as unknown as AsyncIterable<Uint8Array>);
  await expect(extract(linked)).rejects.toMatchObject(refused);
});

test("[ARCH-3] archives that unfold beyond the limits end before they fill anything", async () => {
  const zip = new ZipFile();
  for (const name of ["a", "b", "c"]) zip.addBuffer(Buffer.alloc(20 * 1024 ** 2), name);
  zip.end();
  const bomb = await collected(zip.outputStream as unknown as AsyncIterable<Uint8Array>);
  expect(bomb.length).toBeLessThan(100_000);
  const refused = { error: { code: "LIMIT", class: "resource" } };
  await expect(extract(bomb, { limitBytes: 50 * 1024 ** 2 })).rejects.toMatchObject(refused);
  await expect(extract(bomb, { limitFiles: 2 })).rejects.toMatchObject(refused);
  const tar = gzipSync(await tarOf({ name: "a", text: "x".repeat(1_000_000) }));
  await expect(extract(tar, { limitBytes: 1_000 })).rejects.toMatchObject(refused);
});

test("[ARCH-4] what is no archive or cut off fails with the reason", async () => {
  const whole = await tarOf({ name: "a", text: "x".repeat(10_000) });
  const zip = await zipNamed("a");
  for (const bytes of [
    Buffer.from("none"),
    gzipSync("none"),
    zip.subarray(0, -10),
    whole.subarray(0, 2_000),
    gzipSync(whole).subarray(0, 60),
  ]) {
    await expect(extract(bytes)).rejects.toMatchObject({
      message: expect.stringMatching(/^Cannot read the archive: /),
      error: { code: "ARCHIVE", class: "user", retryable: false },
    });
  }
});

test("[ARCH-5] core/archive.pack makes archives that other programs read, equal for equal files", async () => {
  const files = [
    await put("größe", "a.txt"),
    { path: "sub/b.txt", file: await put("b".repeat(200_000)) },
    await put("", "empty"),
  ];
  const archive = async (format: string, items: unknown[] = files) =>
    (await runNode(archivePack, { in: { files: items }, config: { format, name: "out" }, blobs })).outputs[
      "archive"
    ] as BlobRef;
  for (const format of ["zip", "tar", "tar.gz"]) {
    const made = await archive(format);
    expect(made.name).toBe(`out.${format}`);
    expect(await archive(format)).toEqual(made);
    expect(await extract(await readFile(await blobs.path(made)))).toEqual({
      "a.txt": "größe",
      "sub/b.txt": "b".repeat(200_000),
      empty: "",
    });
  }
  await writeFile(join(dir, "out.tgz"), await readFile(await blobs.path(await archive("tar.gz"))));
  execFileSync("tar", ["-xzf", join(dir, "out.tgz"), "-C", dir]);
  expect(await readFile(join(dir, "a.txt"), "utf8")).toBe("größe");
  await expect(archive("zip", [{ path: "../x", file: files[0] }])).rejects.toMatchObject({ error: { code: "PATH" } });
  await expect(archive("zip", [files[0], files[0]])).rejects.toMatchObject({ error: { code: "INVALID_INPUT" } });
  await expect(archive("tar", ["no file"])).rejects.toMatchObject({ error: { code: "INVALID_INPUT" } });
});

test("[ARCH-6] a Blueprint packs and unpacks with the installed package", async () => {
  const nodes = {
    a: { uses: "core/file.read@1", with: { path: "a.txt" } },
    files: { uses: "core/merge@1", in: { items: ["a.file"] } },
    pack: { uses: "core/archive.pack@1", in: { files: "files.value" } },
    unpack: { uses: "core/archive.extract@1", in: { archive: "pack.archive" } },
    all: { uses: "core/collect@1", in: { items: ["unpack.files"] } },
  };
  await runInstalled(
    "nodes-archive",
    { nodes, outputs: { files: { type: "any", from: "all.items" } } },
    (folder) => writeFile(join(folder, "a.txt"), "a"),
    async (outputs) => expect(outputs).toMatchObject({ files: [{ path: "a.txt", file: { size: 1 } }] }),
  );
});
