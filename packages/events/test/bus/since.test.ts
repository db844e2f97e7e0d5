import { expect, test, vi } from "vitest";

import { EventBus, memoryPair, type Gap, type Meta } from "../../src/index.ts";
import { join, make, settle } from "./join.ts";

/** Reads like a log: `=3` is a snapshot of 3, `4` an event. */
function reader() {
  const heard: string[] = [];
  const hear = ({ n }: { n: number }, { snapshot }: Meta): void =>
    void heard.push(`${snapshot === true ? "=" : ""}${n}`);
  return { heard, hear };
}

/** Counts up with each emit and provides where it stands. */
function counter(bus: Pick<ReturnType<typeof make>, "emit" | "provide">) {
  let n = 0;
  bus.provide("run:state", () => ({ n }));
  return (times: number) => {
    for (let i = 0; i < times; i++) bus.emit("run:state", { n: ++n });
  };
}

test("[E-BUS-40] since last begins with the provider's snapshot, on its own bus and behind a link", async () => {
  const host = make("host");
  const ui = make("ui");
  const count = counter(host);
  count(3);
  const own = reader();
  host.on("run:state", own.hear, { since: "last" });
  await join(host, ui);
  const far = reader();
  await ui.on("run:state", far.hear, { since: "last" }).ready;
  count(2);
  await settle();
  expect(own.heard).toEqual(["=3", "4", "5"]);
  expect(far.heard).toEqual(["=3", "4", "5"]);
});

test("[E-BUS-41] a snapshot goes to its subscription alone", async () => {
  const host = make("host");
  const ui = make("ui");
  const other = make("ui");
  const count = counter(host);
  const [plain, second, elsewhere] = [reader(), reader(), reader()];
  await join(host, ui);
  await join(host, other);
  ui.on("run:state", plain.hear);
  other.on("run:state", elsewhere.hear);
  await settle();
  count(1);
  await settle();
  await ui.on("run:state", second.hear, { since: "last" }).ready;
  count(1);
  await settle();
  expect(plain.heard).toEqual(["1", "2"]);
  expect(elsewhere.heard).toEqual(["1", "2"]);
  expect(second.heard).toEqual(["=1", "2"]);
});

test("[E-BUS-42] snapshot and tail have no hole and no double while events flow", async () => {
  const host = make("host");
  const ui = make("ui");
  const count = counter(host);
  await join(host, ui);
  ui.on("run:state", () => undefined);
  await settle();
  for (let round = 0; round < 20; round++) {
    const late = reader();
    count(2);
    const off = ui.on("run:state", late.hear, { since: "last" });
    // Emitted while the subscription is on its way, and in every microtask until it has arrived.
    for (let i = 0; i < 12; i++) {
      count(1);
      await Promise.resolve();
    }
    await off.ready;
    count(1);
    await settle();
    off();
    const numbers = late.heard.map((text) => Number(text.replace("=", "")));
    expect(late.heard[0]).toMatch(/^=/);
    expect(late.heard.filter((text) => text.startsWith("="))).toHaveLength(1);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => (numbers[0] ?? 0) + i));
    expect(numbers.at(-1)).toBe((round + 1) * 15);
  }
});

test("[E-BUS-42] no hole and no double through a bus in the middle", async () => {
  const worker = make("worker");
  const host = make("host");
  const ui = make("ui");
  const count = counter(worker);
  await join(worker, host, { peer: { routes: true } });
  await join(host, ui);
  const plain = reader();
  ui.on("run:state", plain.hear);
  await settle();
  count(2);
  const late = reader();
  const off = ui.on("run:state", late.hear, { since: "last" });
  for (let i = 0; i < 20; i++) {
    count(1);
    await Promise.resolve();
  }
  await off.ready;
  count(1);
  await settle();
  const numbers = late.heard.map((text) => Number(text.replace("=", "")));
  expect(late.heard[0]).toMatch(/^=/);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => (numbers[0] ?? 0) + i));
  expect(numbers.at(-1)).toBe(23);
  expect(plain.heard).toEqual(Array.from({ length: 23 }, (_, i) => String(i + 1)));
});

test("[E-BUS-43] a pattern gets the snapshots of all its names, an array is several in order, undefined is none", async () => {
  const host = make("host");
  const ui = make("ui");
  host.provide("run:told", () => [{ n: 1 }, { n: 2 }]);
  host.provide("run:state", () => undefined);
  host.provide("run:log", (where) => ({ n: 3, run: String(where?.["run"]) }));
  await join(host, ui);
  const late: unknown[] = [];
  await ui.on("run:*", (data, { name }) => late.push([name, data]), { since: "last", where: { run: "a" } }).ready;
  const all: unknown[] = [];
  await ui.on("run:*", (data, { name }) => all.push([name, (data as { n: number }).n]), { since: "last" }).ready;
  host.emit("run:told", { n: 9 });
  await settle();
  // What does not fit `where` is not sent, whatever the provider gives.
  expect(late).toEqual([["run:log", { n: 3, run: "a" }]]);
  expect(all).toEqual([
    ["run:told", 1],
    ["run:told", 2],
    ["run:log", 3],
    ["run:told", 9],
  ]);
});

test("[E-BUS-44] a link that opens later brings its snapshot then", async () => {
  const host = make("host");
  const ui = make("ui");
  counter(host)(4);
  const late = reader();
  const off = ui.on("run:state", late.hear, { since: "last" });
  await join(host, ui);
  await off.ready;
  await settle();
  expect(late.heard).toEqual(["=4"]);
});

test("[E-BUS-45] a provider that throws, or gives what the contract forbids, is a fault of its side; the tail still comes", async () => {
  const host = make("host");
  const ui = make("ui");
  host.provide("run:state", () => {
    throw new Error("of the provider");
  });
  host.provide("run:told", () => ({ n: "one" }) as never);
  await join(host, ui);
  const late = reader();
  const off = ui.on("run:*", late.hear as never, { since: "last" });
  await off.ready;
  host.emit("run:state", { n: 1 });
  await settle();
  expect(late.heard).toEqual(["1"]);
  expect(host.faults).toMatchObject([{ code: "INVALID_PAYLOAD" }, { message: "of the provider" }]);
});

test("[E-BUS-46] one provider a name, by a role that sends it", async () => {
  const host = make("host");
  const stop = host.provide("run:state", () => ({ n: 1 }));
  expect(() => host.provide("run:state", () => ({ n: 2 }))).toThrow(/stop that one first/);
  stop();
  host.provide("run:state", () => ({ n: 2 }));
  expect(() => make("ui").provide("run:state", () => ({ n: 2 }))).toThrow(/does not send/);
});

test("[E-BUS-47] what waits before the handshake is neither lost nor doubled by a snapshot", async () => {
  const host = make("host");
  const ui = make("ui");
  const late = reader();
  const off = ui.on("run:state", late.hear, { since: "last" });
  const joined = join(host, ui);
  const count = counter(host);
  count(3);
  await joined;
  await off.ready;
  count(1);
  await settle();
  expect(late.heard.at(-1)).toBe("4");
  const numbers = late.heard.map((text) => Number(text.replace("=", "")));
  expect(numbers).toEqual([...new Set(numbers)]);
});

test("[E-BUS-48] without a provider the tail is all, and nothing of it is lost", async () => {
  const host = make("host");
  const ui = make("ui");
  await join(host, ui);
  ui.on("run:state", () => undefined);
  await settle();
  const late = reader();
  const off = ui.on("run:state", late.hear, { since: "last" });
  host.emit("run:state", { n: 1 });
  await off.ready;
  host.emit("run:state", { n: 2 });
  await settle();
  expect(late.heard).toEqual(["1", "2"]);
});

test("[E-BUS-49] buses with types only buses have snapshots too, for patterns as for names", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const host = new EventBus();
  const ui = new EventBus();
  let n = 2;
  host.provide("a:state", () => ({ n }));
  await join(host, ui);
  const late = reader();
  await ui.on("a:*", late.hear, { since: "last" }).ready;
  host.emit("a:state", { n: ++n });
  await settle();
  expect(late.heard).toEqual(["=2", "3"]);
  vi.restoreAllMocks();
});

/** What a page hears whose link opens after `count` changes, where the host keeps `waiting` of them. */
async function heardBehind(provides: boolean, waiting: number, count: number): Promise<unknown[]> {
  const host = make("host", { limits: { waiting } });
  const ui = make("ui");
  const heard: unknown[] = [];
  const onGap = ({ names }: Gap): void => void heard.push(names);
  const hear = (data: { n: number }, { snapshot }: Meta): void =>
    void heard.push(snapshot === true ? `=${data.n}` : data.n);
  ui.on("run:state", hear, { since: "last", onGap });
  // A listener behind the host sends nothing, and changes nothing.
  await join(host, make("ui"));
  const [left, right] = memoryPair();
  host.connect(left);
  let n = 0;
  if (provides) host.provide("run:state", () => ({ n }));
  while (n < count) host.emit("run:state", { n: ++n });
  await ui.connect(right).ready;
  await settle();
  host.emit("run:state", { n: ++n });
  await settle();
  return heard;
}

test.each([
  [3, 5, 2],
  [1_000, 3_000, 2_000],
  // More than a listener holds while it waits for a snapshot.
  [2_000, 2_500, 1_500],
])(
  "[E-BUS-57] a gap that a snapshot stands for is none; without one it stands before the rest (%i of %i wait)",
  async (waiting, count, lost) => {
    expect(await heardBehind(true, waiting, count)).toEqual([`=${count}`, count + 1]);
    const rest = Array.from({ length: count + 1 - lost }, (_, i) => lost + 1 + i);
    expect(await heardBehind(false, waiting, count)).toEqual([{ "run:state": lost }, ...rest]);
  },
);
