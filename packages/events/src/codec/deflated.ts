import { EventsError } from "../core/errors.ts";

/** As told in HELLO, by every program that makes this format. */
export const DEFLATE = "deflate-raw";

export interface DeflateOptions {
  /** Bodies of fewer bytes are sent as they are. Default 1,024: below that little is won. */
  readonly minBytes?: number;
}

export const MIN_BYTES = 1_024;

export function tooLarge(maxBytes: number): EventsError {
  return new EventsError("LIMIT", `Cannot read a body: it expands to more than ${maxBytes} bytes`, { maxBytes });
}

export function notDeflated(cause: unknown): EventsError {
  return new EventsError("PROTOCOL", "Cannot read a body: it is not deflated", {}, { cause });
}
