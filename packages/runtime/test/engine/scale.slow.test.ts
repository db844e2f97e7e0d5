import { expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { createCatalog } from "../../src/blueprint/catalog.ts";
import type { Blueprint, NodeDecl, Ref } from "../../src/blueprint/model.ts";
import { systemClock } from "../../src/engine/clock.ts";
import { Execution } from "../../src/engine/execution.ts";
import { compile } from "../../src/engine/plan/compile.ts";
import { HostLocks, HostSlots, Pace } from "../../src/engine/run/slots.ts";
import { Pool } from "../../src/pool/pool.ts";
import { bench, fail, give, take } from "./kit.ts";

const at = { line: 1, column: 1 };
const from = (node: string): Ref => ({ from: "node", node, port: "out", text: `${node}.out`, at });
const decl = (
  id: string,
  type: string,
  wires: Record<string, Ref | Ref[]> = {},
  more: Partial<NodeDecl> = {},
): NodeDecl => ({
  id,
  uses: { type: `test/${type}` },
  in: new Map(Object.entries(wires)),
  with: {},
  after: [],
  at,
  positions: new Map(),
  ...more,
});
/** Made by hand: what is measured here is the engine, not the reading of files. */
const graph = (nodes: NodeDecl[]): Blueprint => ({
  id: "large",
  name: "large",
  version: "1",
  inputs: new Map(),
  outputs: new Map(),
  types: new Map(),
  secrets: [],
  policy: { onFailure: "cancel", durability: "off" },
  nodes: new Map(nodes.map((node) => [node.id, node])),
  ui: new Map(),
  file: "<hand>",
});
const chain = (size: number, first: NodeDecl = decl("n0", "give"), type = "give", port = "in"): Blueprint =>
  graph([first, ...Array.from({ length: size - 1 }, (_, n) => decl(`n${n + 1}`, type, { [port]: from(`n${n}`) }))]);

async function run(
  blueprint: Blueprint,
): Promise<{ ms: number; execution: Execution; counts: Record<string, number> }> {
  const blobs = openBlobStore({ memory: true });
  const host = {
    clock: systemClock,
    random: Math.random,
    slots: new HostSlots(64),
    locks: new HostLocks(),
    pace: new Pace(),
    blobs,
    pool: new Pool(systemClock, 1),
    name: "test",
    vars: {},
    onUnknown: "fail" as const,
  };
  const begin = performance.now();
  const plan = compile(blueprint, { catalog: createCatalog([give, take, fail]) });
  const execution = new Execution({
    id: "x",
    plan,
    input: {},
    secrets: {},
    priority: 0,
    deadline: undefined,
    host,
    tell: () => undefined,
    isHeard: () => false,
    onEnd: () => undefined,
  });
  execution.start();
  await execution.ended();
  const ms = performance.now() - begin;
  await blobs.close();
  const counts: Record<string, number> = {};
  for (const { s } of (execution.snapshot() as { nodes: { s: string }[] }).nodes) counts[s] = (counts[s] ?? 0) + 1;
  return { ms, execution, counts };
}

test("[R-ENG-50] runs a chain of 100,000 nodes without recursion, in time linear in its size", async () => {
  await run(chain(2_000));
  const small = await run(chain(10_000));
  const large = await run(chain(100_000));
  expect(large.execution.state).toBe("completed");
  expect(large.counts).toEqual({ completed: 100_000 });
  // Ten times the size: far from the hundred times of anything quadratic.
  expect(large.ms / small.ms).toBeLessThan(40);
}, 60_000);

test("[R-ENG-50] skips and cancels a chain of 50,000 nodes without recursion", async () => {
  const skipped = await run(chain(50_000, decl("n0", "give", {}, { when: "${ false }" }), "take", "need"));
  expect([skipped.execution.state, skipped.counts]).toEqual(["completed", { skipped: 50_000 }]);
  const failed = await run(chain(50_000, decl("n0", "fail"), "take", "need"));
  expect([failed.execution.state, failed.counts]).toEqual(["failed", { failed: 1, cancelled: 49_999 }]);
}, 60_000);

test("[R-ENG-50] runs a fan-out and fan-in of 50,000", async () => {
  const names = Array.from({ length: 50_000 }, (_, n) => `n${n}`);
  const { execution, counts } = await run(
    graph([
      decl("root", "give"),
      ...names.map((name) => decl(name, "give", { in: from("root") })),
      decl("join", "give", { many: names.map(from) }),
    ]),
  );
  expect([execution.state, counts]).toEqual(["completed", { completed: 50_002 }]);
}, 60_000);

test("[R-ENG-51] lets the event loop turn while nodes that never wait run", async () => {
  let turns = 0;
  const tick = (): void => {
    turns++;
    timer = setImmediate(tick);
  };
  let timer = setImmediate(tick);
  const { ms } = await run(chain(50_000));
  clearImmediate(timer);
  // At least one in 100 ms, on a machine however slow; without yielding there would be one or two in all.
  expect(turns).toBeGreaterThan(Math.max(3, ms / 100));
}, 60_000);

test("[R-ENG-52] starts what is ready in one order: the longest way to the end first, then as written", async () => {
  for (let round = 0; round < 2; round++) {
    const all = bench([]);
    const id = await all.start(
      {
        short: { uses: "test/give@1" },
        other: { uses: "test/give@1" },
        long: { uses: "test/give@1" },
        l1: { uses: "test/give@1", in: { in: "long.out" } },
        l2: { uses: "test/give@1", in: { in: "l1.out" } },
        middle: { uses: "test/give@1" },
        m1: { uses: "test/give@1", in: { in: "middle.out" } },
      },
      { policy: { concurrency: 1 } },
    );
    await all.runtime.waitForCompletion(id);
    const order = all
      .of("runtime:state")
      .flatMap(({ nodes }: any) => (nodes ?? []).filter((one: any) => one.s === "running").map((one: any) => one.path));
    expect(order).toEqual(["long", "l1", "middle", "short", "other", "l2", "m1"]);
    await all.runtime.close();
  }
});
