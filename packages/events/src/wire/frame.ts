/**
 * Frames on byte media: `type u8 | flags u8 | lane u16 | seq u32 | ack u32 | length u32`, little endian, then the body.
 * One unit of the medium may hold several frames, one after another. On media that clone, a frame is the array
 * `[type, flags, lane, seq, ack, body]` and a unit of several frames an array of such arrays.
 */
import type { Lane } from "../core/contract.ts";
import { EventsError } from "../core/errors.ts";

export const FRAME_TYPE = {
  hello: 1,
  welcome: 2,
  resume: 3,
  reject: 4,
  sub: 5,
  unsub: 6,
  suback: 7,
  events: 8,
  request: 9,
  reply: 10,
  error: 11,
  cancel: 12,
  chunk: 13,
  ack: 14,
  credit: 15,
  gap: 16,
  ping: 17,
  pong: 18,
  bye: 19,
  progress: 20,
  behind: 21,
  lost: 22,
  flow: 23,
} as const;

/** The body holds values that were lowered (see payload.ts): raise them after decoding. */
export const FLAG_LOWERED = 1;
/** First and last part of a chunked message. */
export const FLAG_FIRST = 2;
export const FLAG_LAST = 4;
/** On ACK: something after `ack` is missing, send again from there. */
export const FLAG_RESEND = 8;
/** The body of EVENTS is in the codec that was agreed, not in MessagePack. */
export const FLAG_COMPILED = 16;
/** The body is compressed. */
export const FLAG_COMPRESSED = 32;

export const HEADER_BYTES = 16;

export const LANES: readonly Lane[] = ["control", "main", "bulk"];

/** Types that are numbered, acknowledged and sent again after a resume. */
export function isSequenced(type: number): boolean {
  return (
    (type >= FRAME_TYPE.sub && type <= FRAME_TYPE.chunk) ||
    type === FRAME_TYPE.gap ||
    type === FRAME_TYPE.progress ||
    type === FRAME_TYPE.behind ||
    type === FRAME_TYPE.lost ||
    type === FRAME_TYPE.flow
  );
}

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly lane: number;
  readonly seq: number;
  readonly ack: number;
  /** Encoded bytes on byte media, a value on media that clone. */
  readonly body: unknown;
}

/** A frame for a byte medium; `body` is copied. */
export function packFrame(
  type: number,
  flags: number,
  lane: number,
  seq: number,
  ack: number,
  body: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, flags);
  view.setUint16(2, lane, true);
  view.setUint32(4, seq, true);
  view.setUint32(8, ack, true);
  view.setUint32(12, body.byteLength, true);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** Writes the newest acknowledgement into a frame that is sent (again). */
export function patchAck(frame: Uint8Array, ack: number): void {
  new DataView(frame.buffer, frame.byteOffset).setUint32(8, ack, true);
}

/** Splits one unit of a byte medium. Throws `EventsError` PROTOCOL; frames before the fault were yielded. */
export function* unpackUnit(unit: Uint8Array): Generator<RawFrame> {
  const view = new DataView(unit.buffer, unit.byteOffset, unit.byteLength);
  let at = 0;
  while (at < unit.byteLength) {
    if (unit.byteLength - at < HEADER_BYTES) throw cut(unit.byteLength - at);
    const length = view.getUint32(at + 12, true);
    const end = at + HEADER_BYTES + length;
    if (end > unit.byteLength) throw cut(unit.byteLength - at);
    yield {
      type: unit[at]!,
      flags: unit[at + 1]!,
      lane: view.getUint16(at + 2, true),
      seq: view.getUint32(at + 4, true),
      ack: view.getUint32(at + 8, true),
      body: unit.subarray(at + HEADER_BYTES, end),
    };
    at = end;
  }
}

function cut(bytes: number): EventsError {
  return new EventsError("PROTOCOL", `Cannot read a frame: ${bytes} bytes are left, its header says more`);
}

/** Splits one unit of a medium that clones. Throws `EventsError` PROTOCOL. */
export function* unpackClone(unit: readonly unknown[]): Generator<RawFrame> {
  if (Array.isArray(unit[0])) {
    for (const frame of unit) yield fromArray(frame);
  } else {
    yield fromArray(unit);
  }
}

function fromArray(frame: unknown): RawFrame {
  if (Array.isArray(frame) && frame.length === 6) {
    const [type, flags, lane, seq, ack] = frame as number[];
    if (isUint(type, 0xff) && isUint(flags, 0xff) && isUint(lane, 0xffff) && isUint(seq, 0xffffffff)) {
      if (isUint(ack, 0xffffffff)) return { type, flags, lane, seq, ack, body: frame[5] };
    }
  }
  throw new EventsError("PROTOCOL", "Cannot read a frame: not [type, flags, lane, seq, ack, body]");
}

function isUint(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
}

/** Distance from `b` to `a` on the circle of 2^32: negative when `a` comes before `b`. */
export function serialDistance(a: number, b: number): number {
  return (a - b) | 0;
}

export function nextSerial(seq: number): number {
  return (seq + 1) >>> 0;
}
