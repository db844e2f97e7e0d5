/**
 * What is wrong with a YAML text, where a person must change it.
 *
 * 1. A quote or a bracket that is never closed is said where it opens, and last: all behind it is read by guesses.
 * 2. A line that does not fit its neighbours ends the list as well; of any line only one fault is said.
 * 3. What the library says, in its words, is the last resort.
 */

import { type CST, Parser, type YAMLError } from "yaml";

import type { LocatedProblem } from "./json-locations.ts";

/** More of them tell a reader nothing. */
const MAX_FAULTS = 50;

export function yamlProblems(faults: readonly YAMLError[], text: string): LocatedProblem[] {
  if (faults.length === 0) return [];
  const open = faults.some((fault) => isOpenEnd(fault, text)) ? unclosed(text) : undefined;
  const problems: LocatedProblem[] = [];
  const lines = new Set<number>();
  const inOrder = faults.toSorted((a, b) => lineStart(text, a.pos[0]) - lineStart(text, b.pos[0]) || rank(a) - rank(b));
  for (const fault of inOrder) {
    if (problems.length === MAX_FAULTS || (open && fault.pos[0] > open.at)) break;
    const { at, message, isLast } = told(fault, text);
    const line = lineStart(text, fault.pos[0]);
    if (!lines.has(line)) problems.push({ at, message: `Cannot read the file: ${message}` });
    lines.add(line);
    if (isLast) break;
  }
  return open ? [...problems, open] : problems;
}

/** Of the faults of one line, the cause before its consequences. */
const rank = ({ code }: YAMLError): number => (code === "UNEXPECTED_TOKEN" ? 1 : 0);

/** Whether something may be open here: not where its bracket stands, but too far left. */
const isOpenEnd = ({ code, message, pos: [at] }: YAMLError, text: string): boolean =>
  (code === "MISSING_CHAR" || code === "BAD_INDENT" || message.startsWith("Flow ")) &&
  !/^[}\]]/.test(lineAt(text, at).text);

interface Told {
  readonly at: number;
  readonly message: string;
  readonly isLast?: boolean;
}

function told({ code, message, pos: [at] }: YAMLError, text: string): Told {
  const found = text[at] ?? "";
  const line = lineAt(text, at);
  switch (code as string) {
    case "MULTIPLE_DOCS":
      return { at, message: "a second document begins here; a file holds one Blueprint" };
    case "TAB_AS_INDENT":
      return { at, message: "a tab stands in the indentation; YAML takes spaces only" };
    case "TAG_RESOLVE_FAILED": {
      const tag = /^!\S*/.exec(text.slice(at, at + 80))?.[0] ?? "this tag";
      const plain = "write a plain value: a text, a number, true, false, null, a map or a list";
      return { at, message: `the tag ${tag} is not known; ${plain}` };
    }
    case "BAD_SCALAR_START":
      return { at, message: `a text without quotes may not begin with ${found}; put it in quotes` };
    case "BAD_DQ_ESCAPE": {
      const escape = text.slice(at, at + 2);
      return {
        at,
        message: `${escape} is no escape; in double quotes a backslash is written \\\\, or use single quotes`,
      };
    }
    case "BAD_INDENT":
      return { ...indented(text, at), isLast: true };
    case "BLOCK_AS_IMPLICIT_KEY":
      return { ...nested(text, at), isLast: true };
    case "MULTILINE_IMPLICIT_KEY":
    case "MISSING_CHAR":
      if (message.startsWith("Missing ,"))
        return { at: wordStart(text, at), message: 'a comma is missing before this; write "," between' };
      return { ...noKey(line), isLast: true };
    case "UNEXPECTED_TOKEN":
      if (text[at - 1] === "$" && found === "{")
        return { at: at - 1, message: 'an expression in a map or list needs quotes; write "${ … }"', isLast: true };
      if (found === "}" || found === "]")
        return {
          at,
          message: `this ${found} closes nothing; remove it, or quote the text that holds it`,
          isLast: true,
        };
      return {
        at,
        message: "this does not belong to the value before it; a comma is missing, or the text needs quotes",
      };
    default:
      return { at, message: `${message.replace(/\s+/g, " ").trim()}; a text with signs of YAML in it needs quotes` };
  }
}

interface Line {
  /** Of its first character that is no space. */
  readonly at: number;
  readonly text: string;
}

const lineStart = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;

/** The library says where a word's second sign is. */
function wordStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && !/[\s,{}[\]]/.test(text[start - 1]!)) start--;
  return start;
}

function lineAt(text: string, at: number): Line {
  const start = lineStart(text, at);
  const end = text.indexOf("\n", at);
  const line = text.slice(start, end < 0 ? undefined : end).trimEnd();
  const indent = line.length - line.trimStart().length;
  return { at: start + indent, text: line.trimStart() };
}

function indented(text: string, at: number): Told {
  const line = lineAt(text, at);
  // A bracket on a line of its own, left of what it closes.
  if (/^[}\]]/.test(line.text))
    return { at: line.at, message: `this ${line.text[0]} stands too far left; indent it deeper than its key` };
  const columns = line.at - lineStart(text, at);
  return {
    at: line.at,
    message: `this line is indented by ${columns}, as no line that it could belong to; give it the indentation of its neighbours`,
  };
}

/** A value that holds a key: because of a colon in its text, or of a deeper line below it. */
function nested(text: string, at: number): Told {
  const end = text.indexOf("\n", at);
  const value = text
    .slice(at, end < 0 ? undefined : end)
    .replace(/\s+#.*$/, "")
    .trimEnd();
  if (/:(?:\s|$)/.test(value)) {
    const quoted = /["\\]/.test(value) ? `'${value.replaceAll("'", "''")}'` : `"${value}"`;
    const shown = value.length > 60 ? "put it in quotes" : `put it in quotes: ${quoted}`;
    return { at, message: `this text holds a colon with a space, as a key has it; ${shown}` };
  }
  const next = /\S/.exec(text.slice(end + 1));
  const below = lineAt(text, end + 1 + (next?.index ?? 0));
  const way = "indent the lines of one map alike, or quote the value above";
  return { at: below.at, message: `this line is indented as if it belonged to the value above; ${way}` };
}

function noKey({ at, text }: Line): Told {
  const glued = /^([\w.-]+):(\S.*)$/.exec(text);
  if (glued) return { at, message: `a space is missing behind "${glued[1]}:"; write ${glued[1]}: ${glued[2]}` };
  if (text.startsWith("- ")) return { at, message: "a list begins where a key was expected; write it under its key" };
  return { at, message: "expected key: value; write a colon and a space, or indent a text that goes on deeper" };
}

/** The quote that is never closed, else the innermost such bracket. */
function unclosed(text: string): LocatedProblem | undefined {
  let bracket: CST.FlowCollection | undefined;
  const left: (CST.Token | undefined | null)[] = [...new Parser().parse(text)];
  for (let i = 0; i < left.length; i++) {
    const token = left[i];
    if (!token) continue;
    if (token.type === "double-quoted-scalar" || token.type === "single-quoted-scalar") {
      const quote = token.source[0] ?? "";
      if (isClosed(token.source)) continue;
      const way = `write ${quote} where the text ends`;
      return { at: token.offset, message: `Cannot read the file: this ${quote} is never closed; ${way}` };
    }
    if (token.type === "flow-collection" && !token.end.some(({ type }) => type === CLOSING[token.start.source])) {
      if (!bracket || token.offset > bracket.offset) bracket = token;
    }
    if ("items" in token) for (const item of token.items) left.push(item.key, item.value);
    if (token.type === "document") left.push(token.value);
  }
  if (!bracket) return undefined;
  const { source } = bracket.start;
  const way = `write ${source === "{" ? "}" : "]"} where the ${source === "{" ? "map" : "list"} ends`;
  return { at: bracket.offset, message: `Cannot read the file: this ${source} is never closed; ${way}` };
}

const CLOSING: Readonly<Record<string, string>> = { "{": "flow-map-end", "[": "flow-seq-end" };

/** Whether the last sign is a quote that ends the text: a single one that is no half of a pair, a double one that no backslash stands before. */
function isClosed(source: string): boolean {
  const quote = source[0] ?? "";
  if (source.length < 2 || source.at(-1) !== quote) return false;
  const sign = quote === '"' ? "\\" : "'";
  let run = 0;
  for (let i = source.length - 2; i > 0 && source[i] === sign; i--) run++;
  return run % 2 === 0;
}
