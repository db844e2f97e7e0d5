import { EventsError } from "../core/errors.ts";
import type { CloseCause, Connection, ConnectionEvents, Frame, Medium, Transport } from "../wire/transport.ts";
import { seededRandom } from "./seeded-random.ts";

/** Chances, 0 to 1, that a frame meets a fault. All 0 by default. */
export interface Faults {
  /** Vanishes, the connection goes on. */
  readonly drop?: number;
  /** Arrives twice. */
  readonly double?: number;
  /** Changes places with the one behind it. */
  readonly reorder?: number;
  /** Arrives after a few others of either direction. */
  readonly delay?: number;
  /** The connection is cut after it; what is still on its way is lost. */
  readonly cut?: number;
  /** One byte changes (byte media only). */
  readonly corrupt?: number;
}

export interface FaultyLinkOptions {
  readonly seed?: number;
  readonly medium?: Medium;
  readonly faults?: Faults;
  /** The dialling side may dial again after a cut. Default true. */
  readonly redials?: boolean;
  /** Called with the other end of each connection that the dialler opens. */
  readonly accept: (transport: Transport) => void;
}

/** A road between two sides in one process that breaks on request, by chance, and always the same way for one seed. */
export interface FaultyLink {
  /** For the side that dials. */
  readonly dialer: Transport;
  /** Lets frames cross until none is left, or `count` have. Returns how many did. */
  flush(count?: number): number;
  /**
   * Ends a connection now; what is on its way is lost. `half`: only the dialler (or only the acceptor) is told. `dial`:
   * which one, counted from 1; the newest when left out.
   */
  cut(half?: "dialer" | "acceptor", dial?: number): void;
  /** Frames wait from here on, nothing is told. */
  stall(): void;
  /** Frames flow again. */
  flow(): void;
  /** Dials fail from here on (`down`), or succeed again. */
  setDown(down: boolean): void;
  /** From here on these faults by chance; `{}`: none. */
  setFaults(faults: Faults): void;
  readonly waiting: number;
  /** Dials so far. */
  readonly dials: number;
  /** What happened to which frame, one line each: print it when a test fails. */
  readonly script: readonly string[];
}

const FLUSH_LIMIT = 100_000;
const SCRIPT_LIMIT = 10_000;

/**
 * Joins a dialling and an accepting side over a road with faults.
 *
 * @example
 * const link = faultyLink({ seed: 7, faults: { drop: 0.05 }, accept: (transport) => host.connect(transport) });
 * ui.connect(link.dialer);
 * link.flush();
 */
export function faultyLink(options: FaultyLinkOptions): FaultyLink {
  return new Link(options);
}

interface Waiting {
  readonly end: End;
  readonly frame: Frame;
  /** Deliveries that go first. */
  delay: number;
  readonly number: number;
}

class Link implements FaultyLink {
  readonly script: string[] = [];
  readonly medium: Medium;
  readonly accept: (transport: Transport) => void;
  readonly #random: () => number;
  readonly #redials: boolean;
  #faults: Required<Faults>;
  readonly #queues: readonly [toAcceptor: Waiting[], toDialer: Waiting[]] = [[], []];
  /** By dial; a failed one has no ends. */
  readonly #connections: (readonly [dialer: End, acceptor: End] | undefined)[] = [];
  #isStalled = false;
  #isDown = false;
  #number = 0;
  dials = 0;

  constructor(options: FaultyLinkOptions) {
    this.medium = options.medium ?? "bytes";
    this.accept = options.accept;
    this.#redials = options.redials ?? true;
    this.#random = seededRandom(options.seed ?? 1);
    this.#faults = { ...NO_FAULTS, ...options.faults };
  }

  get dialer(): Transport {
    const { medium } = this;
    return { name: "faulty", medium, redials: this.#redials, open: (events) => this.#dial(events) };
  }

  get waiting(): number {
    return this.#queues[0].length + this.#queues[1].length;
  }

  #dial(events: ConnectionEvents): Connection {
    this.dials++;
    const dialer = new End(this, 0);
    dialer.events = events;
    if (this.#isDown) {
      this.#connections.push(undefined);
      this.#note("dial fails");
      dialer.finish({ kind: "failed", reason: "nobody answers", mayRetry: true });
      return dialer;
    }
    const acceptor = new End(this, 1);
    dialer.other = acceptor;
    acceptor.other = dialer;
    this.#connections.push([dialer, acceptor]);
    this.#note("dial");
    this.accept({
      name: "faulty",
      medium: this.medium,
      redials: false,
      open(heard) {
        acceptor.events = heard;
        heard.onOpen();
        return acceptor;
      },
    });
    events.onOpen();
    return dialer;
  }

  push(from: End, frame: Frame): void {
    const copy = copyFrame(frame);
    const queue = this.#queues[from.side];
    const waiting = { end: from.other!, frame: copy, delay: 0, number: this.#number++ };
    queue.push(waiting);
    if (this.#random() < this.#faults.delay) waiting.delay = 1 + Math.floor(this.#random() * 5);
    if (queue.length > 1 && this.#random() < this.#faults.reorder) {
      queue.splice(-2, 2, waiting, queue.at(-2)!);
      this.#note(`frame ${waiting.number} overtakes one`);
    }
  }

  flush(count: number = FLUSH_LIMIT): number {
    let crossed = 0;
    while (crossed < count && !this.#isStalled) {
      const next = this.#next();
      if (next === undefined) break;
      crossed++;
      if (crossed >= FLUSH_LIMIT)
        throw new RangeError(`Cannot flush: ${FLUSH_LIMIT} frames crossed, each caused another`);
      this.#cross(next);
    }
    return crossed;
  }

  /** Which direction goes next is the seed's choice; within one the order holds, but for delayed frames. */
  #next(): Waiting | undefined {
    const first = this.#random() < 0.5 ? 0 : 1;
    for (const side of [first, 1 - first]) {
      const queue = this.#queues[side]!;
      const at = queue.findIndex((waiting) => waiting.delay === 0);
      const chosen = at === -1 ? 0 : at;
      for (const waiting of queue.slice(0, chosen)) waiting.delay--;
      const [taken] = queue.splice(chosen, 1);
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  #cross({ end, frame, number }: Waiting): void {
    const { drop, double, cut, corrupt } = this.#faults;
    if (this.#random() < drop) return this.#note(`frame ${number} is dropped`);
    let taken = frame;
    if (frame instanceof Uint8Array && frame.byteLength > 0 && this.#random() < corrupt) {
      const at = Math.floor(this.#random() * frame.byteLength);
      taken = frame.slice();
      taken[at] = (taken[at]! + 1 + Math.floor(this.#random() * 255)) & 0xff;
      this.#note(`frame ${number} changes at byte ${at}`);
    }
    this.#note(`frame ${number} arrives`);
    if (this.#random() < double) {
      this.#note(`frame ${number} arrives again`);
      end.take(copyFrame(taken));
    }
    end.take(taken);
    if (this.#random() < cut) this.cut();
  }

  cut(half?: "dialer" | "acceptor", dial: number = this.dials): void {
    const ends = this.#connections[dial - 1];
    if (ends === undefined) return;
    this.#note(half === undefined ? `dial ${dial} is cut` : `dial ${dial} is cut, told to the ${half}`);
    const [dialer, acceptor] = ends;
    this.#lose(dialer, acceptor);
    const cause: CloseCause = { kind: "gone", reason: "the road was cut", mayRetry: true };
    if (half !== "acceptor") dialer.finish(cause);
    if (half !== "dialer") acceptor.finish(cause);
    dialer.isLost = true;
    acceptor.isLost = true;
  }

  closed(end: End, reason: string): void {
    end.finish({ kind: "local", reason, mayRetry: false });
    const { other } = end;
    // Over a road that was cut nobody hears of it.
    if (other === undefined || other.isClosed || end.isLost) return;
    this.#note(`${end.side === 0 ? "dialer" : "acceptor"} closes`);
    // What was handed over goes first; a stalled road loses it.
    const rest = this.#lose(other);
    if (!this.#isStalled) for (const waiting of rest) other.take(waiting.frame);
    this.#lose(end);
    other.finish({ kind: "gone", reason, mayRetry: true });
  }

  /** Takes out what is on its way to these ends. */
  #lose(...ends: readonly End[]): Waiting[] {
    const lost: Waiting[] = [];
    for (const queue of this.#queues) {
      const kept = queue.filter((waiting) => !ends.includes(waiting.end) || (lost.push(waiting), false));
      queue.splice(0, queue.length, ...kept);
    }
    return lost;
  }

  stall(): void {
    this.#isStalled = true;
    this.#note("stall");
  }

  flow(): void {
    this.#isStalled = false;
    this.#note("flow");
  }

  setDown(down: boolean): void {
    this.#isDown = down;
    this.#note(down ? "down" : "up");
  }

  setFaults(faults: Faults): void {
    this.#faults = { ...NO_FAULTS, ...faults };
    this.#note(`faults: ${JSON.stringify(faults)}`);
  }

  #note(line: string): void {
    if (this.script.length < SCRIPT_LIMIT) this.script.push(line);
  }
}

const NO_FAULTS: Required<Faults> = { drop: 0, double: 0, reorder: 0, delay: 0, cut: 0, corrupt: 0 };

class End implements Connection {
  readonly side: 0 | 1;
  readonly #link: Link;
  events: ConnectionEvents | undefined;
  other: End | undefined;
  isClosed = false;
  /** The road under it was cut: what it sends goes nowhere. */
  isLost = false;

  constructor(link: Link, side: 0 | 1) {
    this.#link = link;
    this.side = side;
  }

  send(frame: Frame): boolean {
    if (!this.isClosed && !this.isLost && this.other !== undefined) this.#link.push(this, frame);
    return true;
  }

  take(frame: Frame): void {
    if (!this.isClosed) this.events?.onFrame(frame);
  }

  close(reason = "closed"): void {
    if (!this.isClosed) this.#link.closed(this, reason);
  }

  finish(cause: CloseCause): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events?.onClose(cause);
  }
}

function copyFrame(frame: Frame): Frame {
  if (frame instanceof Uint8Array) return frame.slice();
  try {
    return structuredClone(frame);
  } catch (cause) {
    throw new EventsError(
      "UNCLONEABLE",
      "Cannot send a frame: the platform cannot clone it; send plain data",
      {},
      { cause },
    );
  }
}
