import type { NodeContext } from "../blueprint/define-node.ts";
/** Expressions that a node evaluates itself, once or per item: transform, switch, filter. */
import { compileExpression } from "../blueprint/expression.ts";
import { NodeError } from "../errors.ts";

/** Of one evaluation, ms, beside which others get their turns: sums over a long list take their time. */
const BUDGET_MS = 60_000;
/** Items between two turns of the event loop: a long list must not hold up everything else on it. */
const ITEMS_PER_TURN = 64;

export type Evaluate = (more?: { item: unknown; index: number }) => Promise<unknown>;

/** `$` `{ … }` around the whole is allowed, as in every other configuration value. */
function bare(text: string): string {
  return /^\s*\$\{([\s\S]*)\}\s*$/.exec(text)?.[1] ?? text;
}

/** Compiled once. The scope is `in` (value ports), `run`, and what each call adds (`item`, `index`). */
export function evaluator(
  key: string,
  text: string,
  ctx: NodeContext<any, any, any>,
  streams: readonly string[] = [],
): Evaluate {
  const compiled = compileExpression(bare(text));
  const inputs = Object.fromEntries(Object.entries(ctx.in).filter(([name]) => !streams.includes(name)));
  const run = { id: ctx.executionId };
  return async (more) => {
    try {
      return await compiled.evaluate({ in: inputs, run, ...more }, { signal: ctx.signal, budgetMs: BUDGET_MS });
    } catch (error) {
      ctx.signal.throwIfAborted();
      const where = more ? ` for item ${more.index}` : "";
      throw new NodeError(
        `Cannot evaluate "${key}"${where}: ${(error as Error).message}`,
        { code: "EXPRESSION", class: "user", retryable: false },
        { cause: error },
      );
    }
  };
}

/** What JSONata's `$boolean` says: conditions take any value. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTrue);
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return typeof value !== "function" && Boolean(value);
}

/** Items of a stream with their index, with a breath for the event loop and a look at the signal every so many. */
export async function* numbered<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<[index: number, item: T]> {
  let index = 0;
  for await (const item of items) {
    if (index % ITEMS_PER_TURN === 0) {
      if (index > 0) await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    yield [index, item];
    index += 1;
  }
}
