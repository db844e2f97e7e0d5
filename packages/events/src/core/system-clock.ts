import type { Clock } from "./clock.ts";

/** A page paints between turns: its tick is a MessageChannel turn, elsewhere a microtask is enough. */
function inPage(): boolean {
  return typeof document !== "undefined" && typeof MessageChannel !== "undefined";
}

function pageTick(): (run: () => void) => void {
  let due: (() => void)[] = [];
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    const now = due;
    due = [];
    for (const run of now) run();
  };
  return (run) => {
    if (due.push(run) === 1) channel.port2.postMessage(undefined);
  };
}

let tick: ((run: () => void) => void) | undefined;

/** The platform's time. Its timers do not keep a Node process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    // Node hands out an object that can be told not to hold the process, a page a number.
    (timer as { unref?: () => void }).unref?.();
    return () => clearTimeout(timer);
  },
  endOfTick(run) {
    tick ??= inPage() ? pageTick() : queueMicrotask;
    tick(run);
  },
};
