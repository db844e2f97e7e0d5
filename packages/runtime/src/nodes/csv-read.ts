import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";

import { parse } from "csv-parse";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { BlobRef } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { RECORD_LIMIT, csvError, decoded, feed } from "./csv-feed.ts";
import { columnNames, rowMaker } from "./csv-rows.ts";
import type { ColumnTypes } from "./csv-rows.ts";
import { fileError, pathIn } from "./files.ts";

export const csvRead = defineNode({
  type: "core/csv.read",
  version: "1.0.0",
  title: "Read CSV",
  category: "tables",
  description:
    "Reads rows from a CSV file, one object per row. Quotes, line ends inside quotes and a byte order mark are understood. A row that does not fit fails with its line and column; nothing is guessed.",
  inputs: { file: port.file({ required: false, description: "The CSV file. Instead of `path`." }) },
  outputs: {
    rows: port.stream(z.record(z.string(), z.any()), { type: "stream<object>", description: "The rows, in order." }),
  },
  openInputs: true,
  config: z.strictObject({
    path: z
      .string()
      .optional()
      .describe("The CSV file, when `file` is not wired. Relative paths start at the Blueprint's folder."),
    header: z
      .union([z.boolean(), z.array(z.string().min(1)).min(1)])
      .default(true)
      .describe(
        "true: the first row names the columns. false: they are called c1, c2, …. A list: their names; no row is a header.",
      ),
    delimiter: z.string().min(1).max(8).default(",").describe("Between fields; `;` and a tab are common."),
    quote: z
      .string()
      .length(1)
      .default('"')
      .describe("Around fields that hold a delimiter or a line end; doubled inside."),
    types: z
      .union([
        z.enum(["none", "auto"]),
        z.record(z.string(), z.enum(["string", "number", "integer", "boolean", "json"])),
      ])
      .default("none")
      .describe(
        "none: all fields are text. auto: what looks like a number (no leading zeros), true or false becomes one, an empty field null. By column: what a field must be; an empty one is null, another misfit fails.",
      ),
    ragged: z
      .enum(["fail", "pad"])
      .default("fail")
      .describe("A row with fewer fields than columns: fail, or fill with empty fields. More fields always fail."),
    trim: z.boolean().default(false).describe("Remove blanks around fields that are not quoted."),
    encoding: z
      .string()
      .default("utf-8")
      .describe("utf-8, windows-1252, utf-16le, …: a label of the Encoding Standard."),
  }),
  example: 'in: { file: $inputs.csv }\nwith: { types: { price: number }, delimiter: ";" }',
  effect: "read",
  runsOn: "inline",
  async run(ctx) {
    const { config, signal } = ctx;
    const source = await sourceOf(ctx.in as { file?: BlobRef }, config.path, ctx.cwd);
    const types: ColumnTypes = config.types;
    let line = 0;
    let make: ReturnType<typeof rowMaker> | undefined;
    // Called for each record before it is queued: the only place that knows its line.
    const onRecord = (record: string[], { lines }: { lines: number }): unknown => {
      line = lines;
      if (make) return make(record, lines);
      const named = columnNames(source.name, config.header, record, lines);
      make = rowMaker(source.name, named.names, types, config.ragged);
      return named.isHeader ? null : make(record, lines);
    };
    const parser = parse({
      bom: true,
      columns: false,
      delimiter: config.delimiter,
      quote: config.quote,
      skip_empty_lines: true,
      trim: config.trim,
      relax_column_count: true,
      max_record_size: RECORD_LIMIT,
      on_record: onRecord as never,
    });
    const onAbort = (): void => void parser.destroy(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    let rows = 0;
    try {
      const chunks = source.path === undefined ? ctx.blob.open(source.ref!) : createReadStream(source.path, { signal });
      const fed = feed(parser, decoded(source.name, config.encoding, chunks), (done) =>
        ctx.progress(done, source.size, `${rows} rows`),
      );
      for await (const row of parser) {
        rows += 1;
        await ctx.emit("rows", row as Record<string, unknown>);
      }
      await fed;
      signal.throwIfAborted();
      ctx.progress(source.size, source.size, `${rows} rows`);
      return {};
    } catch (error) {
      signal.throwIfAborted();
      throw fileError("read the CSV file", source.name, csvError(source.name, line, error));
    } finally {
      signal.removeEventListener("abort", onAbort);
      parser.destroy();
    }
  },
});

interface Source {
  name: string;
  size: number;
  path?: string;
  ref?: BlobRef;
}

async function sourceOf(inputs: { file?: BlobRef }, path: string | undefined, cwd: string): Promise<Source> {
  if ((inputs.file === undefined) === (path === undefined)) {
    const state = path === undefined ? "neither `file` is wired nor `path` given" : "`file` is wired and `path` given";
    throw new NodeError(`Cannot read a CSV file: ${state}; use one of them`, {
      code: "CONFIG",
      class: "config",
      retryable: false,
    });
  }
  if (inputs.file !== undefined) {
    return { name: inputs.file.name ?? inputs.file.$blob.slice(0, 19), size: inputs.file.size, ref: inputs.file };
  }
  const full = pathIn(cwd, path!);
  const found = await stat(full).catch((error: unknown) => {
    throw fileError("read the CSV file", full, error);
  });
  if (found.isDirectory())
    throw fileError("read the CSV file", full, Object.assign(new Error("folder"), { code: "EISDIR" }));
  return { name: basename(full), size: found.size, path: full };
}
