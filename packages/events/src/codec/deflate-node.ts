import { deflateRawSync, inflateRawSync } from "node:zlib";

import type { Compressor } from "../wire/codec.ts";
import { DEFLATE, MIN_BYTES, notDeflated, tooLarge, type DeflateOptions } from "./deflated.ts";

/**
 * Compresses long frames with Node's zlib, for links that leave the machine: `new EventBus({ compression: deflate() })`
 * on both sides; pages take `deflate` of `@atomiton/events/deflate`. Over loopback it costs more than it saves.
 *
 * @example new EventBus({ contract, role: "host", compression: deflate() });
 */
export function deflate({ minBytes = MIN_BYTES }: DeflateOptions = {}): Compressor {
  return {
    name: DEFLATE,
    minBytes,
    // 5 ms.
    maxBytes: 1_048_576,
    // The fastest level: the others take twice as long for a few bytes.
    compress: (bytes) => deflateRawSync(bytes, { level: 1 }),
    expand(bytes, maxBytes) {
      try {
        return inflateRawSync(bytes, { maxOutputLength: maxBytes });
      } catch (cause) {
        if ((cause as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
        throw notDeflated(cause);
      }
    },
  };
}
