import { expect, test } from "vitest";

import type { Message } from "../../src/session/messages.ts";
import { openRoad, type Road } from "./sides.ts";

/** Frame types of the units that cross from now on, in both directions. */
function watch(world: Road): { units: number[][]; sizes: number[] } {
  const units: number[][] = [];
  const sizes: number[] = [];
  for (const side of [world.a, world.b]) {
    const conversation = side.session as unknown as { roadFrame(road: unknown, unit: unknown): void };
    const taken = conversation.roadFrame.bind(conversation);
    conversation.roadFrame = (road, unit) => {
      const bytes = unit as Uint8Array;
      const types: number[] = [];
      for (let at = 0; at < bytes.byteLength;) {
        types.push(bytes[at]!);
        at += 16 + new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(12, true);
      }
      units.push(types);
      sizes.push(bytes.byteLength);
      taken(road, unit);
    };
  }
  return { units, sizes };
}

test("[E-SES-10] what is sent in one tick leaves in one unit, runs of one kind in one frame", () => {
  const world = openRoad();
  const { units } = watch(world);
  for (let i = 0; i < 100; i++) world.a.emit(i);
  world.a.session.send({ t: "request", id: 1, name: "two", data: {}, timeoutMs: 1 }, "control");
  world.a.session.send({ t: "request", id: 2, name: "two", data: {}, timeoutMs: 1 }, "control");
  world.settle();
  expect(units).toEqual([[9, 8]]);
  expect(world.b.data).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(world.b.messages.map((message) => message.t)).toEqual(["request", "request"]);
});

for (const medium of ["bytes", "clone"] as const) {
  test(`[E-SES-11] every message arrives as it was sent (${medium})`, () => {
    const world = openRoad({ medium });
    const messages: Message[] = [
      { t: "sub", id: 1, as: "provide", pattern: "__proto__", since: { after: "c-9" } },
      { t: "unsub", id: 1 },
      { t: "suback", id: 1 },
      { t: "suback", id: 2, error: { code: "LIMIT", message: "no more", details: { limit: 1 } } },
      {
        t: "request",
        id: 3,
        name: "one",
        data: { a: [1] },
        timeoutMs: 50,
        key: "k",
        origin: { busId: "x", role: "y" },
        trace: "t",
      },
      { t: "request", id: 4, name: "not in the list", data: undefined, timeoutMs: 0 },
      { t: "reply", id: 3, data: null },
      { t: "error", id: 4, error: { code: "DENIED", message: "m", stack: "s" } },
      { t: "progress", id: 3, data: new Map([["a", 1n]]) },
      { t: "cancel", id: 3, reason: "enough" },
      { t: "cancel", id: 4 },
      { t: "behind", added: [{ busId: "p", role: "ui" }], removed: ["q"] },
    ];
    for (const message of messages) world.a.session.send(message, "main");
    world.settle();
    expect(world.b.messages).toEqual(messages);
  });

  test(`[E-SES-12] an event carries its extra fields, and only those that are known (${medium})`, () => {
    const world = openRoad({ medium });
    const extra = {
      id: "e-1",
      origin: { busId: "o", role: "r" },
      ts: 5,
      sub: 3,
      snapshot: true,
      replayed: true,
      trace: "00-1",
    };
    world.a.emit("full", {}, extra);
    world.a.emit("typed only", { name: "a name that was not agreed" }, { ts: 1 });
    world.a.emit("none", { name: "constructor" });
    const ways = [{ to: { busId: "b" }, except: "c" }, { to: { role: "r" } }, { to: { role: "r", one: true } }];
    for (const way of ways) world.a.emit("routed", { name: "way" }, way);
    // What is no text fails alone.
    for (const busId of [5, [], {}, "x".repeat(257)]) {
      world.a.emit("forged", { name: "way" }, { to: { busId: busId as string } });
    }
    world.settle();
    expect(world.b.events.filter(({ name }) => name === "way").map((each) => each.extra)).toEqual(ways);
    expect(world.b.events.filter(({ name }) => name !== "way")).toEqual([
      { name: "one", data: "full", extra },
      { name: "a name that was not agreed", data: "typed only", extra: { ts: 1 } },
      { name: "constructor", data: "none", extra: {} },
    ]);
  });

  test(`[E-SES-13] what is sent is what it was when it was emitted (${medium})`, () => {
    const world = openRoad({ medium });
    const progress = { percent: 0, bytes: new Uint8Array([1]) };
    for (let percent = 0; percent < 3; percent++) {
      progress.percent = percent;
      progress.bytes[0] = percent;
      world.a.emit(progress);
    }
    world.settle();
    expect(world.b.data).toEqual([0, 1, 2].map((percent) => ({ percent, bytes: new Uint8Array([percent]) })));
  });

  test(`[E-SES-14] what cannot cross is refused where it is emitted, alone, with its path (${medium})`, () => {
    const world = openRoad({ medium });
    world.a.emit("before");
    expect(() => world.a.emit({ list: [1, { f: () => 1 }] })).toThrow(/"list\[1\].f": it is a function/);
    expect(() => world.a.emit({ p: Promise.resolve() })).toThrow(expect.objectContaining({ code: "UNCLONEABLE" }));
    expect(() => world.a.session.send({ t: "reply", id: 1, data: Symbol("s") }, "main")).toThrow(
      /the payload: it is a symbol/,
    );
    world.a.emit("after");
    world.settle();
    expect(world.b.data).toEqual(["before", "after"]);
  });

  test(`[E-SES-15] a long message crosses in chunks of at most 64 KiB, in order with the others of its lane (${medium})`, () => {
    const world = openRoad({ medium });
    const long = {
      rows: Array.from({ length: 20_000 }, (_, i) => ({ i, name: `row ${i}` })),
      tail: new Map([[1, new Error("e")]]),
    };
    world.a.emit("before");
    world.a.emit(long, { lane: "bulk" });
    world.a.emit(long);
    world.a.emit("after");
    const reply: Message = { t: "reply", id: 1, data: new Uint8Array(300_000).fill(7) };
    world.a.session.send(reply, "control");
    world.settle();
    expect(world.b.data.filter((data) => typeof data === "string")).toEqual(["before", "after"]);
    expect(world.b.data[1]).toMatchObject({ rows: long.rows });
    expect((world.b.data[1] as typeof long).tail.get(1)?.message).toBe("e");
    expect(world.b.events.map((event) => event.data).indexOf("after")).toBe(2);
    expect(world.b.data).toHaveLength(4);
    expect(world.b.messages).toEqual([reply]);
    expect([world.b.violations, world.b.gaps]).toEqual([[], []]);
  });
}

for (const [medium, ahead] of [
  ["clone", 2],
  ["bytes", 4],
] as const) {
  test(`[E-SES-16] a control message waits for the ${ahead} chunks that are in the medium, not for the rest (${medium})`, () => {
    const world = openRoad({ medium });
    const waited: number[] = [];
    let chunks = 0;
    const conversation = world.b.session as unknown as { roadFrame(road: unknown, unit: Uint8Array | unknown[]): void };
    const take = conversation.roadFrame.bind(conversation);
    conversation.roadFrame = (road, unit) => {
      if (unit[0] === 13) chunks++;
      take(road, unit);
    };
    let sentAt = 0;
    world.b.onMessage = () => waited.push(chunks - sentAt);
    world.a.emit(new Uint8Array(4_000_000), { lane: "bulk" });
    world.clock.endTick();
    for (let id = 0; id < 10; id++) {
      world.link.flush(3);
      world.clock.endTick();
      sentAt = chunks;
      world.a.session.send({ t: "cancel", id }, "control");
      world.clock.endTick();
      while (waited.length <= id && world.link.waiting > 0) {
        world.link.flush(1);
        world.clock.endTick();
      }
    }
    expect(waited).toHaveLength(10);
    expect(Math.max(...waited)).toBeLessThanOrEqual(ahead);
    expect(chunks).toBeLessThan(60);
    world.settle();
    expect(world.b.data).toEqual([new Uint8Array(4_000_000)]);
  });
}

test("[E-SES-17] unacknowledged bytes stay within the window that the receiver grants", () => {
  const windowBytes = [65_536, 20_000, 65_536] as const;
  const world = openRoad({ acceptLimits: { windowBytes, ackBytes: 10_000 } });
  for (let i = 0; i < 200; i++) world.a.emit("x".repeat(1_000));
  world.clock.endTick();
  expect(world.a.session.gauges().unackedBytes).toBeLessThanOrEqual(20_000);
  expect(world.a.session.gauges().queuedBytes).toBeGreaterThan(150_000);
  world.settle();
  world.pass(1_000);
  expect(world.b.data).toHaveLength(200);
  expect(world.a.session.gauges()).toMatchObject({ unackedBytes: 0, queuedBytes: 0, queuedMessages: 0 });
  // Of a message in chunks, what was not cut yet waits too; it takes no room from what waits behind it.
  world.a.emit(new Uint8Array(500_000));
  world.a.emit("behind");
  world.clock.endTick();
  const { queuedBytes, unackedBytes } = world.a.session.gauges();
  expect(queuedBytes + unackedBytes).toBeGreaterThanOrEqual(500_000);
  world.settle();
  world.pass(1_000);
  expect(world.b.data.at(-1)).toBe("behind");
  expect(world.a.session.gauges()).toMatchObject({
    unackedBytes: 0,
    queuedBytes: 0,
    sentEvents: 202,
    droppedEvents: 0,
  });
  expect(world.b.session.gauges().receivedEvents).toBe(202);
});

test("[E-SES-18] CREDIT of 0 stops a lane and no other; more credit lets it go on", () => {
  const world = openRoad();
  world.b.session.credit("bulk", 0);
  world.settle();
  world.a.emit("bulk", { lane: "bulk" });
  world.a.emit("main");
  world.settle();
  expect(world.b.data).toEqual(["main"]);
  world.b.session.credit("bulk", 100_000);
  world.settle();
  expect(world.b.data).toEqual(["main", "bulk"]);
});

test("[E-SES-19] what arrived is acknowledged at 64 KiB or after 200 ms, with what is sent anyway or alone", () => {
  const world = openRoad();
  const { units } = watch(world);
  world.a.emit(1);
  world.settle();
  world.clock.advance(199);
  world.settle();
  expect([units, world.a.session.gauges().unackedFrames]).toEqual([[[8]], 1]);
  world.clock.advance(1);
  world.settle();
  expect([units, world.a.session.gauges().unackedFrames]).toEqual([[[8], [14]], 0]);
  world.a.emit(2);
  world.settle();
  world.b.emit("answer");
  world.settle();
  expect([units.slice(2), world.a.session.gauges().unackedFrames]).toEqual([[[8], [8]], 0]);
  world.a.emit("y".repeat(60_000));
  world.a.emit("y".repeat(60_000));
  world.settle();
  expect(world.a.session.gauges().unackedFrames).toBe(0);
});

test("[E-SES-20] flush resolves when the peer has acknowledged all that was queued before, without waiting for more", async () => {
  const world = openRoad();
  for (let i = 0; i < 10; i++) world.a.emit(i, { lane: i % 2 === 0 ? "main" : "bulk" });
  let isFlushed = false;
  const flushed = world.a.session.flush().then(() => (isFlushed = true));
  await Promise.resolve();
  expect(isFlushed).toBe(false);
  world.settle();
  await flushed;
  expect(world.b.data).toHaveLength(10);
  await world.a.session.flush();
});

test("[E-SES-21] a flush that the road interrupts ends with the session: resumed, or LINK_LOST", async () => {
  const world = openRoad();
  world.a.emit(1);
  const first = world.a.session.flush();
  world.link.cut();
  world.pass(1_000);
  await first;
  world.link.setDown(true);
  world.a.emit(2);
  const second = world.a.session.flush();
  const outcome = second.catch((error: unknown) => error);
  world.link.cut();
  world.pass(61_000);
  expect(await outcome).toMatchObject({ code: "LINK_LOST" });
});
