import type { Clock } from "../core/clock.ts";
import type { EventsError } from "../core/errors.ts";
import type { Ask, Outcome } from "./ask.ts";

/** How long an answered key is remembered, and how many keys in all. */
const WINDOW_MS = 600_000;
const LIMIT = 10_000;

/** One keyed request: begun once, and everybody who asks under its key gets its outcome. */
export class Keyed {
  outcome: Outcome | undefined;
  /** Told when the last who waited has given up. */
  onAbandon: ((why: EventsError) => void) | undefined;
  at: number = 0;
  readonly #waiters: Set<Ask> = new Set<Ask>();
  readonly #ended: () => void;

  constructor(ended: () => void) {
    this.#ended = ended;
  }

  wait(ask: Ask): void {
    if (this.outcome !== undefined) return ask.settle(this.outcome);
    this.#waiters.add(ask);
    ask.onAbandon = (why) => {
      this.#waiters.delete(ask);
      if (this.#waiters.size === 0 && this.outcome === undefined) this.onAbandon?.(why);
    };
  }

  settle(outcome: Outcome): void {
    this.outcome = outcome;
    this.#ended();
    for (const ask of this.#waiters) ask.settle(outcome);
    this.#waiters.clear();
  }
}

/** Which keyed requests have begun here. Bounded: the oldest answers go first. */
export class KeyMemory {
  readonly #clock: Clock;
  readonly #keys: Map<string, Keyed> = new Map<string, Keyed>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#keys.size;
  }

  find(key: string): Keyed | undefined {
    const known = this.#keys.get(key);
    const isOver = known?.outcome !== undefined && known.at <= this.#clock.monotonic() - WINDOW_MS;
    return isOver ? undefined : known;
  }

  /** Undefined: no room, as all that is remembered is still running. */
  begin(key: string): Keyed | undefined {
    if (!this.#makeRoom()) return undefined;
    const keyed = new Keyed(() => {
      keyed.at = this.#clock.monotonic();
      // Behind those that were answered before: the oldest answer stands first.
      if (this.#keys.delete(key)) this.#keys.set(key, keyed);
    });
    this.#keys.set(key, keyed);
    return keyed;
  }

  /** Forgets all; what still runs is told to stop. */
  clear(why: EventsError): void {
    const running = [...this.#keys.values()].filter(({ outcome }) => outcome === undefined);
    this.#keys.clear();
    for (const keyed of running) keyed.onAbandon?.(why);
  }

  #makeRoom(): boolean {
    const oldest = this.#clock.monotonic() - WINDOW_MS;
    for (const [key, { outcome, at }] of this.#keys) {
      if (outcome === undefined) continue;
      if (at > oldest && this.#keys.size < LIMIT) return true;
      this.#keys.delete(key);
    }
    return this.#keys.size < LIMIT;
  }
}
