import { expect, test } from "vitest";
import { z } from "zod";

import { port } from "../../src/blueprint/define-node.ts";
import { bench, node } from "../engine/kit.ts";

const ITEMS = 10_000_000;
const MiB = 1024 * 1024;

const items = { items: port.stream(z.any()) };
const source = node(
  "source",
  async (ctx) => {
    for (let at = 0; at < ITEMS; at++) await ctx.emit("items", { at });
    return {};
  },
  { inputs: {}, outputs: items },
);
const pass = node(
  "pass",
  async (ctx) => {
    for await (const item of ctx.in.items) await ctx.emit("items", item);
    return {};
  },
  { inputs: items, outputs: items },
);

test("[R-STR-7] passes ten million items through a chain of three nodes in memory that does not grow", async () => {
  const heap: number[] = [];
  const sink = node(
    "sink",
    async (ctx) => {
      let count = 0;
      let sum = 0;
      for await (const { at } of ctx.in.items) {
        sum += at;
        if (++count % 500_000 === 0) heap.push(process.memoryUsage().heapUsed);
      }
      return { out: { count, sum } };
    },
    { inputs: items, outputs: { out: port.value(z.any()) } },
  );
  const { runtime, run } = bench([source, pass, sink]);
  const from = performance.now();
  const result = await run(
    {
      a: { uses: "test/source@1" },
      b: { uses: "test/pass@1", in: { items: "a.items" } },
      c: { uses: "test/sink@1", in: { items: "b.items" } },
    },
    { outputs: { out: { type: "any", from: "c.out" } } },
  );
  const seconds = (performance.now() - from) / 1_000;
  expect(result).toEqual({ out: { count: ITEMS, sum: (ITEMS * (ITEMS - 1)) / 2 } });
  console.log(
    `${Math.round(ITEMS / seconds / 1_000)}k items/s; heap at most ${Math.round(Math.max(...heap) / MiB)} MiB`,
  );
  // The lowest of each half: what is there between two collections. A word kept of each item would be 40 MiB.
  const half = heap.length / 2;
  expect(Math.min(...heap.slice(half)) - Math.min(...heap.slice(0, half))).toBeLessThan(16 * MiB);
  await runtime.close();
});
