import { EventsError } from "../core/errors.ts";
import type { CloseCause, Connection, ConnectionEvents, Frame, Medium, Transport } from "../wire/transport.ts";

/** Two ends that speak to each other, not opened yet. */
export interface TransportPair {
  readonly a: Transport;
  readonly b: Transport;
  /** Gives back what the pair needed (a server, a worker) once both ends are closed. */
  close?(): void | Promise<void>;
}

/** `test` of the framework: vitest, node:test, jest, mocha. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/**
 * What every transport keeps, both ways round. Each rule is one test with the id that SPEC.md gives it.
 *
 * @example
 * import { test } from "vitest";
 * transportContract("memory", () => { const [a, b] = memoryPair(); return { a, b }; }, test);
 */
export function transportContract(
  name: string,
  makePair: () => TransportPair | Promise<TransportPair>,
  test: TestFunction,
): void {
  for (const [direction, turned] of [
    ["a to b", false],
    ["b to a", true],
  ] as const) {
    for (const [rule, check] of RULES) {
      test(`${rule} (${name}, ${direction})`, async () => {
        const pair = await makePair();
        const near = new End(turned ? pair.b : pair.a);
        const far = new End(turned ? pair.a : pair.b);
        try {
          await Promise.all([near.opened, far.opened]);
          await check(near, far);
        } finally {
          near.connection.close("the test is over");
          far.connection.close("the test is over");
          await Promise.all([near.closed, far.closed]);
          await pair.close?.();
        }
      });
    }
  }
}

const CHUNK_FRAME = 64 * 1024 + 64;

const RULES: readonly (readonly [rule: string, check: (near: End, far: End) => Promise<void>])[] = [
  [
    "[E-TR-1] opens once, before any frame",
    async (near, far) => {
      near.sendNumber(1);
      await far.received(1);
      equal([near.opens, far.opens], [1, 1], "calls of onOpen");
      equal(far.firstNews, "open", "the first news");
    },
  ],
  [
    "[E-TR-2] delivers frames whole, in order, each once",
    async (near, far) => {
      for (let i = 0; i < 1_000; i++) await near.sendWhenDrained(near.numbered(i));
      await far.received(1_000);
      equal(
        far.numbers(),
        Array.from({ length: 1_000 }, (_, i) => i),
        "the frames",
      );
    },
  ],
  [
    "[E-TR-3] hands over a frame of its own: what the sender still holds is not the receiver's",
    async (near, far) => {
      const frame = near.sized(100);
      near.connection.send(frame);
      await far.received(1);
      ok(far.frames[0] !== frame, "the receiver got the sender's own object");
      equal(sizeOf(far.frames[0]!), 100, "the size");
    },
  ],
  [
    "[E-TR-4] carries frames of a chunk and of the frame limit",
    async (near, far) => {
      for (const size of [CHUNK_FRAME, 256 * 1024]) await near.sendWhenDrained(near.sized(size));
      await far.received(2);
      equal(far.frames.map(sizeOf), [CHUNK_FRAME, 256 * 1024], "the sizes");
      ok(far.frames.every(isPattern), "a byte changed on the way");
    },
  ],
  [
    "[E-TR-5] delivers what was handed over before it closes, then says so once on each side",
    async (near, far) => {
      for (let i = 0; i < 10; i++) near.sendNumber(i);
      near.connection.close("enough");
      const [nearCause, farCause] = await Promise.all([near.closed, far.closed]);
      equal(far.numbers(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "the frames");
      equal([nearCause.kind, farCause.kind], ["local", "gone"], "the causes");
      equal([near.closes, far.closes], [1, 1], "calls of onClose");
    },
  ],
  [
    "[E-TR-6] may be closed twice, and takes frames after that without a word",
    async (near, far) => {
      near.connection.close("once");
      near.connection.close("twice");
      near.sendNumber(1);
      await Promise.all([near.closed, far.closed]);
      near.sendNumber(2);
      near.connection.close("again");
      equal([near.closes, far.closes, far.frames.length], [1, 1, 0], "news after the end");
    },
  ],
  [
    "[E-TR-7] says when it is full, and when it has room again",
    async (near, far) => {
      for (let i = 0; i < 100; i++) await near.sendWhenDrained(near.sized(CHUNK_FRAME));
      await far.received(100);
      equal(
        far.frames.map(sizeOf),
        Array.from({ length: 100 }, () => CHUNK_FRAME),
        "the sizes",
      );
    },
  ],
  [
    "[E-TR-8] takes answers inside onFrame",
    async (near, far) => {
      far.answer = () => far.sendNumber(far.frames.length);
      for (let i = 0; i < 20; i++) near.sendNumber(i);
      await near.received(20);
      equal(
        near.numbers(),
        Array.from({ length: 20 }, (_, i) => i + 1),
        "the answers",
      );
    },
  ],
  [
    "[E-TR-9] refuses what its platform cannot clone, and goes on",
    async (near, far) => {
      if (near.medium === "clone") {
        let code: unknown;
        try {
          near.connection.send([1, () => undefined]);
        } catch (error) {
          code = error instanceof EventsError ? error.code : error;
        }
        equal(code, "UNCLONEABLE", "the error's code");
      }
      near.sendNumber(7);
      await far.received(1);
      equal(far.numbers(), [7], "the frames");
    },
  ],
];

class End implements ConnectionEvents {
  readonly medium: Medium;
  readonly connection: Connection;
  readonly frames: Frame[] = [];
  readonly opened: Promise<void>;
  readonly closed: Promise<CloseCause>;
  opens = 0;
  closes = 0;
  firstNews = "none";
  /** Runs for each frame. */
  answer: (() => void) | undefined;
  #waiting: (() => void)[] = [];
  #drained: (() => void) | undefined;
  #isFull = false;
  #isOver = false;
  #open!: () => void;
  #close!: (cause: CloseCause) => void;

  constructor(transport: Transport) {
    this.medium = transport.medium;
    this.opened = new Promise((resolve) => (this.#open = resolve));
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.connection = transport.open(this);
  }

  onOpen(): void {
    this.#news("open");
    this.opens++;
    this.#open();
  }

  onFrame(frame: Frame): void {
    this.#news("frame");
    if (this.#isOver) this.closes = NaN;
    this.frames.push(frame);
    this.answer?.();
    this.#wake();
  }

  onDrain(): void {
    this.#isFull = false;
    this.#drained?.();
    this.#drained = undefined;
  }

  onClose(cause: CloseCause): void {
    this.#news("close");
    this.closes++;
    this.#isOver = true;
    this.#close(cause);
    this.#wake();
    this.onDrain();
  }

  async received(count: number): Promise<void> {
    while (this.frames.length < count) {
      if (this.#isOver) throw new Error(`the connection closed after ${this.frames.length} of ${count} frames`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  sendNumber(number: number): void {
    this.#isFull = !this.connection.send(this.numbered(number)) || this.#isFull;
  }

  async sendWhenDrained(frame: Frame): Promise<void> {
    if (this.#isFull) await new Promise<void>((resolve) => (this.#drained = resolve));
    if (!this.connection.send(frame)) this.#isFull = true;
  }

  numbered(number: number): Frame {
    if (this.medium === "clone") return [number, "frame"];
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, number, true);
    return bytes;
  }

  sized(size: number): Frame {
    const bytes = Uint8Array.from({ length: size }, (_, at) => at % 251);
    return this.medium === "clone" ? [0, bytes] : bytes;
  }

  numbers(): number[] {
    return this.frames.map((frame) => {
      if (!(frame instanceof Uint8Array)) return frame[0] as number;
      return new DataView(frame.buffer, frame.byteOffset).getUint32(0, true);
    });
  }

  #news(kind: string): void {
    if (this.firstNews === "none") this.firstNews = kind;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function bytesOf(frame: Frame): Uint8Array {
  return (frame instanceof Uint8Array ? frame : frame[1]) as Uint8Array;
}

function sizeOf(frame: Frame): number {
  return bytesOf(frame).byteLength;
}

function isPattern(frame: Frame): boolean {
  return bytesOf(frame).every((byte, at) => byte === at % 251);
}

function ok(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

function equal(is: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(is), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: ${left.slice(0, 500)} instead of ${right.slice(0, 500)}`);
}
