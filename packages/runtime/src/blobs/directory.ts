import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

import { NodeError } from "../errors.ts";
import type { BlobMedium } from "./medium.ts";
import { CHUNK_BYTES } from "./medium.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** What a killed process left in `tmp` goes when nobody wrote to it for this long. */
const STALE_MS = 24 * 60 * 60 * 1000;

/** Blobs as files. Without `dir`: in a temporary folder, not flushed, removed by `close`. */
export function openDirectory(dir: string | undefined): BlobMedium {
  const temporary = dir === undefined ? temporaryFolder() : undefined;
  let root = "";
  const fileOf = (hash: string) => join(root, hash.slice(0, 2), hash);

  return {
    async open() {
      root = dir ?? (await temporary!.path());
      await mkdir(join(root, "tmp"), { recursive: true });
      await removeStale(join(root, "tmp"));
      return temporary ? { blobs: 0, bytes: 0 } : await census(root);
    },
    async begin() {
      const draft = join(root, "tmp", randomUUID());
      const file = await open(draft, "wx");
      return {
        async write(bytes) {
          try {
            await file.writeFile(bytes);
          } catch (error) {
            throw storageError(error, root);
          }
        },
        async commit(hash) {
          // What is there was flushed when it came.
          if ((await sizeOf(fileOf(hash))) !== undefined) {
            await file.close();
            await rm(draft, { force: true });
            // As if it had come now: the young are not swept.
            const now = new Date();
            await utimes(fileOf(hash), now, now);
            return false;
          }
          if (!temporary) await file.sync();
          await file.close();
          await chmod(draft, 0o444);
          const folder = join(root, hash.slice(0, 2));
          await mkdir(folder, { recursive: true });
          await rename(draft, fileOf(hash));
          if (!temporary) await syncFolder(folder);
          return true;
        },
        async abandon() {
          await file.close().catch(() => undefined);
          await rm(draft, { force: true });
        },
      };
    },
    size: (hash) => sizeOf(fileOf(hash)),
    read: (hash) => createReadStream(fileOf(hash), { highWaterMark: CHUNK_BYTES }),
    path: async (hash) => fileOf(hash),
    close: async () => await temporary?.remove(),
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The rename itself must survive a power cut: a record may name the blob right after. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function census(root: string): Promise<{ blobs: number; bytes: number }> {
  let blobs = 0;
  let bytes = 0;
  for (const shard of await readdir(root)) {
    if (!/^[0-9a-f]{2}$/.test(shard)) continue;
    for (const name of await readdir(join(root, shard))) {
      blobs += 1;
      bytes += (await sizeOf(join(root, shard, name))) ?? 0;
    }
  }
  return { blobs, bytes };
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}

function storageError(error: unknown, root: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (!["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes(code)) return error;
  return new NodeError(
    `Cannot write to the blob store in "${root}": ${(error as Error).message}; free space there, or choose another folder`,
    { code, class: "resource", retryable: false },
    { cause: error },
  );
}
