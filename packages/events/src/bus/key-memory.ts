import type { Clock } from "../core/clock.ts";
import type { Ask, Outcome } from "./requests.ts";

/** How long an answered key is remembered, and how many keys in all. */
const WINDOW_MS = 600_000;
const LIMIT = 10_000;

interface Entry {
  outcome: Outcome | undefined;
  readonly waiters: Set<Ask>;
  at: number;
}

/** Which keyed requests have begun: a handler starts at most once for a key, and everybody who asks gets its answer. */
export class KeyMemory {
  readonly #clock: Clock;
  readonly #entries: Map<string, Entry> = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * False: it has begun before, and `ask` gets the same outcome. Undefined: no room, as all that is remembered is still
   * running. Else it begins now: call the result with its outcome.
   */
  join(key: string, ask: Ask): ((outcome: Outcome) => void) | false | undefined {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.outcome !== undefined) ask.settle(known.outcome);
      else known.waiters.add(ask);
      return false;
    }
    if (!this.#makeRoom()) return undefined;
    const entry: Entry = { outcome: undefined, waiters: new Set([ask]), at: this.#clock.monotonic() };
    this.#entries.set(key, entry);
    return (outcome) => {
      entry.outcome = outcome;
      entry.at = this.#clock.monotonic();
      for (const waiter of entry.waiters) waiter.settle(outcome);
      entry.waiters.clear();
      // Behind those that were answered before: the oldest answer stands first.
      if (this.#entries.delete(key)) this.#entries.set(key, entry);
    };
  }

  clear(): void {
    this.#entries.clear();
  }

  #makeRoom(): boolean {
    const oldest = this.#clock.monotonic() - WINDOW_MS;
    for (const [key, entry] of this.#entries) {
      if (entry.outcome === undefined) continue;
      if (entry.at > oldest && this.#entries.size < LIMIT) return true;
      this.#entries.delete(key);
    }
    return this.#entries.size < LIMIT;
  }
}
