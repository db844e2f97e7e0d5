import { expect, test } from "vitest";

import { FRAME_TYPE, packFrame } from "../../src/wire/frame.ts";
import { openRoad } from "./sides.ts";
import { stranger } from "./stranger.ts";

test("[S7] a frame over the limit is dropped before it is read, counted, and the session goes on", () => {
  const { side, say, sayBytes } = stranger();
  sayBytes(new Uint8Array(256 * 1024 + 1));
  expect(side.violations.map(({ kind, error }) => [kind, error.code])).toEqual([["too-large", "LIMIT"]]);
  say(FRAME_TYPE.events, [0, "fine"]);
  expect([side.data, side.session.gauges().violations]).toEqual([["fine"], { "too-large": 1 }]);
});

test("[S7] a message over the limit is refused at its first chunk, reserves nothing, and a gap says so", () => {
  const { side, say } = stranger();
  const first = new Uint8Array(65_536);
  first[0] = FRAME_TYPE.events;
  new DataView(first.buffer).setUint32(4, 1 << 30, true);
  say(FRAME_TYPE.chunk, first, { flags: 2 });
  for (let i = 0; i < 5; i++) say(FRAME_TYPE.chunk, new Uint8Array(65_536));
  say(FRAME_TYPE.chunk, new Uint8Array(10), { flags: 4 });
  say(FRAME_TYPE.events, [0, "fine"]);
  expect(side.violations.map(({ kind }) => kind)).toEqual(["too-large"]);
  expect(side.gaps).toHaveLength(1);
  expect(side.data).toEqual(["fine"]);
});

test("[S7] a body nested too deep is refused before anything is built from it", () => {
  const { side, say } = stranger();
  say(FRAME_TYPE.events, new Uint8Array(10_000).fill(0x91));
  say(FRAME_TYPE.events, new Uint8Array([0x92, 0x00, ...Array.from({ length: 60_000 }, () => 0x91), 0xc0]));
  expect(side.violations.map(({ kind }) => kind)).toEqual(["too-deep", "too-deep"]);
});

test("[S7] counts that the bytes do not cover, extension types and keys that are no text build nothing", () => {
  const { side, say } = stranger();
  const bodies = [
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdf, 0x00, 0xff, 0xff, 0xff, 0xa1, 0x61],
    [0xc6, 0x40, 0x00, 0x00, 0x00],
    [0xdb, 0xff, 0xff, 0xff, 0xff, 0x61],
    // An error that would construct by name, a record that would compile code, a pointer into the message.
    [0x92, 0x00, 0xc7, 0x05, 0x65, 0x93, 0xa1, 0x58, 0xa1, 0x59],
    [0x92, 0x00, 0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61],
    [0x92, 0x00, 0xd6, 0x70, 0x00, 0x00, 0x00, 0x01],
    [0x92, 0x00, 0x81, 0x01, 0x02],
    [0x92, 0x00, 0xc1],
    [0x92, 0x00],
    [0x90, 0x90],
    [],
  ];
  for (const body of bodies) say(FRAME_TYPE.events, new Uint8Array(body));
  expect(side.violations.map(({ kind }) => kind)).toEqual(bodies.map(() => "protocol"));
  say(FRAME_TYPE.events, [0, "fine"]);
  expect(side.data).toEqual(["fine"]);
});

test("[S7] names like __proto__ and constructor are data: nothing is polluted, nothing is called", () => {
  const { side, say } = stranger();
  say(FRAME_TYPE.events, [0, { constructor: { prototype: { polluted: 1 } }, toString: "text" }]);
  say(
    FRAME_TYPE.events,
    new Uint8Array([0x92, 0x00, 0x81, 0xa9, ...new TextEncoder().encode("__proto__"), 0x81, 0xa1, 0x78, 0x01]),
  );
  // Lowered objects and errors that name what they should not.
  const mark = "\u0001";
  say(FRAME_TYPE.events, [0, { [mark]: [0, ["__proto__", { x: 1 }, "a", 1]] }], { flags: 1 });
  say(FRAME_TYPE.events, [0, { [mark]: [6, "Function", "return process", "code"] }], { flags: 1 });
  say(FRAME_TYPE.events, ["__proto__", 1, null]);
  say(FRAME_TYPE.gap, ["reason", { constructor: 2 }]);
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(Object.getPrototypeOf(side.data[2])).toBe(Object.prototype);
  expect(Object.getOwnPropertyDescriptor(side.data[2], "__proto__")?.value).toEqual({ x: 1 });
  expect(side.data[3]).toBeInstanceOf(Error);
  expect((side.data[3] as Error).constructor).toBe(Error);
  expect(side.events[4]?.name).toBe("__proto__");
  expect(side.gaps[0]?.names).toEqual(Object.fromEntries([["constructor", 2]]));
});

test("[E-SES-52] a bad item fails alone: the others of its frame arrive", () => {
  const { side, say } = stranger();
  say(FRAME_TYPE.events, [0, "a", 9, "number that was not agreed", 0, "b", ~0, "bad extra", { i: 5 }, 0, "c"]);
  say(FRAME_TYPE.sub, [
    1,
    0,
    "*",
    null,
    null,
    2,
    7,
    "*",
    null,
    null,
    3,
    0,
    "x",
    "no filter",
    null,
    4,
    1,
    "y",
    null,
    null,
  ]);
  expect(side.data).toEqual(["a", "b", "c"]);
  expect(side.messages.map((message) => "id" in message && message.id)).toEqual([1, 4]);
  expect(side.violations.map(({ kind }) => kind)).toEqual(["unknown", "protocol", "protocol", "protocol"]);
});

test("[E-SES-53] over 10,000 interests and 1,024 open requests the peer is answered LIMIT, and nothing is kept", () => {
  const { side, say } = stranger({ subscriptions: 100, openRequests: 10 });
  for (let i = 0; i < 110; i++) say(FRAME_TYPE.sub, [i, 0, "*", null, null]);
  for (let i = 0; i < 12; i++) say(FRAME_TYPE.request, [i, "one", null, 10, null, null]);
  expect(side.messages.filter((message) => message.t === "sub")).toHaveLength(100);
  expect(side.messages.filter((message) => message.t === "request")).toHaveLength(10);
  expect(side.session.gauges().violations).toEqual({ "too-many": 12 });
  say(FRAME_TYPE.unsub, [5]);
  say(FRAME_TYPE.sub, [500, 0, "*", null, null]);
  side.session.send({ t: "reply", id: 3, data: null }, "control");
  say(FRAME_TYPE.request, [50, "one", null, 10, null, null]);
  expect(side.messages.slice(-2).map((message) => message.t)).toEqual(["sub", "request"]);
});

test("[E-SES-54] more units a second than allowed are dropped and counted; an honest sender paces itself below it", () => {
  const flood = stranger({ framesPerSecond: 100 });
  for (let i = 0; i < 300; i++) flood.say(FRAME_TYPE.events, [0, i]);
  expect(flood.side.data.length).toBeLessThanOrEqual(200);
  expect(flood.side.session.gauges().violations["too-many"]).toBeGreaterThan(90);

  const world = openRoad({ acceptLimits: { framesPerSecond: 200 } });
  for (let i = 0; i < 1_000; i++) {
    world.a.emit(i);
    world.settle();
    world.pass(1);
  }
  world.pass(1_000);
  expect(world.b.data).toHaveLength(1_000);
  expect(world.b.violations).toEqual([]);
});

test("[E-SES-55] frames of another lane, type, order or length are counted and change nothing", () => {
  const { side, say, sayBytes } = stranger();
  say(FRAME_TYPE.events, [0, 1], { lane: 9, seq: 0 });
  say(77, [0, 1], { seq: 0 });
  say(FRAME_TYPE.events, [0, 1], { seq: 0, ack: 5 });
  sayBytes(new Uint8Array(15));
  sayBytes(packFrame(8, 0, 1, 0, 0, new Uint8Array(5)).subarray(0, 18));
  say(FRAME_TYPE.resume, { v: 1, session: "s", secret: "s", seen: [0, 0, 0] });
  say(FRAME_TYPE.reject, { code: "X", message: "go away" });
  expect(side.violations.map(({ kind }) => kind)).toEqual(Array.from({ length: 7 }, () => "protocol"));
  expect([side.at, side.data]).toEqual(["open", []]);
});
