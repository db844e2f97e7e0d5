import { readFile } from "node:fs/promises";

import { defineNode, NodeError, port, type BlobRef } from "@atomiton/runtime";
import { read, utils, type CellObject, type WorkBook, type WorkSheet } from "@e965/xlsx";
import { z } from "zod";

export const xlsxRead = defineNode({
  type: "core/xlsx.read",
  version: "1.0.0",
  title: "Read spreadsheet",
  category: "tables",
  description:
    "Reads the rows of one sheet of an Excel or OpenDocument file, one object per row. Dates come as ISO 8601, formulas as their last result. A cell that holds an error fails with its address.",
  inputs: { file: port.file({ description: "xlsx, xls, xlsb or ods." }) },
  outputs: {
    rows: port.stream(z.record(z.string(), z.any()), { description: "The rows, in order; empty cells are null." }),
    sheets: port.value(z.array(z.string()), { type: "list<string>", description: "The names of all sheets." }),
  },
  config: z.strictObject({
    sheet: z
      .union([z.string(), z.number().int().min(1)])
      .default(1)
      .describe("Name of the sheet, or its number from 1."),
    header: z
      .union([z.boolean(), z.array(z.string()).min(1)])
      .default(true)
      .describe("true: the first row names the columns. false: they are called A, B, …. A list: their names."),
    range: z.string().optional().describe("Only these cells: `B3:F200`. Left out: all that are used."),
    errors: z.enum(["fail", "null"]).default("fail").describe("A cell such as #DIV/0!: fail, or take it as empty."),
    limitBytes: z
      .number()
      .int()
      .min(1)
      .default(64 * 1024 ** 2)
      .describe("Largest file, bytes. Default 64 MiB; it is held in memory."),
  }),
  example: "in: { file: read.file }\nwith: { sheet: Prices }",
  effect: "pure",
  // Parsing holds its thread, and what a small file unfolds to ends with it.
  runsOn: "thread",
  resources: { memory: "1024Mi" },
  module: import.meta.url,
  cache: "inputs",
  async run(ctx) {
    const { header, range, errors, limitBytes } = ctx.config;
    const { file } = ctx.in;
    if (file.size > limitBytes) {
      throw refused(file, "LIMIT", `it is larger than ${limitBytes} bytes; raise limitBytes, or export it as CSV`);
    }
    const bytes = await readFile(await ctx.blob.path(file));
    const book = parse(file, bytes);
    const { name, cells } = sheetOf(file, book, ctx.config.sheet);
    const area = areaOf(file, cells, range);
    const value = (row: number, column: number): string | number | boolean | null => {
      const at = utils.encode_cell({ r: row, c: column });
      const cell = cells[at] as CellObject | undefined;
      if (cell?.t === "e" && errors === "fail") {
        throw refused(
          file,
          "CELL",
          `cell ${at} of "${name}" holds ${cell.w ?? "an error"}; correct it, or set errors: null`,
        );
      }
      if (cell === undefined || cell.t === "e" || cell.t === "z") return null;
      return cell.v instanceof Date ? cell.v.toISOString() : (cell.v ?? null);
    };
    const columns: string[] = [];
    for (let column = area.s.c; column <= area.e.c; column += 1) {
      const given = Array.isArray(header) ? header[column - area.s.c] : undefined;
      const named = header === true ? value(area.s.r, column) : undefined;
      const letter = utils.encode_col(column);
      const title = header === false ? letter : String(given ?? named ?? "");
      if (title !== "" && columns.includes(title)) {
        throw refused(
          file,
          "HEADER",
          `two columns of "${name}" are called "${title}", one of them ${letter}; rename one, or give header as a list`,
        );
      }
      columns.push(title);
    }
    const first = header === true ? area.s.r + 1 : area.s.r;
    const total = Math.max(0, area.e.r - first + 1);
    for (let row = first; row <= area.e.r; row += 1) {
      ctx.signal.throwIfAborted();
      const entries: [string, unknown][] = [];
      for (const [at, title] of columns.entries()) {
        const found = value(row, area.s.c + at);
        if (title !== "") entries.push([title, found]);
        else if (found !== null) {
          const where = utils.encode_cell({ r: row, c: area.s.c + at });
          throw refused(
            file,
            "HEADER",
            `cell ${where} of "${name}" has a value and its column no name; name it, or give header as a list`,
          );
        }
      }
      // Rows of empty cells are what a sheet's end and its gaps look like.
      if (entries.some(([, found]) => found !== null)) await ctx.emit("rows", Object.fromEntries(entries));
      ctx.progress(row - first + 1, total);
    }
    return { sheets: book.SheetNames };
  },
});

function parse(file: BlobRef, bytes: Uint8Array): WorkBook {
  // Anything else would be read as text or CSV: a wrong file must not become rows of rubbish.
  const isSheet = bytes[0] === 0x50 && bytes[1] === 0x4b ? true : bytes[0] === 0xd0 && bytes[1] === 0xcf;
  if (!isSheet) throw refused(file, "SHEET", "it is no Excel or OpenDocument file; core/csv.read reads CSV");
  try {
    return read(bytes, { type: "buffer", cellDates: true, UTC: true, cellFormula: false, cellHTML: false });
  } catch (error) {
    throw refused(file, "SHEET", `${(error as Error).message}; save it again as xlsx`, error);
  }
}

function sheetOf(file: BlobRef, book: WorkBook, wanted: string | number): { name: string; cells: WorkSheet } {
  const name = typeof wanted === "number" ? book.SheetNames[wanted - 1] : wanted;
  const cells = name !== undefined && book.SheetNames.includes(name) ? book.Sheets[name] : undefined;
  if (name !== undefined && cells) return { name, cells };
  throw refused(
    file,
    "SHEET",
    `it has no sheet ${JSON.stringify(wanted)}; it has ${book.SheetNames.map((each) => `"${each}"`).join(", ")}`,
  );
}

function areaOf(file: BlobRef, cells: WorkSheet, range: string | undefined) {
  if (range !== undefined && !/^[A-Z]{1,3}[1-9]\d*:[A-Z]{1,3}[1-9]\d*$/.test(range)) {
    throw refused(file, "CONFIG", `"${range}" is no range; write B3:F200`);
  }
  return utils.decode_range(range ?? cells["!ref"] ?? "A1:A1");
}

function refused(file: BlobRef, code: string, state: string, cause?: unknown): NodeError {
  return new NodeError(
    `Cannot read the spreadsheet "${file.name ?? "file"}": ${state}`,
    { code, class: code === "LIMIT" ? "resource" : code === "CONFIG" ? "config" : "user", retryable: false },
    { cause },
  );
}
