import { expect, test } from "vitest";
import { z } from "zod";

import { port } from "../../src/blueprint/define-node.ts";
import { systemClock } from "../../src/engine/clock.ts";
import { bench, node } from "../engine/kit.ts";
import { dice } from "./dice.ts";

const SEEDS = Number(process.env["ATOMITON_SEEDS"] ?? 300);
const numbers = { a: port.stream(z.any()), b: port.stream(z.any()) };
/** Each loop that it passed has put it into an object. */
const valueOf = (item: any): number => (typeof item === "number" ? item : valueOf(item.v));

/** Emits its own numbers, then what it reads, one wire after the other: even ones on `a`, odd ones on `b`. */
const mix = node(
  "mix",
  async (ctx) => {
    let count = 0;
    const emit = async (value: number): Promise<void> => {
      if (++count === ctx.config.breaksAt) throw new Error("broken");
      await ctx.emit(value % 2 === 0 ? "a" : "b", value);
    };
    for (let at = 0; at < ctx.config.own; at++) await emit(at);
    for (const stream of ctx.in.items ?? []) for await (const item of stream) await emit(valueOf(item));
    return { n: count + (ctx.in.side ?? 0) };
  },
  {
    inputs: {
      items: port.stream(z.any(), { multi: true, required: false }),
      side: port.value(z.any(), { required: false }),
    },
    outputs: { ...numbers, n: port.value(z.any()) },
  },
);

interface Made {
  readonly name: string;
  readonly own: number;
  readonly items: readonly string[];
  readonly side: string | undefined;
  /** A loop over its first wire, instead of a node. */
  readonly isLoop: boolean;
}

function generate(seed: number): {
  made: Made[];
  concurrency: number;
  breaks: { at: number; item: number } | undefined;
} {
  const roll = dice(seed);
  const made: Made[] = [];
  const streams: string[] = [];
  const values: string[] = [];
  const pick = <T>(from: readonly T[]): T => from[roll(from.length)]!;
  const size = 2 + roll(8);
  for (let at = 0; at < size; at++) {
    const name = `n${at}`;
    const items = streams.length === 0 ? [] : Array.from({ length: roll(4) }, () => pick(streams));
    const isLoop = items.length > 0 && roll(4) === 0;
    const side = !isLoop && values.length > 0 && roll(4) === 0 ? pick(values) : undefined;
    made.push({ name, own: isLoop ? 0 : roll(3) * 100, items: isLoop ? items.slice(0, 1) : items, side, isLoop });
    if (isLoop) streams.push(`${name}.results`);
    else {
      streams.push(`${name}.a`, `${name}.b`);
      values.push(`${name}.n`);
    }
  }
  const breaks = roll(3) === 0 ? { at: roll(size), item: 1 + roll(200) } : undefined;
  return { made, concurrency: 1 + roll(3), breaks };
}

/** What each node counts, one node after the other. */
function interpret(made: readonly Made[]): Record<string, number> {
  const streams = new Map<string, number[]>();
  const counts: Record<string, number> = {};
  for (const { name, own, items, side, isLoop } of made) {
    const all = [...Array.from({ length: own }, (_, at) => at), ...items.flatMap((from) => streams.get(from)!)];
    if (isLoop) {
      streams.set(`${name}.results`, all);
      continue;
    }
    streams.set(
      `${name}.a`,
      all.filter((value) => value % 2 === 0),
    );
    streams.set(
      `${name}.b`,
      all.filter((value) => value % 2 !== 0),
    );
    counts[name] = all.length + (side === undefined ? 0 : counts[side.split(".")[0]!]!);
  }
  return counts;
}

function toNodes(made: readonly Made[], breaks: { at: number; item: number } | undefined): object {
  return Object.fromEntries(
    made.map(({ name, own, items, side, isLoop }, at) => {
      const wires = { ...(items.length > 0 ? { items } : {}), ...(side === undefined ? {} : { side }) };
      if (!isLoop) {
        const breaksAt = breaks?.at === at ? breaks.item : 0;
        return [name, { uses: "test/mix@1", in: wires, with: { own, breaksAt } }];
      }
      const body = { nodes: { g: { uses: "test/give@1", in: { in: "$item" } } }, outputs: { v: "g.out" } };
      return [name, { uses: "core/forEach@1", in: { items: items[0] }, with: { concurrency: 3 }, body }];
    }),
  );
}

test(
  `[R-STR-3] ends ${SEEDS} random graphs of streams, with what one node after the other gives`,
  { timeout: 120_000 },
  async () => {
    const { runtime, start } = bench([mix], { clock: systemClock, concurrency: 2 });
    for (let seed = 0; seed < SEEDS; seed++) {
      const { made, concurrency, breaks } = generate(seed);
      const counted = made.filter(({ isLoop }) => !isLoop);
      const outputs = Object.fromEntries(counted.map(({ name }) => [name, { type: "any", from: `${name}.n` }]));
      // A graph that stands still is ended, and told from one that failed, by its timeout.
      const id = await start(toNodes(made, breaks), { policy: { concurrency, timeout: "10s" }, outputs });
      const end: any = await runtime.waitForCompletion(id).catch((error: unknown) => error);
      const wanted = interpret(made);
      const reaches = breaks !== undefined && !made[breaks.at]!.isLoop && all(made, breaks.at) >= breaks.item;
      expect(reaches ? end.code : end, `seed ${seed}`).toEqual(reaches ? "EXECUTION_FAILED" : wanted);
      expect(runtime.gauge(), `seed ${seed}`).toMatchObject({ running: 0, waitingForSlot: 0 });
    }
    await runtime.close();
  },
);

/** Items that a node emits. */
function all(made: readonly Made[], at: number): number {
  const { name } = made[at]!;
  const withoutSide = made.map((one) => ({ ...one, side: undefined }));
  return interpret(withoutSide)[name]!;
}
