import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { afterEach, beforeEach, expect, test } from "vitest";

import { Runtime } from "../../src/runtime.ts";
import { blueprint } from "../engine/kit.ts";

const EXECUTIONS = 10_000;
const WITH_FOLDER = 1_000;
const AT_ONCE = 20;
const MiB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomiton-executions-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Of each kind one: it completes, fails, is tried again, loops over a stream, is skipped, times out, waits until it is cancelled. */
const KINDS: readonly { nodes: object; policy?: object; isCancelled?: boolean }[] = [
  {
    nodes: {
      a: { uses: "core/set@1", with: { values: { x: [1, 2, 3] } } },
      b: { uses: "core/log@1", in: { x: "a.x" }, with: { message: "${ 'n' & $count(in.x) }" } },
    },
  },
  {
    nodes: {
      a: { uses: "core/fail@1", with: { message: "no" } },
      b: { uses: "core/set@1", in: { e: "a.error" }, with: { values: { x: 1 } } },
    },
  },
  { nodes: { a: { uses: "core/fail@1", with: { message: "no" } } } },
  {
    nodes: {
      a: { uses: "core/set@1", with: { values: { x: [1, 2, 3] } } },
      each: {
        uses: "core/forEach@1",
        in: { items: "a.x" },
        with: { key: "${ item }" },
        body: { nodes: { b: { uses: "core/set@1", with: { values: { y: "${ item }" } } } }, outputs: { y: "b.y" } },
      },
      all: { uses: "core/collect@1", in: { items: ["each.results"] } },
    },
  },
  {
    nodes: {
      a: { uses: "core/set@1", when: "${ false }", with: { values: { x: 1 } } },
      b: { uses: "core/delay@1", with: { duration: "1ms" }, in: { value: "a.x" } },
    },
  },
  { nodes: { a: { uses: "core/input.wait@1", with: { timeout: "1h" } } }, policy: { timeout: "5ms" } },
  { nodes: { a: { uses: "core/input.wait@1", with: { prompt: "?" } } }, isCancelled: true },
];

async function execute(runtime: Runtime, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const { nodes, policy, isCancelled } = KINDS[at % KINDS.length]!;
      const id = await runtime.execute({ inline: blueprint(nodes, { policy: { durability: "off", ...policy } }) });
      const off = runtime.onProgress(id, () => undefined);
      if (isCancelled) await runtime.cancel(id);
      else await runtime.waitForCompletion(id).catch(() => undefined);
      off();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const MOMENTARY = /^(Immediate|Timeout|FSReq)/;
const timers = (): number => process.getActiveResourcesInfo().filter((what) => what === "Timeout").length;
const isWriting = (): boolean => process.getActiveResourcesInfo().some((what) => what.startsWith("FSReq"));

/** What the process holds, when it rests. */
async function held(runtime: Runtime): Promise<{ heap: number; rest: object }> {
  // What is written when an execution is over; 2,000 turns are some seconds.
  for (let turn = 0; turn < 20 || (turn < 2_000 && isWriting()); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1)); // real time: the disk's
  }
  gc();
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  const listeners = process.eventNames().map((name) => [String(name), process.listenerCount(name)]);
  const files = await readdir("/proc/self/fd").catch(() => []);
  const { executions: _, ...gauge } = runtime.gauge();
  const resources = process.getActiveResourcesInfo().filter((what) => !MOMENTARY.test(what));
  return {
    heap: process.memoryUsage().heapUsed,
    rest: {
      gauge,
      listeners,
      files: files.length,
      resources: resources.toSorted((a, b) => (a < b ? -1 : 1)),
      timers: timers(),
    },
  };
}

test(
  `[R-RUN-15] after ${EXECUTIONS} executions memory, handles, timers and listeners are what they were`,
  { timeout: 300_000 },
  async () => {
    const runtime = new Runtime({ dir: folder });
    await execute(runtime, 1_000);
    const before = await held(runtime);
    await execute(runtime, EXECUTIONS);
    const after = await held(runtime);
    expect(after.rest).toEqual(before.rest);
    console.log(`${((after.heap - before.heap) / MiB).toFixed(1)} MiB more than ${(before.heap / MiB).toFixed(1)} MiB`);
    // A hundred bytes kept of each would be 1 MiB.
    expect(after.heap - before.heap).toBeLessThan(4 * MiB);
    await runtime.close();
  },
);

test(`[R-RUN-15] so they are after ${WITH_FOLDER} executions in a data folder`, { timeout: 300_000 }, async () => {
  const runtime = new Runtime({ dir: folder, dataDir: join(folder, "data"), retention: { executions: 50 }, keep: 50 });
  await execute(runtime, 200);
  const before = await held(runtime);
  await execute(runtime, WITH_FOLDER);
  const after = await held(runtime);
  expect(after.rest).toEqual(before.rest);
  expect(after.heap - before.heap).toBeLessThan(4 * MiB);
  await runtime.close();
});
