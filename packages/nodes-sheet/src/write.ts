import { defineNode, NodeError, port } from "@atomiton/runtime";
import { utils, write, type CellObject } from "@e965/xlsx";
import { z } from "zod";

/** Of a sheet, the header among them. */
const ROWS = 1_048_576;
/** Of a cell. */
const CHARACTERS = 32_767;
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

export const xlsxWrite = defineNode({
  type: "core/xlsx.write",
  version: "1.0.0",
  title: "Write spreadsheet",
  category: "tables",
  description:
    "Writes rows as one sheet of an xlsx file. Text stays text: nothing becomes a formula. A row with a column that the sheet does not have fails.",
  inputs: { rows: port.stream(z.record(z.string(), z.any()), { description: "The rows, one object each." }) },
  outputs: {
    file: port.file({ description: "The xlsx file." }),
    rows: port.value(z.number().int(), { description: "Rows written, without the header." }),
  },
  config: z.strictObject({
    columns: z.array(z.string()).min(1).optional().describe("Columns, in order. Left out: those of the first row."),
    sheet: z
      .string()
      .regex(/^(?!')[^[\]:*?/\\]{1,31}(?<!')$/)
      .default("Sheet1")
      .describe("Name of the sheet: up to 31 characters, none of [ ] : * ? / \\."),
    name: z.string().default("data.xlsx").describe("Name of the file."),
  }),
  example: "in: { rows: read.rows }\nwith: { sheet: Prices, name: prices.xlsx }",
  effect: "pure",
  runsOn: "thread",
  resources: { memory: "1024Mi" },
  module: import.meta.url,
  async run(ctx) {
    let { columns } = ctx.config;
    const sheet: CellObject[][] = [];
    for await (const row of ctx.in.rows) {
      columns ??= Object.keys(row);
      const number = sheet.length + 1;
      const extra = Object.keys(row).find((name) => !columns!.includes(name));
      if (extra !== undefined) {
        throw refused(number, extra, "COLUMN", `the sheet has no such column; add it to columns, or drop it before`);
      }
      if (number >= ROWS) throw refused(number, undefined, "LIMIT", `a sheet has ${ROWS} rows; write several files`);
      sheet.push(columns.map((name) => cellOf(number, name, Object.hasOwn(row, name) ? row[name] : null)));
      ctx.progress(sheet.length);
    }
    const head = (columns ?? []).map((name): CellObject => ({ t: "s", v: name }));
    const book = utils.book_new();
    utils.book_append_sheet(book, utils.aoa_to_sheet([head, ...sheet]), ctx.config.sheet);
    const bytes = new Uint8Array(write(book, { type: "array", bookType: "xlsx", compression: true }) as ArrayBuffer);
    const file = await ctx.blob.put(bytes, { type: TYPE, name: ctx.config.name });
    return { file, rows: sheet.length };
  },
});

function cellOf(row: number, column: string, value: unknown): CellObject {
  if (value === null || value === undefined) return { t: "z" };
  if (typeof value === "number") {
    if (Number.isFinite(value)) return { t: "n", v: value };
    throw refused(row, column, "VALUE", `${value} is no number of a spreadsheet; wire null or a text`);
  }
  if (typeof value === "boolean") return { t: "b", v: value };
  if (typeof value !== "string") {
    throw refused(row, column, "VALUE", "it is an object or a list; make it text before");
  }
  if (value.length <= CHARACTERS) return { t: "s", v: value };
  throw refused(row, column, "LIMIT", `it has ${value.length} characters, a cell has ${CHARACTERS}; shorten it`);
}

function refused(row: number, column: string | undefined, code: string, state: string): NodeError {
  const where = column === undefined ? `row ${row}` : `row ${row}, column "${column}"`;
  return new NodeError(`Cannot write the spreadsheet, ${where}: ${state}`, {
    code,
    class: code === "LIMIT" ? "resource" : "user",
    retryable: false,
  });
}
