import { defineNode, NodeError, port } from "@atomiton/runtime";
import type Database from "libsql";
import { z } from "zod";

import { bound, sqlError, withDatabase } from "./database.ts";

const CLAUSES = { fail: "INSERT", ignore: "INSERT OR IGNORE", replace: "INSERT OR REPLACE" } as const;

export const sqlInsert = defineNode({
  type: "core/sql.insert",
  version: "1.0.0",
  title: "Insert rows",
  category: "tables",
  description:
    "Inserts rows into a table of a SQLite file, all of them or none. Booleans become 1 and 0, lists and objects JSON. A row that does not fit fails with its number.",
  inputs: { rows: port.stream(z.record(z.string(), z.any()), { description: "The rows, one object each." }) },
  outputs: { changes: port.value(z.number().int(), { description: "Rows that were inserted or replaced." }) },
  openInputs: true,
  config: z.strictObject({
    database: z.string().min(1).describe("The SQLite file. Relative paths start at the Blueprint's folder."),
    table: z.string().min(1).describe("The table; it has to be there."),
    columns: z.array(z.string()).min(1).optional().describe("Columns to fill. Left out: those of the first row."),
    onConflict: z
      .enum(["fail", "ignore", "replace"])
      .default("fail")
      .describe("For a row whose key is taken: fail, leave it out, or replace the old one."),
  }),
  example: "in: { rows: read.rows }\nwith: { database: shop.db, table: item, onConflict: replace }",
  effect: "write",
  runsOn: "thread",
  module: import.meta.url,
  async run(ctx) {
    const { database, table, onConflict } = ctx.config;
    let { columns } = ctx.config;
    return await withDatabase(ctx, database, { readonly: false, create: false }, async (opened) => {
      opened.exec("BEGIN IMMEDIATE");
      let changes = 0;
      let number = 0;
      let statement: Database.Statement<unknown[]> | undefined;
      try {
        for await (const row of ctx.in.rows) {
          number += 1;
          columns ??= Object.keys(row);
          const extra = Object.keys(row).find((name) => !columns!.includes(name));
          if (extra !== undefined) {
            throw new NodeError(
              `Cannot insert row ${number}: its column "${extra}" is not among ${columns.join(", ")}; add it to columns, or drop it before`,
              { code: "COLUMN", class: "user", retryable: false },
            );
          }
          statement ??= opened.prepare<unknown[]>(
            `${CLAUSES[onConflict]} INTO ${quoted(table)} (${columns.map(quoted).join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
          );
          const values = columns.map((name) => bound(Object.hasOwn(row, name) ? row[name] : null));
          changes += Number(statement.run(...values).changes);
          ctx.progress(number);
        }
        opened.exec("COMMIT");
      } catch (error) {
        opened.exec("ROLLBACK");
        throw sqlError(`insert row ${number} into "${table}"`, error);
      }
      return { changes };
    });
  },
});

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
