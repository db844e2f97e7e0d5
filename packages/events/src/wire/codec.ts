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

/**
 * Encodes what EVENTS frames hold, made from contracts (see codec/compiled-codec.ts). Used where both sides have it;
 * everything else, and what it leaves, is MessagePack.
 */
export interface EventsCodec {
  /** As told in HELLO. The same name means the same bytes. */
  readonly name: string;
  /** One for each lane of a session. `names`: the speaker's, by number. */
  encoder(names: readonly string[]): EventsEncoder;
  decoder(names: readonly string[]): EventsDecoder;
}

export interface EventsEncoder {
  /**
   * The bytes of a frame's flat list of plain data; undefined leaves it to MessagePack. `isKept`: the frame arrives, or
   * the session ends, so that later ones may refer to it.
   */
  encode(body: readonly unknown[], isKept: boolean): Uint8Array | undefined;
}

export interface EventsDecoder {
  /** The flat list again, with what was lowered raised. Called for each frame once, in order. Throws `EventsError` PROTOCOL or LIMIT. */
  decode(bytes: Uint8Array, maxDepth: number): unknown[];
}

/** Makes long bodies smaller. One call a frame: nothing is remembered between frames. */
export interface Compressor {
  /** As told in HELLO: the format, so that two sides may use different programs for it. */
  readonly name: string;
  /** Bodies of fewer bytes are left as they are. */
  readonly minBytes: number;
  /** So are those of more: the work is done at once, and everything else of the process waits for it. */
  readonly maxBytes: number;
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws `EventsError` LIMIT before it makes more than `maxBytes`, PROTOCOL for bytes that no `compress` makes. */
  expand(bytes: Uint8Array, maxBytes: number): Uint8Array;
}
