import { readFile } from "node:fs/promises";

import { defineNode, port, type BlobRef } from "@atomiton/runtime";
import { PDFDocument } from "pdf-lib";
import { z } from "zod";

import { LIMIT_BYTES, refused } from "./refused.ts";

export const pdfMerge = defineNode({
  type: "core/pdf.merge",
  version: "1.0.0",
  title: "Merge PDFs",
  category: "documents",
  description: "Puts the pages of several PDFs one after the other into one. Forms and bookmarks are left behind.",
  inputs: { files: port.stream(port.file().schema, { type: "stream<file>", description: "The PDFs, in this order." }) },
  outputs: {
    file: port.file({ description: "The new PDF." }),
    pages: port.value(z.number().int(), { description: "Its pages." }),
  },
  config: z.strictObject({ name: z.string().default("merged.pdf").describe("Name of the file.") }),
  example: "in: { files: parts.files }\nwith: { name: report.pdf }",
  effect: "pure",
  runsOn: "thread",
  resources: { memory: "1024Mi" },
  module: import.meta.url,
  async run(ctx) {
    const merged = await PDFDocument.create({ updateMetadata: false });
    let bytes = 0;
    let done = 0;
    for await (const file of ctx.in.files) {
      if ((bytes += file.size) > LIMIT_BYTES) {
        throw refused(file, "LIMIT", `with it there are more than ${LIMIT_BYTES} bytes; merge fewer`);
      }
      const source = await open(file, await readFile(await ctx.blob.path(file)));
      for (const page of await merged.copyPages(source, source.getPageIndices())) merged.addPage(page);
      ctx.progress((done += 1));
    }
    if (done === 0) merged.addPage();
    const file = await ctx.blob.put(await merged.save(), { type: "application/pdf", name: ctx.config.name });
    return { file, pages: merged.getPageCount() };
  },
});

async function open(file: BlobRef, bytes: Uint8Array): Promise<PDFDocument> {
  try {
    return await PDFDocument.load(bytes, { updateMetadata: false });
  } catch (error) {
    const { message } = error as Error;
    if (/encrypted/.test(message))
      throw refused(file, "PASSWORD", "it is protected; save it without a password", error);
    throw refused(file, "PDF", `${message.split("\n")[0]}; give a whole PDF`, error);
  }
}
