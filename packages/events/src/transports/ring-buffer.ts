/**
 * One direction of shared memory: a writer and a reader in two threads, no locks. Positions only grow (modulo 2^32), each
 * is written by one side; bytes are written before the position that covers them.
 */
import { EventsError } from "../core/errors.ts";

/** Positions and flags, each in a cache line of its own: the two threads would slow each other down. */
const HEAD = 0;
const TAIL = 16;
const READER_SLEEPS = 32;
const WRITER_WAITS = 48;
const HEADER_BYTES = 256;
const MAX_BYTES = 1 << 26;

/** Memory for `bytes` under way; a power of two from 4 KiB to 64 MiB. */
export function makeRing(bytes: number): SharedArrayBuffer {
  if (bytes < 4_096 || bytes > MAX_BYTES || (bytes & (bytes - 1)) !== 0) {
    throw new RangeError(`Cannot make a ring of ${bytes} bytes: use a power of two from 4,096 to ${MAX_BYTES}`);
  }
  return new SharedArrayBuffer(HEADER_BYTES + bytes);
}

class Ring {
  readonly #words: Int32Array;
  readonly bytes: Uint8Array;
  readonly mask: number;

  constructor(memory: SharedArrayBuffer) {
    const size = memory.byteLength - HEADER_BYTES;
    if (size < 4_096 || size > MAX_BYTES || (size & (size - 1)) !== 0) throw broken("its size is none of ours");
    this.#words = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.bytes = new Uint8Array(memory, HEADER_BYTES);
    this.mask = size - 1;
  }

  load(word: number): number {
    return Atomics.load(this.#words, word);
  }

  store(word: number, value: number): void {
    Atomics.store(this.#words, word, value);
  }

  /** Takes the flag down; true where it was up. */
  lower(flag: number): boolean {
    return Atomics.compareExchange(this.#words, flag, 1, 0) === 1;
  }

  /** What is in it. Throws PROTOCOL for positions that no pair of ours makes. */
  get used(): number {
    const used = (this.load(HEAD) - this.load(TAIL)) >>> 0;
    if (used > this.mask + 1) throw broken("its positions are wrong");
    return used;
  }
}

export class RingWriter {
  readonly #ring: Ring;

  constructor(memory: SharedArrayBuffer) {
    this.#ring = new Ring(memory);
    this.#ring.store(READER_SLEEPS, 1);
  }

  /** Writes what fits; returns how much. */
  write(bytes: Uint8Array): number {
    const ring = this.#ring;
    const count = Math.min(bytes.byteLength, ring.mask + 1 - ring.used);
    if (count === 0) return 0;
    const head = ring.load(HEAD);
    const at = head & ring.mask;
    const first = Math.min(count, ring.mask + 1 - at);
    ring.bytes.set(bytes.subarray(0, first), at);
    if (count > first) ring.bytes.set(bytes.subarray(first, count), 0);
    ring.store(HEAD, (head + count) | 0);
    return count;
  }

  /** The reader waits for a bell; asked once. */
  wakes(): boolean {
    return this.#ring.lower(READER_SLEEPS);
  }

  /** Asks the reader to say when there is room. True where there is some by now: nobody will say. */
  waits(): boolean {
    this.#ring.store(WRITER_WAITS, 1);
    return this.#ring.used <= this.#ring.mask && this.#ring.lower(WRITER_WAITS);
  }
}

export class RingReader {
  readonly #ring: Ring;

  constructor(memory: SharedArrayBuffer) {
    this.#ring = new Ring(memory);
  }

  /** Hands over what is there now, in one or two pieces that are good until `take` returns. */
  read(take: (piece: Uint8Array) => void): number {
    const ring = this.#ring;
    const count = ring.used;
    if (count === 0) return 0;
    const tail = ring.load(TAIL);
    const at = tail & ring.mask;
    const first = Math.min(count, ring.mask + 1 - at);
    take(ring.bytes.subarray(at, at + first));
    if (count > first) take(ring.bytes.subarray(0, count - first));
    ring.store(TAIL, (tail + count) | 0);
    return count;
  }

  /** Asks for a bell. False where something came in the meantime: read on. */
  sleeps(): boolean {
    this.#ring.store(READER_SLEEPS, 1);
    return this.#ring.used === 0 || !this.#ring.lower(READER_SLEEPS);
  }

  /** The writer waits for room; asked once. */
  wakes(): boolean {
    return this.#ring.lower(WRITER_WAITS);
  }
}

function broken(what: string): EventsError {
  return new EventsError("PROTOCOL", `Cannot read shared memory: ${what}`);
}
