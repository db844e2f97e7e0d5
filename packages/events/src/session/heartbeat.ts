import type { Clock } from "../core/clock.ts";

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly everyMs: number;
  /** 0: silence is measured, never judged. */
  readonly deadAfterMs: () => number;
  /** Something is on its way that is not acknowledged: worth a PING though the peer is not silent. */
  readonly needsAnswer: () => boolean;
  readonly ping: () => void;
  readonly dead: (silentMs: number) => void;
}

/** A timer that fires this late says that this process was busy or asleep: the peer's silence proves nothing then. */
const LATE_MS = 1_000;

/** Asks a silent peer whether it lives, and tells a dead road from a busy process of our own. One timer while it runs. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #heardAt = 0;
  #judgeFrom = 0;
  #cancel: (() => void) | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  get silentMs(): number {
    return this.#cancel === undefined ? 0 : this.#options.clock.monotonic() - this.#heardAt;
  }

  heard(): void {
    this.#heardAt = this.#options.clock.monotonic();
  }

  start(): void {
    this.stop();
    this.heard();
    this.#judgeFrom = this.#heardAt;
    this.#next();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #next(): void {
    const { clock, everyMs } = this.#options;
    // Twice a beat: a road that falls silent is judged at most half a beat late.
    const waitMs = everyMs / 2;
    const due = clock.monotonic() + waitMs;
    this.#cancel = clock.after(waitMs, () => this.#beat(due));
  }

  #beat(due: number): void {
    const { clock, everyMs, deadAfterMs, needsAnswer, ping, dead } = this.#options;
    const now = clock.monotonic();
    if (now - due > LATE_MS) this.#judgeFrom = now + everyMs;
    const silentMs = now - this.#heardAt;
    this.#next();
    const limitMs = deadAfterMs();
    if (limitMs > 0 && silentMs >= limitMs && now >= this.#judgeFrom) return dead(silentMs);
    if (silentMs >= everyMs || needsAnswer()) ping();
  }
}
