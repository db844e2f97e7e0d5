import { EventsError } from "../core/errors.ts";
import { slots } from "./columns.ts";

const SHORT = 32;
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads bytes of which nothing is believed. Throws `EventsError` PROTOCOL where they end early. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  needs(bytes: number): void {
    if (bytes > this.#bytes.byteLength - this.#at) throw bad("it ends early");
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw bad("it ends early");
    return byte;
  }

  #step(): number {
    const zigzag = this.varint();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  bits(count: number): boolean[] {
    const size = Math.ceil(count / 8);
    this.needs(size);
    const values = slots<boolean>(count);
    for (let i = 0; i < count; i++) values[i] = (this.#bytes[this.#at + (i >> 3)]! & (1 << (i & 7))) !== 0;
    this.#at += size;
    return values;
  }

  integers(count: number): number[] {
    this.needs(count);
    const values = slots<number>(count);
    for (let i = 0, value = 0; i < count; i++) values[i] = value += this.#step();
    return values;
  }

  varint(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at++];
    if (byte !== undefined && byte < 0x80) {
      this.#at = at;
      return byte;
    }
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (byte === undefined) throw bad("it ends early");
      if (shift === 28 && byte > 0x0f) throw bad("a number has more than 32 bits");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      byte = bytes[at++];
    }
    this.#at = at;
    return value >>> 0;
  }

  longs(count: number): number[] {
    this.needs(8);
    const first = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    const values = [first];
    for (let i = 1, value = first; i < count; i++) values.push((value += this.#step()));
    return values;
  }

  doubles(count: number): number[] {
    this.needs(count * 8);
    const values = slots<number>(count);
    for (let i = 0; i < count; i++) values[i] = this.#view.getFloat64(this.#at + i * 8, true);
    this.#at += count * 8;
    return values;
  }

  /** A part of the frame, not copied. */
  take(length: number): Uint8Array {
    this.needs(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(length: number): string {
    const bytes = this.take(length);
    try {
      return decodeText(bytes);
    } catch {
      throw bad("its text is not UTF-8");
    }
  }
}

/** A few letters cost less one by one than the platform's decoder takes to begin. */
function decodeText(bytes: Uint8Array): string {
  if (bytes.byteLength > SHORT) return decoder.decode(bytes);
  let text = "";
  for (const byte of bytes) {
    if (byte > 0x7f) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

export function bad(what: string): EventsError {
  return new EventsError("PROTOCOL", `Cannot read a body: not the columns of a frame, ${what}`);
}
