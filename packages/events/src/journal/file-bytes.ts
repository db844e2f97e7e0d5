import { open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

const READ_BYTES = 256 * 1024;

export async function* chunksOf(file: FileHandle, from: number, to: number): AsyncIterableIterator<Uint8Array> {
  for (let at = from; at < to;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, Math.min(READ_BYTES, to - at), at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

export async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at + done);
    done += bytesWritten;
  }
}

/** A new name is safe when its folder is. Windows knows no such thing. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
