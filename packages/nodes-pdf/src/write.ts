import { defineNode, NodeError, port } from "@atomiton/runtime";
import { PageSizes, PDFDocument, StandardFonts, type PDFFont } from "pdf-lib";
import { z } from "zod";

/** Points; 72 are an inch. */
const MARGIN = 56;
const LINE = 1.4;
/** Of a character, in font sizes: no line has more of them than fit if all were so narrow. */
const NARROWEST = 0.18;

export const pdfWrite = defineNode({
  type: "core/pdf.write",
  version: "1.0.0",
  title: "Write PDF",
  category: "documents",
  description:
    "Sets a text as a PDF: lines are broken at the margin, pages follow as needed, a form feed begins one. In a font that every reader has, so of western European characters; others fail.",
  inputs: { text: port.value(z.string(), { description: "The text." }) },
  outputs: {
    file: port.file({ description: "The PDF." }),
    pages: port.value(z.number().int(), { description: "Its pages." }),
  },
  config: z.strictObject({
    title: z.string().optional().describe("The document's title, as its readers show it."),
    size: z.enum(["A4", "A5", "Letter"]).default("A4").describe("Of a page."),
    font: z.enum(["Helvetica", "TimesRoman", "Courier"]).default("Helvetica").describe("Of the text."),
    fontSize: z.number().min(4).max(72).default(11).describe("Points; 72 are an inch."),
    name: z.string().default("document.pdf").describe("Name of the file."),
  }),
  example: "in: { text: page.text }\nwith: { title: Report }",
  effect: "pure",
  runsOn: "thread",
  module: import.meta.url,
  cache: "inputs",
  async run(ctx) {
    const { title, size, fontSize, name } = ctx.config;
    const pdf = await PDFDocument.create({ updateMetadata: false });
    if (title !== undefined) pdf.setTitle(title);
    const font = await pdf.embedFont(StandardFonts[ctx.config.font]);
    const [width, height] = PageSizes[size];
    const lines = wrap(ctx.in.text, font, fontSize, width - 2 * MARGIN);
    const perPage = Math.max(1, Math.floor((height - 2 * MARGIN) / (fontSize * LINE)));
    let page = pdf.addPage([width, height]);
    let used = 0;
    for (const [at, line] of lines.entries()) {
      if (line === "\f" || used === perPage) {
        page = pdf.addPage([width, height]);
        used = 0;
        if (line === "\f") continue;
      }
      page.drawText(line, { x: MARGIN, y: height - MARGIN - (used + 1) * fontSize * LINE, size: fontSize, font });
      used += 1;
      ctx.progress(at + 1, lines.length);
    }
    const file = await ctx.blob.put(await pdf.save(), { type: "application/pdf", name });
    return { file, pages: pdf.getPageCount() };
  },
});

/** Lines that fit; `\f` alone begins a page. A word longer than a line is broken. */
function wrap(text: string, font: PDFFont, size: number, width: number): string[] {
  const lines: string[] = [];
  const known = new Set(font.getCharacterSet());
  for (const [at, source] of text.split(/\r?\n|(?<=\f)|(?=\f)/).entries()) {
    if (source === "\f") {
      lines.push(source);
      continue;
    }
    const line = source.replaceAll("\t", "    ");
    const strange = Array.from(line).find((character) => !known.has(character.codePointAt(0)!));
    if (strange !== undefined) {
      throw new NodeError(
        `Cannot write the PDF, line ${at + 1}: its font has no ${JSON.stringify(strange)}; replace the character`,
        { code: "CHARACTER", class: "user", retryable: false },
      );
    }
    let rest = line;
    do {
      let end = Math.min(rest.length, Math.ceil(width / (size * NARROWEST)));
      while (end > 1 && font.widthOfTextAtSize(rest.slice(0, end), size) > width) {
        const blank = rest.lastIndexOf(" ", end - 1);
        end = blank > 0 ? blank : end - 1;
      }
      lines.push(rest.slice(0, end));
      rest = rest.slice(end).trimStart();
    } while (rest !== "");
  }
  return lines;
}
