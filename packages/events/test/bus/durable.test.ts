import { expect, test } from "vitest";
import { z } from "zod";

import {
  defineContract,
  event,
  EventBus,
  ringJournal,
  type BusOptions,
  type Gap,
  type Journal,
} from "../../src/index.ts";
import { memoryPair } from "../../src/index.ts";
import { fakeClock, faultyLink, seededRandom } from "../../src/testing/index.ts";
import { counted, join, settle } from "./join.ts";

const Item = z.object({ n: z.number(), run: z.string().optional() });
const contract = defineContract("store@1", {
  "run:done": event(Item, { from: ["host", "worker"], to: ["ui", "host"], delivery: "durable" }),
  "run:made": event(Item, { from: ["host", "worker"], to: ["ui", "host"], delivery: "durable" }),
  "run:told": event(Item, { from: ["host", "worker"], to: ["ui", "host"] }),
});

function make(role: string, options: BusOptions = {}) {
  const faults: { code?: string; message: string }[] = [];
  const bus = new EventBus({ contract, role, onError: (fault) => faults.push(fault as Error), ...options });
  return Object.assign(bus, { faults });
}

function reader() {
  const heard: (number | string)[] = [];
  const gaps: Gap[] = [];
  let cursor = "";
  return {
    heard,
    gaps,
    last: () => cursor,
    hear: ({ n }: { n: number }, meta: { cursor?: string }): void => {
      heard.push(n);
      cursor = meta.cursor ?? cursor;
    },
    onGap: (gap: Gap): void => {
      gaps.push(gap);
      heard.push("gap");
    },
  };
}

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** Emits `from` to `to`. */
function emitAll(bus: { emit(name: "run:done", data: { n: number }): void }, to: number, from = 1): void {
  for (const n of upTo(to, from)) bus.emit("run:done", { n });
}

test("[E-DUR-1] a durable event needs a journal, is stored before anybody hears it, and is not heard where it cannot be", () => {
  expect(() => make("host").emit("run:done", { n: 1 })).toThrow(expect.objectContaining({ code: "JOURNAL" }));
  const journal = ringJournal({ maxEntries: 2, whenFull: "refuse" });
  const host = make("host", { journal });
  const stored: number[] = [];
  host.on("run:done", () => stored.push(journal.last));
  emitAll(host, 2);
  expect(stored).toEqual([1, 2]);
  expect(() => host.emit("run:done", { n: 3 })).toThrow(expect.objectContaining({ code: "LIMIT" }));
  expect(stored).toEqual([1, 2]);
  expect(host.inspect().journal).toMatchObject({ entries: 2, last: 2 });
});

test("[E-DUR-2] flush resolves when the journal has stored what was emitted, and fails as it fails", async () => {
  const ring = ringJournal();
  let store: (() => void) | undefined;
  let isStored = false;
  const journal: Journal = Object.assign(Object.create(ring) as Journal, {
    append: (value: unknown) => ring.append(value),
    flush: () => new Promise<void>((resolve) => (store = resolve)),
  });
  Object.defineProperty(journal, "last", { get: () => ring.last });
  const host = make("host", { journal });
  host.emit("run:done", { n: 1 });
  const flushed = host.flush().then(() => (isStored = true));
  await settle();
  expect(isStored).toBe(false);
  store?.();
  await flushed;
  await ring.close();
  const failing = make("host", { journal: ring });
  await expect(failing.flush()).rejects.toMatchObject({ code: "CLOSED" });
});

test("[E-DUR-3] since all is what was stored, in order, then what comes: here, over a link, and through a bus in the middle", async () => {
  const worker = make("worker", { journal: ringJournal() });
  const host = make("host", { journal: ringJournal() });
  const ui = make("ui");
  emitAll(worker, 100);
  await join(worker, host, { peer: { routes: true } }, { peer: { routes: true } });
  await join(host, ui);
  const readers = [reader(), reader(), reader()] as const;
  const [own, far, further] = readers;
  const offs = [
    worker.on("run:done", own.hear, { since: "all" }),
    host.on("run:done", far.hear, { since: "all" }),
    ui.on("run:done", further.hear, { since: "all" }),
  ];
  // Others want it too, in the same way and from now on: their messages are not its messages.
  const plain = reader();
  ui.on("run:done", plain.hear);
  const late: ReturnType<typeof reader>[] = [];
  for (const n of upTo(200, 101)) {
    worker.emit("run:done", { n });
    await Promise.resolve();
    if (n % 25 !== 0) continue;
    late.push(reader());
    ui.on("run:done", late.at(-1)!.hear, { since: "all" });
  }
  await Promise.all(offs.map(({ ready }) => ready));
  emitAll(worker, 210, 201);
  await settle();
  await settle();
  for (const { heard, gaps } of [...readers, ...late]) {
    expect(heard).toEqual(upTo(210));
    expect(gaps).toEqual([]);
  }
  expect(plain.heard).toEqual([...new Set(plain.heard)]);
  expect(plain.heard.at(-1)).toBe(210);
  expect([worker.faults, host.faults, ui.faults]).toEqual([[], [], []]);
});

test("[E-DUR-4] a reader goes on behind its cursor, also on another bus; a text that is none is refused", async () => {
  const host = make("host", { journal: ringJournal() });
  emitAll(host, 5);
  const first = make("ui");
  await join(host, first);
  const before = reader();
  await first.on("run:done", before.hear, { since: "all" }).ready;
  await first.close();
  emitAll(host, 9, 6);
  const second = make("ui");
  await join(host, second);
  const after = reader();
  await second.on("run:done", after.hear, { since: { after: before.last() } }).ready;
  host.emit("run:done", { n: 10 });
  await settle();
  expect(before.heard).toEqual(upTo(5));
  expect(after.heard).toEqual(upTo(10, 6));
  expect(() => second.on("run:done", after.hear, { since: { after: "yesterday" } })).toThrow(
    expect.objectContaining({ code: "JOURNAL" }),
  );
  expect(() => second.on("run:told", after.hear, { since: "all" })).toThrow(/no event of that name is stored/);
});

test("[E-DUR-5] what the journal does not keep any more stands as a gap before what it keeps", async () => {
  const host = make("host", { journal: ringJournal({ maxEntries: 10 }) });
  emitAll(host, 25);
  const ui = make("ui");
  await join(host, ui);
  const all = reader();
  const plain = reader();
  ui.on("run:done", plain.hear, { onGap: plain.onGap });
  await ui.on("run:done", all.hear, { since: "all", onGap: all.onGap }).ready;
  const own = reader();
  await host.on("run:done", own.hear, { since: "all", onGap: own.onGap }).ready;
  for (const { heard, gaps } of [all, own]) {
    expect(heard).toEqual(["gap", ...upTo(25, 16)]);
    expect(gaps).toEqual([{ from: 1, to: 15, lane: "main", reason: "the journal does not keep it any more" }]);
  }
  expect(plain.heard).toEqual([]);
});

test("[E-DUR-6] a pattern reads the stored events of all its names in the order they were emitted; where counts for them too", async () => {
  const host = make("host", { journal: ringJournal() });
  host.emit("run:done", { n: 1, run: "a" });
  host.emit("run:told", { n: 2, run: "a" });
  host.emit("run:made", { n: 3, run: "a" });
  host.emit("run:done", { n: 4, run: "b" });
  host.emit("run:done", { n: 5, run: "a" });
  const ui = make("ui");
  const [{ frames }] = [await join(host, ui)];
  const every = reader();
  const some = reader();
  await ui.on("run:*", every.hear, { since: "all" }).ready;
  const before = frames[0].length;
  await ui.on("run:*", some.hear, { since: "all", where: { run: "b" } }).ready;
  host.emit("run:told", { n: 6, run: "b" });
  await settle();
  expect(every.heard).toEqual([1, 3, 4, 5, 6]);
  expect(some.heard).toEqual([4, 6]);
  expect(frames[0].length - before).toBeLessThan(8);
});

/** A page that dials hosts which come and go; all live with one journal, as lives of one program do. */
async function lives(journal: Journal) {
  const clock = fakeClock();
  const options = { clock, random: seededRandom(3) };
  let host = make("host", { ...options, journal });
  const ui = make("ui", options);
  const road = faultyLink({ accept: (transport) => void host.connect(transport).ready.catch(() => undefined) });
  const link = ui.connect(road.dialer);
  const run = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = road.flush() === 0 ? quiet + 1 : 0;
    }
  };
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1_000) {
      clock.advance(Math.min(1_000, left));
      await run();
    }
  };
  await run();
  await link.ready;
  return {
    ui,
    road,
    run,
    pass,
    host: () => host,
    /** Dies without a word, with what it had emitted in its journal; the next one begins. */
    crash: async (): Promise<void> => {
      road.setDown(true);
      road.cut();
      const dead = host;
      host = make("host", { ...options, journal });
      await dead.close();
    },
    back: async (): Promise<void> => {
      road.setDown(false);
      await pass(40_000);
    },
  };
}

test("[S5] durable events that were emitted before a crash and not heard are delivered again, once each, to who had subscribed", async () => {
  const { ui, run, host, crash, back } = await lives(ringJournal());
  const all = reader();
  const plain = reader();
  host().emit("run:done", { n: 1 });
  ui.on("run:done", all.hear, { since: "all", onGap: all.onGap });
  ui.on("run:done", plain.hear, { onGap: plain.onGap });
  await run();
  for (let life = 0; life < 5; life++) {
    const n = life * 4 + 2;
    emitAll(host(), n, n);
    await run();
    emitAll(host(), n + 1, n + 1); // Under way when the host dies.
    await crash();
    emitAll(host(), n + 3, n + 2); // The next life emits before the page is back.
    await back();
  }
  host().emit("run:done", { n: 22 });
  await run();
  expect(all.heard).toEqual(upTo(22));
  expect(plain.heard).toEqual(upTo(22, 2));
  // An own bus with the cursor of a dead life goes on behind it.
  const again = reader();
  host().on("run:done", again.hear, { since: { after: all.last() } });
  await run();
  expect(again.heard).toEqual([]);
  expect(ui.faults.filter(({ code }) => code !== "LINK_LOST")).toEqual([]);
});

test("[S5] a session that is lost past its window costs no durable event, and no gap tells of one", async () => {
  const { ui, road, run, host, pass } = await lives(ringJournal());
  const heard = reader();
  const told: (number | string)[] = [];
  ui.on("run:done", heard.hear, { onGap: heard.onGap });
  ui.on("run:told", ({ n }) => told.push(n), { onGap: () => told.push("gap") });
  await run();
  emitAll(host(), 3);
  await run();
  road.setDown(true);
  emitAll(host(), 6, 4);
  host().emit("run:told", { n: 1 });
  await settle(); // On its way, and lost with the road.
  road.cut();
  await pass(90_000);
  road.setDown(false);
  await pass(40_000);
  emitAll(host(), 7, 7);
  host().emit("run:told", { n: 2 });
  await run();
  expect(heard.heard).toEqual(upTo(7));
  expect(told).toEqual(["gap", 2]);
});

test("[E-DUR-7] a peer that may not speak for others cannot make what they store look old", async () => {
  const host = make("host", { journal: ringJournal() });
  const worker = make("worker", { journal: ringJournal() });
  const ui = make("ui");
  await join(host, ui);
  await join(host, worker, { peer: { routes: false } });
  const heard = reader();
  await ui.on("run:done", heard.hear, { since: "all" }).ready;
  emitAll(host, 1);
  await settle();
  const [life] = heard.last().split("-");
  const links = (worker as unknown as { network: { links: Set<{ event(...a: unknown[]): void }> } }).network.links;
  const policy = { name: "run:done", delivery: "reliable", lane: "main", maxBytes: 1_000 };
  for (const link of links) link.event(policy, { n: -1 }, { id: `${life}-900` });
  await settle();
  emitAll(host, 3, 2);
  await settle();
  expect(heard.heard.filter((n) => n !== -1)).toEqual(upTo(3));
});

test("[E-DUR-8] stored events are sent as fast as the peer takes them: ten times the outbox crosses without a gap", async () => {
  const journal = ringJournal({ maxBytes: 256 * 1_048_576, maxEntries: 100_000 });
  const big = defineContract("big@1", {
    "a:b": event(z.object({ n: z.number(), fill: z.string() }), { from: ["host"], to: ["ui"], delivery: "durable" }),
  });
  const host = new EventBus({ contract: big, role: "host", journal });
  const ui = new EventBus({ contract: big, role: "ui" });
  const fill = "x".repeat(100_000);
  for (const n of upTo(800)) host.emit("a:b", { n, fill });
  const [left, right] = memoryPair();
  host.connect(counted(left));
  ui.connect(counted(right));
  const heard: number[] = [];
  const gaps: Gap[] = [];
  await ui.on("a:b", ({ n }) => heard.push(n), { since: "all", onGap: (gap) => gaps.push(gap) }).ready;
  expect(gaps).toEqual([]);
  expect(heard).toEqual(upTo(800));
  await Promise.all([host.close(), ui.close()]);
}, 60_000);

test("[E-DUR-9] a durable event in another lane than main is refused when the contract is defined", () => {
  expect(() => defineContract("lane@1", { "a:b": event(Item, { delivery: "durable", lane: "bulk" }) })).toThrow(
    /"main"/,
  );
});

test("[E-DUR-13] a peer reads a few subscriptions' past at a time, the others in their turn, and holds up nobody else", async () => {
  const ring = ringJournal();
  let reading = 0;
  let most = 0;
  const journal: Journal = Object.assign(Object.create(ring) as Journal, {
    append: (value: unknown) => ring.append(value),
    stats: () => ring.stats(),
    flush: () => ring.flush(),
    async *read(range: { from?: number; to?: number }) {
      most = Math.max(most, ++reading);
      try {
        for await (const entry of ring.read(range)) {
          await Promise.resolve();
          yield entry;
        }
      } finally {
        reading -= 1;
      }
    },
  });
  Object.defineProperty(journal, "last", { get: () => ring.last });
  const host = make("host", { journal });
  emitAll(host, 50);
  const [greedy, modest] = [make("ui"), make("ui")];
  await join(host, greedy);
  await join(host, modest);
  const readers = Array.from({ length: 100 }, () => reader());
  const offs = readers.map(({ hear }) => greedy.on("run:done", hear, { since: "all" }));
  const other = reader();
  await modest.on("run:done", other.hear, { since: "all" }).ready;
  expect(other.heard).toEqual(upTo(50));
  // Half of them are not wanted any more before their turn.
  for (const off of offs.slice(50)) off();
  await Promise.all(offs.map(({ ready }) => ready));
  for (const { heard } of readers.slice(0, 50)) expect(heard).toEqual(upTo(50));
  expect(most).toBeLessThanOrEqual(5);
  await settle();
  expect([reading, host.faults]).toEqual([0, []]);
});

test("[E-DUR-3] next and stream start with stored events too; a stream that is too small for them says what it lost", async () => {
  const host = make("host", { journal: ringJournal() });
  emitAll(host, 20);
  const ui = make("ui");
  await join(host, ui);
  expect(await ui.next("run:done", { since: "all" })).toEqual({ n: 1 });
  expect(await host.next("run:done", { since: "all", where: { n: 7 } })).toEqual({ n: 7 });
  const read = async (max: number, count: number): Promise<unknown[]> => {
    const stream = ui.stream("run:done", { since: "all", max });
    await settle();
    host.emit("run:done", { n: host.inspect().journal!.last + 1 });
    await settle();
    const items: unknown[] = [];
    for (let left = count; left > 0; left--) {
      const { value } = await stream.next();
      items.push(value.gap ?? value.data.n);
    }
    await stream.return?.();
    return items;
  };
  expect(await read(21, 21)).toEqual(upTo(21));
  const [gap, ...rest] = await read(5, 6);
  expect(gap).toMatchObject({ reason: "the reader of the stream is slow", from: 1, to: 17 });
  expect(rest).toEqual(upTo(22, 18));
  await settle();
  expect(host.inspect().listeners + ui.inspect().listeners).toBe(0);
});
