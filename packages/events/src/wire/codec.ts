import { Packr, RESET_BUFFER_MODE } from "msgpackr";

import { scan } from "./scan.ts";

/** Turns bodies into bytes and back. Bodies are plain data: payload.ts has lowered what has no bytes of its own. */
export interface Codec {
  /** As told in HELLO. */
  readonly name: string;
  /** The bytes are the caller's until the next call only. */
  encode(body: unknown): Uint8Array;
  /** Throws `EventsError` PROTOCOL or LIMIT before it builds anything from bad bytes. */
  decode(bytes: Uint8Array, maxDepth: number): unknown;
}

/** MessagePack without records and without extension types but `undefined`. */
export function messagePackCodec(): Codec {
  const packr = new Packr({ useRecords: false, mapsAsObjects: true, copyBuffers: true, variableMapSize: true });
  return {
    name: "msgpack",
    encode: (body) => packr.pack(body, RESET_BUFFER_MODE) as Uint8Array,
    decode(bytes, maxDepth) {
      scan(bytes, maxDepth);
      // A plain view: from a Node Buffer the decoder would hand out Buffers that share a pool.
      return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as unknown;
    },
  };
}
