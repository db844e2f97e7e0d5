import type { Middleware } from "../bus/event-bus.ts";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/system-clock.ts";

export interface BatchOptions {
  /** How long the first message waits for others. */
  readonly ms: number;
  readonly clock?: Clock;
}

/**
 * Lets what leaves within `ms` milliseconds leave together, in order: fewer frames for more delay, where each frame costs
 * (radio, a busy hub). Without it everything that is emitted in one tick shares a frame, at no delay, and `events.batch`
 * emits many at once. Messages that wait are bounded by `limits.waiting`.
 *
 * @example events.use(batch({ ms: 20 }));
 */
export function batch({ ms, clock = systemClock }: BatchOptions): Middleware {
  let isOpen = false;
  return {
    out(_message, next) {
      if (isOpen) return next();
      return new Promise<void>((resolve) => {
        clock.after(ms, () => {
          isOpen = true;
          // What waits behind this message passes in the turns that follow; what is emitted later waits anew.
          clock.after(1, () => (isOpen = false));
          resolve();
        });
      }).then(next);
    },
  };
}
