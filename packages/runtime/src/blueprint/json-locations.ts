/**
 * Where things stand in a JSON text: `JSON.parse` gives the values, this the offsets, and the duplicate keys that it keeps silent about.
 */

/** Offsets of a value and of what is inside it. */
export interface Location {
  readonly at: number;
  readonly keys?: Map<string, { readonly at: number; readonly value: Location }>;
  readonly items?: Location[];
}

export interface LocatedProblem {
  readonly at: number;
  readonly message: string;
  /** The path of the value, when it is known. */
  readonly where?: string;
}

/** Deeper files are refused: everything that walks a file may then recurse. */
export const MAX_DEPTH = 64;

export class SourceFault extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const SPACE = /[ \t\n\r]*/y;
// JSON forbids control characters in texts.
// oxlint-disable-next-line no-control-regex
const STRING = /"[^"\\\u0000-\u001f]*(?:\\.[^"\\\u0000-\u001f]*)*"/y;
const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** @throws SourceFault where the text is not JSON. */
export function locateJson(text: string, problems: LocatedProblem[]): Location {
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const skip = (): string => {
    match(SPACE);
    return text[at] ?? "";
  };
  const fail = (expected: string): never => {
    const sign = text[at];
    const found = sign === undefined ? "the file ends" : `found ${JSON.stringify(sign)}`;
    throw new SourceFault(at, `expected ${expected}, ${found}; ${wayOutOf(sign, expected)}`);
  };
  /** After a comma: what closes here makes the comma one too many. */
  const refuseLastComma = (comma: number, end: string): void => {
    if (skip() === end) throw new SourceFault(comma, `a comma stands before the closing "${end}"; remove it`);
    if (text[at] === ",") throw new SourceFault(at, "a second comma stands here; remove it");
  };

  const object = (start: number, depth: number): Location => {
    const keys = new Map<string, { at: number; value: Location }>();
    at++;
    if (skip() === "}") {
      at++;
      return { at: start, keys };
    }
    for (;;) {
      skip();
      const keyAt = at;
      const quoted = match(STRING) ?? fail(keys.size > 0 ? "a key in double quotes" : 'a key in double quotes, or "}"');
      const key = quoted.includes("\\") ? unquote(quoted, keyAt) : quoted.slice(1, -1);
      if (skip() !== ":") fail('":"');
      at++;
      const inner = value(depth);
      if (keys.has(key))
        problems.push({
          at: keyAt,
          message: `Cannot read the key "${key}": it stands here twice; remove or rename one`,
        });
      else if (key === "__proto__")
        problems.push({ at: keyAt, message: 'Cannot use the key "__proto__": it is reserved; rename it' });
      keys.set(key, { at: keyAt, value: inner });
      const next = skip();
      if (next !== "}" && next !== ",") fail('"," or "}"');
      at++;
      if (next === "}") return { at: start, keys };
      refuseLastComma(at - 1, "}");
    }
  };
  const array = (start: number, depth: number): Location => {
    const items: Location[] = [];
    at++;
    if (skip() === "]") {
      at++;
      return { at: start, items };
    }
    for (;;) {
      items.push(value(depth));
      const next = skip();
      if (next !== "]" && next !== ",") fail('"," or "]"');
      at++;
      if (next === "]") return { at: start, items };
      refuseLastComma(at - 1, "]");
    }
  };
  const value = (depth: number): Location => {
    const first = skip();
    const start = at;
    if (depth > MAX_DEPTH) throw new SourceFault(at, `it is nested deeper than ${MAX_DEPTH} levels; make it flatter`);
    if (first === "{") return object(start, depth + 1);
    if (first === "[") return array(start, depth + 1);
    if (match(first === '"' ? STRING : LITERAL) === undefined) fail("a value");
    return { at: start };
  };
  const root = value(0);
  if (skip() !== "") fail("the end of the file");
  return root;
}

function wayOutOf(sign: string | undefined, expected: string): string {
  if (sign === undefined) return "close what is still open";
  if (expected === "the end of the file") return "remove what stands behind it, or a bracket too many before it";
  if (sign === "/" || sign === "#") return "JSON has no comments: remove it, or name the file .blueprint.yaml";
  if (sign === '"')
    return expected.startsWith('"') || expected === '":"'
      ? "write what is missing before it"
      : "close the text with a double quote";
  if (sign === "'" || /[\p{L}_$]/u.test(sign)) return "put keys and texts in double quotes";
  return "write what is missing before it";
}

function unquote(text: string, at: number): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new SourceFault(at, "expected a text with valid escapes");
  }
}
