import type { Clock } from "@atomiton/events";

/** A clock that stands until a test moves it. */
export class FakeClock implements Clock {
  #now = 1_000_000;
  #order = 0;
  readonly #timers = new Map<number, { at: number; run: () => void }>();

  /** What the wall clock was set by. */
  #set = 0;

  now = (): number => this.#now + this.#set;
  monotonic = (): number => this.#now;
  get waiting(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due. */
  get untilNext(): number | undefined {
    if (this.#timers.size === 0) return undefined;
    return Math.max(0, Math.min(...Array.from(this.#timers.values(), ({ at }) => at)) - this.#now);
  }

  after(ms: number, run: () => void): () => void {
    const id = this.#order++;
    this.#timers.set(id, { at: this.#now + ms, run });
    return () => void this.#timers.delete(id);
  }
  endOfTick(run: () => void): void {
    queueMicrotask(run);
  }

  /** The wall clock is set forward or back; timers do not see it. */
  set(ms: number): void {
    this.#set += ms;
  }

  /** Runs what is due, in order of time, and lets promises settle after each. */
  async move(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (let next = this.#next(until); next; next = this.#next(until)) {
      const [id, { at, run }] = next;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      run();
      await settled();
    }
    this.#now = until;
  }

  #next(until: number): [number, { at: number; run: () => void }] | undefined {
    return [...this.#timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
  }
}

/** Everything that needs no time has happened: two turns of the event loop, microtasks included. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
