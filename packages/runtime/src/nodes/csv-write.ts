import { stringify } from "csv-stringify/sync";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { pathIn, writeWhole } from "./files.ts";

/** Rows turned into text at once: enough to be fast, little enough to stay small. */
const BATCH_ROWS = 500;

export const csvWrite = defineNode({
  type: "core/csv.write",
  version: "1.0.0",
  title: "Write CSV",
  category: "tables",
  description:
    "Writes rows as CSV (UTF-8, quoted where needed): as a file reference, and to `path` if given, whole or not at all. A row with a column that the file does not have fails; nothing is dropped.",
  inputs: {
    rows: port.stream(z.record(z.string(), z.any()), {
      type: "stream<object>",
      description: "The rows, one object each.",
    }),
  },
  outputs: {
    file: port.file({ description: "The CSV file." }),
    rows: port.value(z.number().int(), { description: "Rows written, without the header." }),
    path: port.value(z.string(), { description: "The absolute path, where the configuration names one; else empty." }),
  },
  openInputs: true,
  config: z.strictObject({
    columns: z
      .array(z.string())
      .min(1)
      .optional()
      .describe("Columns, in order. Left out: those of the first row. Missing values are empty fields."),
    header: z.boolean().default(true).describe("Write a first row with the columns' names."),
    delimiter: z.string().min(1).max(8).default(",").describe("Between fields."),
    lineEnd: z.enum(["lf", "crlf"]).default("lf").describe("crlf is what RFC 4180 and old spreadsheets want."),
    bom: z.boolean().default(false).describe("Start with a byte order mark, by which spreadsheets know UTF-8."),
    extra: z
      .enum(["fail", "drop"])
      .default("fail")
      .describe("A value in a column that the file does not have: fail, or leave it out."),
    escapeFormulas: z
      .boolean()
      .default(false)
      .describe("Put a quote before text that a spreadsheet would run (= + - @); for data of strangers."),
    path: z.string().optional().describe("Also write it there. Relative paths start at the Blueprint's folder."),
    name: z.string().default("data.csv").describe("Name of the file reference, when there is no `path`."),
  }),
  example: "in: { rows: filter.kept }\nwith: { path: out/kept.csv, columns: [sku, price] }",
  effect: "idempotent",
  runsOn: "inline",
  async run(ctx) {
    const { path, name } = ctx.config;
    const count = { rows: 0 };
    const text = encode(ctx.in.rows, ctx.config, ctx.signal, (rows) => ctx.progress((count.rows = rows)));
    const full = path === undefined ? undefined : pathIn(ctx.cwd, path);
    const file = await ctx.blob.put(text, {
      type: "text/csv",
      name: full === undefined ? name : full.split(/[/\\]/).at(-1)!,
    });
    if (full !== undefined) await writeWhole(full, ctx.blob.open(file), ctx.signal);
    ctx.progress(count.rows, count.rows, `${file.size} bytes`);
    return { file, rows: count.rows, ...(full === undefined ? {} : { path: full }) };
  },
});

type Config = z.infer<typeof csvWrite.config>;
type Row = Record<string, unknown>;

async function* encode(
  rows: AsyncIterable<Row>,
  config: Config,
  signal: AbortSignal,
  onRows: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const csv = (records: unknown[][]): Uint8Array =>
    encoder.encode(
      stringify(records, {
        delimiter: config.delimiter,
        record_delimiter: config.lineEnd === "crlf" ? "\r\n" : "\n",
        escape_formulas: config.escapeFormulas,
        // Every line end, not only the file's own: readers take each for the end of a row.
        quoted_match: /[\r\n]/,
        // One empty field alone would be an empty line, which readers skip.
        quoted_empty: records[0]?.length === 1,
      }),
    );
  let columns = config.columns;
  let known = new Set(columns);
  let done = 0;
  let batch: unknown[][] = [];
  if (config.bom) yield encoder.encode("\ufeff");
  if (columns && config.header) yield csv([columns]);
  for await (const row of rows) {
    if (!columns) {
      columns = Object.keys(row);
      known = new Set(columns);
      if (config.header && columns.length > 0) yield csv([columns]);
    }
    done += 1;
    if (config.extra === "fail") refuseExtra(row, known, done);
    batch.push(columns.map((column) => field(Object.hasOwn(row, column) ? row[column] : undefined)));
    if (batch.length >= BATCH_ROWS) {
      signal.throwIfAborted();
      yield csv(batch);
      onRows(done);
      batch = [];
    }
  }
  signal.throwIfAborted();
  if (batch.length > 0) yield csv(batch);
  onRows(done);
}

function refuseExtra(row: Row, known: ReadonlySet<string>, number: number): void {
  const extra = Object.keys(row).find((key) => !known.has(key));
  if (extra === undefined) return;
  throw new NodeError(
    `Cannot write row ${number} as CSV: it has a column "${extra}", the file has ${[...known].slice(0, 30).join(", ") || "none"}; list all \`columns\`, or set \`extra: drop\``,
    { code: "CSV_COLUMN", class: "user", retryable: false },
  );
}

/** Text as it is; nothing for null; numbers and booleans as JSON writes them, as everything else. */
function field(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  return value instanceof Date ? value.toISOString() : JSON.stringify(value);
}
