/** The hardest cases that no rule of one part holds alone. SPEC.md names the tests of the others. */
import { expect, test } from "vitest";
import { z } from "zod";

import { defineContract, event, EventBus, memoryPair, ringJournal } from "../../src/index.ts";
import { fakeClock, faultyLink, seededRandom } from "../../src/testing/index.ts";
import { join, make, settle } from "../bus/join.ts";

const kept = defineContract("kept@1", {
  "a:kept": event(z.object({ n: z.number() }), { from: ["host"], to: ["ui"], delivery: "durable" }),
  "a:told": event(z.object({ bytes: z.instanceof(Uint8Array) }), { from: ["host"], to: ["ui"] }),
});

test("[E-CASE-1] silence longer than the journal's age: a resume loses nothing, a new session finds a gap, then the tail", async () => {
  const clock = fakeClock();
  const options = { clock, random: seededRandom(5), onError: () => undefined };
  const journal = ringJournal({ maxAgeMs: 30_000, clock });
  const host = new EventBus({ contract: kept, role: "host", journal, ...options });
  const ui = new EventBus({ contract: kept, role: "ui", ...options });
  const road = faultyLink({ accept: (transport) => void host.connect(transport).ready.catch(() => undefined) });
  ui.connect(road.dialer);
  const run = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      await settle();
      quiet = road.flush() === 0 ? quiet + 1 : 0;
    }
  };
  const pass = async (seconds: number): Promise<void> => {
    for (let left = seconds; left > 0; left--) {
      clock.advance(1_000);
      await run();
    }
  };
  const heard: (number | string)[] = [];
  const note = ({ n }: { n: number }): void => void heard.push(n);
  ui.on("a:kept", note, { since: "all", onGap: ({ from, to }) => heard.push(`gap ${from}-${to}`) });
  await run();
  host.emit("a:kept", { n: 1 });
  await run();
  // Away for 40 s: the journal has forgotten what the session still holds.
  road.setDown(true);
  road.cut();
  host.emit("a:kept", { n: 2 });
  await pass(40);
  expect(journal.stats().entries).toBe(0);
  road.setDown(false);
  await pass(12);
  expect(heard).toEqual([1, 2]);
  // Away for longer than session and journal remember.
  road.setDown(true);
  host.emit("a:kept", { n: 3 });
  await settle();
  road.cut();
  host.emit("a:kept", { n: 4 });
  await pass(100);
  host.emit("a:kept", { n: 5 });
  road.setDown(false);
  await pass(12);
  host.emit("a:kept", { n: 6 });
  await run();
  expect(heard).toEqual([1, 2, "gap 3-4", 5, 6]);
  await Promise.all([host.close(), ui.close()]);
});

test("[E-CASE-4] mounted, unmounted and mounted again in one tick, a hundred times: each event once, and counts return to zero", async () => {
  const host = make("host");
  const ui = make("ui");
  const { links } = await join(host, ui);
  const held = () =>
    [host, ui].map((bus) => {
      const { listeners, links, deadlines } = bus.inspect();
      return {
        listeners,
        deadlines,
        links: links.map(({ hears, announced, waiting }) => ({ hears, announced, waiting })),
      };
    });
  const before = held();
  const heard: number[] = [];
  const mount = () => ui.on("run:told", ({ n }) => heard.push(n), { since: "last" });
  let off = mount();
  for (let round = 0; round < 100; round++) {
    off();
    off = mount();
    if (round % 10 === 0) await settle();
  }
  await off.ready;
  host.emit("run:told", { n: 1 });
  await settle();
  expect(heard).toEqual([1]);
  expect(host.inspect().links[0]?.hears).toEqual(["run:told"]);
  off();
  await settle();
  expect(held()).toEqual(before);
  host.emit("run:told", { n: 2 });
  await settle();
  expect(heard).toEqual([1]);
  expect([host.faults, ui.faults]).toEqual([[], []]);
  expect(links[0].state.at).toBe("open");
});

test("[E-CASE-6] what is stopped, cancelled or aborted while the link still opens leaves nothing behind, and is never started", async () => {
  const clock = fakeClock();
  const host = make("host", { clock });
  const ui = make("ui", { clock });
  const starts: number[] = [];
  host.handle("run:ask", ({ n }) => {
    starts.push(n);
    return { n };
  });
  host.provide("run:state", () => ({ n: 1 }));
  const [left, right] = memoryPair();
  const link = ui.connect(right);
  const heard: unknown[] = [];
  const stopping = new AbortController();
  const subscriptions = [
    ui.on("run:state", (data) => heard.push(data), { since: "last" }),
    ui.on("run:state", (data) => heard.push(data), { since: "last", signal: stopping.signal }),
    ui.on("run:told", (data) => heard.push(data)),
  ];
  const cancel = new AbortController();
  const asked = ui.request("run:ask", { n: 1 }, { signal: cancel.signal });
  const next = ui.next("run:told", { signal: cancel.signal });
  expect(ui.inspect().parkedRequests).toBe(1);
  subscriptions[0]?.();
  stopping.abort();
  subscriptions[2]?.();
  cancel.abort();
  await expect(asked).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(next).rejects.toMatchObject({ code: "CANCELLED" });
  // Also those end whose peer had not answered when they were stopped.
  await Promise.all(subscriptions.map(({ ready }) => ready));
  host.connect(left);
  await link.ready;
  await settle();
  expect([starts, heard]).toEqual([[], []]);
  expect(ui.inspect()).toMatchObject({ listeners: 0, parkedRequests: 0, deadlines: 0 });
  expect(host.inspect().links[0]).toMatchObject({ hears: [], servedRequests: 0 });
});

test("[E-CASE-14] a buffer sent to two peers arrives at both and stays with its sender; shared memory is copied; what is too large fails alone", async () => {
  const faults: { code?: string }[] = [];
  const onError = (fault: unknown): void => void faults.push(fault as { code?: string });
  const host = new EventBus({ contract: kept, role: "host", onError });
  const peers = [new EventBus({ contract: kept, role: "ui" }), new EventBus({ contract: kept, role: "ui" })] as const;
  const got: [Uint8Array[], Uint8Array[]] = [[], []];
  for (const [at, peer] of peers.entries()) {
    const [left, right] = memoryPair();
    host.connect(left);
    await peer.connect(right).ready;
    peer.on("a:told", ({ bytes }) => got[at]?.push(bytes));
  }
  await settle();
  const bytes = new Uint8Array(100_000).fill(7);
  // The type says plain memory; what comes at run time may be shared all the same.
  const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(
    3,
  ) as Uint8Array<ArrayBufferLike> as Uint8Array<ArrayBuffer>;
  host.batch([
    { type: "a:told", data: { bytes } },
    { type: "a:told", data: { bytes: new Uint8Array(17 * 1_048_576) } },
    { type: "a:told", data: { bytes: shared } },
  ]);
  bytes.fill(0); // What was emitted is what it was then.
  shared.fill(0);
  await settle();
  for (const list of got) {
    expect(list.map((each) => [each.byteLength, each[0], each.buffer instanceof ArrayBuffer])).toEqual([
      [100_000, 7, true],
      [8, 3, true],
    ]);
  }
  expect(bytes.byteLength).toBe(100_000);
  got[0][0]?.fill(9);
  expect(got[1][0]?.[0]).toBe(7);
  expect(faults.map(({ code }) => code)).toEqual(["LIMIT", "LIMIT"]);
  await Promise.all([host, ...peers].map((bus) => bus.close()));
});
