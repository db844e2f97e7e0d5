/**
 * Expressions of Blueprint files: JSONata over the scope `in item index key run secrets vars`.
 *
 * 1. The scope's names stand bare at an expression's top: `in.item.url`. JSONata reads `in` as a name where a value is expected and as its
 *    operator between two values, so `in.x in in.list` is what it looks like.
 * 2. Inside `[…]`, after a dot and in sort terms, bare names are fields of the item at hand. There, and everywhere else, the scope is
 *    `$in`, `$item`, `$run`, …: `in.rows[price > $in.limit]`.
 * 3. Every evaluation has a limit in time and in parts under way, kept by JSONata's evaluation hooks, and gives the event loop a turn now and then.
 * 4. A plain path (`in.item.url`) is walked without JSONata, with the same result.
 */

import jsonata from "jsonata";

import { RuntimeError } from "../errors.ts";
import { type EvaluateOptions, guardFor, watch } from "./evaluation-limits.ts";
import { namesIn, type ExpressionNames } from "./expression-names.ts";
import { TooDeep, toPlain } from "./plain-value.ts";

/** What an expression sees. Names that do not apply are left out. */
export interface Scope {
  readonly in?: unknown;
  readonly item?: unknown;
  readonly index?: number;
  readonly key?: string;
  readonly run?: unknown;
  readonly secrets?: unknown;
  readonly vars?: unknown;
}

export const SCOPE_NAMES = ["in", "item", "index", "key", "run", "secrets", "vars"] as const;

export interface Expression {
  readonly text: string;
  /** What it names: for checks. */
  readonly names: ExpressionNames;
  /** The value now, for plain paths; `undefined` here means that `evaluate` must be asked. */
  readonly quick?: (scope: Scope) => { readonly value: unknown } | undefined;
  /**
   * The value for this scope, as plain data; undefined is one.
   * @throws RuntimeError EXPRESSION when JSONata fails or a limit is passed; the signal's reason when it fires.
   */
  evaluate(scope: Scope, options?: EvaluateOptions): Promise<unknown>;
}

/** Characters of one expression; more is a program, and belongs into a node. */
const MAX_CHARACTERS = 64 * 1024;
/**
 * Compiles one JSONata expression, without `${ }` around it. Core nodes use it for whole expressions of their own.
 * @throws RuntimeError EXPRESSION with `details.position` (from 0, in `text`) when it is not JSONata.
 * @example await compileExpression("in.price * 1.2").evaluate({ in: { price: 10 } }) // 12
 */
export function compileExpression(text: string): Expression {
  const path = plainPath(text);
  if (path) return pathExpression(text, path);
  const compiled = compile(text);
  return { text, names: namesIn(compiled.ast()), evaluate: (scope, options) => run(compiled, text, scope, options) };
}

function compile(text: string): jsonata.Expression {
  if (text.trim() === "")
    throw new RuntimeError("EXPRESSION", "Cannot read the expression: it is empty; write one, such as in.value", {
      text,
      position: 0,
    });
  if (text.length > MAX_CHARACTERS) {
    throw new RuntimeError(
      "EXPRESSION",
      `Cannot read the expression: it has ${text.length} characters, the limit is ${MAX_CHARACTERS}; move it into a node`,
      { position: 0 },
    );
  }
  try {
    const compiled = jsonata(text);
    keepInputsUnmarked(compiled.ast());
    watch(compiled);
    return compiled;
  } catch (error) {
    const { message, position } = fault(error);
    throw new RuntimeError(
      "EXPRESSION",
      `Cannot read the expression "${short(text)}": ${message}${position === undefined ? "" : ` (at character ${position})`}; see docs/blueprint.md for what expressions may hold`,
      { text, position: position ?? 0 },
      { cause: error },
    );
  }
}

/**
 * `in.rows[]` makes JSONata write a mark on the list itself, which belongs to whoever gave it and may be frozen. The same is had by
 * marking the result, which only sequences of its own get. A list that the expression builds (`[a, b][]`) keeps JSONata's way.
 */
function keepInputsUnmarked(ast: object): void {
  const seen = new Set<object>([ast]);
  const todo: object[] = [ast];
  for (let tree; (tree = todo.pop());) {
    const path = tree as {
      type?: unknown;
      keepSingletonArray?: unknown;
      keepArray?: boolean;
      steps?: { type?: unknown; value?: unknown }[];
    };
    const last = path.steps?.at(-1);
    if (path.type === "path" && path.keepSingletonArray && !(last?.type === "unary" && last.value === "[")) {
      delete path.keepSingletonArray;
      path.keepArray = true;
    }
    for (const part of Object.values(tree) as unknown[]) {
      if (typeof part !== "object" || part === null || seen.has(part)) continue;
      seen.add(part);
      todo.push(part);
    }
  }
}

async function run(
  compiled: jsonata.Expression,
  text: string,
  scope: Scope,
  options: EvaluateOptions = {},
): Promise<unknown> {
  options.signal?.throwIfAborted();
  try {
    return toPlain(await compiled.evaluate(scope, { ...scope, ...guardFor(options) }));
  } catch (error) {
    if (options.signal?.aborted && error === options.signal.reason) throw error;
    throw evaluationError(text, error);
  }
}

function evaluationError(text: string, error: unknown): RuntimeError {
  const { message, position } = fault(error);
  return new RuntimeError(
    "EXPRESSION",
    `Cannot evaluate "${short(text)}": ${message}`,
    { text, ...(position === undefined ? {} : { position }) },
    { cause: error },
  );
}

/** JSONata throws plain records; other code errors. */
function fault(error: unknown): { message: string; position?: number } {
  if (error instanceof TooDeep) return { message: "its result nests too deep, or contains itself" };
  if (error instanceof RangeError) return { message: "it is nested too deep" };
  const record =
    typeof error === "object" && error !== null
      ? (error as { message?: unknown; position?: unknown; code?: unknown })
      : {};
  const message = typeof record.message === "string" ? record.message : `JSONata error ${String(record.code ?? error)}`;
  return {
    message: message.replace(/\.$/, ""),
    ...(typeof record.position === "number" ? { position: record.position } : {}),
  };
}

const short = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 80 ? `${line.slice(0, 77)}…` : line;
};

/* ---- plain paths ---- */

const WORDS_OF_JSONATA = new Set(["and", "or", "in", "true", "false", "null", "function"]);

function plainPath(text: string): readonly string[] | undefined {
  const path = text.trim();
  if (!/^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/.test(path)) return undefined;
  const [head = "", ...rest] = path.split(".");
  const known = SCOPE_NAMES.some((name) => name === head);
  return known && !rest.some((name) => WORDS_OF_JSONATA.has(name)) ? [head, ...rest] : undefined;
}

function pathExpression(text: string, path: readonly string[]): Expression {
  const [head = "", next] = path;
  const quick = (scope: Scope): { value: unknown } | undefined => {
    let here: unknown = scope;
    for (const name of path) {
      // JSONata maps a path over a list; only it knows the rules.
      if (Array.isArray(here)) return undefined;
      if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return { value: undefined };
      here = (here as Record<string, unknown>)[name];
    }
    return typeof here === "function" ? { value: undefined } : { value: here };
  };
  // Compiled when a list is met, which most paths never do.
  let slow: jsonata.Expression | undefined;
  return {
    text,
    names: {
      heads: [{ name: head, ...(next === undefined ? {} : { next }), position: 0, nested: false }],
      unbound: [],
    },
    quick,
    async evaluate(scope, options) {
      options?.signal?.throwIfAborted();
      const found = quick(scope);
      if (found) return found.value;
      return run((slow ??= compile(text)), text, scope, options);
    },
  };
}
