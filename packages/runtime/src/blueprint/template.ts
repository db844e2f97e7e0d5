/**
 * Configuration values with expressions in them. A text that is exactly one `${ … }` gives the expression's value, whatever its type; any
 * other text with `${ … }` gives a text. `$${` stands for `${`. Lists and maps are walked; keys are left as they are.
 */

import { RuntimeError } from "../errors.ts";
import type { EvaluateOptions } from "./evaluation-limits.ts";
import { compileExpression, type Expression, type Scope } from "./expression.ts";

export interface Template {
  /** No expression in it: `value` is what `evaluate` gives, always. */
  readonly isStatic: boolean;
  /** Of static templates: the value, escapes undone. */
  readonly value?: unknown;
  /** With where they stand: `.headers.authorization`, empty for the value itself. */
  readonly expressions: readonly { readonly where: string; readonly expression: Expression }[];
  /** @throws RuntimeError EXPRESSION; the signal's reason. */
  evaluate(scope: Scope, options?: EvaluateOptions): Promise<unknown>;
}

/** Each text apart, so that a check can go on after the first that is wrong. */
export interface TemplateProblem {
  readonly where: string;
  readonly message: string;
}

type Part = (scope: Scope, options?: EvaluateOptions) => Promise<unknown>;

/**
 * Compiles a configuration value.
 * @param onProblem gets each expression that cannot be read; without it the first one is thrown as RuntimeError EXPRESSION.
 * @example
 * const url = compileTemplate("https://api.example/${ in.id }")
 * await url.evaluate({ in: { id: 7 } }) // "https://api.example/7"
 */
export function compileTemplate(value: unknown, onProblem?: (problem: TemplateProblem) => void): Template {
  const expressions: { where: string; expression: Expression }[] = [];
  const compiled = walk(value, "");
  return {
    isStatic: !compiled.part,
    ...(compiled.part ? {} : { value: compiled.value }),
    expressions,
    evaluate: compiled.part ?? (() => Promise.resolve(compiled.value)),
  };

  function expression(text: string, where: string): Expression | undefined {
    try {
      const result = compileExpression(text);
      expressions.push({ where, expression: result });
      return result;
    } catch (error) {
      if (!onProblem || !(error instanceof RuntimeError)) throw error;
      onProblem({ where, message: error.message });
      return undefined;
    }
  }

  function walk(here: unknown, where: string): { value?: unknown; part?: Part } {
    if (typeof here === "string") return here.includes("${") ? walkText(here, where) : { value: here };
    if (typeof here !== "object" || here === null) return { value: here };
    if (Array.isArray(here)) {
      const inner = here.map((item, i) => walk(item, `${where}[${i}]`));
      if (!inner.some((item) => item.part)) return { value: inner.map((item) => item.value) };
      return {
        part: async (scope, options) =>
          Promise.all(inner.map((item) => (item.part ? item.part(scope, options) : item.value))),
      };
    }
    const entries = Object.entries(here).map(([key, item]) => ({ key, ...walk(item, `${where}.${key}`) }));
    if (!entries.some((entry) => entry.part))
      return { value: Object.fromEntries(entries.map(({ key, value: inner }) => [key, inner])) };
    return {
      async part(scope, options) {
        const values = await Promise.all(
          entries.map(async ({ key, part, value: inner }) => [key, part ? await part(scope, options) : inner] as const),
        );
        // An expression without a value leaves its key out, as if the file did not have it.
        return Object.fromEntries(values.filter(([, inner]) => inner !== undefined));
      },
    };
  }

  function walkText(text: string, where: string): { value?: unknown; part?: Part } {
    let pieces: readonly Piece[];
    try {
      pieces = splitTemplate(text);
    } catch (error) {
      if (!onProblem || !(error instanceof RuntimeError)) throw error;
      onProblem({ where, message: error.message });
      return { value: text };
    }
    const parts = pieces.map((piece) => ("text" in piece ? piece.text : (expression(piece.expression, where) ?? "")));
    const [only] = parts;
    if (parts.length === 1 && typeof only === "object")
      return { part: (scope, options) => only.evaluate(scope, options) };
    if (parts.every((part) => typeof part === "string")) return { value: parts.join("") };
    return {
      async part(scope, options) {
        const values = await Promise.all(
          parts.map(async (part) => (typeof part === "string" ? part : textOf(await part.evaluate(scope, options)))),
        );
        return values.join("");
      },
    };
  }
}

/** As JSONata's `&` writes values. */
function textOf(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  return (
    JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === "number" ? Number(inner.toPrecision(15)) : inner,
    ) ?? ""
  );
}

export type Piece = { readonly text: string } | { readonly expression: string };

/**
 * Cuts a text at its `${ … }`. The closing brace is the one that matches: braces in JSONata's texts, names in backticks and comments do
 * not count; of regular expressions only balanced or escaped ones.
 * @throws RuntimeError EXPRESSION when one is not closed.
 */
export function splitTemplate(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf("${", at);
    if (open === -1) break;
    if (text[open - 1] === "$" && open - 1 >= at) {
      plain += `${text.slice(at, open - 1)}\${`;
      at = open + 2;
      continue;
    }
    plain += text.slice(at, open);
    const close = closingBrace(text, open + 2);
    if (close === -1) {
      throw new RuntimeError(
        "EXPRESSION",
        `Cannot read "${text.slice(open, open + 40)}": its \${ is not closed; end it with }, or write $\${ for the characters themselves`,
        { text, position: open },
      );
    }
    if (plain !== "") pieces.push({ text: plain });
    plain = "";
    pieces.push({ expression: text.slice(open + 2, close) });
    at = close + 1;
  }
  plain += text.slice(at);
  if (plain !== "" || pieces.length === 0) pieces.push({ text: plain });
  return pieces;
}

function closingBrace(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === "{") depth++;
    else if (character === "}") {
      if (depth-- === 0) return at;
    } else if (character === '"' || character === "'") at = endOfText(text, at, character);
    else if (character === "`") at = orEnd(text, text.indexOf("`", at + 1));
    else if (character === "/" && text[at + 1] === "*") at = orEnd(text, text.indexOf("*/", at + 2) + 1);
    else if (character === "\\") at++;
  }
  return -1;
}

const orEnd = (text: string, at: number): number => (at <= 0 ? text.length : at);

function endOfText(text: string, from: number, quote: string): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote) return at;
  }
  return text.length;
}
