import type { ExecutionMessage } from "./watch.ts";

/** Messages that may wait for a slow reader. */
const LIMIT = 10_000;

/**
 * Holds messages until they are read, in order. When too many wait, logs and progress go first, oldest first; a gap
 * stands where they were.
 */
export class Reader {
  #waiting: ExecutionMessage[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  readonly #limit: number;

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  push(message: ExecutionMessage): void {
    if (this.#ended) return;
    this.#waiting.push(message);
    if (this.#waiting.length > this.#limit) this.#drop();
    this.#wake?.();
  }

  /** What waits is still read; then `next` gives undefined. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async next(): Promise<ExecutionMessage | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    return this.#waiting.shift();
  }

  #drop(): void {
    const kept = this.#waiting.filter(
      ({ type }) => type !== "runtime:log" && type !== "runtime:progress" && type !== "gap",
    );
    // Without anything to spare, a tenth of the rest: one gap for many, not one for each.
    const rest = kept.length > this.#limit * 0.9 ? kept.slice(Math.ceil(this.#limit / 10)) : kept;
    const lost = this.#waiting.length - rest.length;
    const gap = {
      from: 0,
      to: lost - 1,
      lane: "bulk",
      reason: `the reader is too slow: ${lost} messages dropped`,
    } as const;
    this.#waiting = [{ type: "gap", data: gap, snapshot: false }, ...rest];
  }
}
