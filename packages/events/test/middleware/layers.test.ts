import { afterEach, expect, test } from "vitest";
import { z } from "zod";

import { EventBus, ringJournal, type BusOptions, type RecordedMessage } from "../../src/index.ts";
import {
  batch,
  filter,
  inspect,
  log,
  permission,
  record,
  route,
  throttle,
  validate,
  type LogEntry,
} from "../../src/middleware/index.ts";
import { fakeClock } from "../../src/testing/index.ts";
import { joinBuses } from "../../src/testing/join-buses.ts";

type Heard = [name: string, data: unknown];

const buses: EventBus[] = [];
afterEach(() => Promise.all(buses.splice(0).map((bus) => bus.close())));

/** A bus without a contract: here the layers are all that looks at what passes. */
function make(options: BusOptions = {}) {
  const faults: { code?: string; message: string }[] = [];
  const bus = new EventBus({ connect: false, onError: (fault) => faults.push(fault as Error), ...options });
  buses.push(bus);
  const heard: Heard[] = [];
  bus.on("*", (data, { name }) => heard.push([name, data]));
  return Object.assign(bus, { faults, heard });
}

/** Two of them, joined; the first one hears the second, whose layers are tested. */
function pair(grants: string[] = []) {
  const clock = fakeClock({ manualTicks: true });
  const far = make({ clock });
  const near = make({ clock });
  const joined = joinBuses(far, near, clock, { first: { peer: { role: "page", grants } } });
  joined.flush();
  return { far, near, clock, flush: () => joined.flush() };
}

/** Ends ticks between promises, as often as these layers need. */
async function settle(flush: () => void): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await Promise.resolve();
    flush();
  }
}

/** The code that it fails with, or what it resolves to. */
const codeOf = (asked: Promise<unknown>): Promise<unknown> => asked.catch((fault: { code: string }) => fault.code);

const data = (heard: readonly Heard[]): unknown[] => heard.map(([, each]) => each);

test("[E-MID-1] filter lets pass what it wants, in every direction; a request that it stops is DENIED", async () => {
  const { far, near, flush } = pair();
  near.handle("b:ask", () => expect.unreachable());
  near.use(filter(({ name }) => name.startsWith("a:")));
  flush();
  for (const name of ["a:1", "b:1"]) near.emit(name, 1);
  for (const name of ["a:2", "b:2"]) far.emit(name, 2);
  const failed = codeOf(far.request("b:ask", 3));
  await settle(flush);
  expect(await failed).toBe("DENIED");
  expect(near.heard).toEqual([
    ["a:1", 1],
    ["a:2", 2],
  ]);
  expect(far.heard.map(([name]) => name).toSorted()).toEqual(["a:1", "a:2", "b:2", "b:ask"]);
});

test("[E-MID-2] validate stops what does not fit, coming and going, with INVALID_PAYLOAD; what fits has the schema's form", async () => {
  const { far, near, flush } = pair();
  near.handle("run:ask", (input) => input);
  near.use(validate({ "run:log": z.object({ line: z.string() }), "run:ask": z.number() }));
  flush();
  near.emit("run:log", { line: 1 });
  near.emit("run:log", { line: "a", more: true });
  far.emit("run:log", 5);
  const bad = codeOf(far.request("run:ask", "x"));
  const good = far.request("run:ask", 7);
  await settle(flush);
  expect(await bad).toBe("INVALID_PAYLOAD");
  expect(await good).toBe(7);
  expect(near.heard).toEqual([
    ["run:log", { line: "a" }],
    ["run:ask", 7],
  ]);
  expect(far.heard).toContainEqual(["run:log", { line: "a" }]);
  expect(near.faults.map(({ code }) => code)).toEqual(["INVALID_PAYLOAD", "INVALID_PAYLOAD", "INVALID_PAYLOAD"]);
});

test.each([
  [[], ["open", "admin:say"]],
  [["admin"], []],
])(
  "[E-MID-3] permission asks a peer with rights %j for a right, and this process for none",
  async (grants, refused) => {
    const { far, near, flush } = pair();
    // The rights are given where they are asked for.
    const clock = fakeClock({ manualTicks: true });
    const host = make({ clock });
    const page = make({ clock });
    const joined = joinBuses(host, page, clock, { first: { peer: { role: "page", grants } } });
    host.handle("admin:do", () => "done");
    host.use(permission({ "admin:*": "admin" }));
    joined.flush();
    host.emit("admin:say", "own");
    page.emit("admin:say", "peer");
    page.emit("open", "peer");
    const asked = codeOf(page.request("admin:do", 1));
    await settle(() => joined.flush());
    const isRefused = refused.length > 0;
    expect(await asked).toBe(isRefused ? "DENIED" : "done");
    expect(data(host.heard)).toEqual(isRefused ? ["own", "peer"] : ["own", "peer", "peer", 1]);
    expect(host.faults.map(({ code }) => code)).toEqual(isRefused ? ["DENIED"] : []);
    expect([far.faults, near.faults]).toEqual([[], []]);
    flush();
  },
);

test("[E-MID-4] throttle sends the first at once and the latest when the time is over, for each key; requests pass, and no timer is left", async () => {
  const { far, near, clock, flush } = pair();
  far.handle("run:ask", (input) => input);
  const layer = throttle({ ms: 100, pattern: "run:*", key: ({ data }) => String((data as { k: string }).k), clock });
  near.use(layer);
  flush();
  for (const n of [1, 2, 3]) for (const k of ["a", "b"]) near.emit("run:at", { k, n });
  near.emit("other", { k: "a", n: 9 });
  const asked = near.request("run:ask", { k: "a", n: 0 });
  await settle(flush);
  expect(await asked).toEqual({ k: "a", n: 0 });
  const events = () => far.heard.filter(([name]) => name !== "run:ask").map(([, { k, n }]: any) => `${k}${n}`);
  expect(events()).toEqual(["a1", "b1", "a9"]);
  clock.advance(100);
  flush();
  expect(events()).toEqual(["a1", "b1", "a9", "a3", "b3"]);
  expect(data(near.heard)).toHaveLength(8);
  near.emit("run:at", { k: "a", n: 4 });
  layer.flush();
  flush();
  expect(events().at(-1)).toBe("a4");
  // Each of the two keys holds one, until its time is over or it is told to let go.
  const waiting = clock.pendingTimers;
  layer.cancel();
  expect(clock.pendingTimers).toBe(waiting - 2);
  layer.cancel();
  expect(clock.pendingTimers).toBe(waiting - 2);
});

test("[E-MID-4] throttle remembers a bounded number of keys, and loses no last value of those it forgets", () => {
  const { far, near, clock, flush } = pair();
  near.use(throttle({ ms: 100, key: ({ data }) => String(data).split(":", 1)[0]!, clock }));
  flush();
  for (let key = 0; key < 1_500; key++) for (const n of [1, 2]) near.emit("at", `${key}:${n}`);
  flush();
  clock.advance(100);
  flush();
  expect(data(far.heard).filter((each) => String(each).endsWith(":2"))).toHaveLength(1_500);
});

test("[E-MID-5] batch lets what leaves in its time leave together, in order, and makes nothing wait that comes after", async () => {
  const { far, near, clock, flush } = pair();
  near.use(batch({ ms: 20, clock }));
  for (const n of [1, 2, 3]) near.emit("n", n);
  await settle(flush);
  clock.advance(10);
  near.emit("n", 4);
  await settle(flush);
  expect(far.heard).toEqual([]);
  clock.advance(10);
  await settle(flush);
  expect(data(far.heard)).toEqual([1, 2, 3, 4]);
  clock.advance(1);
  near.emit("n", 5);
  await settle(flush);
  expect(data(far.heard)).toHaveLength(4);
  clock.advance(20);
  await settle(flush);
  expect(data(far.heard)).toEqual([1, 2, 3, 4, 5]);
  expect(data(near.heard)).toEqual([1, 2, 3, 4, 5]);
});

test("[E-MID-6] route decides for each event whom it is for", async () => {
  const { far, near, flush } = pair();
  near.use(route(({ data }) => (data === 1 ? { except: far.id } : undefined)));
  for (const n of [1, 2]) near.emit("n", n);
  await settle(flush);
  expect(data(far.heard)).toEqual([2]);
  expect(data(near.heard)).toEqual([1, 2]);
});

test("[E-MID-7] log writes an entry for each message, without its payload; of a request when it has ended, with its time and code", async () => {
  const { far, near, clock, flush } = pair();
  const entries: LogEntry[] = [];
  near.use(log((entry) => entries.push(entry), clock));
  near.handle("slow", async () => {
    clock.advance(30);
    throw new Error("secret");
  });
  flush();
  near.emit("a", { password: 1 });
  far.emit("b", 1);
  const failed = codeOf(far.request("slow", 1));
  await settle(flush);
  expect(await failed).toBe("HANDLER_FAILED");
  expect(entries.map(({ way, kind, name, tookMs, failed: code }) => [way, kind, name, tookMs, code])).toEqual([
    ["local", "event", "a", undefined, undefined],
    ["out", "event", "a", undefined, undefined],
    ["in", "event", "b", undefined, undefined],
    ["in", "request", "slow", 30, "HANDLER_FAILED"],
  ]);
  expect(JSON.stringify(entries)).not.toMatch(/password|secret/);
});

test("[E-MID-8] record keeps what comes in and what the bus says itself, as replay plays it; a full journal is told once", async () => {
  const { far, near, flush } = pair();
  const journal = ringJournal();
  const faults: unknown[] = [];
  near.use(record(journal, (fault) => faults.push(fault)));
  near.use(record(ringJournal({ maxEntries: 1, whenFull: "refuse" }), (fault) => faults.push(fault)));
  near.emit("a", 1);
  far.emit("b", 2);
  far.emit("c", 3);
  await settle(flush);
  expect(faults).toMatchObject([{ code: "LIMIT" }]);
  const kept: RecordedMessage[] = [];
  for await (const { value } of journal.read({})) kept.push(value as RecordedMessage);
  expect(kept.map(({ name, data: each }) => [name, each])).toEqual([
    ["a", 1],
    ["b", 2],
    ["c", 3],
  ]);
  const player = make();
  const played: unknown[] = [];
  player.on("*", (each) => played.push(each), { replayed: true });
  expect(await player.replay(journal)).toBe(3);
  expect(played).toEqual([1, 2, 3]);
});

test("[E-MID-13] inspect shows rates by name and the last messages, bounded and without payloads; closed it counts no more", async () => {
  const { far, near, clock, flush } = pair();
  near.handle("ask", (input) => input);
  const inspector = inspect(near, { last: 3, clock });
  flush();
  for (let n = 0; n < 50; n++) far.emit("often", { secret: n });
  near.emit("once", 1);
  const asked = far.request("ask", 1);
  await settle(flush);
  await asked;
  clock.advance(1_000);
  const { traffic, last, links, id } = inspector.report();
  expect(traffic.map(({ name, count }) => [name, count.in, count.out, count.local])).toEqual([
    ["often", 50, 0, 0],
    ["once", 0, 1, 1],
    ["ask", 1, 0, 0],
  ]);
  expect(traffic[0]?.perSecond).toEqual({ in: 50, out: 0, local: 0 });
  clock.advance(4_000);
  expect(inspector.report().traffic[0]?.perSecond.in).toBe(10);
  expect(last.map(({ way, kind, name }) => [way, kind, name])).toEqual([
    ["in", "event", "often"],
    ["in", "event", "often"],
    ["in", "request", "ask"],
  ]);
  expect(JSON.stringify([traffic, last])).not.toContain("secret");
  expect([id, links.length]).toEqual([near.id, 1]);
  clock.advance(10_000);
  expect(inspector.report().traffic[0]?.perSecond.in).toBe(0);
  for (let n = 0; n < 1_500; n++) far.emit(`name-${n}`, n);
  flush();
  expect(inspector.report().traffic).toHaveLength(1_001);
  expect(inspector.report().traffic.find(({ name }) => name === "…")?.count.in).toBe(503);
  inspector.close();
  inspector.close();
  far.emit("often", 1);
  flush();
  expect(inspector.report().traffic.find(({ name }) => name === "often")?.count.in).toBe(50);
});
