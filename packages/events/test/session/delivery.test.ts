import { expect, test } from "vitest";

import type { SendPolicy } from "../../src/session/messages.ts";
import { openRoad } from "./sides.ts";

const keyOf = (data: unknown): string => (data as { key: string }).key;
const progress: Partial<SendPolicy> = { name: "progress", delivery: "latest", keyOf };
const paced: Partial<SendPolicy> = { ...progress, everyMs: 100 };
const done: Partial<SendPolicy> = { name: "done", flushes: [{ name: "progress", keyOf }] };
const step = (key: string, n: number): unknown => ({ key, n });

test("[S1] messages of one lane arrive in the order they were emitted, whatever their kind and delivery", () => {
  const world = openRoad();
  for (let i = 0; i < 300; i++) {
    if (i % 3 === 0) world.a.emit(i, { delivery: "volatile", name: "log" });
    else if (i % 3 === 1) world.a.emit(i);
    else world.a.emit(i, { name: "two" }, { ts: i });
    if (i % 50 === 0) world.settle();
  }
  world.settle();
  expect(world.b.data).toEqual(Array.from({ length: 300 }, (_, i) => i));
});

test("[S2] a volatile event is never queued across a disconnect, and its drop is counted", () => {
  const world = openRoad();
  world.link.setDown(true);
  world.a.emit("on its way", { delivery: "volatile" });
  world.a.emit("kept");
  world.clock.endTick();
  world.link.cut();
  world.a.emit("away", { delivery: "volatile" });
  world.link.setDown(false);
  world.pass(1_000);
  expect(world.a.at).toBe("open");
  expect(world.b.data).toEqual(["kept"]);
  expect(world.a.session.gauges().droppedEvents).toBe(2);
});

test("[S2] a volatile event is delivered at most once when the medium doubles it and the road is cut behind it", () => {
  const world = openRoad({ faults: { double: 1 } });
  world.a.emit("once", { delivery: "volatile" });
  world.clock.endTick();
  world.link.flush(1);
  world.link.cut();
  world.pass(1_000);
  world.settle();
  expect(world.b.data).toEqual(["once"]);
});

test("[S3] of a latest event the newest value of each key crosses, in the place of the newest", () => {
  const world = openRoad();
  world.a.emit(step("a", 1), progress);
  world.a.emit("between");
  world.a.emit(step("b", 1), progress);
  world.a.emit(step("a", 2), progress);
  world.settle();
  expect(world.b.data).toEqual(["between", step("b", 1), step("a", 2)]);
});

test("[S3] with everyMs the first value leaves at once, then one each interval, and always the last", () => {
  const world = openRoad();
  for (let i = 1; i <= 9; i++) {
    world.a.emit(step("a", i), paced);
    world.pass(20);
  }
  expect(world.b.data).toEqual([step("a", 1), step("a", 5)]);
  world.pass(1_000);
  expect(world.b.data).toEqual([step("a", 1), step("a", 5), step("a", 9)]);
  world.a.emit(step("a", 11), paced);
  world.settle();
  expect(world.b.data.at(-1)).toEqual(step("a", 11));
  expect(world.a.session.gauges().heldEvents).toBe(0);
});

test("[S3] an event that ends the story flushes its key first, and no other; no timer is left for it", () => {
  const world = openRoad();
  world.pass(1_000);
  const timers = world.clock.pendingTimers;
  for (const n of [1, 2]) {
    for (const key of ["a", "b"]) world.a.emit(step(key, n), paced);
    world.settle();
  }
  world.a.emit(step("a", 0), done);
  world.settle();
  expect(world.b.data).toEqual([step("a", 1), step("b", 1), step("a", 2), step("a", 0)]);
  world.a.emit(step("b", 0), done);
  world.settle();
  world.pass(1_000);
  expect(world.b.data.slice(4)).toEqual([step("b", 2), step("b", 0)]);
  expect([world.a.session.gauges().heldEvents, world.clock.pendingTimers]).toEqual([0, timers]);
});

test("[S3] the last value survives when throttle, disconnect, terminal event and close fall on one tick", () => {
  for (const ending of ["done", "close", "cut", "cut and done", "flush"]) {
    const world = openRoad();
    world.a.emit(step("a", 1), paced);
    world.a.emit(step("a", 2), paced);
    if (ending.startsWith("cut")) world.link.cut();
    if (ending.endsWith("done")) world.a.emit(step("a", 0), done);
    if (ending === "close") world.a.session.close();
    if (ending === "flush") void world.a.session.flush();
    world.pass(1_000);
    const values = world.b.data.filter((data) => (data as { n: number }).n > 0);
    expect([ending, values.at(-1)]).toEqual([ending, step("a", 2)]);
    world.a.session.close();
    world.settle();
    expect([ending, world.clock.pendingTimers]).toEqual([ending, 0]);
  }
});

test("[E-SES-22] latest keys that are at rest are forgotten: ten thousand keys keep no more than their bound", () => {
  const world = openRoad();
  for (let i = 0; i < 10_000; i++) {
    world.a.emit(step(`key ${i}`, i), { ...paced, everyMs: 1 });
    if (i % 100 === 0) world.pass(10);
  }
  expect(world.a.session.gauges().latestKeys).toBeLessThanOrEqual(1_125);
});

test("[E-SES-23] over the outbox limit the oldest events go, and a gap stands in their place with their names and number", () => {
  const world = openRoad({ limits: { outboxBytes: 10_000 } });
  world.link.stall();
  world.link.cut();
  for (let i = 0; i < 200; i++) world.a.emit({ i, pad: "x".repeat(80) }, { name: i % 2 === 0 ? "one" : "two" });
  expect(world.a.session.gauges().queuedBytes).toBeLessThanOrEqual(10_000);
  world.link.flow();
  world.pass(1_000);
  const [gap, ...rest] = world.b.log as [{ gap: Record<string, number> }, ...{ i: number }[]];
  const first = rest[0]!.i;
  expect(gap.gap).toEqual({ one: Math.ceil(first / 2), two: Math.floor(first / 2) });
  expect(rest.map(({ i }) => i)).toEqual(Array.from({ length: 200 - first }, (_, i) => first + i));
  expect(world.a.session.gauges().droppedEvents).toBe(first);
});

test("[E-SES-24] an event's own queue limit drops its oldest or all but its newest, and nothing of others", () => {
  const world = openRoad();
  world.link.cut();
  const few: Partial<SendPolicy> = { name: "log", queue: { max: 3, whenFull: "drop-oldest" } };
  const newest: Partial<SendPolicy> = { name: "two", queue: { max: 2, whenFull: "latest" } };
  const bytes: Partial<SendPolicy> = { name: "done", queue: { max: 100, maxBytes: 50, whenFull: "drop-oldest" } };
  for (let i = 0; i < 5; i++) {
    world.a.emit(i);
    world.a.emit(`log ${i}`, few);
    world.a.emit(`two ${i}`, newest);
    world.a.emit(`a long line of text ${i}`, bytes);
  }
  world.pass(1_000);
  const of = (name: string): unknown[] =>
    world.b.events.filter((event) => event.name === name).map((event) => event.data);
  expect(of("one")).toEqual([0, 1, 2, 3, 4]);
  expect(of("log")).toEqual(["log 2", "log 3", "log 4"]);
  expect(of("two")).toEqual(["two 4"]);
  expect(of("done")).toEqual(["a long line of text 3", "a long line of text 4"]);
  const lost: Record<string, number> = {};
  for (const gap of world.b.gaps) {
    for (const [name, count] of Object.entries(gap.names ?? {})) lost[name] = (lost[name] ?? 0) + count;
  }
  expect(lost).toEqual({ log: 2, two: 4, done: 3 });
  // Each gap stands before what came after the loss.
  expect(world.b.log[1]).toEqual({ gap: { log: 1, two: 1, done: 1 } });
});

test("[E-SES-25] an event that says to close ends the link when its queue is full, with a readable reason", () => {
  const world = openRoad();
  world.b.session.credit("main", 0);
  world.settle();
  const strict: Partial<SendPolicy> = { name: "log", queue: { max: 2, whenFull: "close" } };
  for (let i = 0; i < 2; i++) world.a.emit(i, strict);
  world.clock.endTick();
  expect(world.a.at).toBe("open");
  world.a.emit(2, strict);
  expect(world.a.why).toMatchObject({ code: "QUEUE_FULL", details: { name: "log" } });
  world.settle();
  expect(world.b.at).toBe("closed");
});

test("[E-SES-26] over the outbox limit a volatile event is dropped itself, and requests are refused at twice the limit", () => {
  const world = openRoad({ limits: { outboxBytes: 2_000 } });
  world.link.cut();
  const ask = (id: number): void =>
    world.a.session.send({ t: "request", id, name: "one", data: "x".repeat(400), timeoutMs: 1 }, "control");
  expect(() => {
    for (let id = 0; id < 100; id++) ask(id);
  }).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
  expect(world.a.session.gauges().queuedBytes).toBeLessThan(6_000);
});

test("[E-SES-27] a slow peer holds up no other: each session has its own outbox, window and gauges", () => {
  const [slow, quick] = [openRoad(), openRoad()];
  slow.link.stall();
  for (let i = 0; i < 3_000; i++) {
    for (const world of [slow, quick]) world.a.emit({ i, pad: "x".repeat(1_000) });
    quick.settle();
    slow.settle();
  }
  expect(quick.b.data).toHaveLength(3_000);
  expect(quick.a.session.gauges().queuedBytes).toBe(0);
  expect(slow.b.data).toHaveLength(0);
  const { queuedBytes, unackedBytes } = slow.a.session.gauges();
  expect(unackedBytes).toBeLessThanOrEqual(1024 * 1024);
  expect(queuedBytes).toBeLessThanOrEqual(8 * 1024 * 1024);
  slow.link.flow();
  slow.pass(2_000);
  expect(slow.b.data).toHaveLength(3_000);
});

test("[E-SES-28] of three windows one stops: the others miss nothing, it wakes to the exact number it missed", () => {
  const worlds = [1, 2, 3].map(() =>
    openRoad({ limits: { outboxBytes: 300_000 }, acceptLimits: { windowBytes: [1e5, 1e5, 1e5] } }),
  );
  const [asleep] = worlds;
  asleep!.link.stall();
  for (let i = 0; i < 2_000; i++) {
    for (const world of worlds) {
      world.a.emit({ i, pad: "x".repeat(500) });
      world.settle();
    }
  }
  asleep!.link.flow();
  asleep!.pass(2_000);
  for (const world of worlds.slice(1)) expect(world.b.data).toHaveLength(2_000);
  const missed = asleep!.b.gaps.reduce((sum, gap) => sum + (gap.names?.["one"] ?? 0), 0);
  expect(missed).toBeGreaterThan(500);
  expect(asleep!.b.data.length + missed).toBe(2_000);
  expect((asleep!.b.data.at(-1) as { i: number }).i).toBe(1_999);
});
