import type { Deadlines } from "../core/deadlines.ts";
import { EventsError } from "../core/errors.ts";
import type { Meta, NextOptions, OnOptions, StreamOptions } from "./event-bus.ts";
import type { Hearing } from "./hearing.ts";
import { Stream } from "./stream.ts";

/** Makes one subscription of the bus. */
export type Listen = (pattern: string, hear: (data: unknown, meta: Meta) => void, options: OnOptions) => Hearing;

/** The next message as a promise. Ends in one place: message, signal, deadline or close. */
export function nextMessage(
  listen: Listen,
  deadlines: Deadlines,
  name: string,
  options: NextOptions,
): Promise<unknown> {
  const { signal, timeoutMs, ...rest } = options;
  return new Promise((resolve, reject) => {
    let stopTimer: () => void = () => undefined;
    let hearing: Hearing | undefined;
    const end = (): void => {
      stopTimer();
      signal?.removeEventListener("abort", cancel);
      hearing?.stop();
    };
    const refuse = (code: "TIMEOUT" | "CANCELLED" | "CLOSED", why: string, cause?: unknown): void => {
      end();
      reject(new EventsError(code, `Cannot wait for the next "${name}": ${why}`, { name }, { cause }));
    };
    const cancel = (): void => refuse("CANCELLED", "its signal was aborted", signal?.reason);
    if (signal?.aborted === true) return cancel();
    const take = (data: unknown): void => {
      end();
      resolve(data);
    };
    hearing = listen(name, take, { ...rest, once: true });
    if (!hearing.active) return; // `since` has brought it already.
    hearing.onClosed = () => refuse("CLOSED", "the bus was closed");
    signal?.addEventListener("abort", cancel, { once: true });
    if (timeoutMs !== undefined) {
      stopTimer = deadlines.add(timeoutMs, () => refuse("TIMEOUT", `none came within ${timeoutMs} ms`));
    }
  });
}

/** Messages as an async iterable. What came before its end can still be read. */
export function openStream(listen: Listen, pattern: string, options: StreamOptions): Stream {
  const { signal, max = 1_000, ...rest } = options;
  let hearing: Hearing | undefined;
  const end = (): void => {
    signal?.removeEventListener("abort", end);
    hearing?.stop();
    stream.end();
  };
  const stream = new Stream(max, end);
  if (signal?.aborted === true) {
    stream.end();
    return stream;
  }
  hearing = listen(pattern, (data, meta) => stream.push(data, meta), { ...rest, onGap: (gap) => stream.gap(gap) });
  hearing.onClosed = end;
  signal?.addEventListener("abort", end, { once: true });
  return stream;
}
