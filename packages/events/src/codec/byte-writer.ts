import { COLUMN } from "./columns.ts";

const SMALL = 0x3fffffff;
const FIRST_BYTES = 4_096;
/** Memory for long frames is given back. */
const KEPT_BYTES = 262_144;

/** Memory that grows with what is written, and is written anew for each frame. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** What was written: the caller's until the next call. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  restart(): void {
    this.#at = 0;
    if (this.#bytes.byteLength > KEPT_BYTES) this.#resize(FIRST_BYTES);
  }

  byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.#at++] = value;
  }

  varint(value: number): void {
    this.reserve(5);
    this.#at = putVarint(this.#bytes, this.#at, value);
  }

  bits(count: number, isSet: (at: number) => boolean): void {
    for (let at = 0; at < count; at += 8) {
      let byte = 0;
      for (let bit = 0; bit < 8 && at + bit < count; bit++) if (isSet(at + bit)) byte |= 1 << bit;
      this.byte(byte);
    }
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }

  /** A column of numbers. */
  numbers(values: readonly number[]): void {
    const count = values.length;
    this.reserve(count * 8 + 10);
    if (this.#integers(values)) return;
    const first = values[0]!;
    const bytes = this.#bytes;
    let at = this.#at;
    if (count > 1 && values.every((value) => Object.is(value, first))) {
      bytes[this.#at++] = COLUMN.same;
      return this.numbers([first]);
    }
    if (areSteps(values)) {
      bytes[at] = COLUMN.longs;
      this.#view.setFloat64(at + 1, first, true);
      at += 9;
      for (let i = 1; i < count; i++) at = putVarint(bytes, at, zigzag(values[i]! - values[i - 1]!));
    } else {
      bytes[at++] = COLUMN.doubles;
      for (let i = 0; i < count; i++, at += 8) this.#view.setFloat64(at, values[i]!, true);
    }
    this.#at = at;
  }

  /** Written while they are looked at: most numbers are small and whole. False, and nothing written, when one is not. */
  #integers(values: readonly number[]): boolean {
    const count = values.length;
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = COLUMN.integers;
    let before = 0;
    let changes = 0;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      if ((value | 0) !== value || value > SMALL || value < -SMALL || (value === 0 && 1 / value < 0)) return false;
      const step = value - before;
      before = value;
      if (step !== 0) changes = i;
      at = putVarint(bytes, at, zigzag(step));
    }
    if (count > 1 && changes === 0) {
      at = this.#at;
      bytes[at++] = COLUMN.same;
      bytes[at++] = COLUMN.integers;
      at = putVarint(bytes, at, zigzag(before));
    }
    this.#at = at;
    return true;
  }

  reserve(room: number): void {
    const needed = this.#at + room;
    if (needed > this.#bytes.byteLength) this.#resize(Math.max(this.#bytes.byteLength * 2, needed));
  }

  #resize(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.written);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Large whole numbers that lie near each other, as times do. */
function areSteps(values: readonly number[]): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return false;
    if (i > 0 && Math.abs(value - values[i - 1]!) > SMALL) return false;
  }
  return values.length > 1;
}

/** Small numbers for small steps, whatever their sign. */
function zigzag(step: number): number {
  return ((step << 1) ^ (step >> 31)) >>> 0;
}

/** 32 bits at most. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}
