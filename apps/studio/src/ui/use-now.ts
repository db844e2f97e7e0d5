import { useSyncExternalStore } from "react";

/** A tenth of a second is the finest figure shown. */
const TICK_MS = 100;
const MINUTE_MS = 60_000;

/** One timer for all who tell the time, while there are any. */
function ticker(everyMs: number): { subscribe: (hear: () => void) => () => void; now: () => number } {
  const hearers = new Set<() => void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    subscribe(hear) {
      hearers.add(hear);
      timer ??= setInterval(() => {
        for (const each of hearers) each();
      }, everyMs);
      return () => {
        hearers.delete(hear);
        if (hearers.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    now: () => Math.floor(Date.now() / everyMs) * everyMs,
  };
}

const tenths = ticker(TICK_MS);
const minutes = ticker(MINUTE_MS);
const never = (): (() => void) => () => {};

/** This computer's time, to the tenth of a second; it moves only while `isMoving`. */
export const useNow = (isMoving: boolean): number =>
  useSyncExternalStore(isMoving ? tenths.subscribe : never, tenths.now);

/** This computer's time, to the minute. */
export const useMinute = (): number => useSyncExternalStore(minutes.subscribe, minutes.now);
