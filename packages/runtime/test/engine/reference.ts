/** The scheduling rules once more: one node after the other, no states, no events, no concurrency. */
import type { AnyNodeDef } from "../../src/blueprint/define-node.ts";
import { node } from "./kit.ts";

export interface Spec {
  readonly name: string;
  readonly kind: "work" | "merge" | "loop";
  /** Wires of a port that takes several. */
  readonly many: readonly string[];
  /** A wire that it cannot do without. */
  readonly need: string | undefined;
  /** A wire that it runs without; with `when`, only with it. */
  readonly maybe: string | undefined;
  readonly when: boolean;
  readonly after: string | undefined;
  readonly value: number;
  readonly mode: "all" | "any";
  /** Attempts that fail before one succeeds; there are two. */
  readonly flaky: number;
  readonly items: readonly number[];
  readonly onItemError: "skip" | "collect";
}

/** The item that loop bodies fail at. */
export const BAD_ITEM = 3;
export const ATTEMPTS = 2;

/** One number of whatever came: errors count as 1,000. */
export function sumOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + sumOf(one), 0);
  if (typeof value === "object" && value !== null) return "code" in value ? 1_000 : sumOf(Object.values(value));
  return 0;
}

/** Numbers from a seed: the same seed, the same Blueprint. */
export function dice(seed: number): (below: number) => number {
  let state = (seed + 1) * 0x9e3779b9;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export const portOf = ({ kind }: Spec): string => (kind === "loop" ? "results" : kind === "merge" ? "value" : "out");

/** Every node reads only nodes before it. */
export function generate(seed: number): Spec[] {
  const next = dice(seed);
  const specs: Spec[] = [];
  const size = 2 + next(14);
  for (let at = 0; at < size; at++) {
    const wire = (): string => {
      const from = specs[next(at)]!;
      if (from.kind === "loop" && next(3) === 0) return `${from.name}.errors`;
      return `${from.name}.${next(3) === 0 ? "error" : portOf(from)}`;
    };
    const sometimes = (once: number): string | undefined => (at > 0 && next(once) === 0 ? wire() : undefined);
    const many = Array.from({ length: at === 0 ? 0 : next(4) }, wire);
    const kind = (["work", "work", "work", "merge", "loop"] as const)[next(5)]!;
    const maybe = sometimes(3);
    specs.push({
      name: `n${at}`,
      kind: kind === "merge" && many.length === 0 ? "work" : kind,
      many,
      need: sometimes(3),
      maybe,
      when: maybe !== undefined && next(2) === 0,
      after: at === 0 || next(5) > 0 ? undefined : next(2) === 0 ? `n${next(at)}` : wire(),
      value: next(100),
      mode: next(2) === 0 ? "all" : "any",
      flaky: next(3) === 0 ? 1 + next(2) : 0,
      items: Array.from({ length: next(5) }, () => next(6)),
      onItemError: next(2) === 0 ? "skip" : "collect",
    });
  }
  return specs;
}

export interface Reference {
  readonly states: Record<string, string>;
  /** By `node.port`, those with a value. */
  readonly outputs: Record<string, unknown>;
  readonly fails: boolean;
}

export function interpret(specs: readonly Spec[]): Reference {
  const states: Record<string, string> = {};
  const outputs: Record<string, unknown> = {};
  let fails = false;
  const reads = (spec: Spec): (string | undefined)[] => [
    ...(spec.kind === "loop" ? [] : spec.many),
    spec.need,
    spec.kind === "work" ? spec.maybe : undefined,
    spec.after,
  ];
  const isHandled = (name: string): boolean => specs.some((spec) => reads(spec).includes(`${name}.error`));
  for (const spec of specs) {
    const { name, kind, many, need, maybe, when, after, value, mode, flaky, items, onItemError } = spec;
    const given = many.map((wire) => outputs[wire]).filter((one) => one !== undefined);
    const isAfter =
      after === undefined || (after.includes(".") ? outputs[after] !== undefined : states[after] === "completed");
    const lacks = need !== undefined && outputs[need] === undefined;
    const isJoined = kind !== "merge" || mode === "all" || given.length > 0;
    const isOff = kind === "work" && when && outputs[maybe!] === undefined;
    if (!isAfter || lacks || !isJoined || isOff) {
      states[name] = "skipped";
      continue;
    }
    const extra = value + sumOf(need === undefined ? 0 : outputs[need]);
    states[name] = "completed";
    if (kind === "merge") outputs[`${name}.value`] = mode === "all" ? given : given[0];
    else if (kind === "loop") {
      outputs[`${name}.results`] = items.filter((item) => item !== BAD_ITEM).map((item) => ({ v: item + extra }));
      const failed = items.flatMap((item, index) =>
        item === BAD_ITEM ? [{ index, item, error: { code: "ECONNRESET" } }] : [],
      );
      outputs[`${name}.errors`] = onItemError === "collect" ? failed : [];
    } else if (flaky < ATTEMPTS) {
      outputs[`${name}.out`] = extra + sumOf(given) + sumOf(maybe === undefined ? 0 : outputs[maybe]);
    } else {
      states[name] = "failed";
      outputs[`${name}.error`] = { code: "ECONNRESET" };
      fails ||= !isHandled(name);
    }
  }
  return { states, outputs, fails };
}

/** The same as a Blueprint. What fails unhandled drains, so that how it ends does not depend on who is faster. */
export function toBlueprint(specs: readonly Spec[]): Record<string, unknown> {
  const nodes: Record<string, object> = {};
  const outputs: Record<string, object> = {};
  const retry = { attempts: ATTEMPTS, backoff: "fixed", initial: "1ms", jitter: "none", on: ["network"] };
  for (const spec of specs) {
    const { name, kind, many, need, maybe, when, after, value, mode, flaky, items, onItemError } = spec;
    const control = after === undefined ? {} : { after: [after] };
    if (kind === "merge") {
      nodes[name] = { uses: "core/merge@1", in: { items: many }, with: { mode }, ...control };
      if (need !== undefined)
        (nodes[name] as { after?: string[] }).after = [...(after === undefined ? [] : [after]), need];
    } else if (kind === "loop") {
      nodes[`${name}Items`] = { uses: "test/give@1", with: { value: items } };
      const body = {
        x: {
          uses: "test/item@1",
          in: { n: "$item", ...(need === undefined ? {} : { add: "$inputs.add" }) },
          with: { value },
        },
      };
      nodes[name] = {
        uses: "core/forEach@1",
        in: { items: `${name}Items.out`, ...(need === undefined ? {} : { add: need }) },
        with: { concurrency: 2, onItemError },
        body: { nodes: body, outputs: { v: "x.out" } },
        ...control,
      };
    } else {
      const wires = {
        ...(many.length > 0 ? { many } : {}),
        ...(need === undefined ? {} : { add: need }),
        ...(maybe === undefined ? {} : { in: maybe }),
      };
      nodes[name] = {
        uses: "test/work@1",
        in: wires,
        with: { value, flaky },
        retry,
        ...control,
        ...(when ? { when: "${ $exists(in.in) }" } : {}),
      };
    }
    for (const port of kind === "loop" ? ["results", "errors"] : [portOf(spec)]) {
      outputs[`${name}_${port}`] = { type: "any", from: `${name}.${port}` };
    }
  }
  return {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    id: "random",
    name: "random",
    version: "1.0.0",
    policy: { onFailure: "drain", concurrency: 3 },
    nodes,
    outputs,
  };
}

const broken = (): Error => Object.assign(new Error("broken"), { code: "ECONNRESET" });
const turns = dice(12_345);
/** None to two turns of the event loop: so that nodes overtake each other. */
async function pause(): Promise<void> {
  for (let left = turns(3); left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}
/** Adds what it gets; fails as often as its configuration says. */
export const work: AnyNodeDef = node("work", async (ctx) => {
  await pause();
  if (ctx.attempt <= ctx.config.flaky) throw broken();
  return { out: ctx.config.value + sumOf(ctx.in.add) + sumOf(ctx.in.many) + sumOf(ctx.in.in) };
});
/** Of loops' bodies. */
export const item: AnyNodeDef = node("item", async (ctx) => {
  await pause();
  if (ctx.in.n === BAD_ITEM) throw broken();
  return { out: ctx.in.n + ctx.config.value + sumOf(ctx.in.add) };
});

/** The engine's errors say more than the interpreter's: only the code counts. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("code" in value) return { code: value.code };
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (key === "key" ? [] : [[key, plain(inner)]])),
  );
}
