/** Instances that wait for a person or a time. */
import { afterEach, expect, test } from "vitest";

import type { WaitInfo } from "../../src/contract.ts";
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
