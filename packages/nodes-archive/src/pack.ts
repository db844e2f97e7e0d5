import { pipeline, Readable } from "node:stream";
import { createGzip } from "node:zlib";

import { defineNode, NodeError, port, type BlobRef } from "@atomiton/runtime";
import { pack as packTar } from "tar-stream";
import { ZipFile } from "yazl";
import { z } from "zod";

import { checkPath } from "./entries.ts";

/** One time for all: equal files make equal archives. The first that a zip can say. */
const TIME = new Date(Date.UTC(1980, 0, 1));
const TYPES = { zip: "application/zip", tar: "application/x-tar", "tar.gz": "application/gzip" } as const;

export const archivePack = defineNode({
  type: "core/archive.pack",
  version: "1.0.0",
  title: "Pack archive",
  category: "files",
  description: "Packs files into a zip, tar or tar.gz. Equal files in equal order make equal archives.",
  inputs: {
    files: port.stream(z.any(), {
      description: "Files, or `{ path, file }` where the path inside the archive is not the file's name.",
    }),
  },
  outputs: {
    archive: port.file({ description: "The archive." }),
    count: port.value(z.number().int(), { description: "Files in it." }),
  },
  config: z.strictObject({
    format: z.enum(["zip", "tar", "tar.gz"]).default("zip").describe("What to write."),
    name: z.string().default("archive").describe("Name of the archive; the format's ending is added."),
  }),
  example: "in: { files: each.results }\nwith: { format: tar.gz, name: backup }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { format, name } = ctx.config;
    const paths = new Set<string>();
    const entries = async function* (): AsyncGenerator<{ path: string; file: BlobRef }> {
      for await (const item of ctx.in.files as AsyncIterable<unknown>) {
        ctx.signal.throwIfAborted();
        const entry = entryOf(item, paths.size);
        if (paths.has(entry.path)) throw refused(`two files are called "${entry.path}"; give paths`);
        paths.add(entry.path);
        yield entry;
        ctx.progress(paths.size);
      }
    };
    const open = (file: BlobRef): Readable => Readable.from(ctx.blob.open(file));
    const bytes = format === "zip" ? zip(entries(), open) : tar(entries(), open, format === "tar.gz");
    const archive = await ctx.blob.put(bytes, { type: TYPES[format], name: `${name}.${format}` });
    return { archive, count: paths.size };
  },
});

type Entries = AsyncIterable<{ path: string; file: BlobRef }>;
type Open = (file: BlobRef) => Readable;

/** One entry at a time: a second file is opened when the first has been written. */
async function* zip(entries: Entries, open: Open): AsyncGenerator<Uint8Array> {
  const made = new ZipFile();
  const output = made.outputStream as Readable;
  const fill = async (): Promise<void> => {
    for await (const { path, file } of entries) {
      const stream = open(file);
      await new Promise<void>((resolve, reject) => {
        stream.once("end", resolve).once("error", reject);
        output.once("close", () => reject(new Error("nobody reads the archive any more")));
        made.addReadStream(stream, path, { mtime: TIME, mode: 0o100644, size: file.size });
      });
    }
    made.end();
  };
  fill().catch((error: Error) => output.destroy(error));
  yield* output as AsyncIterable<Uint8Array>;
}

async function* tar(entries: Entries, open: Open, isGzip: boolean): AsyncGenerator<Uint8Array> {
  const made = packTar();
  const fill = async (): Promise<void> => {
    for await (const { path, file } of entries) {
      await new Promise<void>((resolve, reject) => {
        const entry = made.entry({ name: path, size: file.size, mtime: TIME, mode: 0o644 }, (error) =>
          error ? reject(error) : resolve(),
        );
        pipeline(open(file), entry, (error) => error && reject(error));
      });
    }
    made.finalize();
  };
  fill().catch((error: Error) => made.destroy(error));
  yield* (isGzip ? pipeline(made, createGzip(), () => undefined) : made) as AsyncIterable<Uint8Array>;
}

function entryOf(item: unknown, index: number): { path: string; file: BlobRef } {
  const { path, file } = (isFile(item) ? { path: item.name, file: item } : (item ?? {})) as {
    path?: unknown;
    file?: unknown;
  };
  if (!isFile(file)) throw refused(`item ${index} is neither a file nor { path, file }; wire one of these`);
  if (typeof path !== "string") throw refused(`item ${index} has no name; give { path, file }`);
  return { path: checkPath(path), file };
}

const isFile = (value: unknown): value is BlobRef =>
  typeof value === "object" && value !== null && typeof (value as BlobRef).$blob === "string";

const refused = (state: string): NodeError =>
  new NodeError(`Cannot pack the files: ${state}`, { code: "INVALID_INPUT", class: "user", retryable: false });
