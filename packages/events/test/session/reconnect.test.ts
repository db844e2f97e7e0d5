import { expect, test } from "vitest";

import { SessionTable } from "../../src/session/table.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { faultyLink } from "../../src/testing/faulty-link.ts";
import { memoryPair } from "../../src/transports/memory.ts";
import { messagePackCodec } from "../../src/wire/codec.ts";
import { FRAME_TYPE, packFrame } from "../../src/wire/frame.ts";
import type { CloseCause, Transport } from "../../src/wire/transport.ts";
import { Side, openRoad, road } from "./sides.ts";

test("[E-SES-41] dialling again waits from 100 ms to 10 s, doubling, each time a random part of it", () => {
  const world = road();
  const delays: number[] = [];
  const reasons = new Set<string>();
  world.a.onState = (state) => {
    if (state.at !== "waiting") return;
    delays.push(state.retryAt - world.clock.now());
    reasons.add(state.why);
    expect(state.attempt).toBe(delays.length + 1);
  };
  world.link.setDown(true);
  world.link.cut();
  world.pass(300_000);
  expect(delays.length).toBeGreaterThan(30);
  expect(delays.every((delay, i) => delay >= 0 && delay <= Math.min(10_000, 100 * 2 ** i))).toBe(true);
  const late = delays.slice(8);
  const mean = late.reduce((sum, delay) => sum + delay, 0) / late.length;
  expect(mean).toBeGreaterThan(3_000);
  expect(mean).toBeLessThan(7_000);
  expect([...reasons]).toEqual(["the road was cut", "nobody answers"]);
});

test("[E-SES-42] after a connection that worked the wait begins at 100 ms again", () => {
  const world = openRoad();
  for (let i = 0; i < 20; i++) {
    world.link.cut();
    const waiting = world.a.session.state;
    if (waiting.at !== "waiting") throw new Error(waiting.at);
    expect(waiting.retryAt - world.clock.now()).toBeLessThanOrEqual(100);
    world.pass(150);
    expect(world.a.at).toBe("open");
  }
});

function failing(cause: CloseCause): Transport & { opens: number } {
  const transport = {
    name: "failing",
    medium: "bytes" as const,
    redials: true,
    opens: 0,
    open(events: Parameters<Transport["open"]>[0]) {
      transport.opens++;
      events.onClose(cause);
      return { send: () => true, close: () => undefined };
    },
  };
  return transport;
}

test("[E-SES-43] a refusal that dialling cannot change ends the session at once, with its reason", () => {
  const clock = fakeClock();
  const transport = failing({ kind: "refused", reason: "wrong token", mayRetry: false });
  const side = new Side("a", transport, clock);
  clock.endTick();
  clock.advance(60_000);
  expect([transport.opens, side.why?.code, side.why?.message, clock.pendingTimers]).toEqual([
    1,
    "REJECTED",
    expect.stringContaining("wrong token"),
    0,
  ]);
  expect(side.states.map((state) => state.at)).toEqual(["closed"]);
});

test("[E-SES-44] a transport that throws when it is opened ends the session, and throws nothing", () => {
  const [first] = memoryPair();
  const clock = fakeClock();
  new Side("a", first, clock);
  const second = new Side("b", first, clock);
  clock.endTick();
  expect(second.why?.message).toContain("open already");
  expect(second.states).toHaveLength(1);
});

test("[E-SES-45] close while it waits to dial ends it: no timer stays, nobody dials", () => {
  const world = openRoad();
  world.link.setDown(true);
  world.link.cut();
  const { dials } = world.link;
  world.a.session.close();
  world.pass(61_000);
  expect([world.a.at, world.b.at, world.link.dials, world.clock.pendingTimers]).toEqual(["closed", "closed", dials, 0]);
});

test("[E-SES-46] a silent peer is asked after 10 s and given up after 25 s; the session waits for it to come back", () => {
  const world = openRoad();
  world.pass(60_000);
  expect(world.a.at).toBe("open");
  expect(world.a.session.gauges().silentMs).toBeLessThanOrEqual(10_000);
  world.link.stall();
  world.clock.advance(24_000);
  expect(world.a.at).toBe("open");
  world.clock.advance(6_000);
  expect(["waiting", "dialing"]).toContain(world.a.at);
  expect(world.a.states.find((state) => state.at === "waiting")).toMatchObject({
    why: expect.stringMatching(/nothing heard for \d+ ms/),
  });
  world.link.flow();
  world.pass(10_000);
  expect([world.a.at, world.b.at]).toEqual(["open", "open"]);
});

test("[E-SES-47] silence while this process was busy or asleep proves nothing", () => {
  const world = openRoad();
  world.a.emit("before");
  world.settle();
  const { dials } = world.link;
  world.clock.sleep(3_600_000);
  expect([world.a.at, world.b.at]).toEqual(["open", "open"]);
  world.a.emit("after");
  world.pass(30_000);
  expect([world.b.data, world.link.dials]).toEqual([["before", "after"], dials]);
  // A dead road is still found after a sleep.
  world.link.stall();
  world.clock.sleep(3_600_000);
  for (let i = 0; i < 40; i++) world.clock.advance(1_000);
  expect(world.a.at).not.toBe("open");
});

test("[E-SES-48] the wall clock may jump: nothing is judged by it", () => {
  const world = openRoad();
  world.clock.setWallClock(9e12);
  world.pass(20_000);
  world.clock.setWallClock(5);
  world.pass(60_000);
  world.a.emit("still");
  world.settle();
  expect([world.a.at, world.b.data, world.link.dials]).toEqual(["open", ["still"], 1]);
});

test("[E-SES-49] a port is never judged by silence: a worker may compute for minutes", () => {
  const clock = fakeClock({ manualTicks: true });
  const pair = memoryPair({ manual: true });
  const [a, b] = [new Side("a", pair[0], clock), new Side("b", pair[1], clock)];
  for (let moved = 1; moved > 0;) moved = clock.endTick() + pair.flush();
  for (let i = 0; i < 300; i++) clock.advance(1_000);
  expect([a.at, a.session.gauges().silentMs > 200_000]).toEqual(["open", true]);
  a.emit("kept");
  for (let moved = 1; moved > 0;) moved = clock.endTick() + pair.flush();
  expect(b.data).toEqual(["kept"]);
});

test("[E-SES-50] the accepting side says how long it waits, and ends when its time is over", () => {
  const world = openRoad({ limits: { resumeMs: 5_000 } });
  world.link.setDown(true);
  const cutAt = world.clock.now();
  world.link.cut();
  expect(world.b.session.state).toEqual({ at: "waiting", attempt: 0, retryAt: cutAt + 5_000, why: "the road was cut" });
  world.pass(5_100);
  expect(world.b.why?.message).toContain("5000 ms");
  expect(world.table.size).toBe(0);
});

test("[E-SES-51] a link that comes back as a new session ends the one it had; a second link of the bus does not", () => {
  const clock = fakeClock({ manualTicks: true });
  const sessions = new SessionTable();
  const accepted: Side[] = [];
  const link = faultyLink({ accept: (transport) => void accepted.push(new Side("b", transport, clock, { sessions })) });
  const codec = messagePackCodec();
  const greet = (epoch: string, name: string): void => {
    const raw = link.dialer.open({ onOpen() {}, onFrame() {}, onDrain() {}, onClose() {} });
    const words = {
      v: 1,
      bus: "a",
      role: "ui",
      contracts: [],
      names: [],
      behind: [],
      epoch,
      link: name,
      redials: true,
    };
    const hello = { ...words, first: 0, window: [9e5, 9e5, 9e5], message: 1e6, frames: 1e4 };
    raw.send(packFrame(FRAME_TYPE.hello, 0, 0, 0, 0, codec.encode(hello)));
    raw.send(packFrame(FRAME_TYPE.welcome, 0, 0, 0, 0, codec.encode({})));
    link.flush();
  };
  greet("first", "one link");
  greet("second", "one link");
  greet("third", "another link");
  expect(accepted.map((side) => side.at)).toEqual(["closed", "open", "open"]);
  expect(accepted[0]!.why?.code).toBe("LINK_LOST");
  expect(sessions.size).toBe(2);
});

test("[E-SES-21] a flush that waits for a peer that never answers ends after 60 s", async () => {
  const world = road();
  world.link.setDown(true);
  world.link.cut();
  world.a.emit(1);
  const outcome = world.a.session.flush().catch((error: unknown) => error);
  world.pass(61_000);
  expect(await outcome).toMatchObject({ code: "LINK_LOST" });
  world.link.setDown(false);
  world.pass(11_000);
  expect(world.accepted.flatMap((side) => side.data)).toEqual([1]);
});
