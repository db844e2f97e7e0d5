/** Every limit as it is by default, reached. The type of the table names all of them: a new one does not compile without. */
import { expect, test } from "vitest";
import { z } from "zod";

import { EventBus, defineContract, command, event, memoryPair, type BusLimits } from "../../src/index.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { faultyLink } from "../../src/testing/faulty-link.ts";
import { FRAME_TYPE } from "../../src/wire/frame.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/wire/limits.ts";
import { barePeer } from "../bus/bare-peer.ts";
import { make, settle } from "../bus/join.ts";
import { openRoad, road, Side } from "../session/sides.ts";
import { stranger } from "../session/stranger.ts";

const KIB = 1_024;
const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};
const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
};
const kinds = (side: Side): string[] => [...new Set(side.violations.map(({ kind }) => kind))];

const SESSION: Record<keyof Limits, () => void | Promise<void>> = {
  frameBytes() {
    const { side, sayBytes } = stranger();
    sayBytes(new Uint8Array(256 * KIB + 1));
    expect(kinds(side)).toEqual(["too-large"]);
  },
  messageBytes() {
    const { side, say } = stranger();
    const claim = (bytes: number): void => {
      const first = new Uint8Array(64 * KIB);
      first[0] = FRAME_TYPE.events;
      new DataView(first.buffer).setUint32(4, bytes, true);
      say(FRAME_TYPE.chunk, first, { flags: 2 });
    };
    claim(16 * KIB * KIB + 1);
    expect(kinds(side)).toEqual(["too-large"]);
    const { a, b, settle: cross } = openRoad();
    expect(codeOf(() => a.emit("x".repeat(16 * KIB * KIB)))).toBe("LIMIT");
    expect(codeOf(() => a.emit(["x".repeat(16 * KIB * KIB)]))).toBe("LIMIT");
    // What is below it as text may be above it in bytes, and with what stands around it.
    expect(codeOf(() => a.emit("é".repeat(9 * KIB * KIB)))).toBe("LIMIT");
    expect(codeOf(() => a.emit("x".repeat(16 * KIB * KIB - 10)))).toBe("LIMIT");
    a.emit("é".repeat(8 * KIB * KIB - 2 * KIB));
    a.emit("x".repeat(16 * KIB * KIB - 2 * KIB));
    cross();
    expect([b.data.length, b.violations]).toEqual([2, []]);
  },
  depth() {
    const { a, b, settle: cross } = openRoad();
    a.emit(nested(64));
    cross();
    expect(b.data).toHaveLength(1);
    expect(codeOf(() => a.emit(nested(65)))).toBe("LIMIT");
    const { side, say } = stranger();
    say(FRAME_TYPE.events, [0, nested(200)]);
    expect(kinds(side)).toEqual(["too-deep"]);
  },
  framesPerSecond() {
    const { side, say } = stranger();
    // A second's worth may be saved up: a burst of two.
    for (let i = 0; i < 40_500; i++) say(FRAME_TYPE.pong, null, { lane: 0 });
    expect(kinds(side)).toEqual(["too-many"]);
    expect(side.session.gauges().violations["too-many"]).toBeGreaterThan(400);
  },
  subscriptions() {
    const { side, say } = stranger();
    for (let i = 0; i < 10_001; i++) say(FRAME_TYPE.sub, [i, 0, "*", null, null]);
    expect(side.messages).toHaveLength(10_000);
    expect(side.session.gauges().violations).toEqual({ "too-many": 1 });
  },
  openRequests() {
    const { side, say } = stranger();
    for (let i = 0; i < 1_025; i++) say(FRAME_TYPE.request, [i, "one", null, 10, null, null]);
    expect(side.messages).toHaveLength(1_024);
    expect(side.session.gauges().violations).toEqual({ "too-many": 1 });
  },
  outboxBytes() {
    const { a, b, link, settle: cross } = openRoad();
    link.stall();
    for (let i = 0; i < 12 * 16; i++) a.emit("x".repeat(64 * KIB));
    expect(a.session.gauges().queuedBytes).toBeLessThanOrEqual(8 * KIB * KIB);
    expect(a.session.gauges().droppedEvents).toBeGreaterThan(0);
    expect(codeOf(() => a.emit("x".repeat(64 * KIB)))).toBeUndefined();
    link.flow();
    for (let moved = 1; moved > 0;) {
      const before = b.data.length;
      cross();
      moved = b.data.length - before;
    }
    const lost = b.gaps.reduce((sum, { names }) => sum + (names?.["one"] ?? 0), 0);
    expect(lost).toBe(12 * 16 + 1 - b.data.length);
  },
  windowBytes() {
    const { a, clock } = openRoad();
    for (const [lane, bytes] of [
      ["control", 1_024],
      ["main", 1_024],
      ["bulk", 256],
    ] as const) {
      const before = a.session.gauges().unackedBytes;
      for (let i = 0; i < 40; i++) a.emit("x".repeat(60 * KIB), { lane });
      clock.endTick();
      const sent = a.session.gauges().unackedBytes - before;
      expect([lane, sent <= bytes * KIB, sent > (bytes - 130) * KIB]).toEqual([lane, true, true]);
    }
  },
  chunkBytes() {
    const { a, b, settle: cross } = openRoad();
    const units: number[] = [];
    const take = b.session as unknown as { roadFrame(road: unknown, unit: Uint8Array): void };
    const roadFrame = take.roadFrame.bind(take);
    take.roadFrame = (from, unit) => (units.push(unit.byteLength), roadFrame(from, unit));
    a.emit(new Uint8Array(1_000_000));
    cross();
    expect(b.data).toHaveLength(1);
    expect(units.length).toBeGreaterThan(15);
    expect(Math.max(...units)).toBeLessThan(64 * KIB + 64);
  },
  resumeMs() {
    const { b, clock, link } = openRoad();
    link.setDown(true);
    link.cut();
    clock.advance(59_999);
    expect(b.at).toBe("waiting");
    clock.advance(1);
    expect(b.at).toBe("closed");
  },
  heartbeatMs() {
    const { link, clock } = openRoad();
    clock.advance(9_999);
    expect(link.waiting).toBe(0);
    clock.advance(1_001);
    expect(link.waiting).toBeGreaterThan(0);
  },
  deadAfterMs() {
    const { a, link, clock } = openRoad();
    link.stall();
    clock.advance(24_999);
    expect(a.at).toBe("open");
    clock.advance(6_000);
    expect(a.at).not.toBe("open");
  },
  ackBytes() {
    const { a, settle: cross } = openRoad();
    a.emit("x".repeat(60 * KIB));
    cross();
    expect(a.session.gauges().unackedFrames).toBe(1);
    a.emit("x".repeat(5 * KIB));
    cross();
    expect(a.session.gauges().unackedFrames).toBe(0);
  },
  ackMs() {
    const { a, clock, settle: cross } = openRoad();
    a.emit(1);
    cross();
    clock.advance(199);
    cross();
    expect(a.session.gauges().unackedFrames).toBe(1);
    clock.advance(1);
    cross();
    expect(a.session.gauges().unackedFrames).toBe(0);
  },
  handshakeMs() {
    const clock = fakeClock({ manualTicks: true });
    let side!: Side;
    const link = faultyLink({ accept: (transport) => (side = new Side("b", transport, clock)) });
    link.dialer.open({ onOpen() {}, onFrame() {}, onDrain() {}, onClose() {} });
    clock.advance(9_999);
    expect(side.at).toBe("dialing");
    clock.advance(1);
    expect(side.at).toBe("closed");
  },
  backoffMs() {
    const world = road();
    const waits: number[] = [];
    world.a.onState = (state) => {
      if (state.at === "waiting") waits.push(state.retryAt - world.clock.now());
    };
    world.link.setDown(true);
    world.link.cut();
    world.pass(200_000);
    expect(waits[0]).toBeLessThanOrEqual(100);
    expect(Math.max(...waits)).toBeGreaterThan(5_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(10_000);
  },
};

test.each(Object.entries(SESSION))("[E-LIM-1] of a session, by default, reached: %s", (_name, reach) => {
  expect.hasAssertions();
  return reach();
});

/** A host, and a page that may do everything but what its limit forbids. */
async function pair() {
  const host = make("host");
  const ui = make("ui", { limits: { subscriptions: 1e9, requests: 1e9, waiting: 1e9, violations: 1e9 } });
  const [left, right] = memoryPair();
  const link = host.connect(left, { peer: { grants: ["*"] } });
  await ui.connect(right).ready;
  return { host, ui, link };
}

const BUS: Record<keyof BusLimits, () => Promise<void>> = {
  async subscriptions() {
    const { host, ui } = await pair();
    for (let n = 0; n < 10_001; n++) ui.on("run:told", () => undefined, { where: { n } });
    await settle();
    expect(host.inspect().links[0]?.hears).toHaveLength(10_000);
    expect(ui.faults).toMatchObject([{ code: "LIMIT" }]);
  },
  async requests() {
    const { host, ui } = await pair();
    host.handle("run:ask", () => new Promise<never>(() => undefined));
    await settle();
    const outcomes: unknown[] = [];
    for (let n = 0; n < 1_025; n++)
      ui.request("run:ask", { n }).catch((error: { code: string }) => outcomes.push(error.code));
    await settle();
    expect([host.inspect().links[0]?.servedRequests, outcomes]).toEqual([1_024, ["LIMIT"]]);
    await ui.close();
  },
  async behind() {
    const many = (count: number) => Array.from({ length: count }, (_, n) => ({ busId: `b${n}`, role: "worker" }));
    const greeted = await barePeer(make("host"), { routes: true, behind: many(10_001) });
    expect(greeted.link.state).toMatchObject({ at: "closed", why: { code: "LIMIT" } });
    const host = make("host");
    const { link, session } = await barePeer(host, { routes: true, behind: many(9_999) });
    const add = (busId: string) =>
      session.send({ t: "behind", added: [{ busId, role: "worker" }], removed: [] }, "main");
    add("last");
    await settle();
    expect([link.state.at, host.inspect().links[0]?.behind.length]).toEqual(["open", 10_000]);
    session.send({ t: "behind", added: [{ busId: "in", role: "worker" }], removed: ["last"] }, "main");
    await settle();
    expect(link.state.at).toBe("open");
    add("one more");
    await settle();
    expect(link.state).toMatchObject({ at: "closed", why: { message: expect.stringContaining("10000") } });
  },
  async waiting() {
    const host = make("host");
    host.connect(memoryPair()[0]);
    for (let n = 0; n < 1_001; n++) host.emit("run:told", { n });
    expect(host.inspect().links[0]).toMatchObject({ waiting: 1_000, dropped: 1 });
    expect(host.faults).toMatchObject([{ code: "QUEUE_FULL" }]);
    await host.close();
  },
  async violations() {
    const lax = defineContract("lax@1", { "a:b": event(z.any(), { from: ["ui"], to: ["host"] }) });
    const strict = defineContract("lax@1", { "a:b": event(z.number(), { from: ["ui"], to: ["host"] }) });
    const host = new EventBus({ contract: { ...strict, hash: lax.hash }, role: "host", onError: () => undefined });
    const ui = new EventBus({ contract: lax, role: "ui", onError: () => undefined });
    host.on("a:b", () => expect.unreachable());
    const [left, right] = memoryPair();
    const link = host.connect(left);
    await ui.connect(right).ready;
    for (let n = 0; n < 100; n++) ui.emit("a:b", "no number");
    await settle();
    expect([link.state.at, host.inspect().links[0]?.violations]).toEqual(["open", { invalid: 100 }]);
    ui.emit("a:b", "no number");
    await settle();
    expect(link.state.at).toBe("closed");
  },
};

test.each(Object.entries(BUS))("[E-LIM-2] of a bus, by default, reached: %s", (_name, reach) => {
  expect.hasAssertions();
  return reach();
});

test("[E-LIM-3] a reader of a stream that does not read holds 1,000 messages, and finds a gap", async () => {
  const bus = make("host");
  const stream = bus.stream("run:log");
  for (let n = 0; n < 1_500; n++) bus.emit("run:log", { n });
  const first = await stream.next();
  expect(first.value).toMatchObject({ gap: { names: { "run:log": 500 } } });
  const second = await stream.next();
  expect(second.value).toMatchObject({ data: { n: 500 } });
  await bus.close();
});

test("[E-LIM-3] of answered keys a host remembers 10,000", async () => {
  const sure = defineContract("sure@1", {
    "do:it": command(z.number(), z.number(), { idempotent: true, from: ["host"], to: ["host"] }),
  });
  const bus = new EventBus({ contract: sure, role: "host" });
  bus.handle("do:it", (n) => n);
  for (let n = 0; n < 10_050; n++) await bus.request("do:it", n, { key: `key ${n}` });
  expect(bus.inspect().rememberedKeys).toBe(10_000);
  await bus.close();
});

test("[E-LIM-1] the defaults are those of the page of guarantees", () => {
  expect(Object.keys(SESSION).toSorted()).toEqual(Object.keys(DEFAULT_LIMITS).toSorted());
});
