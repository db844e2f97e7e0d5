import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { BlobMedium } from "./medium.ts";
import { CHUNK_BYTES } from "./medium.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Bytes in memory; `path` alone writes a file, in a temporary folder that `close` removes. */
export function openMemory(): BlobMedium {
  const byHash = new Map<string, Uint8Array[]>();
  const files = new Map<string, Promise<string>>();
  const sizeOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, part) => sum + part.byteLength, 0);
  const folder = temporaryFolder();

  return {
    open: async () => ({ blobs: 0, bytes: 0 }),
    async begin() {
      let parts: Uint8Array[] = [];
      return {
        // Copied: the producer may use its buffer again.
        write: async (bytes) => void parts.push(bytes.slice()),
        async commit(hash) {
          if (byHash.has(hash)) return false;
          byHash.set(hash, parts);
          return true;
        },
        abandon: async () => void (parts = []),
      };
    },
    size: async (hash) => (byHash.has(hash) ? sizeOf(byHash.get(hash)!) : undefined),
    async *read(hash) {
      const parts = byHash.get(hash);
      if (!parts) throw Object.assign(new Error(`no blob ${hash}`), { code: "ENOENT" });
      for (const part of parts) {
        for (let at = 0; at < part.byteLength; at += CHUNK_BYTES) yield part.slice(at, at + CHUNK_BYTES);
      }
    },
    path(hash) {
      let file = files.get(hash);
      if (!file) {
        file = (async () => {
          const path = join(await folder.path(), hash);
          await writeFile(path, Buffer.concat(byHash.get(hash)!), { mode: 0o444 });
          return path;
        })();
        files.set(hash, file);
      }
      return file;
    },
    async close() {
      byHash.clear();
      await Promise.allSettled(files.values());
      files.clear();
      await folder.remove();
    },
  };
}
