import { expect, test } from "vitest";

import { messagePackCodec } from "../../src/wire/codec.ts";
import { FRAME_TYPE, packFrame, unpackUnit, type RawFrame } from "../../src/wire/frame.ts";
import type { Frame } from "../../src/wire/transport.ts";
import { openRoad, road, type Road } from "./sides.ts";

const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

test("[S4] what is emitted on both sides while the road is cut arrives exactly once after the resume", () => {
  const world = openRoad();
  for (let i = 0; i < 300; i++) {
    world.a.emit(i);
    world.b.emit(i);
    if (i % 7 === 0) world.clock.endTick();
    if (i % 11 === 0) world.link.flush(1);
    if (i % 50 === 49) {
      world.link.cut();
      world.pass(200);
    }
  }
  world.pass(12_000);
  expect([world.a.data, world.b.data]).toEqual([numbers(300), numbers(300)]);
  expect(world.accepted.slice(1).every((side) => side.why?.details["resumed"] !== undefined)).toBe(true);
  expect([world.a.gaps, world.b.gaps, world.table.size]).toEqual([[], [], 1]);
});

test("[E-SES-29] a resume works with no message ever received", () => {
  const world = openRoad();
  world.link.cut();
  world.pass(1_000);
  expect([world.a.session.state, world.b.at]).toEqual([expect.objectContaining({ at: "open", resumed: true }), "open"]);
  world.a.emit("first");
  world.settle();
  expect(world.b.data).toEqual(["first"]);
});

test("[E-SES-30] a resume works after hours of silence, and again and again", () => {
  const world = openRoad();
  world.a.emit(0);
  for (let hour = 1; hour <= 5; hour++) {
    world.pass(3_600_000 / 60);
    world.link.cut();
    world.a.emit(hour);
    world.pass(1_000);
  }
  expect(world.b.data).toEqual([0, 1, 2, 3, 4, 5]);
});

test("[E-SES-31] once the session moved, the old connection's frames, close and death touch nothing", () => {
  const world = openRoad();
  world.a.emit("before");
  world.settle();
  // Only the dialler learns that the road is gone: the accepting side still holds the old one.
  world.link.cut("dialer");
  world.a.emit("after");
  world.pass(1_000);
  expect([world.a.at, world.b.at, world.b.data]).toEqual(["open", "open", ["before", "after"]]);
  const { dials } = world.link;
  world.link.cut("acceptor", 1);
  world.pass(60_000);
  expect(world.link.dials).toBe(dials);
  expect([world.a.at, world.b.at]).toEqual(["open", "open"]);
  world.b.emit("still here");
  world.settle();
  expect(world.a.data).toEqual(["still here"]);
});

test("[E-SES-32] nobody comes back within the window: the accepting side ends, the dialler begins anew with a gap", () => {
  const world = openRoad();
  world.settle();
  world.a.emit("on its way");
  world.clock.endTick();
  world.link.setDown(true);
  world.link.cut();
  world.a.emit("never sent", { name: "two" });
  world.pass(59_000);
  expect([world.a.at, world.b.at]).toEqual(["waiting", "waiting"]);
  world.pass(2_000);
  expect(world.b.why?.code).toBe("LINK_LOST");
  expect(world.a.gaps).toHaveLength(3);
  expect(world.table.size).toBe(0);
  world.link.setDown(false);
  world.pass(11_000);
  expect(world.a.states.at(-1)).toMatchObject({ at: "open", resumed: false });
  const anew = world.accepted.find((side) => side.at === "open")!;
  // What nobody can know of is a gap, what was never sent arrives.
  expect(anew.log).toEqual([{ gap: { one: 1 } }, "never sent"]);
});

test("[E-SES-33] an accepting side that was restarted does not know the session: a new one begins, a gap says so", () => {
  const world = openRoad({ forgets: true });
  world.a.session.send({ t: "sub", id: 1, as: "hear", pattern: "*" }, "main");
  world.settle();
  world.link.cut();
  world.pass(1_000);
  expect(world.a.at).toBe("open");
  expect(world.a.states.filter((state) => state.at === "open")).toHaveLength(2);
  expect(world.a.gaps.length).toBe(3);
  expect(world.accepted).toHaveLength(2);
  // Interest belongs to the session: the bus announces it again.
  expect(world.accepted[1]!.messages).toEqual([]);
});

/** A dialler of the test's own, which says what it likes. */
function stranger(world: Road): { say(type: number, body: unknown): void; heard: RawFrame[]; closed: string[] } {
  const codec = messagePackCodec();
  const heard: RawFrame[] = [];
  const closed: string[] = [];
  const connection = world.link.dialer.open({
    onOpen() {},
    onFrame: (unit: Frame) => heard.push(...unpackUnit(unit as Uint8Array)),
    onDrain() {},
    onClose: (cause) => closed.push(cause.reason),
  });
  return { say: (type, body) => void connection.send(packFrame(type, 0, 0, 0, 0, codec.encode(body))), heard, closed };
}

test("[E-SES-34] the id alone resumes nothing, and a secret that was used is refused: the session lives on", () => {
  const world = openRoad();
  const spied = captureTicket(world);
  const guess = stranger(world);
  guess.say(FRAME_TYPE.resume, { v: 1, session: spied.id, secret: "guess", seen: [0, 0, 0] });
  world.settle();
  expect(rejection(guess.heard)).toMatchObject({ code: "REJECTED", retry: false, resume: true });
  expect(world.a.at).toBe("open");
  world.link.cut(undefined, 1);
  world.pass(1_000);
  expect(world.a.session.state).toMatchObject({ at: "open", resumed: true });
  const thief = stranger(world);
  thief.say(FRAME_TYPE.resume, { v: 1, session: spied.id, secret: spied.secret, seen: spied.seen });
  world.settle();
  expect(rejection(thief.heard)).toMatchObject({ code: "REJECTED" });
  world.a.emit("untouched");
  world.settle();
  expect(world.b.data).toEqual(["untouched"]);
});

test("[E-SES-35] of two that present one id and secret, one wins and the other is rejected", () => {
  const world = openRoad();
  const spied = captureTicket(world);
  world.link.cut();
  world.link.setDown(false);
  world.settle();
  const [first, second] = [stranger(world), stranger(world)];
  for (const one of [first, second]) {
    one.say(FRAME_TYPE.resume, { v: 1, session: spied.id, secret: spied.secret, seen: spied.seen });
  }
  world.settle();
  const outcomes = [first, second].map(({ heard }) =>
    heard.some((frame) => frame.type === FRAME_TYPE.welcome && readSeen(frame)),
  );
  expect(outcomes.filter(Boolean)).toHaveLength(1);
  const loser = outcomes[0] === true ? second : first;
  expect(rejection(loser.heard)).toMatchObject({ code: "REJECTED" });
});

test("[E-SES-36] a WELCOME that is lost does not lock the dialler out: its last secret counts until the new one is known", () => {
  const world = openRoad();
  world.link.cut();
  // The RESUME arrives, its answer does not.
  world.clock.advance(10_000);
  while (world.accepted.length < 2) world.clock.advance(100);
  world.clock.endTick();
  world.link.flush(1);
  world.link.flush(1);
  world.link.cut();
  world.a.emit("through");
  world.pass(30_000);
  expect([world.a.at, world.b.data]).toEqual(["open", ["through"]]);
  expect(world.a.states.filter((state) => state.at === "open" && !state.resumed)).toHaveLength(1);
});

test("[E-SES-37] the road may be cut behind every single frame: nothing is lost, nothing comes twice", () => {
  for (let behind = 1; behind <= 40; behind++) {
    const world = road();
    for (let i = 0; i < 10; i++) {
      world.a.emit(i);
      world.b?.emit(i);
    }
    for (let i = 0; i < behind; i++) {
      world.clock.endTick();
      world.link.flush(1);
      if (i % 5 === 0) world.a.emit(10 + i / 5);
    }
    world.link.cut();
    world.pass(30_000);
    const sent = 10 + Math.ceil(behind / 5);
    const heard = world.accepted.flatMap((side) => side.data);
    expect([behind, heard]).toEqual([behind, numbers(sent)]);
    world.a.session.close();
    world.settle();
    expect([behind, world.clock.pendingTimers, world.table.size]).toEqual([behind, 0, 0]);
  }
});

test("[E-SES-38] numbers wrap at 2^32 as if nothing were there, resume included", () => {
  const world = openRoad({ firstSeq: 0xfffffffa });
  for (let i = 0; i < 40; i++) {
    world.a.emit(i);
    world.clock.endTick();
    if (i % 3 === 0) world.link.flush(1);
    if (i === 5 || i === 8) {
      world.link.cut();
      world.pass(1_000);
    }
  }
  world.settle();
  expect(world.b.data).toEqual(numbers(40));
  expect(world.b.violations).toEqual([]);
});

test("[E-SES-39] a lost acknowledgement makes frames come again: they are acknowledged again and dropped", () => {
  const world = openRoad();
  world.a.emit("once");
  world.clock.endTick();
  world.link.flush(1);
  expect(world.b.data).toEqual(["once"]);
  world.link.cut();
  world.pass(1_000);
  expect(world.b.data).toEqual(["once"]);
  expect(world.b.session.gauges().duplicateFrames).toBe(0);
  expect(world.a.session.gauges().unackedFrames).toBe(0);
});

test("[E-SES-40] a frame that the medium loses is asked for again, also when it was the last one", () => {
  const drops = openRoad({ faults: { drop: 0.3 }, seed: 3, limits: { deadAfterMs: 0 } });
  drops.pass(10_000);
  for (let i = 0; i < 100; i++) {
    drops.a.emit(i);
    drops.settle();
  }
  drops.link.setFaults({});
  drops.pass(40_000);
  expect(drops.b.data).toEqual(numbers(100));
  expect(drops.a.session.gauges().unackedFrames).toBe(0);
});

function captureTicket(world: Road): { id: string; secret: string; seen: number[] } {
  const issued = (world.a.session as unknown as { resumeTicket: { id: string; secret: string } }).resumeTicket;
  return { ...issued, seen: [0xffffffff, 0xffffffff, 0xffffffff] };
}

function rejection(frames: readonly RawFrame[]): unknown {
  const frame = frames.find((each) => each.type === FRAME_TYPE.reject);
  return frame === undefined ? undefined : messagePackCodec().decode(frame.body as Uint8Array, 8);
}

function readSeen(frame: RawFrame): boolean {
  return (messagePackCodec().decode(frame.body as Uint8Array, 8) as { seen?: unknown }).seen !== undefined;
}
