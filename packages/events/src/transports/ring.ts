/**
 * Frames through shared memory, beside the port that joins two threads.
 *
 * 1. Each side makes the ring that it writes and posts it as its first word. A side that cannot posts its frames.
 * 2. Frames are a stream of bytes: length, then body. One that finds no room goes in parts, as the reader makes some.
 * 3. The port carries what memory cannot say: a bell for a reader that sleeps, room for a writer that waits, the end.
 *    Nobody blocks: a thread that waited in `Atomics.wait` would serve neither its timers nor its other links.
 * 4. At the end the rest is posted, and a reader empties the ring before it believes in the end.
 */
import { isSharedMemory } from "../wire/shared.ts";
import type { CloseCause, Connection, ConnectionEvents, Frame, Transport } from "../wire/transport.ts";
import { makeRing, RingReader, RingWriter } from "./ring-buffer.ts";

export interface RingOptions {
  /** Bytes under way, a power of two. Default 1 MiB; each side chooses for what it sends. */
  readonly ringBytes?: number;
}

const BELL = 0;
const ROOM = 1;
const RING = 2;
const BYTES = 3;
type Word = readonly [typeof BELL | typeof ROOM] | readonly [typeof RING | typeof BYTES, unknown];

const RING_BYTES = 1_048_576;
const ROUNDS = 4;
const LENGTH_BYTES = 4;
/** Above any frame that a session sends. */
const FRAME_LIMIT = 1 << 24;

/**
 * Speaks over a ring in shared memory with another thread: for high rates and many bytes. `inner` joins the threads
 * (`workerTransport`, `parentTransport`, `portTransport`); both sides wrap theirs. Frames are bytes: `transfer` and
 * `SharedBytes` are copied here.
 *
 * Where memory cannot be shared (a page that is not cross-origin isolated) frames are posted over `inner` instead, and
 * `name`, as `inspect()` shows it, is "ring (copies)" instead of "ring".
 *
 * Throws RangeError for a size that is no power of two from 4 KiB to 64 MiB.
 *
 * @example
 * bus.connect(ringTransport(workerTransport(worker)), { peer: { role: "host" } });
 * bus.connect(ringTransport(parentTransport()), { peer: { role: "ui" } }); // in the worker
 */
export function ringTransport(inner: Transport, options: RingOptions = {}): Transport {
  const memory = inner.shares === true ? makeRing(options.ringBytes ?? RING_BYTES) : undefined;
  return {
    name: memory === undefined ? "ring (copies)" : "ring",
    medium: "bytes",
    isLocal: true,
    redials: false,
    open: (events) => new RingConnection(inner, memory, events),
  };
}

class RingConnection implements Connection, ConnectionEvents {
  readonly #events: ConnectionEvents;
  readonly #memory: SharedArrayBuffer | undefined;
  readonly #writer: RingWriter | undefined;
  #inner: Connection | undefined;
  #reader: RingReader | undefined;
  /** Found no room; the session waits as long as there is any. */
  #pending: Uint8Array[] = [];
  #isOpen: boolean = false;
  #isFull: boolean = false;
  #isReading: boolean = false;
  #isClosed: boolean = false;
  /** The frame that is coming: its length, then its body. */
  readonly #length: Uint8Array = new Uint8Array(LENGTH_BYTES);
  #body: Uint8Array | undefined;
  #have: number = 0;

  constructor(inner: Transport, memory: SharedArrayBuffer | undefined, events: ConnectionEvents) {
    this.#events = events;
    this.#memory = memory;
    this.#writer = memory && new RingWriter(memory);
    this.#inner = inner.open(this);
    if (this.#isOpen) this.#begin();
  }

  send(frame: Frame): boolean {
    if (this.#isClosed) return true;
    const body = frame as Uint8Array;
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, body.byteLength, true);
    this.#pending.push(length, body);
    this.#write();
    this.#isFull = this.#pending.length > 0;
    return !this.#isFull;
  }

  close(reason?: string): void {
    if (this.#isClosed) return;
    for (const rest of this.#pending.splice(0)) this.#say([BYTES, rest]);
    this.#inner?.close(reason);
  }

  /** Some open inside `open`, before there is a connection to speak over. */
  onOpen(): void {
    this.#isOpen = true;
    if (this.#inner !== undefined) this.#begin();
  }

  #begin(): void {
    if (this.#memory !== undefined) this.#say([RING, this.#memory]);
    this.#events.onOpen();
  }

  onFrame(frame: Frame): void {
    if (this.#isClosed) return;
    try {
      this.#hear(frame as unknown as Word);
    } catch (fault) {
      this.#inner?.close(`the ring is broken: ${fault instanceof Error ? fault.message : String(fault)}`);
    }
  }

  onDrain(): void {
    // A port is never full.
  }

  onClose(cause: CloseCause): void {
    if (this.#isClosed) return;
    try {
      // What the other side wrote before its end; nothing is heard of after our own.
      if (cause.kind === "gone" && this.#reader !== undefined) this.#read(this.#reader);
    } catch {
      // It died while it broke the ring: the end is told either way.
    }
    this.#isClosed = true;
    this.#pending = [];
    this.#reader = undefined;
    this.#events.onClose(cause);
  }

  #hear(word: Word): void {
    if (!Array.isArray(word))
      throw new TypeError("the other side cannot take shared memory; do not say that it shares");
    const [what, value] = word as readonly [number, unknown];
    if (what === BELL) this.#drain();
    else if (what === ROOM) this.#roomCame();
    else if (what === RING && this.#reader === undefined && isSharedMemory(value)) {
      this.#reader = new RingReader(value);
      this.#drain();
    } else if (what === BYTES && value instanceof Uint8Array) {
      if (this.#reader !== undefined) this.#read(this.#reader);
      this.#parse(value);
    } else throw new TypeError("a word that no ring says");
  }

  #say(word: Word): void {
    this.#inner?.send(word);
  }

  #write(): void {
    const writer = this.#writer;
    if (writer === undefined) {
      for (const piece of this.#pending.splice(0)) this.#say([BYTES, piece]);
      return;
    }
    let written = 0;
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      const count = writer.write(next);
      written += count;
      if (count === next.byteLength) this.#pending.shift();
      else if (count > 0) this.#pending[0] = next.subarray(count);
      else if (!writer.waits()) break;
    }
    if (written > 0 && writer.wakes()) this.#say([BELL]);
  }

  #roomCame(): void {
    this.#write();
    if (this.#pending.length > 0 || !this.#isFull) return;
    this.#isFull = false;
    this.#events.onDrain();
  }

  /** A few rounds, then a turn of the loop: a fast writer does not hold up this thread. */
  #drain(): void {
    const reader = this.#reader;
    if (reader === undefined || this.#isReading) return;
    for (let round = 0; round < ROUNDS; round++) {
      this.#read(reader);
      if (this.#isClosed || reader.sleeps()) return;
    }
    this.#isReading = true;
    setTimeout(() => {
      this.#isReading = false;
      if (!this.#isClosed) this.onFrame([BELL]);
    });
  }

  #read(reader: RingReader): number {
    const count = reader.read((piece) => this.#parse(piece));
    if (count > 0 && reader.wakes()) this.#say([ROOM]);
    return count;
  }

  #parse(piece: Uint8Array): void {
    for (let at = 0; at < piece.byteLength;) {
      const into = this.#body ?? this.#length;
      const count = Math.min(into.byteLength - this.#have, piece.byteLength - at);
      into.set(piece.subarray(at, at + count), this.#have);
      this.#have += count;
      at += count;
      if (this.#have < into.byteLength) return;
      this.#have = 0;
      if (this.#body !== undefined) {
        this.#body = undefined;
        if (!this.#isClosed) this.#events.onFrame(into);
        continue;
      }
      const length = new DataView(into.buffer).getUint32(0, true);
      if (length === 0 || length > FRAME_LIMIT) throw new RangeError(`a frame of ${length} bytes`);
      this.#body = new Uint8Array(length);
    }
  }
}
