import { deflateSync, Inflate } from "fflate";

import { EventsError } from "../core/errors.ts";
import type { Compressor } from "../wire/codec.ts";
import { DEFLATE, MIN_BYTES, notDeflated, tooLarge, type DeflateOptions } from "./deflated.ts";

export type { DeflateOptions } from "./deflated.ts";

/** Fed so little at a time, it makes at most a MiB before its size is looked at. */
const STEP_BYTES = 1_024;

/**
 * Compresses long frames in pages and workers, where the server does too. In Node take `deflate` of
 * `@atomiton/events/node`: it is several times as fast.
 *
 * @example new EventBus({ contract, role: "ui", compression: deflate() });
 */
export function deflate({ minBytes = MIN_BYTES }: DeflateOptions = {}): Compressor {
  return {
    name: DEFLATE,
    minBytes,
    // 20 ms.
    maxBytes: 262_144,
    compress: (bytes) => deflateSync(bytes, { level: 1 }),
    expand(bytes, maxBytes) {
      const parts: Uint8Array[] = [];
      let size = 0;
      const inflate = new Inflate((part) => {
        size += part.byteLength;
        if (size > maxBytes) throw tooLarge(maxBytes);
        parts.push(part);
      });
      try {
        for (let at = 0; at < bytes.byteLength; at += STEP_BYTES) {
          inflate.push(bytes.subarray(at, at + STEP_BYTES), at + STEP_BYTES >= bytes.byteLength);
        }
      } catch (cause) {
        throw cause instanceof EventsError ? cause : notDeflated(cause);
      }
      const whole = new Uint8Array(size);
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.byteLength;
      }
      return whole;
    },
  };
}
