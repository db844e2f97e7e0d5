import type { Codec, Compressor, EventsCodec, EventsDecoder, EventsEncoder } from "../wire/codec.ts";
import { FLAG_COMPILED, FLAG_COMPRESSED, FRAME_TYPE } from "../wire/frame.ts";
import { protocol } from "./bodies.ts";

/** What both sides agreed on in HELLO, seen from this one. */
export interface Agreed {
  readonly sends: EventsCodec | undefined;
  readonly hears: EventsCodec | undefined;
  readonly compressor: Compressor | undefined;
  /** The peer takes compressed bodies. */
  readonly compresses: boolean;
  readonly names: readonly string[];
  readonly peerNames: readonly string[];
}

/** The first codec of the speaker that the listener has too. */
export function agree(
  codecs: readonly EventsCodec[],
  speaker: readonly string[],
  listener: readonly string[],
): EventsCodec | undefined {
  const name = speaker.find((each) => listener.includes(each) && codecs.some((codec) => codec.name === each));
  return codecs.find((codec) => codec.name === name);
}

/** How the bodies of one lane become bytes, on byte media. Remembers what earlier frames of its session taught. */
export class Coding {
  readonly #codec: Codec;
  #encoder: EventsEncoder | undefined;
  #decoder: EventsDecoder | undefined;
  #compressor: Compressor | undefined;
  #compresses = false;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** A new session: nothing of the one before is referred to. */
  begin({ sends, hears, compressor, compresses, names, peerNames }: Agreed): void {
    this.#encoder = sends?.encoder(names);
    this.#decoder = hears?.decoder(peerNames);
    this.#compressor = compressor;
    this.#compresses = compresses;
  }

  /** The body's bytes, which are the caller's until the next call only, and the flags that tell how to read them. */
  encode(type: number, body: readonly unknown[], isKept: boolean): { bytes: Uint8Array; flags: number } {
    const compiled = type === FRAME_TYPE.events ? this.#encoder?.encode(body, isKept) : undefined;
    const bytes = compiled ?? this.#codec.encode(body);
    const flags = compiled === undefined ? 0 : FLAG_COMPILED;
    const compressor = this.#compressor;
    if (compressor === undefined || !this.#compresses) return { bytes, flags };
    if (bytes.byteLength < compressor.minBytes || bytes.byteLength > compressor.maxBytes) return { bytes, flags };
    const small = compressor.compress(bytes);
    // What hardly shrinks (images, what was compressed before) is not worth the other side's time.
    if (small.byteLength > bytes.byteLength * WORTH) return { bytes, flags };
    if (bytes.byteLength > mostExpanded(small.byteLength)) return { bytes, flags };
    return { bytes: small, flags: flags | FLAG_COMPRESSED };
  }

  /** Throws `EventsError` PROTOCOL or LIMIT before anything is built from bad bytes. */
  decode(type: number, flags: number, bytes: Uint8Array, maxDepth: number, maxBytes: number): unknown {
    let plain = bytes;
    if ((flags & FLAG_COMPRESSED) !== 0) {
      if (this.#compressor === undefined) throw protocol("it is compressed, and that was not agreed");
      plain = this.#compressor.expand(bytes, Math.min(maxBytes, mostExpanded(bytes.byteLength)));
    }
    if ((flags & FLAG_COMPILED) === 0) return this.#codec.decode(plain, maxDepth);
    if (this.#decoder === undefined || type !== FRAME_TYPE.events) throw protocol("it has a codec that was not agreed");
    return this.#decoder.decode(plain, maxDepth);
  }
}

const WORTH = 0.9;

/** A body expands to at most this: few bytes are not worth much of a receiver's time. */
function mostExpanded(bytes: number): number {
  return 65_536 + 100 * bytes;
}
