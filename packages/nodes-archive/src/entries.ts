/** The files of an archive, one by one, within limits. Nothing is written under the names that the archive gives. */
import { createReadStream } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";

import { NodeError } from "@atomiton/runtime";
import { extract } from "tar-stream";
import { open as openZip, type Entry, type ZipFile } from "yauzl";

export interface Limits {
  readonly files: number;
  readonly bytes: number;
}
export interface Found {
  readonly path: string;
  readonly data: AsyncIterable<Uint8Array>;
}

export const refused = (code: string, state: string, cause?: unknown): NodeError =>
  new NodeError(
    `Cannot read the archive: ${state}`,
    { code, class: code === "LIMIT" ? "resource" : "user", retryable: false },
    { cause },
  );

/** A path inside whatever folder it is put into: relative, without `..`, drives, backslashes and NULs. */
export function checkPath(path: string): string {
  const parts = path.replace(/^(\.\/)+/, "").split("/");
  const isBad =
    /[\\\0]|^[A-Za-z]:/.test(path) || path === "" || parts.some((part) => part === "" || part === "." || part === "..");
  if (isBad)
    throw refused(
      "PATH",
      `its entry ${JSON.stringify(path)} leads elsewhere; it was made to harm, or by a careless program`,
    );
  return parts.join("/");
}

/** Ends with `LIMIT` when all entries together are larger than said: what they say of themselves proves nothing. */
class Counter {
  readonly #limits: Limits;
  readonly #paths = new Set<string>();
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  enter(path: string): string {
    const checked = checkPath(path);
    if (this.#paths.has(checked)) throw refused("PATH", `it has ${JSON.stringify(path)} twice; pack it again`);
    if (this.#paths.size >= this.#limits.files) {
      throw refused("LIMIT", `it has more than ${this.#limits.files} files; raise limitFiles if you trust it`);
    }
    this.#paths.add(checked);
    return checked;
  }

  async *count(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if ((this.#bytes += chunk.byteLength) > this.#limits.bytes) {
        throw refused(
          "LIMIT",
          `unpacked it has more than ${this.#limits.bytes} bytes; raise limitBytes if you trust it`,
        );
      }
      yield chunk;
    }
  }
}

/** Entries of a zip, as its own directory lists them. Links and encrypted entries are refused. */
export async function* zipEntries(file: string, limits: Limits): AsyncGenerator<Found> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    // Its own check of names is off: ours is, with one error for both formats.
    openZip(
      file,
      { lazyEntries: true, decodeStrings: true, validateEntrySizes: true, strictFileNames: false },
      (error, opened) => (error ? reject(unreadable(error)) : resolve(opened)),
    );
  });
  const counter = new Counter(limits);
  try {
    for (let entry; (entry = await nextOf(zip));) {
      const { fileName } = entry;
      const mode = (entry.externalFileAttributes >>> 16) & 0o170000;
      if (fileName.endsWith("/")) {
        checkPath(fileName.slice(0, -1));
        continue;
      }
      if (mode === 0o120000)
        throw refused("PATH", `its entry ${JSON.stringify(fileName)} is a link; links are not followed`);
      if (entry.isEncrypted())
        throw refused("PASSWORD", `its entry ${JSON.stringify(fileName)} is protected; unpack it elsewhere`);
      const path = counter.enter(fileName);
      const stream = await new Promise<Readable>((resolve, reject) => {
        zip.openReadStream(entry as Entry, (error, opened) => (error ? reject(unreadable(error)) : resolve(opened)));
      });
      yield { path, data: counter.count(stream as AsyncIterable<Uint8Array>) };
    }
  } finally {
    zip.close();
  }
}

function nextOf(zip: ZipFile): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      zip.off("entry", onEntry);
      zip.off("end", onEnd);
      zip.off("error", onError);
      done();
    };
    const onEntry = (entry: Entry): void => settle(() => resolve(entry));
    const onEnd = (): void => settle(() => resolve(undefined));
    const onError = (error: Error): void => settle(() => reject(unreadable(error)));
    zip.on("entry", onEntry);
    zip.on("end", onEnd);
    zip.on("error", onError);
    zip.readEntry();
  });
}

/** Entries of a tar, as they come. Links and devices are refused. */
export async function* tarEntries(file: string, isGzip: boolean, limits: Limits): AsyncGenerator<Found> {
  const entries = extract();
  const source = createReadStream(file);
  // A failure of any part ends the others; who reads the entries sees it.
  if (isGzip) pipeline(source, createGunzip(), entries, () => undefined);
  else pipeline(source, entries, () => undefined);
  const counter = new Counter(limits);
  try {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      if (type === "file" || type === "contiguous-file" || type === null || type === undefined) {
        const path = counter.enter(name);
        yield { path, data: counter.count(entry as AsyncIterable<Uint8Array>) };
      } else if (type === "directory") {
        if (!/^(\.\/?)+$/.test(name)) checkPath(name.replace(/\/$/, ""));
      } else if (!type.startsWith("pax")) {
        throw refused("PATH", `its entry ${JSON.stringify(name)} is a ${type}; only files and folders are taken`);
      }
      entry.resume();
    }
  } catch (error) {
    throw unreadable(error);
  } finally {
    source.destroy();
    entries.destroy();
  }
}

export function unreadable(error: unknown): unknown {
  if (error instanceof NodeError) return error;
  const { message } = error as Error;
  // The zip library looks at names as well, before we see them.
  if (/^(absolute path|invalid relative path|invalid characters in fileName)/.test(message)) {
    return refused(
      "PATH",
      `its entry leads elsewhere (${message}); it was made to harm, or by a careless program`,
      error,
    );
  }
  return refused("ARCHIVE", `${message}; give a whole zip, tar or tar.gz`, error);
}
