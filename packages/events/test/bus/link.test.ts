import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";

import { defineContract, event, EventBus, memoryPair } from "../../src/index.ts";
import { contract, counted, join, make, settle } from "./join.ts";

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => vi.restoreAllMocks());

test("[E-BUS-20] what is emitted on one bus is heard on the other, in order, with its origin and peer", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: number[] = [];
  ui.on("run:told", ({ n }, { peer, origin }) => {
    heard.push(n);
    expect(peer?.role).toBe("host");
    expect(origin).toEqual({ busId: host.id, role: "host" });
  });
  await join(host, ui);
  for (const n of [1, 2, 3]) host.emit("run:told", { n });
  await host.flush();
  expect(heard).toEqual([1, 2, 3]);
  expect([host.faults, ui.faults]).toEqual([[], []]);
});

test("[E-BUS-21] an event that nobody behind the link hears does not cross it", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: number[] = [];
  const { frames } = await join(host, ui);
  await settle();
  const before = frames[0].length;
  for (let n = 0; n < 100; n++) host.emit("run:told", { n });
  await settle();
  expect(frames[0].length).toBe(before);

  const off = ui.on("run:told", ({ n }) => heard.push(n), { where: { run: "a" } });
  await off.ready;
  await settle();
  const subscribed = frames[0].length;
  for (let n = 0; n < 100; n++) host.emit("run:told", { n, run: "b" });
  await settle();
  expect(frames[0].length).toBe(subscribed);

  host.emit("run:told", { n: 7, run: "a" });
  await settle();
  expect(heard).toEqual([7]);
  off();
  await settle();
  const stopped = frames[0].length;
  host.emit("run:told", { n: 8, run: "a" });
  await settle();
  expect(frames[0].length).toBe(stopped);
});

test("[E-BUS-22] equal subscriptions are announced once, and taken back with the last", async () => {
  const host = make("host");
  const ui = make("ui");
  const { links } = await join(host, ui);
  const offs = [1, 2, 3].map(() => ui.on("run:told", () => undefined, { where: { n: 1, run: "a" } }));
  offs.push(ui.on("run:told", () => undefined, { where: { run: "a", n: 1 } }));
  await Promise.all(offs.map((off) => off.ready));
  expect(host.inspect().links[0]?.hears).toEqual(["run:told"]);
  for (const off of offs.slice(1)) off();
  await settle();
  expect(host.inspect().links[0]?.hears).toEqual(["run:told"]);
  offs[0]?.();
  await settle();
  expect(host.inspect().links[0]?.hears).toEqual([]);
  expect(links[0].state.at).toBe("open");
});

test("[E-BUS-23] everything emitted in one tick crosses in one frame", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: number[] = [];
  const { frames } = await join(host, ui);
  await ui.on("run:told", ({ n }) => heard.push(n)).ready;
  await settle();
  const before = frames[0].length;
  host.batch([1, 2, 3, 4].map((n) => ({ type: "run:told", data: { n } })));
  host.emit("run:told", { n: 5 });
  await settle();
  expect(heard).toEqual([1, 2, 3, 4, 5]);
  expect(frames[0].length).toBe(before + 1);
});

test("[E-BUS-24] events cross a bus in the middle once, and never go back where they came from", async () => {
  const host = make("host");
  const a = make("ui");
  const b = make("ui");
  const worker = make("worker");
  const heard: string[] = [];
  for (const [name, bus] of Object.entries({ host, a, b, worker })) {
    bus.on("run:log", ({ n }, { origin }) => heard.push(`${name} ${n} of ${origin.role}`));
  }
  const trusted = { peer: { routes: true } };
  await join(host, a, {}, trusted);
  await join(host, b, {}, trusted);
  await join(host, worker, {}, trusted);
  await settle();
  a.emit("run:log", { n: 1 });
  await settle();
  expect(heard.sort()).toEqual(["a 1 of ui", "b 1 of ui", "host 1 of ui", "worker 1 of ui"]);
});

test("[E-BUS-24] a bus in the middle passes on what it may not hear itself", async () => {
  const host = make("host");
  const ui = make("ui");
  const worker = make("worker");
  const heard: number[] = [];
  host.on("run:told", () => expect.unreachable());
  ui.on("run:told", ({ n }, { origin }) => {
    expect(origin).toEqual({ busId: worker.id, role: "worker" });
    heard.push(n);
  });
  await join(host, worker);
  await join(host, ui);
  await settle();
  worker.emit("run:told", { n: 1 });
  await settle();
  expect(heard).toEqual([1]);
  expect(host.faults).toEqual([]);
});

test("[E-BUS-25] ready waits until every peer knows of the subscription, also behind a bus in the middle", async () => {
  const host = make("host");
  const ui = make("ui");
  const worker = make("worker");
  await join(host, ui);
  await join(host, worker);
  const subscription = ui.on("run:told", () => undefined);
  await subscription.ready;
  expect(worker.inspect().links[0]?.hears).toEqual(["run:told"]);
});

test("[E-BUS-25] ready ends when the link closes instead", async () => {
  const ui = make("ui");
  const [left] = memoryPair({ manual: true });
  const link = ui.connect(left);
  const subscription = ui.on("run:told", () => undefined);
  link.close();
  await subscription.ready;
  await expect(link.ready).rejects.toMatchObject({ code: "CLOSED" });
});

test("[E-BUS-26] what is emitted before the handshake waits, in order and bounded; what is dropped is told on both sides", async () => {
  const host = make("host", { limits: { waiting: 3 } });
  const ui = make("ui");
  const heard: unknown[] = [];
  ui.on("run:told", ({ n }) => heard.push(n), { onGap: ({ names }) => heard.push(names) });
  ui.on("run:state", () => undefined, { onGap: (gap) => heard.push(gap) });
  const [left, right] = memoryPair();
  host.connect(left);
  for (const n of [1, 2, 3, 4, 5]) host.emit("run:told", { n });
  expect(host.inspect().links[0]).toMatchObject({ waiting: 3, dropped: 2 });
  await ui.connect(right).ready;
  await settle();
  expect(heard).toEqual([{ "run:told": 2 }, 3, 4, 5]);
  expect(host.faults).toMatchObject([{ code: "QUEUE_FULL" }]);
});

test("[E-BUS-27] a second link to a bus that is reached already is refused, and the first lives", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: number[] = [];
  ui.on("run:told", ({ n }) => heard.push(n));
  const { links } = await join(host, ui);
  await expect(join(host, ui)).rejects.toMatchObject({ code: "DUPLICATE_LINK" });
  await settle();
  host.emit("run:told", { n: 1 });
  await settle();
  expect(heard).toEqual([1]);
  expect(links.map((link) => link.state.at)).toEqual(["open", "open"]);
  expect(host.inspect().links).toHaveLength(1);
});

test("[E-BUS-27] a link that would close a triangle is refused, and the other two live", async () => {
  const host = make("host");
  const ui = make("ui");
  const worker = make("worker");
  await join(host, ui);
  await join(host, worker);
  await settle();
  await expect(join(ui, worker)).rejects.toMatchObject({ code: "DUPLICATE_LINK" });
  await settle();
  expect(host.inspect().links.map((link) => link.state.at)).toEqual(["open", "open"]);
});

test("[E-BUS-27] a bus cannot be linked to itself", async () => {
  const ui = make("ui");
  await expect(join(ui, ui)).rejects.toMatchObject({ code: "DUPLICATE_LINK" });
});

test("[E-BUS-28] contracts of one name and another content are refused, naming both hashes", async () => {
  const other = defineContract("test@1", { "run:log": event(z.string(), { from: ["ui"], to: ["host"] }) });
  const host = make("host");
  const ui = new EventBus({ contract: other, role: "ui", onError: () => undefined });
  const refused = join(host, ui);
  await expect(refused).rejects.toMatchObject({ code: "CONTRACT_MISMATCH" });
  await expect(refused).rejects.toThrow(new RegExp(`${contract.hash}|${other.hash}`));
});

test("[E-BUS-28] buses without a common contract are refused, naming both", async () => {
  const next = defineContract("test@2", { "run:log": event(z.string(), { from: ["ui"], to: ["host"] }) });
  const ui = new EventBus({ contract: next, role: "ui", onError: () => undefined });
  await expect(join(make("host"), ui)).rejects.toThrow(/test@1.*test@2|test@2.*test@1/);
  const open = new EventBus({ onError: () => undefined });
  await expect(join(make("host"), open)).rejects.toMatchObject({ code: "CONTRACT_MISMATCH" });
});

test("[E-BUS-28] only what both sides have in common crosses", async () => {
  const extra = defineContract("more@1", { "more:log": event(z.number()) });
  const host = new EventBus({ contracts: [contract, extra], role: "host" });
  const ui = make("ui");
  const both = new EventBus({ contracts: [extra, contract], role: "ui" });
  const heard: number[] = [];
  ui.on("*", (data) => heard.push((data as { n: number }).n));
  both.on("more:log", (n) => heard.push(n));
  await join(host, ui);
  await join(host, both);
  host.emit("run:log", { n: 1 });
  host.emit("more:log", 2);
  await settle();
  expect(new Set(heard)).toEqual(new Set([1, 2]));
  expect(ui.faults).toEqual([]);
});

test("[E-BUS-29] buses with types only talk to their like, say once that nothing is checked", async () => {
  const a = new EventBus();
  const b = new EventBus();
  const heard: unknown[] = [];
  b.on("anything", (data) => heard.push(data));
  await join(a, b);
  await settle();
  a.emit("anything", { n: 1 });
  await settle();
  expect(heard).toEqual([{ n: 1 }]);
  await join(a, new EventBus());
  expect(vi.mocked(console.warn).mock.calls.filter(([text]) => String(text).includes(a.id))).toHaveLength(1);
});

test("[E-BUS-29] buses with types only are refused over a WebSocket", async () => {
  const [left, right] = memoryPair();
  const faults: unknown[] = [];
  const a = new EventBus({ onError: (fault) => faults.push(fault) });
  const b = new EventBus({ onError: () => undefined });
  const link = a.connect(counted(left, "websocket"));
  await expect(b.connect(counted(right, "websocket")).ready).rejects.toMatchObject({ code: "REJECTED" });
  await expect(link.ready).rejects.toMatchObject({ code: "REJECTED" });
  expect(faults).toMatchObject([{ code: "REJECTED" }]);
});

test("[E-PERM-1] a peer that claims our own role, or one that no contract names, is refused unless we say who it is", async () => {
  const host = make("host");
  await expect(join(host, make("host"))).rejects.toThrow(/own role/);
  const a = make("ui");
  const b = make("ui");
  await join(a, b, { peer: { role: "host" } }, { peer: { role: "host" } });
  expect(a.inspect().links[0]?.peer?.role).toBe("host");
});

test("[E-PERM-2] an event in the wrong direction is dropped and counted, and the link lives", async () => {
  const host = make("host");
  const ui = make("ui");
  host.on("run:log", () => undefined);
  // To the host this peer is a worker, which may not send what only a ui may.
  const { links } = await join(host, ui, { peer: { role: "worker" } });
  await settle();
  host.on("run:private", () => expect.unreachable());
  await settle();
  ui.emit("run:private", { n: 1 });
  await settle();
  expect(host.inspect().links[0]?.violations).toEqual({ direction: 1 });
  expect(host.faults).toMatchObject([{ code: "WRONG_DIRECTION" }]);
  expect(links[0].state.at).toBe("open");
});

test("[E-PERM-3] an event without its right is dropped and counted; with it it is heard", async () => {
  const host = make("host");
  const poor = make("ui");
  const rich = make("ui");
  const heard: number[] = [];
  host.on("run:private", ({ n }) => heard.push(n));
  await join(host, poor);
  await join(host, rich, { peer: { grants: ["do:it"] } });
  await settle();
  poor.emit("run:private", { n: 1 });
  rich.emit("run:private", { n: 2 });
  await settle();
  expect(heard).toEqual([2]);
  expect(host.inspect().links[0]?.violations).toEqual({ denied: 1 });
  expect(host.faults).toMatchObject([{ code: "DENIED" }]);
});

test("[E-PERM-4] an invalid payload from a link is dropped and counted; the receiver hears nothing of it", async () => {
  const host = make("host");
  const ui = make("ui", { validate: "in" });
  host.on("run:log", () => expect.unreachable());
  await join(host, ui);
  await settle();
  ui.emit("run:log", { n: "one" } as never);
  await settle();
  expect(host.inspect().links[0]?.violations).toEqual({ invalid: 1 });
  expect(host.faults).toMatchObject([{ code: "INVALID_PAYLOAD" }]);
});

test("[E-PERM-5] a peer that breaks the rules too often is disconnected with a reason", async () => {
  const host = make("host", { limits: { violations: 3 } });
  const ui = make("ui", { validate: "in" });
  host.on("run:log", () => expect.unreachable());
  const { links } = await join(host, ui);
  await settle();
  for (let n = 0; n < 10; n++) ui.emit("run:log", { n: "one" } as never);
  await settle();
  expect(links[1].state).toMatchObject({ at: "closed" });
  expect(JSON.stringify(links[1].state) + String((links[1].state as { why: Error }).why)).toMatch(/broke the rules/);
  expect(host.faults).toHaveLength(1);
});

test("[E-PERM-6] an origin is believed where the link's policy lets its peer speak for others, and nowhere else", async () => {
  const origins: string[] = [];
  for (const routes of [true, false]) {
    const host = make("host");
    const page = make("ui");
    const behind = make("ui");
    host.on("run:log", (_data, { origin }) =>
      origins.push(origin.busId === behind.id ? "behind" : origin.busId === page.id ? "page" : "?"),
    );
    await join(host, page, { peer: { routes } });
    await join(page, behind, { peer: { role: "worker" } }, { peer: { role: "host" } });
    await settle();
    behind.emit("run:log", { n: 1 });
    await settle();
  }
  expect(origins).toEqual(["behind", "page"]);
});

test("[E-BUS-30] a link tells its states, and closing it gives everything back", async () => {
  const host = make("host");
  const ui = make("ui");
  ui.on("run:told", () => undefined);
  const [left, right] = memoryPair();
  const states: string[] = [];
  const link = host.connect(counted(left));
  const stop = link.onState(({ at }) => states.push(at));
  await ui.connect(right).ready;
  await link.ready;
  link.close("enough");
  link.close();
  await settle();
  stop();
  expect(states).toEqual(["open", "closed"]);
  expect(host.inspect()).toMatchObject({ links: [], listeners: 0 });
  expect(ui.inspect()).toMatchObject({ links: [], listeners: 1 });
});
