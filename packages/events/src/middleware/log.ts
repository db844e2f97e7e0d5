import type { Middleware, Passing } from "../bus/event-bus.ts";
import type { Clock } from "../core/clock.ts";
import type { EventsErrorCode } from "../core/errors.ts";
import { systemClock } from "../core/system-clock.ts";

/** One message, as a log shows it: never its payload. */
export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly way: "in" | "out" | "local";
  readonly kind: Passing["kind"];
  readonly name: string;
  /** Role of the bus that it began at. */
  readonly from: string;
  /** Of a request that has ended: how long it took, and the code that it failed with. */
  readonly tookMs?: number;
  readonly failed?: EventsErrorCode;
}

/**
 * Writes an entry for each message that passes: for a request when it has ended, else at once. Added last it stands
 * outermost and sees what other layers stop. A fault of `write` goes to `onError` and stops its message.
 *
 * @example events.use(log((entry) => console.log(JSON.stringify(entry))));
 */
export function log(write: (entry: LogEntry) => void, clock: Clock = systemClock): Middleware {
  const layer =
    (way: LogEntry["way"]): NonNullable<Middleware["in"]> =>
    ({ kind, name, meta, onSettled }, next) => {
      const entry: LogEntry = { ts: clock.now(), way, kind, name, from: meta.origin.role };
      if (onSettled === undefined) write(entry);
      else {
        const began = clock.monotonic();
        onSettled((failure) => {
          write({ ...entry, tookMs: clock.monotonic() - began, ...(failure && { failed: failure.code }) });
        });
      }
      return next();
    };
  return { in: layer("in"), out: layer("out"), local: layer("local") };
}
