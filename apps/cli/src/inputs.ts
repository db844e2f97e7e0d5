import type { InputDecl, PortType } from "@atomiton/runtime";

import { CliError } from "./cli-error.ts";
import { cut } from "./show/text.ts";

/** Splits `key=value`; the value may hold further `=`. */
function split(pair: string): [key: string, value: string] {
  const at = pair.indexOf("=");
  if (at === 0) throw new CliError(`Cannot read --input "${pair}": it names no input; write --input NAME${pair}`);
  if (at < 0)
    throw new CliError(`Cannot read --input "${pair}": it names no value; write --input ${pair || "NAME"}=VALUE`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function refuse(key: string, text: string, wanted: string): never {
  throw new CliError(
    `Cannot use --input ${key}="${text}": it is not ${wanted}; write for example ${key}=${
      wanted === "a whole number"
        ? "3"
        : wanted === "a number"
          ? "1.5"
          : wanted === "true or false"
            ? "true"
            : `'{"a": 1}'`
    }`,
  );
}

/** What somebody typed, as the value that the input's type asks for. `file` stays a path. */
export function valueOf(key: string, text: string, type: PortType): unknown {
  switch (type.t) {
    case "string":
    case "bytes":
    case "file":
      return text;
    case "number":
    case "integer": {
      const number = Number(text);
      if (text.trim() === "" || !Number.isFinite(number)) refuse(key, text, "a number");
      if (type.t === "integer" && !Number.isInteger(number)) refuse(key, text, "a whole number");
      return number;
    }
    case "boolean":
      if (text !== "true" && text !== "false") refuse(key, text, "true or false");
      return text === "true";
    case "any":
      // Anything goes, so text that is no JSON means itself.
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return text;
      }
    case "json":
    case "list":
    case "stream":
    case "named":
    case "schema":
      try {
        return JSON.parse(text) as unknown;
      } catch {
        // A schema of plain text (an enum, a pattern) is typed without quotes.
        if (type.t === "schema" && type.schema["type"] === "string") return text;
        if (type.t === "schema" || type.t === "named") return text;
        return refuse(key, text, "JSON");
      }
  }
}

/**
 * `--input key=value …` by the Blueprint's declared inputs. A key that it does not have is refused, with those it has;
 * everything that is wrong is said at once.
 */
export function readPairs(pairs: readonly string[], declared: ReadonlyMap<string, InputDecl>): Record<string, unknown> {
  const values = new Map<string, unknown>();
  const faults: string[] = [];
  for (const pair of pairs) {
    try {
      const [key, text] = split(pair);
      const input = declared.get(key);
      if (input === undefined) throw unknownInput(key, declared);
      values.set(key, valueOf(key, text, input.type));
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0) throw new CliError([...new Set(faults)].join("\n       "));
  return Object.fromEntries(values);
}

function unknownInput(key: string, declared: ReadonlyMap<string, InputDecl>): CliError {
  const known = [...declared.keys()];
  const wayOut = known.length === 0 ? "leave --input out" : `its inputs are ${known.join(", ")}`;
  return new CliError(`Cannot set input "${key}": the Blueprint has no such input; ${wayOut}`);
}

/** The text of `--input-file`: one JSON object, input to value. */
export function readInputFile(
  text: string,
  file: string,
  declared: ReadonlyMap<string, InputDecl>,
): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`Cannot read inputs from "${file}": ${why}; write one JSON object, for example {"limit": 10}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CliError(`Cannot read inputs from "${file}": it holds no object; write for example {"limit": 10}`);
  }
  const inputs = value as Record<string, unknown>;
  const faults: string[] = [];
  for (const [key, given] of Object.entries(inputs)) {
    const type = declared.get(key)?.type.t;
    if (type === undefined) faults.push(unknownInput(key, declared).message);
    else if (type === "file" && !isFileValue(given)) {
      const shown = cut(JSON.stringify(given), 40);
      faults.push(
        `Cannot use ${shown} as the input "${key}" of "${file}": it is not a file; give a path, or a file reference`,
      );
    }
  }
  if (faults.length > 0) throw new CliError(faults.join("\n       "));
  return inputs;
}

const isFileValue = (value: unknown): boolean =>
  typeof value === "string" || (typeof value === "object" && value !== null && "$blob" in value);
