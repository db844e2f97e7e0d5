/** From the fields of a record to a row: names, types, and what does not fit said with line and column. */
import { NodeError } from "../errors.ts";

type ColumnType = "string" | "number" | "integer" | "boolean" | "json";
export type ColumnTypes = "none" | "auto" | Record<string, ColumnType>;

function refused(code: string, message: string): NodeError {
  return new NodeError(message, { code, class: "user", retryable: false });
}

/** Names of the columns, and whether this record was the header. */
export function columnNames(
  file: string,
  header: boolean | string[],
  record: readonly string[],
  line: number,
): { names: string[]; isHeader: boolean } {
  if (header === false) return { names: record.map((_, index) => `c${index + 1}`), isHeader: false };
  const names = header === true ? [...record] : header;
  const seen = new Map<string, number>();
  names.forEach((name, index) => {
    const at = `Cannot read "${file}", ${header === true ? `line ${line}` : "`header`"}, column ${index + 1}`;
    if (name === "") throw refused("CSV_HEADER", `${at}: it has no name; name it, or give \`header\` as a list`);
    const first = seen.get(name);
    if (first !== undefined) {
      throw refused("CSV_HEADER", `${at}: "${name}" names column ${first} too; make the names differ`);
    }
    seen.set(name, index + 1);
  });
  return { names, isHeader: header === true };
}

/** Makes rows of records. Own properties only: a column may be called `__proto__`. */
export function rowMaker(file: string, names: readonly string[], types: ColumnTypes, ragged: "fail" | "pad") {
  if (typeof types === "object") {
    const unknown = Object.keys(types).find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw refused(
        "CSV_COLUMN",
        `Cannot read "${file}": \`types\` names the column "${unknown}", it has ${names.slice(0, 30).join(", ")}; correct one of them`,
      );
    }
  }
  const isPlain = !names.includes("__proto__");
  const wanted = names.map((name) =>
    typeof types === "object" && Object.hasOwn(types, name) ? types[name]! : types === "auto" ? "auto" : "string",
  );

  return (record: readonly string[], line: number): Record<string, unknown> => {
    if (record.length > names.length || (record.length < names.length && ragged === "fail")) {
      const wayOut =
        record.length > names.length
          ? "correct the row, or quote fields with delimiters"
          : "correct the row, or set `ragged: pad`";
      throw refused(
        "CSV_ROW",
        `Cannot read "${file}", line ${line}: the row has ${record.length} fields, the header has ${names.length}; ${wayOut}`,
      );
    }
    const row: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index += 1) {
      const text = record[index] ?? "";
      const type = wanted[index]!;
      const value = type === "string" ? text : convert(text, type);
      if (value === undefined) {
        throw refused(
          "CSV_VALUE",
          `Cannot read "${file}", line ${line}, column "${names[index]}": ${JSON.stringify(text.slice(0, 80))} is not ${type === "integer" ? "an integer" : `a ${type}`}; correct the value, or the column's type`,
        );
      }
      if (isPlain) row[names[index]!] = value;
      else Object.defineProperty(row, names[index]!, { value, enumerable: true, configurable: true, writable: true });
    }
    return row;
  };
}

/** As people write numbers in tables; `0123` is a postcode, not a number. */
const NUMBER = /^[+-]?(?:0|[1-9]\d*)?(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const LOOKS_LIKE_NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,3})?$/;

/** Undefined: does not fit. Empty fields are null. */
function convert(text: string, type: Exclude<ColumnType, "string"> | "auto"): unknown {
  const value = text.trim();
  if (value === "") return null;
  if (type === "auto") {
    if (LOOKS_LIKE_NUMBER.test(value)) return Number(value);
    return value === "true" ? true : value === "false" ? false : text;
  }
  if (type === "boolean") {
    const lower = value.toLowerCase();
    return lower === "true" || lower === "1" ? true : lower === "false" || lower === "0" ? false : undefined;
  }
  if (type === "json") {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return undefined;
    }
  }
  const number = NUMBER.test(value) || /^[+-]?\d+(?:\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) return undefined;
  return type === "number" || Number.isSafeInteger(number) ? number : undefined;
}
