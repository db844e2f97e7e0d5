import { EventsError } from "../core/errors.ts";
import type { CloseCause, Connection, ConnectionEvents, Frame, Transport } from "../wire/transport.ts";

export interface MemoryPairOptions {
  /** Frames wait until `flush()` instead of crossing by themselves in a later microtask. Default false. */
  readonly manual?: boolean;
}

/** Two ends in one process, and the button that lets waiting frames cross when the pair is manual. */
export interface MemoryPair extends Array<Transport> {
  0: Transport;
  1: Transport;
  /** Lets everything cross that waits now or is caused by it. Returns how many frames crossed. Throws `RangeError` after 100,000. */
  flush(): number;
  /** Frames and closings that wait. */
  readonly waiting: number;
}

const FLUSH_LIMIT = 100_000;

/**
 * Joins two buses in one process. Frames are cloned, as on any other medium, and cross asynchronously, in order.
 *
 * @example
 * const [a, b] = memoryPair();
 * ui.connect(a);
 * host.connect(b);
 */
export function memoryPair(options: MemoryPairOptions = {}): [Transport, Transport] & MemoryPair {
  const queue: (() => void)[] = [];
  let isScheduled = false;
  const flush = (): number => {
    let count = 0;
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (++count > FLUSH_LIMIT)
        throw new RangeError(`Cannot flush: ${FLUSH_LIMIT} frames crossed, each caused another`);
      next();
    }
    return count;
  };
  const schedule = (): void => {
    if (options.manual === true || isScheduled || queue.length === 0) return;
    isScheduled = true;
    queueMicrotask(() => {
      isScheduled = false;
      // What this round causes crosses in the next one, so that ticks end in between.
      for (const next of queue.splice(0)) next();
      schedule();
    });
  };
  const later = (task: () => void): void => {
    queue.push(task);
    schedule();
  };
  const first = new MemoryEnd(later);
  const second = new MemoryEnd(later);
  first.join(second);
  const pair = [first, second] as unknown as [Transport, Transport] & MemoryPair;
  Object.defineProperties(pair, { flush: { value: flush }, waiting: { get: () => queue.length } });
  return pair;
}

class MemoryEnd implements Transport, Connection {
  readonly name = "memory";
  readonly medium = "clone";
  readonly moves = true;
  readonly shares = true;
  readonly redials = false;
  readonly #later: (task: () => void) => void;
  #other: MemoryEnd | undefined;
  #events: ConnectionEvents | undefined;
  #isOpen = false;
  #closed = false;
  /** Frames that came before this end was opened: a medium does not lose them. */
  readonly #early: Frame[] = [];

  constructor(later: (task: () => void) => void) {
    this.#later = later;
  }

  join(other: MemoryEnd): void {
    this.#other = other;
    other.#other = this;
  }

  open(events: ConnectionEvents): Connection {
    if (this.#events !== undefined)
      throw new TypeError("Cannot open a memory transport: it is open already; make a new pair");
    this.#events = events;
    this.#later(() => {
      if (this.#closed) return;
      this.#isOpen = true;
      events.onOpen();
      for (const frame of this.#early.splice(0)) this.#receive(frame);
    });
    return this;
  }

  send(frame: Frame, moves?: readonly ArrayBuffer[]): boolean {
    if (this.#closed) return true;
    // Cloned now, as a port would: the sender may go on with its own object.
    const copy = clone(frame, moves);
    this.#later(() => {
      if (this.#other !== undefined) this.#other.#receive(copy);
    });
    return true;
  }

  close(reason = "closed"): void {
    if (this.#closed) return;
    this.#closed = true;
    const events = this.#events;
    this.#later(() => {
      events?.onClose({ kind: "local", reason, mayRetry: false });
      if (this.#other !== undefined) this.#other.#gone(reason);
    });
  }

  #receive(frame: Frame): void {
    if (this.#closed) return;
    if (this.#isOpen) this.#events?.onFrame(frame);
    else this.#early.push(frame);
  }

  #gone(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const cause: CloseCause = { kind: "gone", reason, mayRetry: false };
    this.#events?.onClose(cause);
  }
}

function clone(frame: Frame, moves: readonly ArrayBuffer[] = []): Frame {
  try {
    return structuredClone(frame, { transfer: moves });
  } catch (cause) {
    throw new EventsError(
      "UNCLONEABLE",
      "Cannot send a frame: the platform cannot clone it; send plain data",
      {},
      { cause },
    );
  }
}
