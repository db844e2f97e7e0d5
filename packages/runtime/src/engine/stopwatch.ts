import type { Clock } from "@atomiton/events";

/** Counts the time between `start` and `stop`, over and over, and says once when it has reached its limit. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #limitMs: number | undefined;
  readonly #onLimit: () => void;
  #counted: number;
  #since: number | undefined;
  #takeBack: (() => void) | undefined;

  /** `counted`: ms so far. */
  constructor(clock: Clock, limitMs: number | undefined, onLimit: () => void, counted = 0) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onLimit = onLimit;
    this.#counted = counted;
  }

  get elapsedMs(): number {
    return this.#counted + (this.#since === undefined ? 0 : this.#clock.monotonic() - this.#since);
  }

  start(): void {
    if (this.#since !== undefined) return;
    this.#since = this.#clock.monotonic();
    if (this.#limitMs === undefined) return;
    this.#takeBack = this.#clock.after(Math.max(0, this.#limitMs - this.#counted), this.#onLimit);
  }

  /** Idempotent. Keeps what was counted. */
  stop(): void {
    this.#counted = this.elapsedMs;
    this.#since = undefined;
    this.#takeBack?.();
    this.#takeBack = undefined;
  }
}
