import type { Clock } from "../core/clock.ts";
import { EventsError } from "../core/errors.ts";
import type { Codec } from "../wire/codec.ts";
import { packFrame, unpackClone, unpackUnit, type RawFrame } from "../wire/frame.ts";
import type { Limits } from "../wire/limits.ts";
import { measure } from "../wire/raise.ts";
import type { Frame, Medium } from "../wire/transport.ts";
import { protocol } from "./bodies.ts";

/** Nesting of the handshake's bodies. */
const BARE_DEPTH = 8;

/** Where units of the medium come in: how many, how large, and what frames they are. Makes frames that have no number. */
export class Gate {
  readonly #medium: Medium;
  readonly #limits: Limits;
  readonly #codec: Codec;
  readonly #clock: Clock;
  /** Units that may come now. */
  #tokens: number;
  #tokensAt: number;

  constructor(medium: Medium, limits: Limits, codec: Codec, clock: Clock) {
    this.#medium = medium;
    this.#limits = limits;
    this.#codec = codec;
    this.#clock = clock;
    this.#tokens = limits.framesPerSecond * 2;
    this.#tokensAt = clock.monotonic();
  }

  /** Counts one unit; false when too many came. */
  admits(): boolean {
    const { framesPerSecond } = this.#limits;
    const now = this.#clock.monotonic();
    // Twice a second's worth may come at once: after a pause of ours, all that the medium held.
    const refill = ((now - this.#tokensAt) * framesPerSecond) / 1_000;
    this.#tokens = Math.min(framesPerSecond * 2, this.#tokens + refill);
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** The frames of one unit. Throws `EventsError` PROTOCOL or LIMIT; frames before the fault were yielded. */
  unpack(unit: Frame): Iterable<RawFrame> {
    if (this.#medium === "clone") {
      if (!Array.isArray(unit)) throw protocol("it is not a list");
      return unpackClone(unit);
    }
    if (!(unit instanceof Uint8Array)) throw protocol("it is not bytes");
    const { frameBytes } = this.#limits;
    if (unit.byteLength > frameBytes) {
      const text = `Cannot take a frame of ${unit.byteLength} bytes: the limit is ${frameBytes}`;
      throw new EventsError("LIMIT", text, { frameBytes });
    }
    return unpackUnit(unit);
  }

  /** The body of a frame that is not numbered. Throws `EventsError` PROTOCOL or LIMIT. */
  body(frame: RawFrame): unknown {
    const { body } = frame;
    if (this.#medium === "bytes") return this.#codec.decode(body as Uint8Array, BARE_DEPTH);
    measure(body, this.#limits.messageBytes, BARE_DEPTH);
    return body;
  }

  /** A frame that is not numbered, ready for the medium. */
  bare(type: number, body: unknown, lane: number, ack: number): Frame {
    if (this.#medium === "clone") return [type, 0, lane, 0, ack, body];
    return packFrame(type, 0, lane, 0, ack, this.#codec.encode(body));
  }
}
