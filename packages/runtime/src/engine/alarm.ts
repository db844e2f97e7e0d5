import type { Clock } from "@atomiton/events";

/** A clock that was set, or a machine that slept, is noticed so soon. */
const LOOK_MS = 60_000;

/**
 * Calls `run` once when the wall clock says `at` (ms since 1970): a minute late at most where it was set forward or the
 * machine slept. `isSpan`: `at` was counted from some moment on, so it is called also when so much time has passed by the
 * monotonic clock; a wall clock that is set back makes nobody wait longer. Returns what takes it back.
 */
export function alarm(clock: Clock, at: number, run: () => void, { isSpan }: { isSpan: boolean }): () => void {
  const due = clock.monotonic() + at - clock.now();
  const left = (): number => Math.min(at - clock.now(), isSpan ? due - clock.monotonic() : Number.POSITIVE_INFINITY);
  const wait = (): (() => void) => clock.after(Math.max(0, Math.min(left(), LOOK_MS)), look);
  const look = (): void => {
    if (left() > 0) takeBack = wait();
    else run();
  };
  let takeBack = wait();
  return () => takeBack();
}
