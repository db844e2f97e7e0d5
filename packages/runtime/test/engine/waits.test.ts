/** Instances that wait for a person or a time. */
import { afterEach, expect, test } from "vitest";

import type { WaitInfo } from "../../src/contract.ts";
import { systemClock } from "../../src/engine/clock.ts";
import { settled } from "./fake-clock.ts";
import { bench, node, type Bench } from "./kit.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
function benchOf(...args: Parameters<typeof bench>): Bench {
  const made = bench(...args);
  open.push(made.runtime);
  return made;
}
const waitsOf = ({ runtime }: Bench, id: string): WaitInfo[] => (runtime.snapshot(id) as { waits: WaitInfo[] }).waits;

const schema = { type: "object", required: ["ok"], properties: { ok: { type: "boolean" } } };
const approve = { uses: "core/input.wait@1", with: { prompt: "Publish?", schema, timeout: "1h" } };
const after = { uses: "test/give@1", in: { in: "approve.value" } };
const outputs = { outputs: { value: { type: "any", from: "after.out" } } };

test("[R-WAIT-1] an instance waits with its form, holds no slot, and goes on with the first answer that fits", async () => {
  const all = benchOf();
  const id = await all.start({ approve, after }, outputs);
  await settled();
  const control = all.runtime.control(id);
  expect(all.states(id)["approve"]).toBe("waiting");
  expect(all.runtime.gauge().running).toBe(0);
  expect(waitsOf(all, id)).toEqual([
    {
      waitId: "approve~1",
      path: "approve",
      for: "input",
      prompt: "Publish?",
      schema,
      until: all.clock.now() + 3_600_000,
    },
  ]);
  expect(all.of("runtime:state", id).findLast((data) => data.waits)).toMatchObject({
    waits: [{ waitId: "approve~1" }],
  });
  expect(() => control.answer("approve~1", { ok: "yes" })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  expect(() => control.answer("approve~2", { ok: true })).toThrow(expect.objectContaining({ code: "E_STATE" }));
  expect(waitsOf(all, id)).toHaveLength(1);
  control.answer("approve~1", { ok: true });
  expect(() => control.answer("approve~1", { ok: false })).toThrow(/it was answered/);
  expect(await all.runtime.waitForCompletion(id)).toEqual({ value: { ok: true } });
  expect(waitsOf(all, id)).toEqual([]);
  expect(all.clock.waiting).toBe(0);
  expect(all.of("runtime:output", id)[0]).toMatchObject({ path: "approve", attempt: 1 });
});

test("[R-WAIT-2] when its time is over it takes onTimeout, or fails; an answer comes too late then", async () => {
  const all = benchOf();
  const other = { ...approve, with: { ...approve.with, onTimeout: { ok: false } } };
  const id = await all.start({ approve: other, after }, outputs);
  await all.clock.move(3_600_001);
  expect(await all.runtime.waitForCompletion(id)).toEqual({ value: { ok: false } });
  const failing = await all.start({ approve, after }, outputs);
  await settled();
  const control = all.runtime.control(failing);
  await all.clock.move(3_600_001);
  await expect(all.runtime.waitForCompletion(failing)).rejects.toMatchObject({
    code: "EXECUTION_FAILED",
    details: { error: { code: "TIMEOUT", path: "approve" } },
  });
  expect(() => control.answer("approve~1", { ok: true })).toThrow(/its time was over/);
});

test("[R-WAIT-3] answers are taken while it is paused, and take effect on resume", async () => {
  const all = benchOf();
  const id = await all.start({ approve, after }, outputs);
  await settled();
  const control = all.runtime.control(id);
  control.pause();
  await settled();
  expect(control.state).toBe("paused");
  control.answer("approve~1", { ok: true });
  await settled();
  expect(all.states(id)["approve"]).toBe("held");
  control.resume();
  expect(await all.runtime.waitForCompletion(id)).toEqual({ value: { ok: true } });
});

test("[R-WAIT-3] cancel ends a wait, and its timer", async () => {
  const all = benchOf();
  const id = await all.start({ approve, after }, outputs);
  await settled();
  const control = all.runtime.control(id);
  expect(await all.runtime.cancel(id)).toBe("cancelled");
  expect(waitsOf(all, id)).toEqual([]);
  expect(all.clock.waiting).toBe(0);
  expect(() => control.answer("approve~1", { ok: true })).toThrow(/it was cancelled/);
});

test("[R-WAIT-4] a node may wait for a time and again, and keeps its state; `when` is asked once", async () => {
  const steps = node("steps", () => ({ $wait: { for: "time", until: 1_000_500 }, state: 1 }), {
    resume: async (_ctx, value, state) =>
      state < 3
        ? { $wait: { for: "time", until: 1_000_000 + 500 * (Number(state) + 1) }, state: Number(state) + 1 }
        : { out: [value, state] },
  });
  const all = benchOf([steps]);
  const id = await all.start(
    { a: { uses: "test/steps@1", when: "${ true }" } },
    { outputs: { out: { type: "any", from: "a.out" } } },
  );
  await all.clock.move(1_400);
  expect(all.states(id)["a"]).toBe("waiting");
  await all.clock.move(200);
  const [value, state] = (await all.runtime.waitForCompletion(id))["out"] as unknown[];
  expect([value, state]).toEqual([undefined, 3]);
});

test("[R-WAIT-4] a wait that cannot be is a failure of its node", async () => {
  for (const [wait, code] of [
    [{ $wait: { for: "event", subject: "x" } }, "INVALID_OUTPUT"],
    [{ $wait: { for: "time", until: 5 } }, "INVALID_OUTPUT"],
    [{ $wait: { for: "luck" } }, "INVALID_OUTPUT"],
  ] as const) {
    const all = benchOf([node("waits", () => ({ ...wait, state: 1 }))]);
    await expect(all.run({ a: { uses: "test/waits@1" } })).rejects.toMatchObject({ details: { error: { code } } });
  }
  const all = benchOf();
  const bad = { uses: "core/input.wait@1", with: { schema: { type: "nonsense" } } };
  await expect(all.run({ a: bad })).rejects.toMatchObject({ details: { error: { code: "CONFIG" } } });
});

test("[R-WAIT-5] an event goes to every node that waits for its subject, and to none that comes later; a time ends the wait", async () => {
  const all = benchOf();
  const wait = (subject: string, more: object = {}): object => ({
    uses: "core/event.wait@1",
    with: { subject, ...more },
  });
  const id = await all.start(
    {
      a: wait("paid"),
      b: wait("paid"),
      later: { ...wait("paid", { timeout: "1m", onTimeout: "late" }), after: ["a"] },
      other: wait("sent", { timeout: "1s" }),
      alert: { uses: "test/give@1", in: { in: "other.error" } },
    },
    { outputs: Object.fromEntries(["a", "b", "later"].map((name) => [name, { type: "any", from: `${name}.value` }])) },
  );
  await settled();
  const { waits } = all.runtime.snapshot(id) as any;
  expect(waits).toContainEqual({ waitId: "a~1", path: "a", for: "event", subject: "paid" });
  const control = all.runtime.control(id);
  expect(() => control.answer("a~1", 1)).toThrow(expect.objectContaining({ code: "E_STATE" }));
  expect(control.happened("nothing", 1)).toBe(0);
  control.pause();
  expect(control.happened("paid", { order: 42 })).toBe(2);
  control.resume();
  await all.clock.move(2_000);
  expect(all.states(id)).toMatchObject({ a: "completed", other: "failed", alert: "completed", later: "waiting" });
  await all.clock.move(60_000);
  expect(await all.runtime.waitForCompletion(id)).toEqual({ a: { order: 42 }, b: { order: 42 }, later: "late" });
});

test("[R-WAIT-6] a clock that is set back makes no span longer; one set forward, as by sleep, ends what is due within a minute", async () => {
  const hour = 3_600_000;
  const noon = node("noon", (ctx) => ({ $wait: { for: "time", until: ctx.config.at }, state: null }), {
    resume: async () => ({ out: "noon" }),
  } as never);
  const flaky = node("flaky", (ctx) => {
    if (ctx.attempt === 1) throw new Error("once");
    return { out: "again" };
  });
  const retry = { attempts: 2, on: ["internal"], initial: "1h", max: "1h", jitter: "none" };
  const start = async (): Promise<[Bench, string]> => {
    const all = benchOf([noon, flaky]);
    const until = all.clock.now() + 2 * hour;
    const ask = { uses: "core/input.wait@1", with: { timeout: "1h", onTimeout: "nobody" } };
    const graph = { ask, flaky: { uses: "test/flaky@1", retry }, noon: { uses: "test/noon@1", with: { at: until } } };
    const id = await all.start(graph);
    await settled();
    await settled();
    return [all, id];
  };
  const [back, first] = await start();
  back.clock.set(-8 * hour);
  await back.clock.move(hour + 1);
  expect(back.states(first)).toMatchObject({ ask: "completed", flaky: "completed", noon: "waiting" });
  await back.clock.move(8 * hour);
  expect(back.states(first)["noon"]).toBe("waiting");
  await back.clock.move(hour);
  await back.runtime.waitForCompletion(first);

  const [asleep, second] = await start();
  asleep.clock.set(8 * hour);
  await asleep.clock.move(60_000);
  await asleep.runtime.waitForCompletion(second);
  expect(asleep.states(second)).toMatchObject({ ask: "completed", flaky: "completed", noon: "completed" });
  expect(asleep.clock.waiting).toBe(0);
});

test("[R-WAIT-6] ten thousand timers that are due at once all fire, once", async () => {
  let due = 0;
  const runs = new Map<string, number>();
  const timed = node("timed", () => ({ $wait: { for: "time", until: due }, state: null }), {
    resume: async (ctx: any) => (runs.set(ctx.idempotencyKey, (runs.get(ctx.idempotencyKey) ?? 0) + 1), { out: 1 }),
  } as never);
  // Real timers: that so many of them fire together is what is asked.
  const all = benchOf([timed], { clock: systemClock });
  const items = Array.from({ length: 1_000 }, (_, index) => index);
  const graph = {
    list: { uses: "test/give@1", with: { value: items } },
    each: {
      uses: "core/forEach@1",
      in: { items: "list.out" },
      with: { concurrency: 1_000 },
      body: { nodes: { x: { uses: "test/timed@1" } }, outputs: { x: "x.out" } },
    },
  };
  due = systemClock.now() + 2_000;
  const ids = await Promise.all(items.slice(0, 10).map(() => all.start(graph)));
  await Promise.all(ids.map((id) => all.runtime.waitForCompletion(id)));
  expect(runs.size).toBe(10_000);
  expect([...runs.values()].every((times) => times === 1)).toBe(true);
  expect(systemClock.now()).toBeGreaterThanOrEqual(due);
});
