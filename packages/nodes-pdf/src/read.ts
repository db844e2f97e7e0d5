import { readFile } from "node:fs/promises";

import { defineNode, port, type BlobRef } from "@atomiton/runtime";
import type { PDFDocumentProxy } from "pdfjs-dist";
import { z } from "zod";

import { LIMIT_BYTES, refused } from "./refused.ts";

export const pdfRead = defineNode({
  type: "core/pdf.read",
  version: "1.0.0",
  title: "Read PDF",
  category: "documents",
  description:
    "Reads the text of a PDF, page by page, in the order in which the file holds it. A page that is a picture has no text. No script of the file runs.",
  inputs: { file: port.file({ description: "A PDF of up to 256 MiB." }) },
  outputs: {
    pages: port.stream(z.object({ page: z.number(), text: z.string() }), {
      type: "stream<object>",
      description: "`{ page, text }`, from page 1.",
    }),
    count: port.value(z.number().int(), { description: "Pages in all." }),
    info: port.value(z.record(z.string(), z.any()), {
      description: "Title, Author and what else the file says of itself.",
    }),
  },
  config: z.strictObject({
    password: z.string().optional().describe("Of a protected file, such as `${ secrets.pdf }`."),
    first: z.number().int().min(1).default(1).describe("First page to read."),
    last: z.number().int().min(1).optional().describe("Last page to read. Left out: to the end."),
  }),
  example: "in: { file: read.file }\nwith: { last: 10 }",
  effect: "pure",
  runsOn: "thread",
  resources: { memory: "1024Mi" },
  module: import.meta.url,
  cache: "inputs",
  async run(ctx) {
    const { file } = ctx.in;
    if (file.size > LIMIT_BYTES) throw refused(file, "LIMIT", `it is larger than ${LIMIT_BYTES} bytes; split it`);
    const bytes = new Uint8Array(await readFile(await ctx.blob.path(file)));
    const pdf = await open(file, bytes, ctx.config.password);
    try {
      const { first } = ctx.config;
      const last = Math.min(ctx.config.last ?? pdf.numPages, pdf.numPages);
      if (first > pdf.numPages)
        throw refused(file, "PAGE", `it has ${pdf.numPages} pages, and first is ${first}; lower it`);
      for (let number = first; number <= last; number += 1) {
        ctx.signal.throwIfAborted();
        const page = await pdf.getPage(number);
        const { items } = await page.getTextContent();
        const text = items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("");
        page.cleanup();
        await ctx.emit("pages", { page: number, text });
        ctx.progress(number - first + 1, last - first + 1);
      }
      const { info } = await pdf.getMetadata();
      return { count: pdf.numPages, info: JSON.parse(JSON.stringify(info)) as Record<string, unknown> };
    } finally {
      await pdf.loadingTask.destroy();
    }
  },
});

async function open(file: BlobRef, data: Uint8Array, password: string | undefined): Promise<PDFDocumentProxy> {
  const { getDocument, VerbosityLevel } = await import("pdfjs-dist/legacy/build/pdf.mjs");
  const options = { data, verbosity: VerbosityLevel.ERRORS, isEvalSupported: false, disableFontFace: true };
  try {
    return await getDocument(password === undefined ? options : { ...options, password }).promise;
  } catch (error) {
    const { name, message } = error as Error;
    if (name === "PasswordException") throw refused(file, "PASSWORD", "it is protected; set its password", error);
    throw refused(file, "PDF", `${message}; give a whole PDF`, error);
  }
}
