import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import type { BlobRef } from "../../src/blueprint/define-node.ts";
import { run } from "./core.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "files-test-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

test("[R-NODE-20] core/file.read gives a file, its text or its JSON, and progress in bytes", async () => {
  await writeFile(join(cwd, "data.json"), '{"a":[1,2]}');
  const file = await run("file.read", { cwd, config: { path: "data.json" } });
  expect(file.outputs["file"]).toMatchObject({ size: 11, type: "application/json", name: "data.json" });
  expect(await file.text(file.outputs["file"] as BlobRef)).toBe('{"a":[1,2]}');
  expect(file.progress.at(-1)).toEqual({ done: 11, total: 11 });
  expect((await run("file.read", { cwd, config: { path: "data.json", as: "text" } })).outputs).toEqual({
    text: '{"a":[1,2]}',
  });
  expect((await run("file.read", { cwd, config: { path: join(cwd, "data.json"), as: "json" } })).outputs).toEqual({
    json: { a: [1, 2] },
  });
});

test("[R-NODE-21] core/file.read says what is wrong with a file, and what would help", async () => {
  await writeFile(join(cwd, "latin1"), Buffer.from([0x4d, 0xfc]));
  await writeFile(join(cwd, "bad.json"), "{");
  const read = (config: Record<string, unknown>) => run("file.read", { cwd, config });
  await expect(read({ path: "none.txt" })).rejects.toMatchObject({
    message: `Cannot read the file "${join(cwd, "none.txt")}": it does not exist; check the path, relative ones start at the Blueprint's folder`,
    error: { code: "ENOENT", class: "user", path: join(cwd, "none.txt"), retryable: false },
  });
  await expect(read({ path: "." })).rejects.toMatchObject({ error: { code: "EISDIR" } });
  await expect(read({ path: "" })).rejects.toMatchObject({ error: { code: "CONFIG" } });
  await expect(read({ path: "a\0b" })).rejects.toMatchObject({ error: { code: "CONFIG" } });
  await expect(read({ path: "latin1", as: "text" })).rejects.toMatchObject({ error: { code: "ENCODING" } });
  await expect(read({ path: "bad.json", as: "json" })).rejects.toMatchObject({ error: { code: "JSON" } });
  await expect(read({ path: "bad.json", as: "text", limitBytes: 0 })).rejects.toMatchObject({
    error: { code: "CONFIG" },
  });
  await writeFile(join(cwd, "large"), "x".repeat(1001));
  await expect(read({ path: "large", as: "text", limitBytes: 1000 })).rejects.toMatchObject({
    error: { code: "LIMIT", class: "resource" },
  });
});

test("[R-NODE-22] core/file.write writes text, files, bytes and values, and makes folders", async () => {
  const write = (path: string, content: unknown) => run("file.write", { cwd, in: { content }, config: { path } });
  const { outputs } = await write("a/b/text.txt", "größe");
  expect(outputs).toEqual({ path: join(cwd, "a/b/text.txt"), bytes: 7 });
  expect(await readFile(join(cwd, "a/b/text.txt"), "utf8")).toBe("größe");
  await write("bytes", new Uint8Array([1, 2, 3]));
  expect([...(await readFile(join(cwd, "bytes")))]).toEqual([1, 2, 3]);
  await write("value.json", { a: [1] });
  expect(JSON.parse(await readFile(join(cwd, "value.json"), "utf8"))).toEqual({ a: [1] });
  const { outputs: read, blobs } = await run("file.read", { cwd, config: { path: "bytes" } });
  await run("file.write", { cwd, blobs, in: { content: read["file"] }, config: { path: "copy" } });
  expect([...(await readFile(join(cwd, "copy")))]).toEqual([1, 2, 3]);
});

test("[R-NODE-23] core/file.write replaces whole or not at all: no reader sees a part, no draft stays", async () => {
  await writeFile(join(cwd, "kept"), "old");
  const missing = { $blob: `sha256:${"0".repeat(64)}`, size: 5, type: "x" };
  await expect(run("file.write", { cwd, in: { content: missing }, config: { path: "kept" } })).rejects.toMatchObject({
    code: "BLOB_LOST",
  });
  expect(await readFile(join(cwd, "kept"), "utf8")).toBe("old");
  const aborted = AbortSignal.abort("cancelled");
  await expect(
    run("file.write", { cwd, in: { content: "new" }, config: { path: "kept" }, signal: aborted }),
  ).rejects.toBe("cancelled");
  expect(await readFile(join(cwd, "kept"), "utf8")).toBe("old");
  await mkdir(join(cwd, "folder"));
  await expect(run("file.write", { cwd, in: { content: "x" }, config: { path: "folder" } })).rejects.toMatchObject({
    error: { code: "EISDIR" },
  });
  await expect(run("file.write", { cwd, in: { content: "x" }, config: { path: "kept/x" } })).rejects.toMatchObject({
    error: { code: /ENOTDIR|EEXIST/ },
  });
  expect((await readdir(cwd)).sort()).toEqual(["folder", "kept"]);
});

test("[R-NODE-24] core/file.write keeps the rights of a file and the links to it", async () => {
  await writeFile(join(cwd, "script.sh"), "old");
  await chmod(join(cwd, "script.sh"), 0o750);
  await symlink("script.sh", join(cwd, "link"));
  await run("file.write", { cwd, in: { content: "new" }, config: { path: "link" } });
  expect((await lstat(join(cwd, "link"))).isSymbolicLink()).toBe(true);
  expect(await readFile(join(cwd, "script.sh"), "utf8")).toBe("new");
  expect((await stat(join(cwd, "script.sh"))).mode & 0o777).toBe(0o750);
});
