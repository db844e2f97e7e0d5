import type { Clock } from "../core/clock.ts";
import type { Entry } from "./outbox.ts";

interface Slot {
  sentAt: number;
  readonly everyMs: number;
  /** The newest value that waits for its turn. */
  held: Entry | undefined;
}

/** Slots without a held value are swept when there are more than this. */
const SWEEP_AT = 1_024;

/** Values that may be held; over it they wait in the outbox, which has bounds of its own. */
const MOST_HELD = 10_000;

/**
 * `latest` events with `everyMs`: the first value of a key leaves at once, later ones wait for their turn and replace
 * each other, the last one always leaves. One timer for all keys, and none when nothing is held.
 */
export class Latest {
  readonly #slots = new Map<string, Slot>();
  readonly #clock: Clock;
  readonly #release: (entry: Entry) => void;
  #held = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, release: (entry: Entry) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  get held(): number {
    return this.#held;
  }

  get keys(): number {
    return this.#slots.size;
  }

  offer(key: string, everyMs: number, entry: Entry): void {
    const now = this.#clock.monotonic();
    const slot = this.#slots.get(key);
    const isHeld = slot?.held !== undefined || this.#held < MOST_HELD;
    if (slot !== undefined && isHeld && now - slot.sentAt < everyMs) {
      if (slot.held === undefined) this.#held++;
      slot.held = entry;
      this.#arm(slot.sentAt + everyMs - now);
      return;
    }
    if (slot?.held !== undefined) this.#held--;
    if (this.#slots.size >= SWEEP_AT) this.#sweep(now);
    this.#slots.set(key, { sentAt: now, everyMs, held: undefined });
    this.#release(entry);
    this.#disarm();
  }

  /** Lets the held value of a key go now, and forgets the key: its story is over. */
  flush(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    if (slot.held === undefined) return;
    this.#held--;
    this.#release(slot.held);
    this.#disarm();
  }

  /** Of all keys that begin so. */
  flushAll(start = ""): void {
    for (const key of this.#slots.keys()) if (key.startsWith(start)) this.flush(key);
  }

  clear(): void {
    this.#slots.clear();
    this.#held = 0;
    this.#disarm();
  }

  #due(): void {
    this.#cancelTimer = undefined;
    const now = this.#clock.monotonic();
    let next = Infinity;
    for (const slot of this.#slots.values()) {
      if (slot.held === undefined) continue;
      const wait = slot.sentAt + slot.everyMs - now;
      if (wait > 0) {
        next = Math.min(next, wait);
        continue;
      }
      const entry = slot.held;
      slot.held = undefined;
      slot.sentAt = now;
      this.#held--;
      this.#release(entry);
    }
    if (next !== Infinity) this.#arm(next);
  }

  /** An earlier turn than the one the timer knows cannot come up often enough to matter: it re-arms when it fires. */
  #arm(ms: number): void {
    this.#cancelTimer ??= this.#clock.after(ms, () => this.#due());
  }

  #disarm(): void {
    if (this.#held > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #sweep(now: number): void {
    for (const [key, slot] of this.#slots) {
      if (slot.held === undefined && now - slot.sentAt >= slot.everyMs) this.#slots.delete(key);
    }
  }
}
