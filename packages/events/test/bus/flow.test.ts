import { expect, test } from "vitest";

import { EventBus, hasPermission, throttle, type Passing } from "../../src/index.ts";
import { fakeClock } from "../../src/testing/index.ts";
import { join, make, settle } from "./join.ts";

test("[E-BUS-60] next resolves with the next message that fits, and leaves nothing behind", async () => {
  const clock = fakeClock();
  const ui = make("ui", { clock });
  const next = ui.next("run:log", { where: { run: "b" }, timeoutMs: 1_000 });
  ui.emit("run:log", { n: 1, run: "a" });
  ui.emit("run:log", { n: 2, run: "b" });
  expect(await next).toEqual({ n: 2, run: "b" });
  expect(ui.inspect()).toMatchObject({ listeners: 0, deadlines: 0 });
  expect(clock.pendingTimers).toBe(0);
});

test("[E-BUS-60] next ends with its deadline, its signal, at once where that is aborted already", async () => {
  const clock = fakeClock();
  const ui = make("ui", { clock });
  const controller = new AbortController();
  const late = ui.next("run:log", { timeoutMs: 1_000 });
  const cancelled = ui.next("run:log", { signal: controller.signal });
  const before = ui.next("run:log", { signal: AbortSignal.abort() });
  for (const each of [late, cancelled, before]) each.catch(() => undefined);
  clock.advance(1_001);
  controller.abort();
  await expect(late).rejects.toMatchObject({ code: "TIMEOUT" });
  await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(before).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(ui.next("run:nothing" as "run:log")).rejects.toMatchObject({ code: "UNKNOWN_EVENT" });
  expect(ui.inspect()).toMatchObject({ listeners: 0, deadlines: 0 });
});

test("[E-BUS-60] next takes a snapshot where it asks for one", async () => {
  const host = make("host");
  host.provide("run:state", () => ({ n: 4 }));
  expect(await host.next("run:state", { since: "last" })).toEqual({ n: 4 });
  expect(host.inspect().listeners).toBe(0);
});

test("[E-BUS-61] a stream gives what came while nobody read, in order, until it is left", async () => {
  const ui = make("ui");
  const stream = ui.stream("run:log");
  for (const n of [1, 2, 3]) ui.emit("run:log", { n });
  const read: number[] = [];
  for await (const item of stream) {
    if (read.push(item.gap === undefined ? item.data.n : Number.NaN) === 3) break;
  }
  expect(read).toEqual([1, 2, 3]);
  expect(ui.inspect().listeners).toBe(0);
});

test("[E-BUS-61] several readers of one stream share it", async () => {
  const ui = make("ui");
  const stream = ui.stream("run:log");
  const reads = [stream.next(), stream.next(), stream.next()];
  for (const n of [1, 2]) ui.emit("run:log", { n });
  await stream.return?.();
  expect((await Promise.all(reads)).map((read) => (read.done === true ? "end" : read.value.data?.n))).toEqual([
    1,
    2,
    "end",
  ]);
});

test("[E-BUS-61] a signal ends a stream; what came before it can still be read", async () => {
  const ui = make("ui");
  const controller = new AbortController();
  const stream = ui.stream("run:*", { signal: controller.signal });
  ui.emit("run:log", { n: 1 });
  controller.abort();
  ui.emit("run:log", { n: 2 });
  expect(await stream.next()).toMatchObject({ value: { data: { n: 1 } } });
  expect(await stream.next()).toEqual({ value: undefined, done: true });
  expect(await ui.stream("run:log", { signal: controller.signal }).next()).toEqual({ value: undefined, done: true });
  expect(ui.inspect().listeners).toBe(0);
});

test("[E-BUS-62] a slow reader loses the oldest and finds one gap in their place, with the count", async () => {
  const ui = make("ui");
  const stream = ui.stream("run:log", { max: 3 });
  for (let n = 1; n <= 10; n++) ui.emit("run:log", { n });
  const gap = await stream.next();
  expect(gap.value).toMatchObject({ gap: { from: 1, names: { "run:log": gap.value.gap.to } } });
  const rest: number[] = [];
  for (let n = gap.value.gap.to + 1; n <= 10; n++) rest.push((await stream.next()).value.data.n);
  expect(rest.at(-1)).toBe(10);
  expect(rest.length).toBeGreaterThanOrEqual(2);
  ui.emit("run:log", { n: 11 });
  expect((await stream.next()).value).toMatchObject({ data: { n: 11 } });
  expect(() => ui.stream("run:log", { max: 0 })).toThrow(RangeError);
});

test("[E-BUS-63] middleware stands around in, out and local like an onion, the last one added outermost", async () => {
  const host = make("host");
  const ui = make("ui");
  const log: string[] = [];
  const layer = (name: string) => ({
    in: (message: Passing, next: () => void) => {
      log.push(`${name} in ${message.kind}`);
      next();
      log.push(`${name} in done`);
    },
  });
  ui.use(layer("inner"));
  const off = ui.use(layer("outer"));
  host.use({
    out: (message, next) => {
      message.data = { n: (message.data as { n: number }).n + 1 };
      return next();
    },
    local: (message, next) => {
      log.push(`local ${message.name}`);
      return next();
    },
  });
  host.on("run:told", ({ n }) => log.push(`host ${n}`));
  ui.on("run:told", ({ n }) => log.push(`ui ${n}`));
  await join(host, ui);
  await settle();
  host.emit("run:told", { n: 1 });
  await settle();
  expect(log).toEqual([
    "local run:told",
    "host 1",
    "outer in event",
    "inner in event",
    "ui 2",
    "inner in done",
    "outer in done",
  ]);
  off();
  log.length = 0;
  host.emit("run:told", { n: 1 });
  await settle();
  expect(log).toEqual(["local run:told", "host 1", "inner in event", "ui 2", "inner in done"]);
});

test("[E-BUS-64] messages keep their order while a middleware awaits", async () => {
  const ui = make("ui");
  const gates: (() => void)[] = [];
  const heard: number[] = [];
  ui.use({
    local: async (message, next) => {
      if ((message.data as { n: number }).n % 2 === 1) await new Promise<void>((resolve) => gates.push(resolve));
      await next();
    },
  });
  ui.on("run:log", ({ n }) => heard.push(n));
  for (const n of [1, 2, 3, 4]) ui.emit("run:log", { n });
  expect(heard).toEqual([]);
  while (heard.length < 4) {
    gates.shift()?.();
    await settle();
  }
  expect(heard).toEqual([1, 2, 3, 4]);
});

test("[E-BUS-64] what waits for a middleware is bounded, and what finds no room is told", async () => {
  const ui = make("ui", { limits: { waiting: 2 } });
  ui.use({ local: () => new Promise(() => undefined) });
  for (const n of [1, 2, 3, 4]) ui.emit("run:log", { n });
  expect(ui.faults).toMatchObject([{ code: "QUEUE_FULL" }]);
  await ui.close();
});

test("[E-BUS-65] a middleware that does not pass a message on stops it; a request is answered", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:ask", () => expect.unreachable());
  host.on("run:log", () => expect.unreachable());
  host.use({ in: () => undefined });
  await join(host, ui);
  await settle();
  ui.emit("run:log", { n: 1 });
  await expect(ui.request("run:ask", { n: 1 })).rejects.toMatchObject({ code: "DENIED" });
  expect(host.faults).toEqual([]);
});

test("[E-BUS-65] a middleware that throws stops its message alone, and onError hears of it", async () => {
  const ui = make("ui");
  const heard: number[] = [];
  ui.use({
    local: (message, next) => {
      if ((message.data as { n: number }).n === 1) throw new Error("of the middleware");
      return next();
    },
  });
  ui.on("run:log", ({ n }) => heard.push(n));
  for (const n of [1, 2]) ui.emit("run:log", { n });
  expect(heard).toEqual([2]);
  expect(ui.faults).toMatchObject([{ message: "of the middleware" }]);
});

test("[E-PERM-7] hasPermission answers for whoever sent the message that is being handled", async () => {
  const host = make("host");
  const ui = make("ui");
  const may: unknown[] = [];
  host.on("run:log", async (_data, { peer }) => {
    may.push([peer === undefined ? "local" : "peer", hasPermission("do:it"), hasPermission("do:more")]);
    await Promise.resolve();
    may.push(["later", hasPermission("do:it")]);
  });
  host.handle("run:ask", ({ n }) => {
    may.push(["handler", hasPermission("do:it"), hasPermission("do:more")]);
    return { n };
  });
  await join(host, ui, { peer: { grants: ["do:it"] } });
  await settle();
  ui.emit("run:log", { n: 1 });
  await settle();
  host.emit("run:log", { n: 1 });
  await settle();
  await ui.request("run:ask", { n: 1 });
  expect(hasPermission("do:it")).toBe(false);
  expect(may).toEqual([
    ["peer", true, false],
    ["later", false],
    ["local", true, true],
    ["later", false],
    ["handler", true, false],
  ]);
});

test("[E-PERM-7] it fails closed after a listener threw", async () => {
  const ui = make("ui");
  ui.on("run:log", () => {
    throw new Error("of the listener");
  });
  ui.emit("run:log", { n: 1 });
  expect(hasPermission("do:it")).toBe(false);
});

test("[E-BUS-66] throttle calls at once, then with the last value when the time is over", () => {
  const clock = fakeClock();
  const calls: number[] = [];
  const slow = throttle((n: number) => calls.push(n), 100, clock);
  for (const n of [1, 2, 3]) slow(n);
  expect(calls).toEqual([1]);
  clock.advance(100);
  expect(calls).toEqual([1, 3]);
  slow(4);
  clock.advance(99);
  expect(calls).toEqual([1, 3]);
  clock.advance(1);
  expect(calls).toEqual([1, 3, 4]);
  clock.advance(200);
  slow(5);
  expect(calls).toEqual([1, 3, 4, 5]);
});

test("[E-BUS-66] flush calls with what waits, cancel forgets it, and neither leaves a timer that calls", () => {
  const clock = fakeClock();
  const calls: number[] = [];
  const slow = throttle((n: number) => calls.push(n), 100, clock);
  slow.flush();
  for (const n of [1, 2]) slow(n);
  slow.flush();
  slow.flush();
  expect(calls).toEqual([1, 2]);
  slow(3);
  slow.cancel();
  clock.advance(1_000);
  expect(calls).toEqual([1, 2]);
  expect(clock.pendingTimers).toBe(0);
  slow(4);
  expect(calls).toEqual([1, 2, 4]);
});

test("[E-BUS-66] a throttled function that throws keeps throttling", () => {
  const clock = fakeClock();
  let calls = 0;
  const slow = throttle(
    () => {
      calls += 1;
      throw new Error("of the function");
    },
    100,
    clock,
  );
  expect(slow).toThrow("of the function");
  slow();
  expect(calls).toBe(1);
});

test("[E-BUS-67] inspect shows the bus as it is, in copies", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:ask", ({ n }) => ({ n }));
  host.provide("run:state", () => ({ n: 1 }));
  await join(host, ui);
  await ui.on("run:told", () => undefined).ready;
  const report = ui.inspect();
  expect(report).toMatchObject({
    id: ui.id,
    role: "ui",
    listeners: 1,
    links: [
      { transport: "memory", peer: { role: "host", busId: host.id }, handles: ["run:ask"], announced: ["run:told"] },
    ],
  });
  expect(host.inspect()).toMatchObject({
    handlers: ["run:ask"],
    providers: ["run:state"],
    links: [{ hears: ["run:told"] }],
  });
  await ui.close();
  expect(report.links).toHaveLength(1);
});

test("[E-BUS-14] closing a bus of many links, subscriptions and requests leaves no timer and no entry", async () => {
  const clock = fakeClock();
  const host = make("host", { clock });
  const uis = [1, 2, 3].map(() => make("ui", { clock }));
  for (const ui of uis) {
    await join(host, ui);
    ui.on("*", () => undefined);
    ui.request("run:ask", { n: 1 }, { timeoutMs: 5_000 }).catch(() => undefined);
  }
  host.handle("run:ask", () => new Promise(() => undefined));
  for (const ui of uis) ui.request("run:sure", { n: 1 }).catch(() => undefined);
  await settle();
  await host.close();
  await settle();
  for (const ui of uis) expect(ui.inspect()).toMatchObject({ links: [], parkedRequests: 0, deadlines: 0 });
  for (const ui of uis) await ui.close();
  expect(clock.pendingTimers).toBe(0);
  expect(new EventBus().inspect().links).toEqual([]);
});
