import type { Clock } from "@atomiton/events";

/** `setTimeout` fires at once above it: longer waits are cut into such. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;

/** The machine's. Unlike the bus's, it keeps the process alive: an execution that waits is work. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      const slice = Math.min(left, LONGEST_TIMEOUT_MS);
      timer = setTimeout(() => (left > slice ? wait(left - slice) : run()), slice);
    };
    wait(Math.max(0, ms));
    return () => clearTimeout(timer);
  },
  endOfTick: (run) => queueMicrotask(run),
};
