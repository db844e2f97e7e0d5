/** The rules of docs/blueprint.md once more: one node after the other, without time, states or events. */
import { ATTEMPTS, type Loop, type NodeSpec, type ScopeSpec, type Wire, type Work } from "./specs.ts";

export interface Reference {
  /** By path, of every instance. */
  readonly states: Record<string, string>;
  readonly outputs: Record<string, unknown>;
  readonly fails: boolean;
  /** Paths of instances that act on the world. */
  readonly acts: { readonly write: string[]; readonly idempotent: string[] };
}

/** What an error is to who compares: which of several made a scope fail depends on time. */
export const ERROR = { error: true };

/** One number of whatever came: errors count as 1,000. */
export function sumOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + sumOf(one), 0);
  if (typeof value !== "object" || value === null) return 0;
  if ("code" in value || "error" in value) return 1_000;
  return sumOf(Object.values(value));
}

/** Items as a source makes them. */
export const itemsOf = (count: number): number[] => Array.from({ length: count }, (_, at) => at * 7 + 1);

export function interpret(spec: ScopeSpec): Reference {
  const reference = { states: {}, acts: { write: [], idempotent: [] } };
  const { outputs, fails } = new Interpreter(reference).run(spec, "", {});
  return { ...reference, outputs, fails };
}

/** A wire without a value is not there. */
type Tokens = Record<Wire, unknown>;

class Interpreter {
  readonly #seen: Pick<Reference, "states" | "acts">;
  constructor(seen: Pick<Reference, "states" | "acts">) {
    this.#seen = seen;
  }

  run(scope: ScopeSpec, prefix: string, outer: Tokens): { outputs: Record<string, unknown>; fails: boolean } {
    const tokens: Tokens = { ...outer };
    let fails = false;
    for (const spec of scope.nodes) {
      const state = this.#settle(spec, prefix, tokens);
      this.#seen.states[prefix + spec.name] = state;
      if (state !== "failed") continue;
      tokens[`${spec.name}.error`] = ERROR;
      fails ||= !scope.nodes.some((other) => wiresOf(other).includes(`${spec.name}.error`));
    }
    const given = Object.entries(scope.outputs).filter(([, wire]) => tokens[wire] !== undefined);
    return { outputs: Object.fromEntries(given.map(([name, wire]) => [name, tokens[wire]])), fails };
  }

  /** Puts what it gives into `tokens`, and says how it ended. */
  #settle(spec: NodeSpec, prefix: string, tokens: Tokens): "completed" | "failed" | "skipped" {
    const { name, after } = spec;
    const path = prefix + name;
    const has = (wire: Wire | undefined): boolean => wire === undefined || tokens[wire] !== undefined;
    const isAfter =
      after === undefined || (after.includes(".") ? has(after) : this.#seen.states[prefix + after] === "completed");
    if (!isAfter) return "skipped";
    const give = (port: string, value: unknown): void => void (tokens[`${name}.${port}`] = value);
    switch (spec.kind) {
      case "list":
        give("out", spec.items);
        return "completed";
      case "ask": {
        const value = spec.answer ?? spec.onTimeout;
        if (value === undefined) return "failed";
        give("value", value);
        return "completed";
      }
      case "delay":
        if (spec.value !== undefined) give("value", tokens[spec.value]);
        return "completed";
      case "source":
        if (spec.flaky >= ATTEMPTS) return "failed";
        give("items", itemsOf(spec.count));
        return "completed";
      case "collect":
        give(
          "items",
          spec.many.flatMap((wire) => (tokens[wire] as unknown[] | undefined) ?? []),
        );
        return "completed";
      case "merge": {
        const came = spec.many.map((wire) => tokens[wire]).filter((one) => one !== undefined);
        if (spec.mode === "all") give("value", came);
        else if (came.length === 0 || (spec.mode === "zip" && came.length < spec.many.length)) return "skipped";
        else if (spec.mode === "zip") {
          if (!came.every(Array.isArray) || new Set(came.map(({ length }) => length)).size > 1) return "failed";
          give(
            "value",
            came[0]!.map((_, row) => came.map((list) => list[row])),
          );
        } else give("value", came[0]);
        return "completed";
      }
      case "sub": {
        if (!has(spec.add)) return "skipped";
        const inner = this.run(
          spec.body,
          `${path}/`,
          spec.add === undefined ? {} : { "$inputs.add": tokens[spec.add] },
        );
        if (inner.fails) return "failed";
        for (const [port, value] of Object.entries(inner.outputs)) give(port, value);
        return "completed";
      }
      case "loop":
        return has(spec.items) && has(spec.add) ? this.#loop(spec, path, tokens) : "skipped";
      case "work":
        return has(spec.need) && !(spec.when && !has(spec.maybe)) ? this.#work(spec, path, tokens) : "skipped";
    }
  }

  #work(
    { name, many, need, maybe, value, flaky, hangs, steps, effect }: Work,
    path: string,
    tokens: Tokens,
  ): "completed" | "failed" {
    if (flaky + hangs >= ATTEMPTS) return "failed";
    if (effect === "write" || effect === "idempotent") this.#seen.acts[effect].push(path);
    if (effect === "write") return "completed";
    const came = [...many, need, maybe].map((wire) => (wire === undefined ? 0 : sumOf(tokens[wire])));
    tokens[`${name}.out`] = value + steps + came.reduce((sum, one) => sum + one, 0);
    return "completed";
  }

  #loop({ name, items, add, body, onItemError, isKeyed }: Loop, path: string, tokens: Tokens): "completed" | "failed" {
    const results: unknown[] = [];
    const errors: unknown[] = [];
    const times = new Map<string, number>();
    for (const [index, item] of (tokens[items] as number[]).entries()) {
      const plainKey = isKeyed ? `k${item}` : String(index);
      const nth = (times.get(plainKey) ?? 0) + 1;
      times.set(plainKey, nth);
      const key = nth === 1 ? plainKey : `${plainKey}#${nth}`;
      const outer = { $item: item, ...(add === undefined ? {} : { "$inputs.add": tokens[add] }) };
      const { outputs, fails } = this.run(body, `${path}[${key}]/`, outer);
      if (!fails) results.push(outputs);
      else if (onItemError === "fail") return "failed";
      else if (onItemError === "collect") errors.push({ index, item, error: ERROR });
    }
    tokens[`${name}.results`] = results;
    tokens[`${name}.errors`] = errors;
    return "completed";
  }
}

/** Everything that a node reads. */
function wiresOf(spec: NodeSpec): (Wire | undefined)[] {
  const own = (): (Wire | undefined)[] => {
    if (spec.kind === "work") return [...spec.many, spec.need, spec.maybe];
    if (spec.kind === "merge" || spec.kind === "collect") return [...spec.many];
    if (spec.kind === "loop") return [spec.items, spec.add];
    if (spec.kind === "sub") return [spec.add];
    return spec.kind === "delay" ? [spec.value] : [];
  };
  return [...own(), spec.after];
}

/** The engine's errors and items say more than the interpreter's. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("code" in value) return ERROR;
  const entries = Object.entries(value).filter(([name]) => !("error" in value && name === "key"));
  return Object.fromEntries(entries.map(([name, inner]) => [name, plain(inner)]));
}
