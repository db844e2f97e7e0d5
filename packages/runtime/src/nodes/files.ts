import { randomUUID } from "node:crypto";
/** Paths, media types and errors of the nodes that touch files. */
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { NodeError } from "../errors.ts";

/** Relative to the Blueprint's folder; absolute paths stay. */
export function pathIn(cwd: string, path: string, key = "path"): string {
  if (path === "" || path.includes("\0")) {
    throw new NodeError(
      `Cannot use the ${key} ${JSON.stringify(path)}: it is empty or holds a NUL; give a file's path`,
      {
        code: "CONFIG",
        class: "config",
        retryable: false,
      },
    );
  }
  return resolve(cwd, path);
}

const WAYS_OUT: Record<string, string> = {
  ENOENT: "it does not exist; check the path, relative ones start at the Blueprint's folder",
  EACCES: "the system denies access; check the rights of the file and its folder",
  EPERM: "the system denies access; check the rights of the file and its folder",
  EISDIR: "it is a folder; give the path of a file",
  ENOTDIR: "a part of the path is a file, not a folder; check the path",
  ENOSPC: "the disk is full; free space there",
  EDQUOT: "the disk quota is used up; free space there",
  EROFS: "the disk is read only; choose another folder",
  EMFILE: "too many files are open; lower the concurrency",
  ENFILE: "too many files are open; lower the concurrency",
  ENAMETOOLONG: "the name is too long; shorten it",
  ELOOP: "its symbolic links lead in a circle; check the path",
};
const RESOURCE = new Set(["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EIO"]);
const RETRYABLE = new Set(["EMFILE", "ENFILE", "EBUSY", "EAGAIN"]);

/** `Cannot read the file "x": …` of what the file system threw; anything else passes as it is. */
export function fileError(action: string, path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (error instanceof NodeError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new NodeError(
    `Cannot ${action} "${path}": ${WAYS_OUT[code] ?? (error as Error).message}`,
    { code, class: RESOURCE.has(code) ? "resource" : "user", path, retryable: RETRYABLE.has(code) },
    { cause: error },
  );
}

const MEDIA_TYPES: Record<string, string> = {
  ".csv": "text/csv",
  ".gif": "image/gif",
  ".gz": "application/gzip",
  ".html": "text/html",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".json": "application/json",
  ".md": "text/markdown",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".webp": "image/webp",
  ".xml": "application/xml",
  ".yaml": "application/yaml",
  ".yml": "application/yaml",
  ".zip": "application/zip",
};
/** By the ending of the name. */
export function mediaTypeOf(path: string): string {
  return MEDIA_TYPES[extname(path).toLowerCase()] ?? "application/octet-stream";
}

/**
 * Writes a file whole or not at all: a draft beside it, flushed, then renamed over it. Folders are made; the rights of a
 * file that was there stay; a symbolic link keeps pointing where it did. On abort and failure the draft is removed.
 * Returns the bytes written.
 */
export async function writeWhole(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  onBytes?: (written: number) => void,
): Promise<number> {
  let draft: string | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    const target = await realpath(path).catch(() => path);
    const before = await stat(target).catch(() => undefined);
    if (before?.isDirectory()) throw Object.assign(new Error("is a folder"), { code: "EISDIR" });
    draft = join(dirname(target), `.${basename(target).slice(0, 100)}.${randomUUID()}.tmp`);
    const file = await open(draft, "wx", before ? before.mode & 0o777 : 0o666);
    let written = 0;
    try {
      for await (const chunk of bytes) {
        signal.throwIfAborted();
        await file.writeFile(chunk);
        onBytes?.((written += chunk.byteLength));
      }
      signal.throwIfAborted();
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, target);
    draft = undefined;
    return written;
  } catch (error) {
    throw fileError("write the file", path, error);
  } finally {
    if (draft !== undefined) await rm(draft, { force: true });
  }
}
