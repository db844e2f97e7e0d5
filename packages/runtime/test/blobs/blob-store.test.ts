import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, describe, expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import type { BlobStore, BlobStoreOptions } from "../../src/blobs/blob-store.ts";

const stores: BlobStore[] = [];
const folders: string[] = [];
function open(options?: BlobStoreOptions): BlobStore {
  const store = openBlobStore(options);
  stores.push(store);
  return store;
}
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "blobs-test-"));
  folders.push(path);
  return path;
}
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await Promise.all(folders.splice(0).map((path) => rm(path, { recursive: true, force: true })));
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
async function* from(...parts: (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield part;
  }
}
async function files(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
const missing = { $blob: `sha256:${"0".repeat(64)}`, size: 1, type: "x" };

describe.each([
  ["disk", async () => open({ dir: await folder() })],
  ["temporary folder", async () => open()],
  ["memory", async () => open({ memory: true })],
] as const)("%s", (_, make) => {
  test("[R-BLOB-1] the reference is the hash of the bytes, and equal bytes are kept once", async () => {
    const store = await make();
    const one = await store.put(bytes("hello world"), { type: "text/plain", name: "a.txt" });
    const two = await store.put(from(bytes("hello "), bytes("world")));
    expect(one).toEqual({ $blob: `sha256:${sha(bytes("hello world"))}`, size: 11, type: "text/plain", name: "a.txt" });
    expect(two.$blob).toBe(one.$blob);
    expect(store.gauge()).toMatchObject({ blobs: 1, bytes: 11, deduplicated: 1, writing: 0 });
    const twins = await Promise.all([store.put(bytes("twin")), store.put(bytes("twin")), store.put(bytes("twin"))]);
    expect(new Set(twins.map((ref) => ref.$blob)).size).toBe(1);
    expect((await all(store.open(twins[0]))).toString()).toBe("twin");
  });

  test("[R-BLOB-2] what was put is read again, in pieces of at most 64 KiB", async () => {
    const store = await make();
    for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
      const data = new Uint8Array(size).map((__, index) => (index * 31 + size) & 255);
      const ref = await store.put(from(data.subarray(0, size >> 1), data.subarray(size >> 1)));
      const pieces: Uint8Array[] = [];
      for await (const piece of store.open(ref)) pieces.push(piece);
      expect(Math.max(0, ...pieces.map((piece) => piece.byteLength))).toBeLessThanOrEqual(65_536);
      expect(sha(Buffer.concat(pieces))).toBe(sha(data));
      expect(await store.stat(ref)).toEqual({ size });
    }
  });

  test("[R-BLOB-4] a reference that is no hash is refused, so none leads out of the folder", async () => {
    const store = await make();
    await store.put(bytes("x"));
    for (const $blob of [
      "sha256:../../etc/passwd",
      "../x",
      `sha256:${"A".repeat(64)}`,
      `sha256:${"0".repeat(64)}/..`,
      "",
      7,
    ]) {
      const ref = { $blob, size: 1, type: "x" } as typeof missing;
      await expect(store.path(ref)).rejects.toMatchObject({ code: "INVALID_INPUT" });
      await expect(store.has(ref)).rejects.toMatchObject({ code: "INVALID_INPUT" });
      await expect(all(store.open(ref))).rejects.toMatchObject({ code: "INVALID_INPUT" });
    }
  });

  test("[R-BLOB-5] a blob that is not there is BLOB_LOST", async () => {
    const store = await make();
    expect(await store.has(missing)).toBe(false);
    expect(await store.stat(missing)).toBeUndefined();
    await expect(all(store.open(missing))).rejects.toMatchObject({ code: "BLOB_LOST" });
    await expect(store.path(missing)).rejects.toMatchObject({ code: "BLOB_LOST" });
  });

  test("[R-BLOB-9] names lose folders and control characters", async () => {
    const store = await make();
    const nameOf = async (name: string) => (await store.put(bytes("x"), { name })).name;
    expect(await nameOf("../../etc/passwd")).toBe("passwd");
    expect(await nameOf("C:\\temp\\a b.csv")).toBe("a b.csv");
    expect(await nameOf("a\r\nb\u0000.txt")).toBe("ab.txt");
    expect(await nameOf("..")).toBe("file");
    expect(await nameOf("dir/")).toBe("file");
    expect((await nameOf("n".repeat(1000)))!.length).toBe(255);
  });

  test("[R-BLOB-10] path gives a file with the bytes", async () => {
    const store = await make();
    const ref = await store.put(bytes("on disk"));
    expect(await readFile(await store.path(ref), "utf8")).toBe("on disk");
  });

  test("[R-BLOB-8] close ends puts under way, and everything after it is CLOSED", async () => {
    const store = await make();
    const ref = await store.put(bytes("before"));
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow = store.put(
      (async function* () {
        yield bytes("first");
        await gate;
        yield bytes("second");
      })(),
    );
    const outcome = slow.catch((error: unknown) => error);
    await store.close();
    release();
    expect(await outcome).toMatchObject({ code: "CLOSED" });
    await store.close();
    await expect(store.put(bytes("late"))).rejects.toMatchObject({ code: "CLOSED" });
    await expect(store.has(ref)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(all(store.open(ref))).rejects.toMatchObject({ code: "CLOSED" });
  });
});

describe.each([
  ["disk", async (limitBytes: number) => open({ dir: await folder(), limitBytes })],
  ["memory", async (limitBytes: number) => open({ memory: true, limitBytes })],
] as const)("%s", (_, make) => {
  test("[R-BLOB-6] the sum of all blobs is bounded, also for puts at the same time", async () => {
    const store = await make(100);
    await store.put(bytes("a".repeat(60)));
    await expect(store.put(bytes("b".repeat(41)), { name: "big" })).rejects.toMatchObject({
      code: "LIMIT",
      message: expect.stringContaining("limit is 100"),
    });
    await store.put(bytes("c".repeat(40)));
    expect(store.gauge()).toMatchObject({ blobs: 2, bytes: 100, writing: 0 });

    const race = await make(100);
    const outcomes = await Promise.allSettled(["d", "e", "f"].map((letter) => race.put(bytes(letter.repeat(60)))));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(race.gauge()).toMatchObject({ blobs: 1, bytes: 60, writing: 0 });
  });
});

test("[R-BLOB-3] a name on disk is always whole: a source that fails leaves neither a blob nor a draft", async () => {
  const dir = await folder();
  const store = open({ dir });
  await expect(store.put(from(bytes("half"), new Error("cut")))).rejects.toThrow("cut");
  await expect(store.put(from("text" as unknown as Uint8Array))).rejects.toThrow("yield Uint8Array");
  expect(await files(dir)).toEqual([]);
  const ref = await store.put(bytes("whole"));
  const hex = ref.$blob.slice(7);
  expect(await files(dir)).toEqual([join(dir, hex.slice(0, 2), hex)]);
  expect((await stat(await store.path(ref))).mode & 0o222).toBe(0);
  expect(store.gauge().writing).toBe(0);
});

test("[R-BLOB-5] bytes that changed on disk are BLOB_LOST, not silently other bytes", async () => {
  const store = open({ dir: await folder() });
  const ref = await store.put(bytes("original"));
  const path = await store.path(ref);
  await chmod(path, 0o644);
  await writeFile(path, "0riginal");
  await expect(all(store.open(ref))).rejects.toMatchObject({
    code: "BLOB_LOST",
    message: expect.stringContaining("changed"),
  });
});

test("[R-BLOB-7] a given folder outlives the store and is counted again; a temporary one goes with it", async () => {
  const dir = await folder();
  const first = open({ dir });
  const ref = await first.put(bytes("kept"));
  await first.close();
  const again = open({ dir });
  expect((await all(again.open(ref))).toString()).toBe("kept");
  expect(again.gauge()).toMatchObject({ blobs: 1, bytes: 4 });

  const listeners = process.listenerCount("exit");
  const temporary = open();
  const path = await temporary.path(await temporary.put(bytes("gone")));
  const other = open({ memory: true });
  await other.path(await other.put(bytes("gone")));
  expect(process.listenerCount("exit")).toBe(listeners + 1);
  await Promise.all([temporary.close(), other.close()]);
  await expect(stat(dirname(dirname(path)))).rejects.toMatchObject({ code: "ENOENT" });
  expect(process.listenerCount("exit")).toBe(listeners);
});

test("[R-BLOB-11] drafts of a killed process are removed after a day", async () => {
  const dir = await folder();
  await mkdir(join(dir, "tmp"));
  const old = new Date(Date.now() - 25 * 3_600_000);
  await writeFile(join(dir, "tmp", "old"), "x");
  await utimes(join(dir, "tmp", "old"), old, old);
  await writeFile(join(dir, "tmp", "young"), "x");
  await open({ dir }).has(missing);
  expect(await readdir(join(dir, "tmp"))).toEqual(["young"]);
});

test("[R-BLOB-12] a large blob passes through without standing in memory", async () => {
  const store = open({ dir: await folder() });
  const chunk = new Uint8Array(1024 * 1024);
  const before = process.memoryUsage().rss;
  const ref = await store.put(
    (async function* () {
      for (let index = 0; index < 256; index += 1) {
        chunk[0] = index;
        yield chunk;
      }
    })(),
  );
  let size = 0;
  for await (const piece of store.open(ref)) size += piece.byteLength;
  expect(size).toBe(256 * 1024 * 1024);
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
}, 30_000);
