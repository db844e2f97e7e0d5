/** Durable events that a road loses: asked for again from the journal, by whoever misses them. */
import { expect, test } from "vitest";
import { z } from "zod";

import { defineContract, event, EventBus, ringJournal, type Gap } from "../../src/index.ts";
import { fakeClock, faultyLink, seededRandom } from "../../src/testing/index.ts";
import { join, settle } from "./join.ts";

const contract = defineContract("heal@1", {
  "a:kept": event(z.object({ n: z.number(), fill: z.string().optional() }), {
    from: ["worker", "host"],
    to: ["ui"],
    delivery: "durable",
  }),
  "a:told": event(z.object({ n: z.number() }), { from: ["worker"], to: ["ui"] }),
});

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** A worker that stores, a host in the middle, a page: two roads that break when the test says so. */
async function road() {
  const clock = fakeClock();
  const faults: { code?: string }[] = [];
  const onError = (fault: unknown): void => void faults.push(fault as { code?: string });
  const options = { contract, clock, random: seededRandom(11), onError };
  const worker = new EventBus({
    ...options,
    role: "worker",
    journal: ringJournal({ maxBytes: 64 * 1_048_576, clock }),
  });
  const host = new EventBus({ ...options, role: "host" });
  const ui = new EventBus({ ...options, role: "ui" });
  const accept = (routes: boolean) =>
    faultyLink({
      accept: (transport) => void host.connect(transport, { peer: { routes } }).ready.catch(() => undefined),
    });
  const first = accept(true);
  const second = accept(false);
  const run = async (): Promise<void> => {
    for (let quiet = 0; quiet < 4;) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = first.flush() + second.flush() === 0 ? quiet + 1 : 0;
    }
  };
  const pass = async (seconds: number): Promise<void> => {
    for (let left = seconds; left > 0; left--) {
      clock.advance(1_000);
      await run();
    }
  };
  worker.connect(first.dialer);
  ui.connect(second.dialer);
  await run();
  const readers = ["all", undefined].map((since) => {
    const heard: number[] = [];
    const gaps: Gap[] = [];
    const onGap = (gap: Gap): void => void gaps.push(gap);
    ui.on("a:kept", ({ n }) => heard.push(n), since === undefined ? { onGap } : { since: "all", onGap });
    return { heard, gaps };
  });
  await run();
  const close = async (): Promise<void> => {
    await Promise.all([worker.close(), host.close(), ui.close()]);
  };
  return { clock, worker, host, ui, first, second, run, pass, readers, close, faults };
}

test("[E-DUR-11] more than an outbox holds: what it gave up comes from the journal, once and in order, through a bus in the middle", async () => {
  const { worker, host, ui, first, second, run, pass, readers, close } = await road();
  const fill = "x".repeat(100_000);
  for (const [at, slow] of [first, second].entries()) {
    slow.stall();
    for (const n of upTo((at + 1) * 150, at * 150 + 1)) {
      worker.emit("a:kept", { n, fill });
      await Promise.resolve();
      if (at === 1 && n % 10 === 0) first.flush();
    }
    await run();
    slow.flow();
    await pass(5);
  }
  for (const { heard, gaps } of readers) {
    expect(heard).toEqual(upTo(300));
    expect(gaps).toEqual([]);
  }
  // Both roads had given some up.
  const lost = [host, ui].flatMap((bus) => bus.inspect().links.filter(({ gaps }) => gaps.length > 0));
  expect(lost.map(({ peer }) => peer?.role)).toEqual(["worker", "host"]);
  await close();
});

test("[E-DUR-11] a session of the first hop that is lost costs no durable event two hops away; of others a gap is told", async () => {
  const { worker, ui, first, run, pass, readers, close } = await road();
  const told: (number | string)[] = [];
  ui.on("a:told", ({ n }) => told.push(n), { onGap: () => told.push("gap") });
  await run();
  for (const round of upTo(3)) {
    const n = round * 3 - 2;
    worker.emit("a:kept", { n });
    await run();
    first.setDown(true);
    worker.emit("a:kept", { n: n + 1 });
    worker.emit("a:told", { n: -round });
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    first.cut();
    await pass(90);
    worker.emit("a:kept", { n: n + 2 });
    first.setDown(false);
    await pass(15);
  }
  for (const { heard, gaps } of readers) {
    expect(heard).toEqual(upTo(9));
    expect(gaps).toEqual([]);
  }
  expect(told).toContain("gap");
  await close();
});

test("[E-DUR-12] who hears from several journals at once goes on in each behind one cursor", async () => {
  const worker1 = new EventBus({ contract, role: "worker", journal: ringJournal() });
  const worker2 = new EventBus({ contract, role: "worker", journal: ringJournal() });
  const page = new EventBus({ contract, role: "ui" });
  await join(worker1 as never, page as never);
  await join(worker2 as never, page as never);
  worker1.emit("a:kept", { n: 1 });
  worker2.emit("a:kept", { n: 101 });
  let cursor = "";
  const heard: number[] = [];
  const off = page.on(
    "a:kept",
    ({ n }, meta) => {
      heard.push(n);
      cursor = meta.cursor ?? "";
    },
    { since: "all" },
  );
  await off.ready;
  off();
  worker1.emit("a:kept", { n: 2 });
  worker2.emit("a:kept", { n: 102 });
  const after: number[] = [];
  await page.on("a:kept", ({ n }) => after.push(n), { since: { after: cursor } }).ready;
  await settle();
  expect(new Set(heard)).toEqual(new Set([1, 101]));
  expect(new Set(after)).toEqual(new Set([2, 102]));
  await Promise.all([worker1.close(), worker2.close(), page.close()]);
});
