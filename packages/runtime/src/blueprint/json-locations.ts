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
    const found = text[at] === undefined ? "the file ends" : `found ${JSON.stringify(text[at])}`;
    throw new SourceFault(at, `expected ${expected}, ${found}`);
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
      const quoted = match(STRING) ?? fail('a key in double quotes, or "}"');
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
  if (skip() !== "") fail("nothing more");
  return root;
}

function unquote(text: string, at: number): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new SourceFault(at, "expected a text with valid escapes");
  }
}
