import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { Runtime } from "../../src/runtime.ts";
import { blueprint } from "../engine/kit.ts";

const SMALL = 10_000;
const LARGE = 100_000;
/** Ten times the size in at most twice ten times the processor's time: anything quadratic takes a hundred times. */
const RATIO = 20;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomiton-graphs-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs it in a runtime of its own; gives the outputs, and the processor's time in ms. */
async function run(file: object): Promise<{ outputs: Record<string, unknown>; cpuMs: number }> {
  await writeFile(join(folder, "graph.blueprint.json"), JSON.stringify(file));
  const runtime = new Runtime({ dir: folder });
  const from = process.cpuUsage();
  const id = await runtime.execute({ path: "graph.blueprint.json" });
  const outputs = await runtime.waitForCompletion(id);
  const { user, system } = process.cpuUsage(from);
  await runtime.close();
  return { outputs, cpuMs: (user + system) / 1_000 };
}

/** A chain, and beside it a fan whose ends meet. */
function graph(size: number): object {
  const half = size / 2;
  const set = (values: object, wires?: object): object => ({
    uses: "core/set@1",
    with: { values },
    ...(wires ? { in: wires } : {}),
  });
  const chain = Array.from({ length: half }, (_, at) => [
    `c${at}`,
    set({ x: 1 }, at === 0 ? undefined : { x: `c${at - 1}.x` }),
  ]);
  const fan = Array.from({ length: half - 1 }, (_, at) => [`f${at}`, set({ x: at }, { x: "c0.x" })]);
  const meet = { uses: "core/merge@1", in: { items: fan.map((_, at) => `f${at}.x`) } };
  return blueprint(
    { ...Object.fromEntries([...chain, ...fan]), meet },
    {
      policy: { durability: "off" },
      outputs: { last: { type: "any", from: `c${half - 1}.x` }, all: { type: "any", from: "meet.value" } },
    },
  );
}

test(
  `[R-ENG-50] a .blueprint.json of ${LARGE} nodes is read, checked and run in time linear in its size`,
  { timeout: 300_000 },
  async () => {
    await run(graph(1_000));
    const small = await run(graph(SMALL));
    const large = await run(graph(LARGE));
    expect(large.outputs["last"]).toBe(1);
    expect(large.outputs["all"]).toEqual(Array.from({ length: LARGE / 2 - 1 }, (_, at) => at));
    console.log(`${Math.round(small.cpuMs)} and ${Math.round(large.cpuMs)} ms of CPU`);
    expect(large.cpuMs / small.cpuMs).toBeLessThan(RATIO);
  },
);

test(`[R-ENG-26] ${LARGE} items of a forEach take ten times the time of ${SMALL}`, { timeout: 300_000 }, async () => {
  const loop = (size: number): object => {
    const body = {
      nodes: { x: { uses: "core/set@1", in: { n: "$item" }, with: { values: { x: "y" } } } },
      outputs: { n: "$item", x: "x.x" },
    };
    const nodes = {
      list: { uses: "core/set@1", with: { values: { items: Array.from({ length: size }, (_, at) => at) } } },
      each: { uses: "core/forEach@1", in: { items: "list.items" }, with: { concurrency: 16 }, body },
    };
    return blueprint(nodes, { policy: { durability: "off" }, outputs: { all: { type: "any", from: "each.results" } } });
  };
  await run(loop(1_000));
  const small = await run(loop(SMALL));
  const large = await run(loop(LARGE));
  expect(large.outputs["all"]).toHaveLength(LARGE);
  console.log(`${Math.round(small.cpuMs)} and ${Math.round(large.cpuMs)} ms of CPU`);
  expect(large.cpuMs / small.cpuMs).toBeLessThan(RATIO);
});
