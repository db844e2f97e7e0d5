/**
 * Gathers what arrives and hands it on once a frame: a flood of events costs one update of the page a frame.
 * A hidden page gets no frames: there it is handed on by a timer. A full buffer is handed on at once.
 */

/** Events that may wait for one frame. */
const BUFFER_LIMIT = 10_000;
/** In a hidden page. */
const HIDDEN_EVERY_MS = 250;

export interface Frames {
  /** Calls back once, before the next picture or, where none is drawn, soon. Returns how to call it off. */
  soon(flush: () => void): () => void;
}

export const pageFrames: Frames = {
  soon(flush) {
    if (document.visibilityState === "hidden") {
      const timer = setTimeout(flush, HIDDEN_EVERY_MS);
      return () => clearTimeout(timer);
    }
    // A page that is hidden before its frame comes would wait until it is shown again.
    const once = (): void => {
      stop();
      flush();
    };
    const frame = requestAnimationFrame(once);
    const timer = setTimeout(once, HIDDEN_EVERY_MS);
    const stop = (): void => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
    return stop;
  },
};

export interface Gathered<T> {
  add(items: readonly T[]): void;
  /** Hands on what waits. */
  flush(): void;
  /** Drops what waits. */
  close(): void;
}

export function gather<T>(frames: Frames, hand: (items: readonly T[]) => void): Gathered<T> {
  let waiting: T[] = [];
  let callOff: (() => void) | undefined;
  const flush = (): void => {
    callOff?.();
    callOff = undefined;
    if (waiting.length === 0) return;
    const items = waiting;
    waiting = [];
    hand(items);
  };
  return {
    add(items) {
      for (const item of items) waiting.push(item);
      if (waiting.length >= BUFFER_LIMIT) flush();
      else if (waiting.length > 0) callOff ??= frames.soon(flush);
    },
    flush,
    close() {
      callOff?.();
      callOff = undefined;
      waiting = [];
    },
  };
}
