import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/system-clock.ts";

export interface Throttled<A extends unknown[]> {
  (...args: A): void;
  /** Calls now with the arguments that wait, if any. */
  flush(): void;
  /** Forgets the arguments that wait and stops the timer. */
  cancel(): void;
}

/**
 * At most one call of `fn` in `ms` milliseconds: the first at once, then the latest arguments when the time is over.
 * The last value is never lost: it is called at the end of its interval, or by `flush()`. For any function; the layer of
 * that name in `@atomiton/events/middleware` does it to the events that leave a bus. Throws RangeError for `ms` below 0.
 *
 * @example
 * const progress = throttle((data) => events.emit("runtime:progress", data), 100);
 */
export function throttle<A extends unknown[]>(
  fn: (...args: A) => void,
  ms: number,
  clock: Clock = systemClock,
): Throttled<A> {
  if (!(ms >= 0)) throw new RangeError(`Cannot throttle by ${ms} ms: use 0 or more`);
  let waiting: A | undefined;
  let stop: (() => void) | undefined;

  const open = (): void => {
    stop = undefined;
    if (waiting !== undefined) run(waiting);
  };
  const run = (args: A): void => {
    waiting = undefined;
    // Armed before the call: `fn` may throw or call back in.
    stop = clock.after(ms, open);
    fn(...args);
  };
  const throttled = (...args: A): void => {
    if (stop === undefined) run(args);
    else waiting = args;
  };
  return Object.assign(throttled, {
    flush(): void {
      if (waiting === undefined) return;
      stop?.();
      run(waiting);
    },
    cancel(): void {
      waiting = undefined;
      stop?.();
      stop = undefined;
    },
  });
}
