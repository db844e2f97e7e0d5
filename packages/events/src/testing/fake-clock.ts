import type { Clock } from "../core/clock.ts";

/** Time that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Timers that are set and neither ran nor were taken back. */
  readonly pendingTimers: number;
  /** Lets `ms` pass: timers run in their order, each at its own time, ticks end in between. */
  advance(ms: number): void;
  /** Lets `ms` pass at once, as when a computer sleeps: all timers that fell due run afterwards, late. */
  sleep(ms: number): void;
  /** Moves the wall clock alone, as when somebody sets it. */
  setWallClock(now: number): void;
  /** Ends the tick: runs what waits for it, and what that causes. Returns how many ran. Only with manual ticks. */
  endTick(): number;
}

export interface FakeClockOptions {
  /** Milliseconds since 1970. Default 0. */
  readonly now?: number;
  /** Ticks end by `endTick()` and `advance()` only; else by themselves, in a microtask. Default false. */
  readonly manualTicks?: boolean;
}

const TICK_LIMIT = 1_000_000;

/**
 * A clock for tests.
 *
 * @example
 * const clock = fakeClock();
 * const bus = new EventBus({ contract, role: "host", clock });
 * clock.advance(30_000);
 * expect(clock.pendingTimers).toBe(0);
 */
export function fakeClock(options: FakeClockOptions = {}): FakeClock {
  let wall = options.now ?? 0;
  let time = 0;
  let order = 0;
  const timers = new Set<{ readonly at: number; readonly order: number; readonly run: () => void }>();
  const ticks: (() => void)[] = [];

  const endTick = (): number => {
    let count = 0;
    for (let run = ticks.shift(); run !== undefined; run = ticks.shift()) {
      if (++count > TICK_LIMIT)
        throw new RangeError(`Cannot end the tick: ${TICK_LIMIT} callbacks ran, each caused another`);
      run();
    }
    return count;
  };
  const runDue = (until: number, atTheirTime: boolean): void => {
    endTick();
    for (;;) {
      let next: { readonly at: number; readonly order: number; readonly run: () => void } | undefined;
      for (const timer of timers) {
        if (timer.at > until) continue;
        if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order))
          next = timer;
      }
      if (next === undefined) return;
      timers.delete(next);
      if (atTheirTime && next.at > time) {
        wall += next.at - time;
        time = next.at;
      }
      next.run();
      endTick();
    }
  };
  return {
    now: () => wall,
    monotonic: () => time,
    after(ms, run) {
      const timer = { at: time + Math.max(0, ms), order: order++, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    endOfTick(run) {
      ticks.push(run);
      if (options.manualTicks !== true) queueMicrotask(endTick);
    },
    get pendingTimers() {
      return timers.size;
    },
    advance(ms) {
      const until = time + ms;
      runDue(until, true);
      wall += until - time;
      time = until;
    },
    sleep(ms) {
      time += ms;
      wall += ms;
      runDue(time, false);
    },
    setWallClock(now) {
      wall = now;
    },
    endTick,
  };
}
