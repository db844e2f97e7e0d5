import { expect, test } from "vitest";
import { z } from "zod";

import { defineContract, event, EventBus } from "../../src/index.ts";
import { faultyLink, fakeClock, joinBuses, seededRandom } from "../../src/testing/index.ts";
import { memoryPair } from "../../src/transports/memory.ts";
import type { Frame } from "../../src/wire/transport.ts";

test("[E-TST-1] a fake clock runs timers in their order, each at its time, and counts what is pending", () => {
  const clock = fakeClock({ now: 1_000 });
  const ran: unknown[] = [];
  clock.after(30, () => ran.push(["late", clock.now()]));
  clock.after(10, () => {
    ran.push(["early", clock.now()]);
    clock.after(5, () => ran.push(["caused", clock.now(), clock.monotonic()]));
  });
  const cancel = clock.after(20, () => ran.push("never"));
  expect(clock.pendingTimers).toBe(3);
  cancel();
  clock.advance(25);
  expect(ran).toEqual([
    ["early", 1_010],
    ["caused", 1_015, 15],
  ]);
  expect([clock.now(), clock.pendingTimers]).toEqual([1_025, 1]);
  clock.advance(5);
  expect([ran.at(-1), clock.pendingTimers]).toEqual([["late", 1_030], 0]);
});

test("[E-TST-2] sleeping makes timers late, the wall clock moves alone, and a tick ends when it is told to", async () => {
  const clock = fakeClock({ manualTicks: true });
  const ran: number[] = [];
  clock.after(10, () => ran.push(clock.monotonic()));
  clock.sleep(1_000);
  expect(ran).toEqual([1_000]);
  clock.setWallClock(77);
  expect([clock.now(), clock.monotonic()]).toEqual([77, 1_000]);
  let ended = 0;
  clock.endOfTick(() => clock.endOfTick(() => ended++));
  await Promise.resolve();
  expect(ended).toBe(0);
  expect([clock.endTick(), ended]).toEqual([2, 1]);
  const running = fakeClock();
  running.endOfTick(() => ended++);
  await Promise.resolve();
  expect(ended).toBe(2);
  expect(() => {
    const again = (): void => clock.endOfTick(again);
    again();
    clock.endTick();
  }).toThrow(RangeError);
});

test("[E-TST-3] one seed gives one sequence, on every platform", () => {
  const random = seededRandom(7);
  expect([random(), random(), random()].map((n) => n.toFixed(9))).toEqual([
    "0.011704753",
    "0.061958258",
    "0.976907633",
  ]);
  const many = Array.from({ length: 10_000 }, seededRandom(1));
  expect(many.every((n) => n >= 0 && n < 1)).toBe(true);
  expect(many.reduce((sum, n) => sum + n, 0) / 10_000).toBeCloseTo(0.5, 1);
});

test("[E-TST-4] a manual memory pair lets nothing cross before flush, and counts what waits", async () => {
  const pair = memoryPair({ manual: true });
  const heard: Frame[] = [];
  const quiet = { onOpen() {}, onDrain() {}, onClose() {} };
  const near = pair[0].open({ ...quiet, onFrame() {} });
  pair[1].open({ ...quiet, onFrame: (frame) => heard.push(frame) });
  near.send([1]);
  near.send([2]);
  await Promise.resolve();
  expect([heard.length, pair.waiting]).toEqual([0, 4]);
  expect(pair.flush()).toBe(4);
  expect([heard, pair.waiting]).toEqual([[[1], [2]], 0]);
});

/** What arrives of a hundred frames. */
function arrivals(seed: number): { heard: number[]; script: readonly string[] } {
  const heard: number[] = [];
  const quiet = { onOpen() {}, onDrain() {}, onClose() {} };
  const link = faultyLink({
    seed,
    medium: "clone",
    faults: { drop: 0.1, double: 0.1, reorder: 0.1, delay: 0.1 },
    accept: (transport) => void transport.open({ ...quiet, onFrame: (frame) => heard.push(frame[0] as number) }),
  });
  const near = link.dialer.open({ ...quiet, onFrame() {} });
  for (let i = 0; i < 100; i++) near.send([i]);
  link.flush();
  return { heard, script: link.script };
}

test("[E-TST-5] a faulty link breaks the same way for one seed, another way for another, and tells what it did", () => {
  const [first, again, other] = [arrivals(1), arrivals(1), arrivals(2)];
  expect(again).toEqual(first);
  expect(other.heard).not.toEqual(first.heard);
  expect(new Set(first.heard).size).toBeLessThan(100);
  expect(first.heard.length).toBeGreaterThan(new Set(first.heard).size);
  expect(first.heard).not.toEqual(first.heard.toSorted((a, b) => a - b));
  for (const what of [/dropped/, /again/, /overtakes/]) expect(first.script.some((line) => what.test(line))).toBe(true);
});

test("[E-TST-6] a faulty link cuts either side alone, stalls, flows, and fails dials while it is down", () => {
  const closed: string[] = [];
  const heard: string[] = [];
  const ends = (name: string) => ({
    onOpen() {},
    onDrain() {},
    onFrame: () => heard.push(name),
    onClose: (cause: { reason: string }) => closed.push(`${name}: ${cause.reason}`),
  });
  const link = faultyLink({ accept: (transport) => void transport.open(ends("acceptor")) });
  const near = link.dialer.open(ends("dialer"));
  link.stall();
  near.send(new Uint8Array(1));
  expect([link.flush(), link.waiting]).toEqual([0, 1]);
  link.flow();
  expect([link.flush(), heard]).toEqual([1, ["acceptor"]]);
  link.cut("dialer");
  near.send(new Uint8Array(1));
  expect([closed, link.flush()]).toEqual([["dialer: the road was cut"], 0]);
  link.cut("acceptor");
  link.setDown(true);
  link.dialer.open(ends("again"));
  expect(closed.slice(1)).toEqual(["acceptor: the road was cut", "again: nobody answers"]);
  expect(link.dials).toBe(2);
});

test("[E-TST-7] joined buses move when they are told to, and not before", () => {
  const contract = defineContract("test@1", {
    ping: event(z.object({ n: z.number() }), { from: ["host"], to: ["ui"] }),
  });
  const clock = fakeClock({ manualTicks: true });
  const host = new EventBus({ contract, role: "host", clock, connect: false });
  const page = new EventBus({ contract, role: "ui", clock, connect: false });
  const joined = joinBuses(host, page, clock);
  const heard: number[] = [];
  page.on("ping", ({ n }) => heard.push(n));
  joined.flush();
  expect(joined.links.map((link) => link.state.at)).toEqual(["open", "open"]);
  host.emit("ping", { n: 1 });
  expect(heard).toEqual([]);
  expect(joined.flush()).toBeGreaterThan(0);
  expect([heard, joined.waiting]).toEqual([[1], 0]);
});
