import { open } from "node:fs/promises";

import { defineNode, port, type BlobRef } from "@atomiton/runtime";
import { z } from "zod";

import { refused, tarEntries, unreadable, zipEntries } from "./entries.ts";

export const archiveExtract = defineNode({
  type: "core/archive.extract",
  version: "1.0.0",
  title: "Unpack archive",
  category: "files",
  description:
    "Gives the files of a zip, tar or tar.gz one by one; what it is, its first bytes say. Paths that lead elsewhere, links, and more files or bytes than the limits fail. `core/file.write` in a loop puts them on the disk.",
  inputs: { archive: port.file({ description: "The archive." }) },
  outputs: {
    files: port.stream(z.object({ path: z.string(), file: port.file().schema }), {
      type: "stream<object>",
      description: "`{ path, file }`: the path inside the archive, with `/`, and the file.",
    }),
    count: port.value(z.number().int(), { description: "Files in it." }),
  },
  config: z.strictObject({
    limitFiles: z.number().int().min(1).default(10_000).describe("Files that it may have."),
    limitBytes: z
      .number()
      .int()
      .min(1)
      .default(1024 ** 3)
      .describe("Bytes that they may have together, unpacked. Default 1 GiB."),
  }),
  example: "in: { archive: fetch.body }\nwith: { limitFiles: 100 }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { limitFiles, limitBytes } = ctx.config;
    const { archive } = ctx.in;
    const local = await ctx.blob.path(archive);
    const limits = { files: limitFiles, bytes: limitBytes };
    const kind = await kindOf(local);
    const entries = kind === "zip" ? zipEntries(local, limits) : tarEntries(local, kind === "gzip", limits);
    let count = 0;
    try {
      for await (const { path, data } of entries) {
        ctx.signal.throwIfAborted();
        const file: BlobRef = await ctx.blob.put(data, { name: path.split("/").at(-1)! });
        await ctx.emit("files", { path, file });
        ctx.progress((count += 1));
      }
    } catch (error) {
      ctx.signal.throwIfAborted();
      throw unreadable(error);
    }
    return { count };
  },
});

async function kindOf(path: string): Promise<"zip" | "gzip" | "tar"> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(512);
    const { bytesRead } = await file.read(head, 0, 512, 0);
    if (head[0] === 0x50 && head[1] === 0x4b) return "zip";
    if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
    if (bytesRead === 512 && head.toString("latin1", 257, 262) === "ustar") return "tar";
    throw refused("ARCHIVE", "it is no zip, tar or tar.gz; give one of these");
  } finally {
    await file.close();
  }
}
