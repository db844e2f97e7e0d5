import { expect, test } from "vitest";

import { throttle } from "../../src/index.ts";
import { fakeClock } from "../../src/testing/index.ts";
import { pages, transcript } from "./pages.ts";

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

async function one() {
  const world = pages();
  const told = transcript();
  const { ui, road, link } = world.all[0]!;
  ui.on("told", told.hear, { onGap: told.onGap });
  await world.settle();
  return { ...world, ...told, ui, road, link };
}

test("[E-MOD-14] a volatile event whose payload is a string does not break recovery, and loses nothing of others", async () => {
  const { host, ui, road, settle, pass, heard } = await one();
  const fleeting: unknown[] = [];
  ui.on("fleeting", (data) => fleeting.push(data));
  await settle();
  host.emit("told", { n: 1 });
  host.emit("fleeting", "a string");
  await settle();
  host.emit("told", { n: 2 });
  host.emit("fleeting", "on its way when the road is cut");
  host.emit("told", { n: 3 });
  road.cut();
  host.emit("fleeting", "while nobody is there");
  host.emit("told", { n: 4 });
  await pass(2_000);
  host.emit("told", { n: 5 });
  host.emit("fleeting", "again");
  await settle();
  expect(heard).toEqual([1, 2, 3, 4, 5]);
  expect(fleeting).toEqual(["a string", "again"]);
});

test("[E-MOD-15] what waits for a peer that is away is bounded, and what did not fit is counted in a gap before the rest", async () => {
  const { host, road, settle, pass, heard, gaps } = await one();
  road.setDown(true);
  road.cut();
  // 20 MB for an outbox of 8 MiB.
  const pad = "x".repeat(20_000);
  for (const n of numbers(1, 1_000)) host.emit("told", { n, pad });
  road.setDown(false);
  await pass(15_000);
  await settle();
  const arrived = heard.filter((each) => each !== "gap");
  expect(arrived.length * 20_000).toBeLessThan(8 * 1024 * 1024);
  expect(arrived.length * 20_000).toBeGreaterThan(7 * 1024 * 1024);
  expect(heard).toEqual(["gap", ...numbers(1_001 - arrived.length, 1_000)]);
  expect(gaps[0]!.names).toEqual({ told: 1_000 - arrived.length });
});

test("[E-MOD-16] a reconnect with many buffered frames loses none of them, both ways", async () => {
  const { host, ui, road, settle, pass, heard } = await one();
  const back = transcript();
  host.on("told", back.hear, { onGap: back.onGap });
  await settle();
  back.heard.length = 0;
  for (const n of numbers(1, 50)) {
    host.emit("told", { n });
    ui.emit("told", { n: n + 100 });
    if (n === 10) road.stall();
    // Each a frame of its own.
    await settle();
  }
  road.cut();
  road.flow();
  await pass(2_000);
  expect(heard.filter((n) => n !== "gap" && n <= 50)).toEqual(numbers(1, 50));
  expect(back.heard.filter((n) => n !== "gap" && n > 100)).toEqual(numbers(101, 150));
  expect([...heard, ...back.heard]).not.toContain("gap");
});

test("[E-MOD-17] 5,000 events in a burst all arrive; where their queue is shorter, one gap counts the rest", async () => {
  const { host, ui, road, settle, heard } = await one();
  const few = transcript();
  ui.on("few", few.hear, { onGap: few.onGap });
  await settle();
  for (const n of numbers(1, 5_000)) host.emit("told", { n });
  await settle();
  expect(heard).toEqual(numbers(1, 5_000));
  road.stall();
  for (const n of numbers(1, 5_000)) host.emit("few", { n });
  road.flow();
  await settle();
  expect(few.heard).toEqual(["gap", ...numbers(4_901, 5_000)]);
  expect(few.gaps[0]!.names).toEqual({ few: 4_900 });
});

test("[E-MOD-18] what is emitted while the peer is away arrives when it is back in time; later, a gap says so", async () => {
  const { host, road, settle, pass, heard } = await one();
  road.setDown(true);
  road.cut();
  host.emit("told", { n: 1 });
  await pass(30_000);
  road.setDown(false);
  await pass(15_000);
  expect(heard).toEqual([1]);
  road.setDown(true);
  road.cut();
  host.emit("told", { n: 2 });
  await pass(90_000);
  road.setDown(false);
  await pass(15_000);
  host.emit("told", { n: 3 });
  await settle();
  expect(heard).toEqual([1, "gap", 3]);
});

test("[E-MOD-19] a subscription goes on across reconnects, without hole and double", async () => {
  const { host, road, settle, pass, heard } = await one();
  for (const n of numbers(1, 40)) {
    host.emit("told", { n });
    if (n % 10 === 5) road.cut();
    if (n % 10 === 8) await pass(1_500);
  }
  await pass(1_500);
  await settle();
  expect(heard).toEqual(numbers(1, 40));
});

test("[E-MOD-20] a throttle and a `latest` event keep the last value", async () => {
  const clock = fakeClock();
  const called: number[] = [];
  const slow = throttle((n: number) => called.push(n), 100, clock);
  for (const n of numbers(1, 10)) slow(n);
  clock.advance(100);
  expect(called).toEqual([1, 10]);
  expect(clock.pendingTimers).toBe(1);
  clock.advance(100);
  expect(clock.pendingTimers).toBe(0);

  const { host, ui, settle, pass } = await one();
  const { heard, hear } = transcript();
  ui.on("last", hear);
  await settle();
  for (const n of numbers(1, 10)) host.emit("last", { n });
  await pass(200);
  expect(heard).toEqual([1, 10]);
});
