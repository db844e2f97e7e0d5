import { EventsError } from "../core/errors.ts";
import { protocol } from "./bodies.ts";

/** Inner type, inner flags, two spare bytes, total length. */
export const CHUNK_HEADER = 8;

/** A message put together from chunks; `total` was checked when the first one came. */
export interface Assembly {
  readonly type: number;
  readonly flags: number;
  readonly total: number;
  /** Grows with what came: a header alone reserves nothing. */
  bytes: Uint8Array;
  at: number;
}

export function beginAssembly(part: Uint8Array, maxBytes: number): Assembly {
  if (part.byteLength < CHUNK_HEADER) throw protocol("a first chunk is too short");
  const total = new DataView(part.buffer, part.byteOffset).getUint32(4, true);
  if (total > maxBytes) {
    throw new EventsError("LIMIT", `Cannot receive a message of ${total} bytes: the limit is ${maxBytes}`, {
      total,
      maxBytes,
    });
  }
  return { type: part[0]!, flags: part[1]!, total, bytes: new Uint8Array(Math.min(total, 65_536)), at: 0 };
}

export function addPart(assembly: Assembly, part: Uint8Array): void {
  const end = assembly.at + part.byteLength;
  if (end > assembly.total) throw protocol("its chunks are longer than the message");
  if (end > assembly.bytes.byteLength) {
    const grown = new Uint8Array(Math.min(assembly.total, Math.max(end, assembly.bytes.byteLength * 2)));
    grown.set(assembly.bytes.subarray(0, assembly.at));
    assembly.bytes = grown;
  }
  assembly.bytes.set(part, assembly.at);
  assembly.at = end;
}
