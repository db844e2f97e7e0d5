import type { Clock } from "@atomiton/events";
import { expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { Runtime } from "../../src/runtime.ts";
import { blueprint } from "../engine/kit.ts";

const HOUR_MS = 3_600_000;
const COUNT = 10_000;

/** Stands until it jumps: then everything that has become due runs in one turn, as after a night with the lid closed. */
class JumpingClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ at: number; run: () => void }>();
  now = (): number => this.#now;
  monotonic = (): number => this.#now;
  get waiting(): number {
    return this.#timers.size;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
  endOfTick(run: () => void): void {
    queueMicrotask(run);
  }
  jump(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) {
      if (timer.at <= this.#now && this.#timers.delete(timer)) timer.run();
    }
  }
}

/** CPU time, ms. */
async function run(count: number): Promise<number> {
  const clock = new JumpingClock();
  const runtime = new Runtime({ clock, blobs: openBlobStore({ memory: true }) });
  const nodes = {
    n: { uses: "core/delay@1", with: { duration: "1h" } },
    after: { uses: "core/set@1", after: ["n"], with: { values: { x: 1 } } },
  };
  const text = JSON.stringify(blueprint(nodes, { outputs: { x: { type: "any", from: "after.x" } } }));
  const from = process.cpuUsage();
  const ids: string[] = [];
  for (let at = 0; at < count; at++) ids.push(await runtime.execute({ inline: text }));
  const ends = Promise.all(ids.map((id) => runtime.waitForCompletion(id)));
  const isWaiting = (id: string): boolean => runtime.snapshot(id).waits?.length === 1;
  for (let turns = 0; turns < 1_000 && !ids.every(isWaiting); turns++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(runtime.gauge()).toMatchObject({ executions: count, running: 0, waitingForSlot: 0 });
  clock.jump(8 * HOUR_MS);
  const results = await ends;
  const { user, system } = process.cpuUsage(from);
  expect(results.every(({ x }) => x === 1)).toBe(true);
  await runtime.close();
  expect(clock.waiting).toBe(0);
  return (user + system) / 1_000;
}

test(
  `[R-RUN-29] ${COUNT} executions wait at once, and end when eight hours have passed in one moment`,
  { timeout: 120_000 },
  async () => {
    await run(COUNT / 20);
    const small = await run(COUNT / 10);
    const large = await run(COUNT);
    console.log(`${Math.round(small)} and ${Math.round(large)} ms of CPU`);
    expect(large / small).toBeLessThan(20);
  },
);
