import { expect, test } from "vitest";

import { fakeClock } from "../../src/testing/fake-clock.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import { messagePackCodec } from "../../src/wire/codec.ts";
import { FRAME_TYPE, isSequenced, packFrame } from "../../src/wire/frame.ts";
import type { ConnectionEvents, Frame, Medium, Transport } from "../../src/wire/transport.ts";
import { Side } from "../session/sides.ts";

const ROUNDS = Number(process.env["ATOMITON_FRAMES"] ?? 260_000);
const codec = messagePackCodec();
const HELLO = {
  v: 1,
  bus: "x",
  role: "ui",
  contracts: [],
  names: ["one"],
  behind: [],
  epoch: "e",
  link: "l",
  redials: false,
};

/** A session whose peer is this test: frames go straight in, what comes out is counted. */
function victim(
  medium: Medium,
  isOpen: boolean,
): { side: Side; feed: (frame: Frame) => void; clock: ReturnType<typeof fakeClock> } {
  const clock = fakeClock({ manualTicks: true });
  let events: ConnectionEvents | undefined;
  const transport: Transport = {
    name: "hostile",
    medium,
    redials: false,
    open(heard) {
      events = heard;
      heard.onOpen();
      return { send: () => true, close: () => heard.onClose({ kind: "local", reason: "closed", mayRetry: false }) };
    },
  };
  const side = new Side("b", transport, clock, { limits: { framesPerSecond: 1e12 } });
  const say = (type: number, body: unknown): void =>
    events!.onFrame(medium === "clone" ? [type, 0, 0, 0, 0, body] : packFrame(type, 0, 0, 0, 0, codec.encode(body)));
  if (isOpen) {
    say(FRAME_TYPE.hello, { ...HELLO, first: 0, window: [9e5, 9e5, 9e5], message: 1e6, frames: 1e4 });
    say(FRAME_TYPE.welcome, {});
    if (side.at !== "open") throw new Error(side.at);
  }
  side.onEvent = () => undefined;
  side.onMessage = () => undefined;
  side.onGap = () => undefined;
  side.onState = () => undefined;
  side.onViolation = () => undefined;
  return { side, feed: (frame) => events!.onFrame(frame), clock };
}

function counted(side: Side): number {
  return Object.values(side.session.gauges().violations).reduce((sum, count) => sum + count, 0);
}

/** Feeds `rounds` frames to sessions that are replaced when they end; checks that memory stays. */
function attack(
  medium: Medium,
  seed: number,
  rounds: number,
  make: (random: () => number, seq: number[]) => Frame,
): number {
  const random = seededRandom(seed);
  let target = victim(medium, true);
  /** Next number in each lane of the session that is under attack. */
  const seq = [0, 0, 0];
  let violations = 0;
  let timersLeft = 0;
  for (let round = 0; round < rounds; round++) {
    if (target.side.at === "closed" || round % 20_000 === 19_999) {
      violations += counted(target.side);
      target.side.session.close();
      timersLeft += target.clock.pendingTimers;
      target = victim(medium, random() < 0.9);
      seq.fill(0);
    }
    target.feed(make(random, seq));
    if (round % 64 === 0) target.clock.endTick();
    if (round % 1_024 === 0) target.clock.advance(random() * 1_000);
  }
  expect(timersLeft).toBe(0);
  const { queuedBytes, queuedMessages } = target.side.session.gauges();
  expect(queuedBytes).toBeLessThan(20 * 1024 * 1024);
  expect(queuedMessages).toBeLessThan(100_000);
  return violations + counted(target.side);
}

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const NASTY: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  0,
  1,
  0.5,
  NaN,
  Infinity,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -0,
  "",
  "__proto__",
  "constructor",
  "*",
  "x".repeat(300),
  [],
  {},
  [[]],
  new Uint8Array(3),
  { "\u0001": [0, ["__proto__", 1]] },
  { "\u0001": 5 },
  { "\u0001": [6, 1] },
  { __proto__: null, valueOf: 1 },
  { code: 1 },
  { i: "id", o: ["b", "r"], r: true, n: true, s: 1, t: 1 },
  { after: 7 },
  ["a", "b"],
  { length: 1e9 },
  new Map([[1, 2]]),
  new Date(NaN),
  10n,
  -(2n ** 100n),
];

function nastyBody(random: () => number): unknown {
  if (random() < 0.2) return pick(random, NASTY);
  return Array.from({ length: Math.floor(random() * 16) }, () => pick(random, NASTY));
}

/** Mostly in order, so that bodies are looked at. */
function header(
  random: () => number,
  seq: number[],
): [type: number, flags: number, lane: number, seq: number, ack: number] {
  const lane = random() < 0.95 ? Math.floor(random() * 3) : Math.floor(random() * 70_000) & 0xffff;
  const type = random() < 0.9 ? 5 + Math.floor(random() * 17) : Math.floor(random() * 256);
  const inOrder = random() < 0.9;
  const number = inOrder ? (seq[lane] ?? 0) : Math.floor(random() * 2 ** 32);
  const ack = random() < 0.9 ? 0xffffffff : Math.floor(random() * 2 ** 32);
  return [
    type === FRAME_TYPE.bye && random() < 0.99 ? FRAME_TYPE.events : type,
    random() < 0.5 ? 0 : Math.floor(random() * 256),
    lane,
    number,
    ack,
  ];
}

/** A numbered frame in order takes its number, however bad its body is. */
function advance(seq: number[], type: number, lane: number, number: number, ack: number): void {
  if (number === seq[lane] && isSequenced(type) && ack >= 0x8000_0000) seq[lane]++;
}

test(`[S7] hostile frames: ${ROUNDS} of random bytes are counted, none is taken for more, none throws`, () => {
  const violations = attack("bytes", 1, ROUNDS, (random) => {
    const bytes = new Uint8Array(Math.floor(random() * 60));
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
    return bytes;
  });
  expect(violations).toBeGreaterThan(ROUNDS * 0.9);
}, 60_000);

test(`[S7] hostile frames: ${ROUNDS} good headers over random bodies of every type, length and flag`, () => {
  const violations = attack("bytes", 2, ROUNDS, (random, seq) => {
    const [type, flags, lane, number, ack] = header(random, seq);
    advance(seq, type, lane, number, ack);
    const body = new Uint8Array(Math.floor(random() * 24));
    for (let i = 0; i < body.length; i++) body[i] = Math.floor(random() * 256);
    return packFrame(type, flags, lane, number, ack, body);
  });
  expect(violations).toBeGreaterThan(ROUNDS * 0.2);
}, 60_000);

for (const medium of ["bytes", "clone"] as const) {
  test(`[S7] hostile frames: ${ROUNDS} well-formed frames with every kind of wrong field (${medium})`, () => {
    const encode = (value: unknown): Uint8Array => {
      try {
        return codec.encode(value);
      } catch {
        return new Uint8Array(0);
      }
    };
    const violations = attack(medium, 3, ROUNDS, (random, seq) => {
      const [type, flags, lane, number, ack] = header(random, seq);
      advance(seq, type, lane, number, ack);
      const body = nastyBody(random);
      if (medium === "bytes") return packFrame(type, flags, lane, number, ack, encode(body));
      const shape = random();
      if (shape < 0.02) return pick(random, NASTY) as Frame;
      if (shape < 0.04) return [[type, flags, lane, number, ack, body], pick(random, NASTY)];
      return [type, flags, lane, number, ack, body];
    });
    expect(violations).toBeGreaterThan(ROUNDS * 0.2);
    expect(Object.keys(Object.prototype)).toEqual([]);
  }, 60_000);
}

test("[S7] chunks that lie about their length never reserve more than came", () => {
  const before = process.memoryUsage().arrayBuffers;
  const victims = Array.from({ length: 50 }, () => victim("bytes", true));
  const first = new Uint8Array(9);
  first[0] = FRAME_TYPE.events;
  new DataView(first.buffer).setUint32(4, 16 * 1024 * 1024, true);
  for (const { feed } of victims) {
    for (const lane of [0, 1, 2]) feed(packFrame(FRAME_TYPE.chunk, 2, lane, 0, 0xffffffff, first));
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 3 * 100_000);
  for (const { side } of victims) side.session.close();
});
