/**
 * Files and large values by the hash of their bytes. On disk: `<dir>/ab/<sha256 hex>`, and `<dir>/tmp` for what is being
 * written. A name under `ab/` is always whole: bytes go to `tmp`, are hashed on the way, flushed, then renamed.
 */
import { createHash } from "node:crypto";

import type { BlobAccess, BlobRef } from "../blueprint/define-node.ts";
import { RuntimeError } from "../errors.ts";
import { openDirectory } from "./directory.ts";
import type { BlobMedium } from "./medium.ts";
import { CHUNK_BYTES } from "./medium.ts";
import { openMemory } from "./memory.ts";

/** Default of `limitBytes` on disk: a runaway producer stops before it fills an ordinary disk. */
const DISK_LIMIT_BYTES = 16 * 1024 ** 3;
/** Default of `limitBytes` in memory. */
const MEMORY_LIMIT_BYTES = 256 * 1024 ** 2;
const NAME_LIMIT = 255;

export type BlobStoreOptions =
  | {
      /** Kept when the store is closed. Left out: a folder of this process in the system's temporary folder, removed by `close`. */
      dir?: string;
      memory?: false;
      /** All blobs together. Default 16 GiB. */
      limitBytes?: number;
    }
  | {
      /** Nothing is written to disk, but for `path`. */
      memory: true;
      dir?: undefined;
      /** All blobs together. Default 256 MiB. */
      limitBytes?: number;
    };

export interface BlobGauge {
  blobs: number;
  bytes: number;
  limitBytes: number;
  /** Puts under way. */
  writing: number;
  /** Puts whose bytes were there already. */
  deduplicated: number;
}

export interface BlobStore extends BlobAccess {
  /** Undefined when the store does not have it. */
  stat(ref: Pick<BlobRef, "$blob">): Promise<{ size: number } | undefined>;
  has(ref: Pick<BlobRef, "$blob">): Promise<boolean>;
  gauge(): BlobGauge;
  /** Ends puts under way with `CLOSED`; gives memory and temporary files back. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a blob store. The folder is made by the first call that needs it.
 * Throws `RuntimeError`: `LIMIT` (put beyond `limitBytes`), `BLOB_LOST` (not there, or its bytes are not those of the
 * hash any more), `INVALID_INPUT` (no such reference can exist), `CLOSED`.
 * @example
 * const blobs = openBlobStore({ dir: "data/blobs" });
 * const ref = await blobs.put(new TextEncoder().encode("hello"), { type: "text/plain", name: "hello.txt" });
 * for await (const chunk of blobs.open(ref)) process.stdout.write(chunk);
 * await blobs.close();
 */
export function openBlobStore(options: BlobStoreOptions = {}): BlobStore {
  const medium = options.memory === true ? openMemory() : openDirectory(options.dir);
  const limitBytes = options.limitBytes ?? (options.memory === true ? MEMORY_LIMIT_BYTES : DISK_LIMIT_BYTES);
  return makeStore(medium, limitBytes);
}

function makeStore(medium: BlobMedium, limitBytes: number): BlobStore {
  let opened: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let blobs = 0;
  let bytes = 0;
  let reserved = 0;
  let deduplicated = 0;
  let writing = 0;
  /** Renames under way: `close` waits for them, so that none lands after the folder is removed. */
  const commits = new Set<Promise<boolean>>();

  function closed(action: string): RuntimeError {
    return new RuntimeError("CLOSED", `Cannot ${action}: the blob store is closed; open another`);
  }
  async function ready(action: string): Promise<void> {
    if (closing) throw closed(action);
    opened ??= medium.open().then((found) => {
      blobs += found.blobs;
      bytes += found.bytes;
    });
    await opened;
  }

  async function put(
    data: Uint8Array | AsyncIterable<Uint8Array>,
    { type = "application/octet-stream", name }: { type?: string; name?: string } = {},
  ): Promise<BlobRef> {
    const action = name === undefined ? "store a blob" : `store a blob "${plainName(name)}"`;
    await ready(action);
    const hash = createHash("sha256");
    const write = await medium.begin();
    let size = 0;
    writing += 1;
    try {
      for await (const chunk of data instanceof Uint8Array ? pieces(data) : data) {
        if (closing) throw closed(action);
        if (!(chunk instanceof Uint8Array)) {
          throw new TypeError(`Cannot ${action}: it yields a ${typeof chunk}; yield Uint8Array, encode text first`);
        }
        if (bytes + reserved + chunk.byteLength > limitBytes) {
          throw new RuntimeError(
            "LIMIT",
            `Cannot ${action}: the blob store holds ${bytes} bytes and ${reserved} more are being written, its limit is ${limitBytes}; raise limitBytes or remove old data`,
            { bytes, limitBytes },
          );
        }
        reserved += chunk.byteLength;
        size += chunk.byteLength;
        hash.update(chunk);
        await write.write(chunk);
      }
      if (closing) throw closed(action);
      const hex = hash.digest("hex");
      const commit = write.commit(hex);
      commits.add(commit);
      const isNew = await commit.finally(() => commits.delete(commit));
      if (isNew) {
        blobs += 1;
        bytes += size;
      } else {
        deduplicated += 1;
      }
      return { $blob: `sha256:${hex}`, size, type, ...(name === undefined ? {} : { name: plainName(name) }) };
    } catch (error) {
      await write.abandon();
      throw error;
    } finally {
      reserved -= size;
      writing -= 1;
    }
  }

  async function* open(ref: BlobRef): AsyncGenerator<Uint8Array> {
    const wanted = hashOf(ref);
    await ready(`read the blob ${ref.$blob}`);
    const hash = createHash("sha256");
    try {
      for await (const chunk of medium.read(wanted)) {
        hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      throw isMissing(error) ? lost(ref, "it is not in the store", error) : error;
    }
    if (hash.digest("hex") !== wanted) throw lost(ref, "its bytes have changed on disk");
  }

  return {
    put,
    open,
    async path(ref) {
      const hash = hashOf(ref);
      await ready(`give the file of the blob ${ref.$blob}`);
      if ((await medium.size(hash)) === undefined) throw lost(ref, "it is not in the store");
      return await medium.path(hash);
    },
    async stat(ref) {
      const hash = hashOf(ref);
      await ready(`look up the blob ${ref.$blob}`);
      const size = await medium.size(hash);
      return size === undefined ? undefined : { size };
    },
    async has(ref) {
      return (await this.stat(ref)) !== undefined;
    },
    gauge: () => ({ blobs, bytes, limitBytes, writing, deduplicated }),
    close() {
      closing ??= (async () => {
        await Promise.allSettled(commits);
        await opened?.catch(() => undefined);
        await medium.close();
      })();
      return closing;
    },
  };
}

/** The only way from a reference to a file name: 64 hex digits, so no reference leads out of the folder. */
function hashOf(ref: Pick<BlobRef, "$blob">): string {
  const found = /^sha256:([0-9a-f]{64})$/.exec(String(ref?.$blob));
  if (!found) {
    throw new RuntimeError(
      "INVALID_INPUT",
      `Cannot find the blob ${JSON.stringify(ref?.$blob)?.slice(0, 100)}: a reference is "sha256:" and 64 hex digits; use what put() returned`,
    );
  }
  return found[1]!;
}

/** Names are for people and for `Content-Disposition`; whoever joins one to a folder must stay inside it. */
function plainName(name: string): string {
  const last = name.split(/[/\\]/).at(-1)!;
  // oxlint-disable-next-line no-control-regex
  const plain = last.replace(/[\u0000-\u001f\u007f]/g, "").slice(0, NAME_LIMIT);
  return plain === "" || plain === "." || plain === ".." ? "file" : plain;
}

function* pieces(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.byteLength; at += CHUNK_BYTES) yield data.subarray(at, at + CHUNK_BYTES);
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ENOENT";
}

function lost(ref: Pick<BlobRef, "$blob">, state: string, cause?: unknown): RuntimeError {
  return new RuntimeError(
    "BLOB_LOST",
    `Cannot read the blob "${ref.$blob}": ${state}; run the node that made it again`,
    { blob: ref.$blob },
    { cause },
  );
}
