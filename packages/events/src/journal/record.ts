/**
 * The bytes of a journal, in memory and on disk alike: `length u32 | crc32c u32 | body`, little endian. `length` is that
 * of the body, the checksum is over the body. A body is one MessagePack array:
 *
 *     [0 | 1, seq, behind, ts, value]    an entry; 1: the value is lowered (see wire/payload.ts)
 *     [2, before, behind, ts, null]      a trim: entries before this number are forgotten
 *
 * `behind` is the bytes between the end of what was safely stored, when this was appended, and the record itself: it
 * tells a reader which bytes before it had been promised to somebody.
 */
import { EventsError } from "../core/errors.ts";
import { messagePackCodec } from "../wire/codec.ts";
import { copyOut } from "../wire/payload.ts";
import { raise } from "../wire/raise.ts";
import { crc32c } from "./crc32c.ts";

export const RECORD_HEADER_BYTES = 8;
/** MessagePack's byte for an array of five: what every body begins with. */
const ARRAY_OF_FIVE = 0x95;
const MIN_BODY_BYTES = 6;
const MAX_DEPTH = 64;
/** No record is longer, whatever the options: a longer one is damage. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const PLAIN = 0;
const LOWERED = 1;
const TRIM = 2;

export type JournalRecord =
  | {
      readonly kind: "entry";
      readonly seq: number;
      readonly behind: number;
      readonly ts: number;
      readonly value: unknown;
    }
  | { readonly kind: "trim"; readonly before: number; readonly behind: number };

const codec = messagePackCodec();

export function packEntry(seq: number, behind: number, ts: number, value: unknown, maxBytes: number): Uint8Array {
  const { value: copy, lowered } = copyOut(value, "bytes", maxBytes, MAX_DEPTH);
  const record = pack([lowered ? LOWERED : PLAIN, seq, behind, ts, copy]);
  if (record.byteLength > Math.min(maxBytes, MAX_BODY_BYTES)) {
    throw new EventsError(
      "LIMIT",
      `Cannot append ${record.byteLength} bytes to the journal: at most ${maxBytes} may be one entry; raise maxEntryBytes, or append a reference`,
      { bytes: record.byteLength, limitBytes: maxBytes },
    );
  }
  return record;
}

export function packTrim(before: number, behind: number, ts: number): Uint8Array {
  return pack([TRIM, before, behind, ts, null]);
}

function pack(body: unknown[]): Uint8Array {
  const bytes = codec.encode(body);
  const record = new Uint8Array(RECORD_HEADER_BYTES + bytes.byteLength);
  const view = new DataView(record.buffer);
  view.setUint32(0, bytes.byteLength, true);
  view.setUint32(4, crc32c(bytes), true);
  record.set(bytes, RECORD_HEADER_BYTES);
  return record;
}

/** The bytes of the record that could begin here, by its first nine. */
export function recordBytesAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.byteLength - at <= RECORD_HEADER_BYTES) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true);
  const fits = length >= MIN_BODY_BYTES && length <= MAX_BODY_BYTES;
  return fits && bytes[at + RECORD_HEADER_BYTES] === ARRAY_OF_FIVE ? length + RECORD_HEADER_BYTES : undefined;
}

/** The record that `bytes` is, header and body. Undefined when it is none, whatever the reason. */
export function unpack(bytes: Uint8Array): JournalRecord | undefined {
  const body = bytes.subarray(RECORD_HEADER_BYTES);
  const header = new DataView(bytes.buffer, bytes.byteOffset, RECORD_HEADER_BYTES);
  if (header.getUint32(0, true) !== body.byteLength || header.getUint32(4, true) !== crc32c(body)) return undefined;
  let fields: unknown;
  try {
    fields = codec.decode(body, MAX_DEPTH + 8);
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields) || fields.length !== 5) return undefined;
  const [kind, seq, behind, ts, value] = fields as [number, number, number, number, unknown];
  if (!Number.isSafeInteger(seq) || seq < 1 || !(behind >= 0) || !Number.isFinite(ts)) return undefined;
  if (kind === TRIM) return { kind: "trim", before: seq, behind };
  if (kind !== PLAIN && kind !== LOWERED) return undefined;
  return { kind: "entry", seq, behind, ts, value: kind === LOWERED ? raise(value) : value };
}

/** The way out of damage, for the texts of errors. */
export const SALVAGE = "restore a copy, or read what stands before it with recordedJournal(bytes, { salvage: true })";

export function damaged(what: string, seq: number, details: Readonly<Record<string, unknown>> = {}): EventsError {
  const text = `Cannot read ${what}: entry ${seq} is damaged; ${SALVAGE}`;
  return new EventsError("JOURNAL", text, { ...details, seq });
}
