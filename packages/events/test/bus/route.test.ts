import { afterEach, expect, test } from "vitest";
import { z } from "zod";

import {
  command,
  defineContract,
  event,
  EventBus,
  memoryPair,
  type BusOptions,
  type RequestOptions,
} from "../../src/index.ts";
import { join, settle } from "./join.ts";

const Item = z.object({ n: z.number() });
const contract = defineContract("routes@1", {
  "chat:said": event(Item),
  "chat:typing": event(Item, { delivery: "volatile" }),
  "job:do": event(Item, { to: ["worker"] }),
  "job:big": event(z.object({ text: z.string() })),
  "job:last": event(Item, { delivery: "latest" }),
  "job:ask": command(Item, Item, { to: ["worker"] }),
  "job:sure": command(Item, Item, { from: ["page"], to: ["worker"], needs: "ask:sure" }),
  "page:only": event(Item, { from: ["hub", "worker"], to: ["page"] }),
});

const buses: EventBus<any, any>[] = [];
afterEach(() => Promise.all(buses.splice(0).map((bus) => bus.close())));

function make(role: string, options: BusOptions = {}) {
  const faults: { code?: string; message: string }[] = [];
  const bus = new EventBus({ contract, role, onError: (fault) => faults.push(fault as Error), ...options });
  buses.push(bus);
  const heard: number[] = [];
  return Object.assign(bus, { faults, heard });
}

type Bus = ReturnType<typeof make>;

function hearing(bus: Bus, name: "chat:said" | "job:do"): Bus {
  bus.on(name, ({ n }) => bus.heard.push(n));
  return bus;
}

/** A hub with its leaves behind it; the hub believes none of them about others. */
async function star(hub: Bus, leaves: readonly Bus[]): Promise<void> {
  for (const leaf of leaves) await join(hub, leaf, { peer: { role: leaf.role, routes: false } });
  await settle();
}

test("[E-RTE-1] an event with `to` reaches the one bus or the role that it names, also behind a bus in the middle, and only those who hear it", async () => {
  const hub = hearing(make("hub"), "chat:said");
  const [a, b, worker] = [make("page"), make("page"), make("worker")].map((bus) => hearing(bus, "chat:said"));
  const deaf = make("page");
  await star(hub, [a!, b!, worker!, deaf]);
  const { frames } = await join(hub, hearing(make("page"), "chat:said"));
  await settle();
  const before = frames[0].length;
  a!.emit("chat:said", { n: 1 }, { to: { busId: b!.id } });
  a!.emit("chat:said", { n: 2 }, { to: { role: "worker" } });
  a!.emit("chat:said", { n: 3 }, { to: { role: "hub" } });
  a!.emit("chat:said", { n: 4 }, { to: { busId: deaf.id } });
  await settle();
  expect([a!.heard, b!.heard, worker!.heard, hub.heard]).toEqual([[], [1], [2], [3]]);
  expect(frames[0].length).toBe(before);
  a!.emit("chat:said", { n: 5 }, { to: { role: "page" } });
  await settle();
  expect([a!.heard, b!.heard]).toEqual([[5], [1, 5]]);
  expect(buses.flatMap((bus) => (bus as Bus).faults)).toEqual([]);
});

test("[E-RTE-2] `except` the origin is all but the sender, also behind a bus in the middle", async () => {
  const hub = make("hub");
  const pages = [make("page"), make("page"), make("page")];
  await star(hub, pages);
  for (const page of pages) hearing(page, "chat:said");
  hub.on("chat:typing", ({ n }, { origin }) => hub.emit("chat:said", { n }, { except: origin }));
  await settle();
  pages[0]!.emit("chat:typing", { n: 1 });
  pages[1]!.emit("chat:said", { n: 2 }, { except: pages[2]!.id });
  await settle();
  expect(pages.map(({ heard }) => heard)).toEqual([[2], [2, 1], [1]]);
});

test("[E-RTE-3] with `one` a single bus of the role that hears it gets it: the one with the least under way, equals in turn", async () => {
  const page = make("page");
  const hub = make("hub");
  await join(page, hub);
  const workers = [make("worker"), make("worker"), make("worker")];
  const idle = make("worker");
  await star(hub, [idle, ...workers]);
  for (const worker of workers) hearing(worker, "job:do");
  await settle();
  for (let n = 0; n < 30; n++) page.emit("job:do", { n }, { to: { role: "worker", one: true } });
  await settle();
  expect(workers.map(({ heard }) => heard.length)).toEqual([10, 10, 10]);
  expect(new Set(workers.flatMap(({ heard }) => heard)).size).toBe(30);
  expect(idle.heard).toEqual([]);
  // Much is on its way to the first one: the others take its turns.
  workers[0]!.on("job:big", () => undefined);
  await settle();
  const text = "x".repeat(200_000);
  hub.emit("job:big", { text }, { to: { busId: workers[0]!.id } });
  for (let n = 30; n < 34; n++) hub.emit("job:do", { n }, { to: { role: "worker", one: true } });
  await settle();
  expect(workers.map(({ heard }) => heard.length)).toEqual([10, 12, 12]);
});

test("[E-RTE-4] an address that nobody has is NO_PEER at the emitter; what finds nobody on its way is counted and told where it ends", async () => {
  const hub = make("hub");
  const [a, b] = [make("page"), hearing(make("page"), "chat:said")];
  await star(hub, [a!, b!]);
  const to = (address: object) => () => a!.emit("chat:said", { n: 1 }, { to: address as { role: string } });
  expect(to({ busId: "nobody" })).toThrow(expect.objectContaining({ code: "NO_PEER" }));
  expect(to({ role: "worker" })).toThrow(expect.objectContaining({ code: "NO_PEER" }));
  expect(() => a!.emit("chat:typing", { n: 1 }, { to: { role: "hub", one: true } })).toThrow(
    expect.objectContaining({ code: "NO_PEER" }),
  );
  // The hub asks for it on behalf of another.
  a!.emit("chat:said", { n: 1 }, { to: { role: "hub", one: true } });
  // Gone while the message is under way.
  a!.emit("chat:said", { n: 2 }, { to: { busId: b!.id } });
  a!.emit("chat:said", { n: 3 }, { to: { busId: b!.id } });
  await b!.close();
  await settle();
  const link = hub.inspect().links.find(({ peer }) => peer?.busId === a!.id);
  expect(link).toMatchObject({ lost: 3, violations: {} });
  expect(hub.faults.filter(({ code }) => code === "NO_PEER")).toHaveLength(1);
});

test("[E-RTE-5] an address opens no way that the contract closes: it is a violation, and neither emitter nor peer can name a role that may not receive", async () => {
  const hub = make("hub");
  // The page was built with a contract of one hash, and lies about what it may do: it writes its frames itself.
  const [a, b, worker] = [make("page"), make("page"), make("worker")];
  await star(hub, [a!, b!, worker!]);
  b!.on("job:do", () => expect.unreachable());
  b!.on("page:only", () => expect.unreachable());
  worker!.on("job:do", () => undefined);
  await settle();
  expect(() => a!.emit("job:do", { n: 1 }, { to: { role: "page" } })).toThrow(
    expect.objectContaining({ code: "NO_PEER" }),
  );
  expect(() => a!.emit("page:only", { n: 1 }, { to: { busId: b!.id } })).toThrow(
    expect.objectContaining({ code: "WRONG_DIRECTION" }),
  );
  const open = defineContract("routes@1", { ...contract.table, "job:do": event(Item) });
  const liar = new EventBus({ contract: { ...open, hash: contract.hash }, role: "page", onError: () => undefined });
  buses.push(liar);
  await join(hub, liar as never, { peer: { role: "page", routes: false } });
  await settle();
  liar.emit("job:do", { n: 1 }, { to: { busId: b!.id } });
  liar.emit("job:do", { n: 1 }, { to: { role: "page" } });
  await settle();
  const link = hub.inspect().links.find(({ peer }) => peer?.busId === liar.id);
  expect(link).toMatchObject({ lost: 0, violations: { direction: 2 } });
});

test("[E-RTE-6] commands, and events that are kept for those who come later, are sent to everybody: a route is a TypeError, from a peer a violation", async () => {
  const hub = make("hub");
  const page = make("page");
  const worker = make("worker");
  await star(hub, [page, worker]);
  worker.on("job:last", () => undefined);
  await settle();
  expect(() => page.emit("job:last", { n: 1 }, { to: { role: "worker" } })).toThrow(TypeError);
  expect(() => page.emit("job:ask", { n: 1 }, { to: { role: "worker" } })).toThrow(TypeError);
  const open = defineContract("routes@1", { ...contract.table, "job:last": event(Item) });
  const liar = new EventBus({ contract: { ...open, hash: contract.hash }, role: "page" });
  buses.push(liar);
  await join(hub, liar as never, { peer: { role: "page", routes: false } });
  await settle();
  liar.emit("job:last", { n: 1 }, { to: { role: "worker" } });
  await settle();
  const link = hub.inspect().links.find(({ peer }) => peer?.busId === liar.id);
  expect(link?.violations).toEqual({ protocol: 1 });
});

test("[E-RTE-7] a layer of `out` may set the route; what finds nobody is told to onError", async () => {
  const hub = make("hub");
  const [a, b] = [make("page"), make("page")];
  await star(hub, [a!, b!]);
  for (const page of [a!, b!]) hearing(page, "chat:said");
  await settle();
  hub.use({
    out(message, next) {
      const { n } = message.data as { n: number };
      if (n === 1) message.route = { to: { busId: a!.id } };
      if (n === 2) message.route = { to: { busId: "nobody" } };
      return next();
    },
  });
  for (const n of [1, 2, 3]) hub.emit("chat:said", { n });
  await settle();
  expect([a!.heard, b!.heard]).toEqual([[1, 3], [3]]);
  expect(hub.faults).toMatchObject([{ code: "NO_PEER" }]);
});

test("[E-RTE-8] a request with `to` is answered by the bus or one of the role that it names, here and behind a bus in the middle, and nobody else hears it", async () => {
  const hub = make("hub");
  const page = make("page");
  const workers = [make("worker"), make("worker"), make("worker")];
  const idle = make("worker");
  await star(hub, [idle, ...workers]);
  const { links } = await join(hub, page);
  const { frames } = await join(hub, make("page"));
  const observed: string[] = [];
  for (const bus of [hub, page, idle, ...workers]) bus.on("job:ask", () => observed.push(bus.id));
  for (const [at, worker] of workers.entries()) worker.handle("job:ask", ({ n }) => ({ n: n * 10 + at }));
  await settle();
  const before = frames[0].length;
  const ask = (n: number, to: RequestOptions["to"] & object) => page.request("job:ask", { n }, { to });
  expect(await ask(1, { busId: workers[1]!.id })).toEqual({ n: 11 });
  expect(await ask(2, { busId: workers[2]!.id, role: "worker" })).toEqual({ n: 22 });
  expect(observed).toEqual([workers[1]!.id, workers[2]!.id]);
  expect((await ask(3, { role: "worker", one: true })).n).toBeLessThan(33);
  expect(await workers[0]!.request("job:ask", { n: 4 }, { to: { busId: workers[0]!.id } })).toEqual({ n: 40 });
  expect(frames[0].length).toBe(before);
  // On a link that is still opening.
  links[1].close();
  await settle();
  const [here, there] = memoryPair();
  hub.connect(here);
  const again = page.connect(there);
  expect(await ask(5, { busId: workers[1]!.id })).toEqual({ n: 51 });
  expect(again.state.at).toBe("open");
  // A layer of the way out holds it back, and changes neither its address nor who hears it.
  page.use({ out: async (_message, next) => next() });
  observed.length = 0;
  expect(await ask(6, { busId: workers[2]!.id })).toEqual({ n: 62 });
  expect(observed).toEqual([workers[2]!.id]);
  expect(page.inspect()).toMatchObject({ parkedRequests: 0, deadlines: 0 });
});

test("[E-RTE-9] a request to nobody is NO_PEER, to one who does not handle it NO_HANDLER, to one who may not a violation; rights count as ever", async () => {
  const hub = make("hub");
  const [page, other, worker, idle] = [make("page"), make("page"), make("worker"), make("worker")] as const;
  await star(hub, [page, other, worker, idle]);
  const n = 1;
  const ask = (bus: Bus, to: RequestOptions["to"] & object) => bus.request("job:ask", { n }, { to, timeoutMs: 5_000 });
  worker.handle("job:ask", (item) => item);
  worker.handle("job:sure", (item) => item);
  await settle();
  await expect(ask(page, { busId: "nobody" })).rejects.toMatchObject({ code: "NO_PEER" });
  await expect(ask(page, { role: "page" })).rejects.toMatchObject({ code: "NO_PEER" });
  await expect(ask(page, { busId: other.id })).rejects.toMatchObject({ code: "NO_PEER" });
  await expect(ask(page, { busId: idle.id })).rejects.toMatchObject({ code: "NO_HANDLER" });
  await expect(page.request("job:sure", { n }, { to: { role: "worker" } })).rejects.toMatchObject({ code: "DENIED" });
  expect(await ask(page, { busId: worker.id, role: "worker" })).toEqual({ n });
  const before = hub.inspect().links.map(({ violations }) => violations);
  expect(before).toEqual([{ denied: 1 }, {}, {}, {}]);
  const open = defineContract("routes@1", { ...contract.table, "job:ask": command(Item, Item) });
  const liar = new EventBus({ contract: { ...open, hash: contract.hash }, role: "page", onError: () => undefined });
  buses.push(liar);
  await join(hub, liar as never, { peer: { role: "page", routes: false } });
  await settle();
  await expect(ask(liar as never, { busId: other.id })).rejects.toMatchObject({ code: "WRONG_DIRECTION" });
  await expect(ask(liar as never, { role: "page" })).rejects.toMatchObject({ code: "WRONG_DIRECTION" });
  const link = hub.inspect().links.find(({ peer }) => peer?.busId === liar.id);
  expect(link?.violations).toEqual({ direction: 2 });
});
