/** How a value is shown: as a table where it is a list of objects, else as a tree, a text or a file. Always bounded. */
import type { Val } from "@atomiton/runtime/contract";

export interface FileRef {
  readonly $blob: string;
  readonly size: number;
  readonly type: string;
  readonly name?: string | undefined;
}

export type Shown =
  | { readonly as: "nothing" }
  | { readonly as: "text"; readonly text: string }
  | { readonly as: "plain"; readonly value: number | boolean | null }
  | { readonly as: "file"; readonly file: FileRef }
  | { readonly as: "table"; readonly table: Table }
  | { readonly as: "tree"; readonly value: object }
  | { readonly as: "redacted" }
  /** Too large to send: what came is the beginning. By `ref` the host gives it in parts. */
  | { readonly as: "cut"; readonly bytes: number; readonly preview: Shown; readonly ref: string };

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Columns that are not shown. */
  readonly moreColumns: number;
}

const COLUMN_LIMIT = 24;
/** Rows whose keys make the columns; a later stranger key shows in the tree view only. */
const ROWS_READ = 200;

export function shownVal(val: Val | undefined): Shown {
  if (val === undefined) return { as: "nothing" };
  switch (val.t) {
    case "json":
      return shown(val.v);
    case "blob":
      return { as: "file", file: val };
    case "trunc":
      return { as: "cut", bytes: val.bytes, preview: shown(val.preview), ref: val.ref };
    case "redacted":
      return { as: "redacted" };
  }
}

export function shown(value: unknown): Shown {
  if (value === undefined) return { as: "nothing" };
  if (typeof value === "string") return { as: "text", text: value };
  if (typeof value === "number" || typeof value === "boolean" || value === null) return { as: "plain", value };
  if (typeof value !== "object") return { as: "text", text: typeof value === "bigint" ? `${value}` : typeof value };
  if (isFileRef(value)) return { as: "file", file: value };
  const table = tableOf(value);
  return table === undefined ? { as: "tree", value } : { as: "table", table };
}

export function isFileRef(value: unknown): value is FileRef {
  return (
    typeof value === "object" &&
    value !== null &&
    "$blob" in value &&
    typeof value.$blob === "string" &&
    "size" in value &&
    typeof value.size === "number"
  );
}

/** A list of plain objects, as rows and columns; undefined where it is anything else. */
export function tableOf(value: unknown): Table | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const columns = new Set<string>();
  for (const [index, row] of value.entries()) {
    if (typeof row !== "object" || row === null || Array.isArray(row) || isFileRef(row)) return undefined;
    if (index < ROWS_READ) for (const key of Object.keys(row)) columns.add(key);
  }
  if (columns.size === 0) return undefined;
  const shownColumns = Array.from(columns).slice(0, COLUMN_LIMIT);
  return {
    columns: shownColumns,
    rows: value as Record<string, unknown>[],
    moreColumns: columns.size - shownColumns.length,
  };
}

/** One line for a cell or a summary. */
export function brief(value: unknown, limit = 120): string {
  if (value === undefined) return "";
  if (typeof value === "string") return clip(value.replaceAll(/\s+/g, " "), limit);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? typeof value;
  if (isFileRef(value)) return value.name ?? value.type;
  if (Array.isArray(value)) return value.length === 1 ? "1 item" : `${value.length} items`;
  return clip(JSON.stringify(value) ?? "", limit);
}

const clip = (text: string, limit: number): string => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);
