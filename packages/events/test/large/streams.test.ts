import { expect, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus, memoryPair, type BusOptions } from "../../src/index.ts";
import { toReadable, withStreams } from "../../src/large/index.ts";
import { linkStreams } from "../../src/large/link-streams.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { FLAG_FIRST, FRAME_TYPE } from "../../src/wire/frame.ts";
import { counted, settle } from "../bus/join.ts";

const Bytes = z.instanceof(Uint8Array);
const contract = defineContract("files@1", {
  "file:read": command(
    z.object({ items: z.number() }),
    withStreams(z.object({ name: z.string() }), { rows: z.number() }),
    {
      from: ["ui"],
      to: ["host"],
    },
  ),
  "file:write": command(
    withStreams(z.object({ name: z.string() }), { content: Bytes }),
    z.object({ bytes: z.number() }),
    {
      from: ["ui"],
      to: ["host"],
      idempotent: true,
    },
  ),
  "file:seen": event(withStreams(z.object({}), { content: Bytes }), { from: ["host"], to: ["ui"] }),
});

function make(role: string, options: BusOptions = {}) {
  const faults: { code?: string }[] = [];
  const bus = new EventBus({ contract, role, onError: (fault) => faults.push(fault as never), ...options });
  return Object.assign(bus, { faults });
}

async function pair(options: BusOptions = {}) {
  const host = make("host", options);
  const ui = make("ui", options);
  const [a, b] = memoryPair();
  const links = [host.connect(a, { peer: { role: "ui" } }), ui.connect(b, { peer: { role: "host" } })] as const;
  await Promise.all(links.map((link) => link.ready));
  return { host, ui, links };
}

/** As a page has it. Its types say that it is iterable with the lib "dom.asynciterable" alone. */
function readable<T>(items: readonly T[]): AsyncIterable<T> {
  const source = new ReadableStream<T>({
    start(controller) {
      for (const item of items) controller.enqueue(item);
      controller.close();
    },
  });
  return source as unknown as AsyncIterable<T>;
}

/** Answers, once the other side knows of it. */
async function answer(bus: EventBus<any, any>, name: string, handler: (input: any) => unknown): Promise<void> {
  await bus.handle(name, handler as never).ready;
}

const streams = (bus: EventBus<any, any>) => bus.inspect().links[0]?.streams;
const none = { given: 0, taken: 0, bufferedBytes: 0 };

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Counts up; tells how far it got and how it was left. */
function counter(until: number) {
  const state = { made: 0, left: false };
  async function* count(): AsyncGenerator<number> {
    try {
      for (let n = 0; n < until; n++) {
        state.made = n + 1;
        yield await Promise.resolve(n);
      }
    } finally {
      state.left = true;
    }
  }
  return { state, rows: count() };
}

test("[E-STR-1] a stream in a reply arrives item by item, in order, and leaves nothing", async () => {
  const { host, ui } = await pair();
  await answer(host, "file:read", ({ items }) => ({ name: "numbers", rows: counter(items).rows }));
  const { name, rows } = await ui.request("file:read", { items: 5_000 });
  expect([name, await collect(rows)]).toEqual(["numbers", Array.from({ length: 5_000 }, (_, n) => n)]);
  await settle();
  expect([streams(host), streams(ui)]).toEqual([none, none]);
  expect([host.faults, ui.faults]).toEqual([[], []]);
});

test("[E-STR-1] a ReadableStream goes with a request, and with an event that one peer hears", async () => {
  const { host, ui } = await pair();
  const parts = [new Uint8Array(200_000).fill(1), new Uint8Array(3).fill(2)];
  await answer(host, "file:write", async ({ content }) => ({
    bytes: (await collect<Uint8Array>(content)).reduce((sum, part) => sum + part.byteLength, 0),
  }));
  expect(await ui.request("file:write", { name: "a", content: readable(parts) })).toEqual({
    bytes: 200_003,
  });
  const heard = ui.next("file:seen");
  await settle();
  host.emit("file:seen", { content: readable(parts) });
  expect(await new Response(toReadable((await heard).content)).bytes()).toHaveLength(200_003);
});

test("[E-STR-1] within one bus the handler reads the caller's own stream", async () => {
  const local = defineContract("local@1", {
    "file:sum": command(withStreams(z.object({}), { rows: z.number() }), z.number()),
  });
  const bus = new EventBus({ contract: local });
  bus.handle("file:sum", async ({ rows }) => (await collect(rows)).reduce((sum, n) => sum + n, 0));
  expect(await bus.request("file:sum", { rows: counter(100).rows })).toBe(4_950);
});

test("[E-STR-2] the sender is asked for no more than the window, and for more when it was read", async () => {
  const { host, ui } = await pair();
  const { rows, state } = counter(1_000_000);
  await answer(host, "file:read", () => ({ name: "", rows }));
  const reply = await ui.request("file:read", { items: 0 });
  await settle();
  expect(state.made).toBe(0);
  const reader = reply.rows[Symbol.asyncIterator]();
  await reader.next();
  for (let turn = 0; turn < 20; turn++) await settle();
  expect(state.made).toBeLessThan(2_100);
  expect(streams(ui)?.bufferedBytes).toBeLessThan(2_100 * 9);
  for (let n = 1; n < 10_000; n++) await reader.next();
  expect(state.made).toBeGreaterThanOrEqual(10_000);
  expect(state.made).toBeLessThan(12_100);
  await reader.return?.();
});

test("[E-STR-3] who leaves the loop ends the source; what the source throws reaches the reader, behind its items", async () => {
  const { host, ui } = await pair();
  const { rows, state } = counter(1_000_000);
  await answer(host, "file:read", () => ({ name: "", rows }));
  for await (const n of (await ui.request("file:read", { items: 0 })).rows) if (n === 10) break;
  await settle();
  expect(state.left).toBe(true);
  expect([streams(host), streams(ui)]).toEqual([none, none]);

  async function* failing(): AsyncGenerator<number> {
    yield* [1, 2];
    await Promise.resolve();
    throw Object.assign(new Error("the disk is gone"), { code: "EIO", expose: true });
  }
  const second = await pair();
  await answer(second.host, "file:read", () => ({ name: "", rows: failing() }));
  const reader = (await second.ui.request("file:read", { items: 0 })).rows[Symbol.asyncIterator]();
  expect([(await reader.next()).value, (await reader.next()).value]).toEqual([1, 2]);
  await expect(reader.next()).rejects.toMatchObject({ code: "EIO", message: "the disk is gone" });
  expect((await reader.next()).done).toBe(true);
});

test("[E-STR-3] a source that fails is told to onError of the sending side; the reader learns the command, the field and the side", async () => {
  const { host, ui } = await pair();
  async function* failing<T>(first: T): AsyncGenerator<T> {
    yield await Promise.resolve(first);
    throw new Error("disk gone");
  }
  await answer(host, "file:read", () => ({ name: "", rows: failing(1) }));
  const { rows } = await ui.request("file:read", { items: 0 });
  await expect(collect(rows)).rejects.toMatchObject({
    code: "HANDLER_FAILED",
    message: 'Cannot complete "file:read": its stream "rows" failed; see the log of the sending side',
    details: { name: "file:read", stream: "rows" },
  });
  expect([host.faults, ui.faults]).toMatchObject([[{ message: "disk gone" }], []]);

  let heard: unknown;
  await answer(host, "file:write", async ({ content }) => {
    heard = await collect(content).catch((fault: unknown) => fault);
    return { bytes: 0 };
  });
  await ui.request("file:write", { name: "a", content: failing(new Uint8Array(1)) });
  expect(heard).toMatchObject({ code: "HANDLER_FAILED", details: { name: "file:write", stream: "content" } });
  expect([host.faults.length, ui.faults]).toMatchObject([1, [{ message: "disk gone" }]]);
});

test("[E-STR-4] an item that its schema refuses ends the stream on both sides, and nobody sees it", async () => {
  const { host, ui } = await pair({ validate: "in" });
  let left = false;
  async function* wrong(): AsyncGenerator<number> {
    try {
      yield 1;
      yield "two" as never;
      yield 3;
    } finally {
      left = true;
    }
  }
  await answer(host, "file:read", () => ({ name: "", rows: wrong() }));
  const reader = (await ui.request("file:read", { items: 0 })).rows[Symbol.asyncIterator]();
  expect((await reader.next()).value).toBe(1);
  await expect(reader.next()).rejects.toMatchObject({ code: "INVALID_PAYLOAD", details: { stream: "rows" } });
  await settle();
  expect(left).toBe(true);
  await expect(ui.request("file:write", { name: "x", content: [] as never })).rejects.toMatchObject({
    code: "INVALID_PAYLOAD",
  });
});

test("[E-STR-5] a link that ends, ends its streams with a typed error and lets go of their sources", async () => {
  const { host, ui, links } = await pair();
  const { rows, state } = counter(1_000_000);
  await answer(host, "file:read", () => ({ name: "", rows }));
  const reader = (await ui.request("file:read", { items: 0 })).rows[Symbol.asyncIterator]();
  await reader.next();
  links[0].close("enough");
  await settle();
  const rest = async (): Promise<void> => {
    for (;;) if ((await reader.next()).done === true) return;
  };
  await expect(rest()).rejects.toMatchObject({ code: "CLOSED" });
  expect(state.left).toBe(true);
  expect([host.inspect().links, ui.inspect().links]).toEqual([[], []]);
});

test("[E-STR-6] a stream that nobody begins to read is given up after a minute", async () => {
  const clock = fakeClock();
  const { host, ui } = await pair({ clock });
  let cancelled = false;
  const rows = new ReadableStream<number>({ cancel: () => void (cancelled = true) });
  await answer(host, "file:read", () => ({ name: "", rows }));
  const reply = await ui.request("file:read", { items: 0 });
  clock.advance(60_000);
  await settle();
  expect(cancelled).toBe(true);
  expect([streams(host), streams(ui)]).toEqual([none, none]);
  await expect(reply.rows[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "TIMEOUT" });
});

test("[E-STR-7] a stream has one reader: the second is told, here and at other peers", async () => {
  const host = make("host");
  const pages = [make("ui"), make("ui")] as const;
  const heard: AsyncIterable<Uint8Array>[] = [];
  for (const page of pages) {
    const [a, b] = memoryPair();
    host.connect(a, { peer: { role: "ui" } });
    const link = page.connect(b, { peer: { role: "host" } });
    page.on("file:seen", ({ content }) => void heard.push(content));
    await link.ready;
  }
  await settle();
  host.emit("file:seen", { content: readable([new Uint8Array(1)]) });
  await settle();
  const outcomes = await Promise.allSettled(heard.map(collect));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(outcomes[1]).toMatchObject({ reason: { code: "STREAM_TAKEN" } });
  await expect(collect(heard[0]!)).rejects.toMatchObject({ code: "STREAM_TAKEN" });
});

test("[E-STR-8] a bus in the middle passes a stream on, its credit and its end", async () => {
  const roles = ["ui", "host"];
  const table = { "file:read": contract.table["file:read"], "x:y": event(z.object({}), { from: ["hub"], to: roles }) };
  const chain = defineContract("chain@1", table);
  const [ui, hub, host] = ["ui", "hub", "host"].map((role) => new EventBus({ contract: chain, role }));
  for (const [near, far, peers] of [
    [ui!, hub!, ["hub", "ui"]],
    [hub!, host!, ["host", "hub"]],
  ] as const) {
    const [a, b] = memoryPair();
    near.connect(a, { peer: { role: peers[0], routes: true } });
    await far.connect(b, { peer: { role: peers[1], routes: true } }).ready;
  }
  const { rows, state } = counter(1_000_000);
  await answer(host!, "file:read", () => ({ name: "far", rows }));
  await settle();
  const reader = (await ui!.request("file:read", { items: 0 })).rows[Symbol.asyncIterator]();
  await reader.next();
  for (let turn = 0; turn < 20; turn++) await settle();
  expect(state.made).toBeGreaterThan(1);
  expect(state.made).toBeLessThan(5_000);
  await reader.return?.();
  await settle();
  expect(state.left).toBe(true);
  expect(hub!.inspect().links.map((link) => link.streams)).toEqual([none, none]);
});

test("[E-STR-9] an event with streams is reliable, and their fields have schemas: else the contract is refused", () => {
  const payload = withStreams(z.object({ id: z.string() }), { content: Bytes });
  expect(() => defineContract("a@1", { "a:b": event(payload, { delivery: "latest" }) })).toThrow(/has streams/);
  expect(() => withStreams(z.object({}), { content: {} as never })).toThrow(TypeError);
  const other = withStreams(z.object({ id: z.string() }), { content: z.string() });
  expect(defineContract("a@1", { "a:b": event(payload) }).hash).not.toBe(
    defineContract("a@1", { "a:b": event(other) }).hash,
  );
});

test("[E-STR-11] the answer to a command waits for one chunk of a stream, not for what is queued of it", async () => {
  const flood = defineContract("flood@1", {
    "flood:read": command(z.object({}), withStreams(z.object({}), { parts: Bytes }), { from: ["ui"], to: ["host"] }),
    "flood:echo": command(z.number(), z.number(), { from: ["ui"], to: ["host"] }),
  });
  const [host, ui] = ["host", "ui"].map((role) => new EventBus({ contract: flood, role })) as [any, any];
  const [a, b] = memoryPair();
  const end = counted(a);
  host.connect(end, { peer: { role: "ui" } });
  await ui.connect(b, { peer: { role: "host" } }).ready;
  async function* megabytes(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 20; n++) yield await Promise.resolve(new Uint8Array(1_048_576));
  }
  /** Units are one frame here, or a list of them, the control lane first. */
  const first = (unit: any): number[] => (Array.isArray(unit[0]) ? unit[0] : unit) as number[];
  const arrivals: number[] = [];
  await answer(host, "flood:read", () => ({ parts: megabytes() }));
  await answer(host, "flood:echo", (n: number) => {
    arrivals.push(end.frames.length);
    return n;
  });
  const { parts } = await ui.request("flood:read", {});
  const read = collect(parts);
  for (let n = 0; n < 20; n++) expect(await ui.request("flood:echo", n)).toBe(n);
  expect((await read).length).toBe(20);
  const units = end.frames.map(first);
  for (const at of arrivals) expect(units.slice(at, at + 2).map(([type]) => type)).toContain(FRAME_TYPE.reply);
  // Most came in the middle of an item, whose other chunks followed the answer.
  const cutIn = arrivals.filter((at) => {
    const next = units.slice(at).find(([type]) => type === FRAME_TYPE.chunk);
    return next !== undefined && (next[1]! & FLAG_FIRST) === 0;
  });
  expect(cutIn.length).toBeGreaterThan(5);
});

test("[E-STR-2] a peer that does not wait for its reader is given up: bounded, and the reader is told", async () => {
  const said: unknown[][] = [];
  const streams = linkStreams({
    clock: fakeClock(),
    room: () => undefined,
    send: (...what) => void said.push(what),
    fail: () => undefined,
  });
  const reader = streams.take(1)[Symbol.asyncIterator]();
  const first = reader.next();
  for (let n = 0; n < 100; n++) streams.said("item", 1, new Uint8Array(100_000));
  expect(said).toEqual([
    ["pull", 1, 0],
    ["stop", 1, null],
  ]);
  expect(streams.gauges()).toEqual({ given: 0, taken: 0, bufferedBytes: 0 });
  expect((await first).done).toBe(false);
  let read = 1;
  await expect(
    (async () => {
      while ((await reader.next()).done !== true) read += 1;
    })(),
  ).rejects.toMatchObject({ code: "LIMIT" });
  expect(read).toBeLessThan(15);
  streams.said("item", 2, new Uint8Array(1));
  expect(() => streams.take(-1)).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
  for (let id = 3; id < 3 + 1_024; id++) streams.take(id);
  expect(() => streams.take(9_999)).toThrow(expect.objectContaining({ code: "LIMIT" }));
});
