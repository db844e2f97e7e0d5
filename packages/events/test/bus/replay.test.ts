import { expect, test } from "vitest";
import { z } from "zod";

import { defineContract, event, EventBus, ringJournal, type Meta } from "../../src/index.ts";
import { fakeClock } from "../../src/testing/index.ts";
import { contract, join, make, settle } from "./join.ts";

async function entries(journal: ReturnType<typeof ringJournal>) {
  const all: { seq: number; ts: number; value: any }[] = [];
  for await (const entry of journal.read()) all.push(entry);
  return all;
}

test("[E-BUS-34] a recording keeps what its bus hears, its own and from links, in order, but no snapshots", async () => {
  const clock = fakeClock({ now: 1_000 });
  const journal = ringJournal({ clock });
  const host = make("host");
  const ui = make("ui");
  host.provide("run:state", () => ({ n: 99 }));
  await join(host, ui);
  const stop = ui.record(journal, { pattern: "run:*" });
  ui.on("run:state", () => undefined, { since: "last" });
  await settle();
  host.emit("run:told", { n: 1 });
  await settle();
  ui.emit("run:log", { n: 2 });
  stop();
  ui.emit("run:log", { n: 3 });
  const kept = await entries(journal);
  expect(kept.map(({ value }) => [value.name, value.data.n, value.origin.role])).toEqual([
    ["run:told", 1, "host"],
    ["run:log", 2, "ui"],
  ]);
  expect(new Set(kept.map(({ value }) => value.id)).size).toBe(2);
  expect([stop.recorded, stop.failed]).toEqual([2, 0]);
});

test("[E-BUS-34] what a journal refuses is counted, and told once", async () => {
  const ui = make("ui");
  const journal = ringJournal({ maxEntries: 1, whenFull: "refuse" });
  const stop = ui.record(journal);
  for (const n of [1, 2, 3]) ui.emit("run:log", { n });
  expect([stop.recorded, stop.failed]).toEqual([1, 2]);
  expect(ui.faults).toMatchObject([{ code: "LIMIT" }]);
});

test("[S8] a replay keeps ids, is marked, and reaches those who opted in alone: no handler, no link, no recording", async () => {
  const clock = fakeClock({ now: 5_000 });
  const journal = ringJournal({ clock });
  const first = make("ui");
  const stop = first.record(journal);
  first.emit("run:log", { n: 1 });
  clock.advance(100);
  first.emit("run:ask", { n: 2 });
  stop();
  const kept = await entries(journal);

  const viewer = make("ui");
  const host = make("host");
  host.on("*", () => expect.unreachable());
  host.handle("run:ask", () => expect.unreachable());
  const { frames } = await join(viewer, host);
  const again = ringJournal();
  viewer.record(again);
  viewer.on("*", () => expect.unreachable());
  const seen: [unknown, Meta][] = [];
  viewer.on("run:*", (data, meta) => seen.push([data, meta]), { replayed: true });
  await settle();
  const before = frames[0].length;
  expect(await viewer.replay(journal)).toBe(2);
  await settle();
  expect(frames[0].length).toBe(before);
  expect(again.last).toBe(0);
  expect(seen.map(([data]) => data)).toEqual([{ n: 1 }, { n: 2 }]);
  expect(seen.map(([, { id, ts, replayed, origin }]) => ({ id, ts, replayed, origin }))).toEqual(
    kept.map(({ ts, value }) => ({ id: value.id, ts, replayed: true, origin: value.origin })),
  );
});

test("[E-BUS-35] replay keeps the recorded pauses at its speed, from one number to another, filtered", async () => {
  const clock = fakeClock();
  const journal = ringJournal({ clock });
  const source = make("ui");
  const stop = source.record(journal);
  for (let n = 1; n <= 6; n++) {
    source.emit("run:log", { n, run: n % 2 === 0 ? "even" : "odd" });
    clock.advance(100);
  }
  stop();
  const viewer = make("ui", { clock });
  const seen: number[] = [];
  viewer.on("run:log", ({ n }) => seen.push(n), { replayed: true });
  const played = viewer.replay(journal, { from: 2, to: 5, speed: 2 });
  for (const upTo of [[2], [2, 3], [2, 3, 4], [2, 3, 4, 5]]) {
    await settle();
    expect(seen).toEqual(upTo);
    clock.advance(50);
  }
  expect(await played).toBe(4);
  seen.length = 0;
  expect(await viewer.replay(journal, { where: { run: "even" } })).toBe(3);
  expect(seen).toEqual([2, 4, 6]);
  expect(clock.pendingTimers).toBe(0);
});

test("[E-BUS-35] a replay ends with its signal or its bus, and leaves no timer", async () => {
  const clock = fakeClock();
  const journal = ringJournal({ clock });
  const source = make("ui");
  source.record(journal);
  source.emit("run:log", { n: 1 });
  clock.advance(1_000);
  source.emit("run:log", { n: 2 });
  const viewer = make("ui", { clock });
  const controller = new AbortController();
  const cancelled = viewer.replay(journal, { speed: 1, signal: controller.signal });
  const closed = viewer.replay(journal, { speed: 1 });
  for (const each of [cancelled, closed]) each.catch(() => undefined);
  await settle();
  expect(clock.pendingTimers).toBe(2);
  controller.abort();
  await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
  await viewer.close();
  await expect(closed).rejects.toMatchObject({ code: "CLOSED" });
  expect(clock.pendingTimers).toBe(0);
  await expect(viewer.replay(journal, { speed: -1 })).rejects.toThrow(RangeError);
});

/** Six entries, 100 ms from one to the next, and a bus that hears them. */
function recorded() {
  const clock = fakeClock();
  const journal = ringJournal({ clock });
  const source = make("ui");
  const stop = source.record(journal);
  for (let n = 1; n <= 6; n++) {
    source.emit("run:log", { n });
    clock.advance(100);
  }
  stop();
  const viewer = make("ui", { clock });
  const seen: number[] = [];
  viewer.on("run:log", ({ n }) => seen.push(n), { replayed: true });
  return { clock, journal, viewer, seen };
}

test("[E-REC-1] a paused replay plays nothing and holds no timer; resumed it goes on with the next entry", async () => {
  const { clock, journal, viewer, seen } = recorded();
  const replay = viewer.replay(journal, { speed: 1 });
  await settle();
  clock.advance(100);
  await settle();
  replay.pause();
  replay.pause();
  await settle();
  expect([seen, replay.position, clock.pendingTimers]).toEqual([[1, 2], 2, 0]);
  clock.advance(10_000);
  await settle();
  expect(seen).toEqual([1, 2]);
  replay.resume();
  await settle();
  expect(seen).toEqual([1, 2, 3]);
  clock.advance(99);
  await settle();
  expect(seen).toEqual([1, 2, 3]);
  for (let step = 0; step < 3; step++) {
    clock.advance(100);
    await settle();
  }
  expect(await replay).toBe(6);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  replay.pause();
  replay.resume();
});

test("[E-REC-2] seek goes on at an entry, forwards and backwards, also while paused and from a listener", async () => {
  const { clock, journal, viewer, seen } = recorded();
  const replay = viewer.replay(journal, { speed: 1, from: 2 });
  await settle();
  replay.seek(5);
  expect(replay.position).toBe(4);
  await settle();
  expect(seen).toEqual([2, 5]);
  replay.pause();
  replay.seek(1);
  await settle();
  expect(seen).toEqual([2, 5]);
  replay.resume();
  await settle();
  expect([seen, replay.position]).toEqual([[2, 5, 2], 2]);
  expect(() => replay.seek(0)).toThrow(RangeError);
  expect(() => replay.seek(1.5)).toThrow(RangeError);
  replay.seek(6);
  expect(await replay).toBe(4);
  expect(() => replay.seek(2)).toThrow(expect.objectContaining({ code: "CLOSED" }));
  expect(clock.pendingTimers).toBe(0);

  const again = viewer.replay(journal, { from: 5 });
  let jumps = 0;
  viewer.on("run:log", ({ n }) => void (n === 6 && jumps++ === 0 && again.seek(5)), { replayed: true });
  expect(await again).toBe(4);
  expect(seen.slice(4)).toEqual([5, 6, 5, 6]);
});

test("[E-REC-3] pauses are measured from where the replay began: timers that come late do not add up", async () => {
  const { clock, journal, viewer, seen } = recorded();
  const replay = viewer.replay(journal, { speed: 1 });
  await settle();
  clock.advance(100);
  // The page was busy for 350 ms: three entries fell due meanwhile.
  clock.sleep(350);
  await settle();
  expect(seen).toEqual([1, 2, 3, 4, 5]);
  clock.advance(50);
  expect(await replay).toBe(6);
});

test("[E-REC-4] a paused replay ends with its signal or its bus; speeds 0 and Infinity make no pauses", async () => {
  const { clock, journal, viewer, seen } = recorded();
  for (const speed of [0, Number.POSITIVE_INFINITY]) expect(await viewer.replay(journal, { speed })).toBe(6);
  expect(seen).toHaveLength(12);
  const controller = new AbortController();
  const one = viewer.replay(journal, { speed: 1, signal: controller.signal });
  const other = viewer.replay(journal, { speed: 1 });
  for (const each of [one, other]) {
    each.pause();
    each.catch(() => undefined);
  }
  await settle();
  controller.abort();
  await expect(one).rejects.toMatchObject({ code: "CANCELLED" });
  await viewer.close();
  await expect(other).rejects.toMatchObject({ code: "CLOSED" });
  expect(clock.pendingTimers).toBe(0);
});

test("[E-REC-5] a long replay lets other work have its turn", async () => {
  const journal = ringJournal();
  const source = make("ui");
  source.record(journal);
  for (let n = 1; n <= 5_000; n++) source.emit("run:log", { n });
  const viewer = make("ui");
  let turns = 0;
  let isOver = false;
  const replay = viewer.replay(journal).then(() => (isOver = true));
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
  }
  await replay;
  expect(turns).toBeGreaterThanOrEqual(5);
});

test("[E-BUS-36] entries that are no messages end a replay; messages that no contract allows are left out and told", async () => {
  const other = defineContract("other@1", { "other:log": event(z.object({ n: z.number() })) });
  const journal = ringJournal();
  const source = new EventBus({ contracts: [contract, other], role: "ui" });
  source.record(journal);
  source.emit("other:log", { n: 1 });
  source.emit("run:log", { n: 2 });
  const viewer = make("ui");
  const seen: number[] = [];
  viewer.on("run:log", ({ n }) => seen.push(n), { replayed: true });
  expect(await viewer.replay(journal)).toBe(1);
  expect(seen).toEqual([2]);
  expect(viewer.faults).toMatchObject([{ code: "UNKNOWN_EVENT" }]);
  journal.append({ name: "run:log" });
  await expect(viewer.replay(journal)).rejects.toMatchObject({ code: "JOURNAL" });
});

test("[E-BUS-36] what the journal does not keep any more is a gap", async () => {
  const journal = ringJournal({ maxEntries: 2 });
  const source = make("ui");
  source.record(journal);
  for (let n = 1; n <= 5; n++) source.emit("run:log", { n });
  const viewer = make("ui");
  const seen: unknown[] = [];
  viewer.on("run:log", ({ n }) => seen.push(n), { replayed: true, onGap: ({ from, to }) => seen.push([from, to]) });
  viewer.on("run:log", () => undefined, { onGap: () => expect.unreachable() });
  await viewer.replay(journal, { from: 1 });
  expect(seen).toEqual([[1, 3], 4, 5]);
});

test("[E-BUS-50] a latest event without a provider begins with the last value of each key, on its own bus and behind links", async () => {
  const Progress = z.object({ run: z.string(), percent: z.number() });
  const latest = defineContract("latest@1", {
    "run:progress": event(Progress, { from: ["host"], to: ["ui"], delivery: "latest", key: "run" }),
  });
  const host = new EventBus({ contract: latest, role: "host" });
  const ui = new EventBus({ contract: latest, role: "ui" });
  for (const [run, percent] of [
    ["a", 1],
    ["b", 2],
    ["a", 3],
  ] as const)
    host.emit("run:progress", { run, percent });
  await join(host, ui);
  const heard: unknown[] = [];
  const hear = ({ run, percent }: { run: string; percent: number }, { snapshot }: Meta) =>
    heard.push([run, percent, snapshot]);
  await ui.on("run:progress", hear, { since: "last" }).ready;
  expect(heard).toEqual([
    ["b", 2, true],
    ["a", 3, true],
  ]);
  heard.length = 0;
  host.on("run:progress", hear, { since: "last", where: { run: "b" } });
  expect(heard).toEqual([["b", 2, true]]);
});

test("[E-BUS-50] the last values of an event are bounded: the keys that are silent for longest go", () => {
  const latest = defineContract("latest@1", {
    "run:progress": event(z.object({ run: z.number() }), { delivery: "latest", key: "run" }),
  });
  const host = new EventBus({ contract: latest });
  for (let run = 0; run < 1_500; run++) host.emit("run:progress", { run });
  const heard: number[] = [];
  host.on("run:progress", ({ run }) => heard.push(run), { since: "last" });
  expect([heard.length, heard[0], heard.at(-1)]).toEqual([1_000, 500, 1_499]);
});

test("[E-BUS-51] a start that needs stored events says that there are none", async () => {
  const ui = make("ui");
  expect(() => ui.on("run:log", () => undefined, { since: "all" })).toThrow(
    expect.objectContaining({ code: "JOURNAL" }),
  );
  expect(() => ui.stream("run:log", { since: { after: "x" } })).toThrow(expect.objectContaining({ code: "JOURNAL" }));
  expect(ui.inspect().listeners).toBe(0);
});
