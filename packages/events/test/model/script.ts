import fc from "fast-check";

import { NAMES, PATTERNS } from "./contract.ts";

export type At = "a" | "host" | "b";

export type Step =
  | { readonly do: "emit"; readonly at: At; readonly name: string; readonly key: number; readonly count: number }
  | { readonly do: "story"; readonly at: At; readonly key: number; readonly count: number }
  | { readonly do: "lose"; readonly road: number; readonly at: At; readonly name: string; readonly count: number }
  | { readonly do: "emit-large"; readonly at: At; readonly name: string }
  | {
      readonly do: "hear";
      readonly at: At;
      readonly pattern: string;
      readonly key: number | undefined;
      readonly since: boolean;
    }
  | { readonly do: "stop"; readonly which: number }
  | {
      readonly do: "ask";
      readonly at: "a" | "b";
      readonly name: string;
      readonly kind: "value" | "error" | "slow" | "never";
      readonly timeoutMs: number;
      readonly key: number | undefined;
    }
  | { readonly do: "cancel"; readonly which: number }
  | { readonly do: "move"; readonly frames: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "sleep"; readonly ms: number }
  | { readonly do: "cut"; readonly road: number; readonly half: "dialer" | "acceptor" | undefined }
  | { readonly do: "down" | "up" | "stall" | "flow" | "replace"; readonly road: number }
  | { readonly do: "faults"; readonly road: number; readonly percent: Readonly<Record<string, number>> }
  | { readonly do: "calm" };

/** What the buses are handed for byte media; `mixed`: page `b` nothing, page `a` the codec alone, as loops. */
export type Coding = "plain" | "codec" | "compressed" | "mixed";

export interface Script {
  readonly buses: 2 | 3;
  readonly medium: "bytes" | "clone";
  readonly coding: Coding;
  readonly seed: number;
  readonly steps: readonly Step[];
}

const at = fc.constantFrom<At>("a", "host", "b");
const side = fc.constantFrom("a" as const, "b" as const);
const road = fc.nat(1);
const key = fc.nat(2);
const percent = fc.constantFrom(0, 0, 2, 10);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant("emit" as const),
      at,
      name: fc.constantFrom(...NAMES),
      key,
      count: fc.oneof(
        { weight: 5, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: fc.integer({ min: 2, max: 30 }) },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("emit-large" as const), at, name: fc.constantFrom(...NAMES) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("hear" as const),
      at,
      pattern: fc.constantFrom(...PATTERNS),
      key: fc.option(key, { nil: undefined, freq: 2 }),
      since: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("stop" as const), which: fc.nat(30) }) },
  {
    // Progress, then what ends it.
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("story" as const), at, key, count: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    // Sent, not acknowledged, and the session is over.
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("lose" as const),
      road,
      at,
      name: fc.constantFrom(...NAMES),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      at: side,
      name: fc.constantFrom("do:ask", "do:sure", "do:far"),
      kind: fc.constantFrom("value" as const, "error" as const, "slow" as const, "never" as const),
      timeoutMs: fc.constantFrom(500, 5_000, 100_000),
      key: fc.option(key, { nil: undefined, freq: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: fc.nat(10) }) },
  { weight: 20, arbitrary: fc.record({ do: fc.constant("move" as const), frames: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 1, max: 400 }) },
        { weight: 2, arbitrary: fc.constantFrom(3_000, 30_000) },
        { weight: 1, arbitrary: fc.constantFrom(70_000, 130_000) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("sleep" as const), ms: fc.constantFrom(1_000, 40_000, 100_000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("cut" as const),
      road,
      half: fc.constantFrom(undefined, undefined, "dialer" as const, "acceptor" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("down" as const, "up" as const, "stall" as const, "flow" as const, "flow" as const),
      road,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replace" as const), road }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("faults" as const),
      road,
      percent: fc.record({ drop: percent, double: percent, delay: percent, reorder: percent, cut: percent }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("calm" as const) }) },
);

/** What happens, in order; the seed decides besides what the roads do to which frame. */
export const scripts: fc.Arbitrary<Script> = fc.record({
  buses: fc.constantFrom(2 as const, 3 as const),
  medium: fc.constantFrom("bytes" as const, "clone" as const),
  seed: fc.nat(1_000_000),
  steps: fc.array(step, { minLength: 10, maxLength: 120, size: "max" }),
  coding: fc.constantFrom<Coding>("plain", "codec", "compressed", "mixed"),
});

export function show({ steps, ...rest }: Script): string {
  return [JSON.stringify(rest), ...steps.map((each, i) => `${i} ${JSON.stringify(each)}`)].join("\n");
}
