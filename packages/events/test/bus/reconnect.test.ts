import { expect, test } from "vitest";

import type { Meta } from "../../src/index.ts";
import { fakeClock, faultyLink, seededRandom } from "../../src/testing/index.ts";
import { make } from "./join.ts";

/** A page that dials a host over a road that breaks when the test says so. */
async function dialed() {
  const clock = fakeClock();
  const options = { clock, random: seededRandom(7) };
  const host = make("host", options);
  const ui = make("ui", options);
  const road = faultyLink({ accept: (transport) => void host.connect(transport).ready.catch(() => undefined) });
  const link = ui.connect(road.dialer);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) {
      await Promise.resolve();
      road.flush();
    }
  };
  /** Lets time pass in small steps, so that frames cross between timers. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(500, left));
      await settle();
    }
  };
  await settle();
  await link.ready;
  return { clock, host, ui, road, link, settle, pass };
}

test("[E-BUS-31] events and requests survive a cut that the session outlives, once each, in order", async () => {
  const { host, ui, road, link, settle, pass } = await dialed();
  const heard: number[] = [];
  const starts: number[] = [];
  ui.on("run:told", ({ n }) => heard.push(n));
  host.handle("run:ask", ({ n }) => {
    starts.push(n);
    return { n };
  });
  await settle();
  host.emit("run:told", { n: 1 });
  road.cut();
  host.emit("run:told", { n: 2 });
  const reply = ui.request("run:ask", { n: 5 });
  await pass(2_000);
  host.emit("run:told", { n: 3 });
  await pass(2_000);
  expect(link.state).toMatchObject({ at: "open", resumed: true });
  expect(heard).toEqual([1, 2, 3]);
  expect(await reply).toEqual({ n: 5 });
  expect(starts).toEqual([5]);
  expect(host.inspect().links).toHaveLength(1);
  expect([host.faults, ui.faults]).toEqual([[], []]);
});

test("[E-BUS-32] after a session that could not be resumed, interest and handlers are told anew", async () => {
  const { host, ui, road, link, settle, pass } = await dialed();
  const heard: string[] = [];
  let n = 0;
  host.provide("run:state", () => ({ n }));
  const hear = ({ n: value }: { n: number }, { snapshot }: Meta): void =>
    void heard.push(`${snapshot ? "=" : ""}${value}`);
  ui.on("run:state", hear, { since: "last" });
  await settle();
  host.emit("run:state", { n: ++n });
  await settle();
  road.setDown(true);
  road.cut();
  host.emit("run:state", { n: ++n });
  await pass(90_000);
  road.setDown(false);
  await pass(20_000);
  expect(link.state).toMatchObject({ at: "open", resumed: false });
  host.emit("run:state", { n: ++n });
  await settle();
  expect(heard).toEqual(["=0", "1", "=2", "3"]);
  expect(host.inspect().links).toHaveLength(1);
});

test("[E-REQ-17] after a session that could not be resumed, idempotent requests are asked again under their key", async () => {
  const { host, ui, road, settle, pass } = await dialed();
  const starts: string[] = [];
  let answer: (() => void) | undefined;
  host.handle("run:sure", ({ n }) => {
    starts.push(`sure ${n}`);
    return new Promise((resolve) => {
      answer = () => resolve({ n });
    });
  });
  host.handle("run:ask", ({ n }) => {
    starts.push(`ask ${n}`);
    return new Promise(() => undefined);
  });
  await settle();
  const sure = ui.request("run:sure", { n: 1 }, { timeoutMs: 600_000 });
  const ask = ui.request("run:ask", { n: 2 }, { timeoutMs: 600_000 });
  for (const each of [sure, ask]) each.catch(() => undefined);
  await settle();
  road.setDown(true);
  road.cut();
  await pass(90_000);
  road.setDown(false);
  await pass(20_000);
  await expect(ask).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  answer?.();
  await settle();
  expect(await sure).toEqual({ n: 1 });
  expect(starts).toEqual(["sure 1", "ask 2"]);
  expect(ui.inspect()).toMatchObject({ deadlines: 0, links: [{ openRequests: 0 }] });
});

test("[E-BUS-33] what a link lost is told to every subscription of it, before anything later", async () => {
  const { host, ui, road, settle, pass } = await dialed();
  const heard: string[] = [];
  ui.on("run:told", ({ n }) => heard.push(String(n)), { onGap: ({ reason }) => heard.push(`gap: ${reason !== ""}`) });
  const stream = ui.stream("run:told");
  await settle();
  host.emit("run:told", { n: 1 });
  await settle();
  road.setDown(true);
  road.cut();
  host.emit("run:told", { n: 2 });
  await pass(90_000);
  road.setDown(false);
  await pass(20_000);
  host.emit("run:told", { n: 3 });
  await settle();
  expect(heard).toEqual(["1", "gap: true", "3"]);
  const items = [await stream.next(), await stream.next(), await stream.next()];
  expect(items.map(({ value }) => value.data?.n ?? "gap")).toEqual([1, "gap", 3]);
  await ui.close();
});

test.each([0, 1, 2, 3, 4])(
  "[S6] a road that breaks after %i frames of a request, and is away for too long: each outcome is true",
  async (count) => {
    const { host, ui, road, settle, pass } = await dialed();
    const starts: string[] = [];
    host.handle("run:sure", ({ n }) => {
      starts.push("sure");
      return { n };
    });
    host.handle("run:ask", ({ n }) => {
      starts.push("ask");
      return { n };
    });
    await settle();
    const sure = ui.request("run:sure", { n: 1 }, { timeoutMs: 600_000 });
    const ask = ui.request("run:ask", { n: 2 }, { timeoutMs: 600_000 }).catch(({ code }) => code);
    for (let sent = 0; sent < count; sent++) {
      await Promise.resolve();
      road.flush(1);
    }
    road.setDown(true);
    road.cut();
    await pass(90_000);
    road.setDown(false);
    await pass(20_000);
    expect(await sure).toEqual({ n: 1 });
    const outcome: unknown = await ask;
    expect([{ n: 2 }, "OUTCOME_UNKNOWN"]).toContainEqual(outcome);
    expect(starts.filter((name) => name === "sure")).toHaveLength(1);
    expect(starts.filter((name) => name === "ask").length).toBeLessThanOrEqual(1);
    expect(ui.inspect()).toMatchObject({ deadlines: 0, parkedRequests: 0, links: [{ openRequests: 0 }] });
  },
);

test.each([0, 1, 2, 3, 4])(
  "[S6] a road that breaks after %i frames of a request, and comes back in time: the value, once",
  async (count) => {
    const { host, ui, road, settle, pass } = await dialed();
    let starts = 0;
    host.handle("run:ask", ({ n }) => {
      starts += 1;
      return { n };
    });
    await settle();
    const ask = ui.request("run:ask", { n: 2 });
    for (let sent = 0; sent < count; sent++) {
      await Promise.resolve();
      road.flush(1);
    }
    road.cut();
    await pass(5_000);
    expect(await ask).toEqual({ n: 2 });
    expect(starts).toBe(1);
  },
);
