/** What leaves a bus, in which order, and through which layers. */
import { expect, test } from "vitest";
import { z } from "zod";

import {
  defineContract,
  event,
  EventBus,
  ringJournal,
  type Meta,
  type Middleware,
  type Passing,
} from "../../src/index.ts";
import { fakeClock, joinBuses } from "../../src/testing/index.ts";
import { join, make, settle } from "./join.ts";

/** Holds every message of its stage until the test lets it go. */
function holding(stage: "out" | "local") {
  const held: (() => void)[] = [];
  const layer: Middleware = {
    [stage]: async (_: Passing, next: () => void | Promise<void>) => {
      await new Promise<void>((resolve) => held.push(resolve));
      await next();
    },
  };
  const letGo = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      const due = held.splice(0);
      for (const go of due) go();
      await settle();
      quiet = due.length === 0 ? quiet + 1 : 0;
    }
  };
  return { layer, letGo, held };
}

test.each(["out", "local"] as const)(
  "[E-BUS-53] what %s holds was emitted before a snapshot that is taken meanwhile, and is heard before it or in it, never after it",
  async (stage) => {
    const host = make("host");
    const ui = make("ui");
    const { layer, letGo } = holding(stage);
    host.use(layer);
    let n = 0;
    host.provide("run:state", () => ({ n }));
    await join(host, ui);
    ui.on("run:state", () => undefined);
    await settle();
    const emit = (): void => host.emit("run:state", { n: ++n });
    emit();
    emit();
    const heard: string[] = [];
    const hear = (data: { n: number }, { snapshot }: Meta): void =>
      void heard.push(`${snapshot === true ? "=" : ""}${data.n}`);
    const reader = stage === "out" ? ui : host;
    const off = reader.on("run:state", hear, { since: "last" });
    emit();
    await settle();
    emit();
    await letGo();
    await off.ready;
    emit();
    await letGo();
    const shown = heard.findIndex((line) => line.startsWith("="));
    const numbers = heard.slice(shown).map((line) => Number(line.replace("=", "")));
    expect(shown).toBeGreaterThanOrEqual(0);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => numbers[0]! + i));
    expect(numbers.at(-1)).toBe(5);
    // What its own bus emitted before is heard as it comes; over the link the snapshot stands for it.
    expect(shown).toBe(stage === "out" ? 0 : 2);
  },
);

test("[E-BUS-53] stored events and those that a layer holds meanwhile come once each, in order, and through the layer", async () => {
  const contract = defineContract("kept@1", {
    "a:b": event(z.object({ n: z.number() }), { from: ["host"], to: ["ui"], delivery: "durable" }),
  });
  const host = new EventBus({ contract, role: "host", journal: ringJournal() });
  const ui = new EventBus({ contract, role: "ui" });
  const { layer, letGo } = holding("out");
  host.use(layer);
  host.use({ out: (message, next) => ((message.data as { n: number }).n === 3 ? undefined : next()) });
  await join(host, ui);
  ui.on("a:b", () => undefined);
  await settle();
  for (let n = 1; n <= 4; n++) host.emit("a:b", { n });
  const heard: number[] = [];
  const off = ui.on("a:b", ({ n }) => heard.push(n), { since: "all" });
  await settle();
  host.emit("a:b", { n: 5 });
  await letGo();
  await off.ready;
  host.emit("a:b", { n: 6 });
  await letGo();
  expect(heard).toEqual([1, 2, 4, 5, 6]);
  await Promise.all([host.close(), ui.close()]);
});

test("[E-BUS-54] own requests and emitted commands go through local where they are handled here, else through out; listeners hear them through local", async () => {
  const host = make("host");
  const ui = make("ui");
  const seen: string[] = [];
  const layer: Middleware = {
    out: (message, next) => {
      seen.push(`out ${message.kind} ${message.name}`);
      message.data = { ...(message.data as object), run: "out" };
      return next();
    },
    local: (message, next) => {
      seen.push(`local ${message.kind} ${message.name}`);
      return next();
    },
  };
  ui.use(layer);
  host.handle("run:ask", ({ n, run }) => ({ n, ...(run === undefined ? {} : { run }) }));
  await join(host, ui);
  expect(await ui.request("run:ask", { n: 1 })).toEqual({ n: 1, run: "out" });
  expect(seen).toEqual(["out request run:ask", "local event run:ask"]);
  seen.length = 0;
  ui.emit("run:ask", { n: 2 });
  expect(seen).toEqual(["out request run:ask", "local event run:ask"]);
  await settle();
  // Handled where it is asked.
  const alone = make("host");
  const open = new EventBus();
  alone.use(layer);
  open.use(layer);
  open.handle("a:b", ({ n }) => n);
  seen.length = 0;
  expect(await open.request("a:b", { n: 3 })).toBe(3);
  expect(seen).toEqual(["local request a:b"]);
});

test.each(["out", "local"] as const)(
  "[E-BUS-54] a request that %s does not pass on is DENIED, one whose layer throws is HANDLER_FAILED; a cancelled one is not sent late",
  async (stage) => {
    const starts: number[] = [];
    const handled = new EventBus({ onError: () => undefined });
    handled.handle("a:b", ({ n }) => starts.push(n));
    const asking = stage === "local" ? handled : new EventBus({ onError: () => undefined });
    if (stage === "out") await join(handled as never, asking as never);
    const stop = asking.use({ [stage]: () => undefined });
    await expect(asking.request("a:b", { n: 1 })).rejects.toMatchObject({ code: "DENIED" });
    stop();
    const faulty = asking.use({
      [stage]: () => {
        throw new Error("of the layer");
      },
    });
    await expect(asking.request("a:b", { n: 2 })).rejects.toMatchObject({ code: "HANDLER_FAILED" });
    faulty();
    const { layer, letGo } = holding(stage);
    asking.use(layer);
    const cancel = new AbortController();
    const cancelled = asking.request("a:b", { n: 3 }, { signal: cancel.signal });
    cancel.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
    await letGo();
    expect(starts).toEqual([]);
    expect(asking.inspect()).toMatchObject({ deadlines: 0, parkedRequests: 0 });
    await Promise.all([handled.close(), asking.close()]);
  },
);

test("[E-BUS-55] before a snapshot goes what is held of its event under any key: nothing old follows it", () => {
  const contract = defineContract("part@1", {
    "a:part": event(z.object({ key: z.string(), n: z.number() }), {
      from: ["host"],
      to: ["ui"],
      delivery: "latest",
      key: "key",
      everyMs: 1_000,
    }),
  });
  const clock = fakeClock({ manualTicks: true });
  const host = new EventBus({ contract, role: "host", clock });
  const ui = new EventBus({ contract, role: "ui", clock });
  const joined = joinBuses(host, ui, clock);
  ui.on("a:part", () => undefined);
  joined.flush();
  host.provide("a:part", () => [{ key: "all", n: 9 }]);
  for (const n of [1, 2]) for (const key of ["a", "b"]) host.emit("a:part", { key, n });
  joined.flush();
  const heard: string[] = [];
  ui.on("a:part", ({ key, n }, { snapshot }) => heard.push(`${snapshot === true ? "=" : ""}${key}${n}`), {
    since: "last",
  });
  joined.flush();
  clock.advance(5_000);
  joined.flush();
  expect(heard).toEqual(["=all9"]);
});

test("[E-BUS-14] a bus that closes while a layer holds stored events ends their reading, and gives the journal's reader back", async () => {
  const contract = defineContract("kept@1", {
    "a:b": event(z.object({ n: z.number() }), { from: ["host"], to: ["ui"], delivery: "durable" }),
  });
  const ring = ringJournal();
  let reading = 0;
  const journal = Object.assign(Object.create(ring) as typeof ring, {
    append: (value: unknown) => ring.append(value),
    stats: () => ring.stats(),
    flush: () => ring.flush(),
    async *read(range: { from?: number; to?: number }) {
      reading += 1;
      try {
        yield* ring.read(range);
      } finally {
        reading -= 1;
      }
    },
  });
  Object.defineProperty(journal, "last", { get: () => ring.last });
  const host = new EventBus({ contract, role: "host", journal });
  const ui = new EventBus({ contract, role: "ui" });
  for (let n = 1; n <= 5; n++) host.emit("a:b", { n });
  const { layer, held } = holding("out");
  host.use(layer);
  await join(host, ui);
  ui.on("a:b", () => undefined, { since: "all" });
  host.emit("a:b", { n: 6 });
  await settle();
  expect([reading, held.length]).toEqual([1, 1]);
  await host.close();
  await settle();
  expect(reading).toBe(0);
  await ui.close();
});
