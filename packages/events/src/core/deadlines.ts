import type { Clock } from "./clock.ts";

interface Entry {
  at: number;
  run: () => void;
  index: number;
}

/** Platform timers end at once above 31 bits; a longer wait arms anew. */
const LONGEST_MS = 2 ** 31 - 1;

/** Every wait of a bus on one timer: a binary heap by due time; a wait that ends early leaves nothing behind. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap: Entry[] = [];
  #cancel: (() => void) | undefined;
  #armedFor: number = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Runs `run` once after `ms` (not finite: never); returns the function that takes it back. */
  add(ms: number, run: () => void): () => void {
    if (!Number.isFinite(ms)) return () => undefined;
    const entry: Entry = { at: this.#clock.monotonic() + ms, run, index: this.#heap.length };
    this.#heap.push(entry);
    this.#up(entry);
    this.#arm();
    return () => this.#remove(entry);
  }

  clear(): void {
    for (const entry of this.#heap) entry.index = -1;
    this.#heap.length = 0;
    this.#arm();
  }

  #remove(entry: Entry): void {
    const { index } = entry;
    if (index < 0) return;
    entry.index = -1;
    const last = this.#heap.pop() as Entry;
    if (last !== entry) {
      last.index = index;
      this.#heap[index] = last;
      this.#up(last);
      this.#down(last);
    }
    // An idle bus holds no timer; a later deadline may stay under the earlier timer, which then arms anew.
    if (this.#heap.length === 0) this.#arm();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.at < this.#armedFor) {
      this.#cancel?.();
      this.#cancel = undefined;
      this.#armedFor = Number.POSITIVE_INFINITY;
    }
    if (first === undefined || this.#cancel !== undefined) return;
    this.#armedFor = first.at;
    this.#cancel = this.#clock.after(Math.min(LONGEST_MS, Math.max(0, first.at - this.#clock.monotonic())), () =>
      this.#fire(),
    );
  }

  #fire(): void {
    this.#cancel = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    // A platform timer may come a fraction of a millisecond early: what is due within one counts as due.
    const now = this.#clock.monotonic() + 1;
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#remove(first);
      first.run();
    }
    this.#arm();
  }

  #up(entry: Entry): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1] as Entry;
      if (parent.at <= entry.at) return;
      this.#swap(parent, entry);
    }
  }

  #down(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1];
      const right = this.#heap[2 * entry.index + 2];
      const least = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (least === undefined || least.at >= entry.at) return;
      this.#swap(entry, least);
    }
  }

  #swap(a: Entry, b: Entry): void {
    const index = a.index;
    a.index = b.index;
    b.index = index;
    this.#heap[a.index] = a;
    this.#heap[b.index] = b;
  }
}
