import { defineNode, NodeError, port } from "@atomiton/runtime";
import { z } from "zod";

import { bound, plain, withDatabase } from "./database.ts";

export const sqlQuery = defineNode({
  type: "core/sql.query",
  version: "1.0.0",
  title: "SQL statement",
  category: "tables",
  description:
    "Runs one SQL statement on a SQLite file, and gives its rows. Values go in as `params`, never as text of the statement. Integers beyond 2^53 come as text, bytes as files.",
  inputs: {},
  outputs: {
    rows: port.stream(z.record(z.string(), z.any()), {
      description: "Rows of a query, one object each, as they are read.",
    }),
    changes: port.value(z.number().int(), { description: "Rows that the statement changed." }),
  },
  openInputs: true,
  config: z.strictObject({
    database: z.string().min(1).describe("The SQLite file. Relative paths start at the Blueprint's folder."),
    sql: z.string().min(1).describe("One statement, with `?` or `:name` where values go."),
    params: z
      .union([z.array(z.any()), z.record(z.string(), z.any())])
      .default([])
      .describe("A list for `?`, a map for `:name`."),
    readonly: z.boolean().default(false).describe("Open it so that nothing can be changed."),
    create: z.boolean().default(false).describe("Make the file if it is not there."),
  }),
  example: 'with: { database: shop.db, sql: "SELECT * FROM item WHERE price < ?", params: [10] }',
  effect: "write",
  // Statements hold their thread; cancel ends it with them.
  runsOn: "thread",
  module: import.meta.url,
  async run(ctx) {
    const { database, sql, readonly, create } = ctx.config;
    const isTrigger = /^\s*create\s+(temp\w*\s+)?trigger\b/i.test(sql);
    if (!isTrigger && /;\s*\S/.test(sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[^]*?\*\//g, ""))) {
      throw new NodeError(
        "Cannot run the SQL: it has more than one statement; write one, and further nodes for others",
        {
          code: "CONFIG",
          class: "config",
          retryable: false,
        },
      );
    }
    return await withDatabase(ctx, database, { readonly, create }, async (opened) => {
      const statement = opened.prepare(sql).safeIntegers(true);
      const params = Array.isArray(ctx.config.params)
        ? ctx.config.params.map(bound)
        : [Object.fromEntries(Object.entries(ctx.config.params).map(([name, value]) => [name, bound(value)]))];
      if (!statement.reader) return { changes: Number(statement.run(...params).changes) };
      let done = 0;
      for (const row of statement.iterate(...params) as Iterable<Record<string, unknown>>) {
        const entries: [string, unknown][] = [];
        for (const [name, value] of Object.entries(row)) entries.push([name, await plain(ctx, value)]);
        await ctx.emit("rows", Object.fromEntries(entries));
        ctx.progress((done += 1));
      }
      return { changes: 0 };
    });
  },
});
