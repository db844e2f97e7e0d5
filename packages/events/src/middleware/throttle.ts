import type { Middleware, Passing } from "../bus/event-bus.ts";
import { throttle as throttled, type Throttled } from "../bus/throttle.ts";
import type { Clock } from "../core/clock.ts";
import { matches } from "../core/topic.ts";

/** Rates that are remembered; past it the oldest sends what waits and begins anew. */
const KEYS_KEPT = 1_000;

export interface ThrottleOptions {
  /** Least time between two events of one key. */
  readonly ms: number;
  /** Names it holds for. Default: every name. */
  readonly pattern?: string;
  /** Each key has a rate of its own. Default: the name. */
  readonly key?: (message: Passing) => string;
  readonly clock?: Clock;
}

export interface ThrottleLayer extends Middleware {
  /** Sends what waits now. */
  flush(): void;
  /** Forgets what waits, and holds no timer any more. */
  cancel(): void;
}

/**
 * At most one event of a key in `ms` milliseconds leaves for the links: the first at once, then the latest when the time
 * is over. The last value is never lost. For events whose newest value says all; listeners of this bus hear each one.
 * For one function there is `throttle(fn, ms)` of `@atomiton/events`.
 * With a contract, `delivery: "latest"` and `everyMs` do it for each receiver and each key, and serve late joiners.
 *
 * @example events.use(throttle({ ms: 100, pattern: "mouse:*" }));
 */
export function throttle({ ms, pattern = "*", key = ({ name }) => name, clock }: ThrottleOptions): ThrottleLayer {
  if (!(ms >= 0)) throw new RangeError(`Cannot throttle by ${ms} ms: use 0 or more`);
  const rates = new Map<string, Throttled<[() => unknown]>>();
  const rateOf = (of: string): Throttled<[() => unknown]> => {
    let rate = rates.get(of);
    if (rate !== undefined) return rate;
    for (const [oldest, before] of rates) {
      if (rates.size < KEYS_KEPT) break;
      before.flush();
      before.cancel();
      rates.delete(oldest);
    }
    rate = throttled((pass: () => unknown) => void pass(), ms, clock);
    rates.set(of, rate);
    return rate;
  };
  return {
    out(message, next) {
      if (message.kind === "request" || !matches(pattern, message.name)) return next();
      rateOf(key(message))(next);
    },
    flush() {
      for (const rate of rates.values()) rate.flush();
    },
    cancel() {
      for (const rate of rates.values()) rate.cancel();
      rates.clear();
    },
  };
}
