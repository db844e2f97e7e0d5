import { access } from "node:fs/promises";
import { resolve } from "node:path";

import { NodeError, type BlobRef, type NodeContext } from "@atomiton/runtime";
import Database from "libsql";

/** Another writer is waited for so long, ms. */
const BUSY_MS = 10_000;

type Context = NodeContext<any, any, any>;

/** Opens a SQLite file, below the Blueprint's folder or wherever an absolute path leads; `use` has it until it settles. */
export async function withDatabase<T>(
  ctx: Context,
  path: string,
  options: { readonly: boolean; create: boolean },
  use: (database: Database.Database) => Promise<T>,
): Promise<T> {
  const file = resolve(ctx.cwd, path);
  let database: Database.Database | undefined;
  try {
    if (!options.create) await access(file);
    database = new Database(file);
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA foreign_keys = ON`);
    // The library takes no notice of its own options for this.
    if (options.readonly) database.exec("PRAGMA query_only = ON");
    return await use(database);
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw sqlError(`ask the database "${file}"`, error);
  } finally {
    database?.close();
  }
}

const WAYS_OUT: Record<string, string> = {
  SQLITE_BUSY: "another program holds it; try again, or end that one",
  ENOENT: "check the path, or set create: true to make it",
  SQLITE_CANTOPEN: "check the path and the rights of its folder",
  SQLITE_NOTADB: "give a SQLite file",
  SQLITE_READONLY: "leave readonly out",
};

export function sqlError(action: string, error: unknown): unknown {
  if (error instanceof NodeError) return error;
  const { code = "SQL", message } = error as { code?: string; message: string };
  const known = Object.keys(WAYS_OUT).find((start) => code.startsWith(start));
  return new NodeError(
    `Cannot ${action}: ${message}; ${known === undefined ? "correct the statement or its values" : WAYS_OUT[known]}`,
    {
      code: /^(SQLITE|E[A-Z]+$)/.test(code) ? code : "SQL",
      class: known === "SQLITE_BUSY" ? "resource" : "user",
      retryable: known === "SQLITE_BUSY",
    },
    { cause: error },
  );
}

/** What SQLite takes: integers as such (a number would be a REAL), booleans as 1 and 0, lists and objects as JSON. */
export function bound(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}

/** What comes out: integers that no number holds exactly as text, bytes as files. */
export async function plain(ctx: Context, value: unknown): Promise<string | number | BlobRef | null> {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return await ctx.blob.put(new Uint8Array(value));
  return value as string | number | null;
}
