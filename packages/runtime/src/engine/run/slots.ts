/** What all executions of a host share: attempts at once, named locks, and the turns of the event loop. */

/** An execution that has work and no slot. */
export interface Claimant {
  readonly priority: number;
  /** A slot is free: take it with `take`. Called outside of any other `take` or `give`. */
  offer(): void;
}

/** Attempts at once on this host. The highest priority first; among equals, who has waited longest, one slot each. */
export class HostSlots {
  readonly limit: number;
  #used = 0;
  /** By priority: there are few, and thousands of executions may have the same. */
  readonly #waiting = new Map<number, Set<Claimant>>();
  #offering = false;

  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }
  get waiting(): number {
    return [...this.#waiting.values()].reduce((sum, claimants) => sum + claimants.size, 0);
  }

  /** False: the claimant is queued and will be offered one. */
  take(claimant: Claimant): boolean {
    if (this.#used < this.limit) {
      this.#used++;
      return true;
    }
    const equals = this.#waiting.get(claimant.priority);
    if (equals) equals.add(claimant);
    else this.#waiting.set(claimant.priority, new Set([claimant]));
    return false;
  }

  give(): void {
    this.#used--;
    if (this.#offering) return;
    this.#offering = true;
    try {
      for (let next = this.#next(); next && this.#used < this.limit; next = this.#next()) {
        this.leave(next);
        next.offer();
      }
    } finally {
      this.#offering = false;
    }
  }

  leave(claimant: Claimant): void {
    const equals = this.#waiting.get(claimant.priority);
    if (equals?.delete(claimant) && equals.size === 0) this.#waiting.delete(claimant.priority);
  }

  #next(): Claimant | undefined {
    if (this.#waiting.size === 0) return undefined;
    const [first] = this.#waiting.get(Math.max(...this.#waiting.keys())) ?? [];
    return first;
  }
}

/** `resources.exclusive`: one holder a name at a time, on this host. */
export class HostLocks {
  readonly #held = new Map<string, (() => void)[]>();

  /** False: `retry` is called once when the lock is free again. */
  take(name: string, retry: () => void): boolean {
    const waiting = this.#held.get(name);
    if (waiting) {
      waiting.push(retry);
      return false;
    }
    this.#held.set(name, []);
    return true;
  }

  give(name: string): void {
    const waiting = this.#held.get(name) ?? [];
    this.#held.delete(name);
    for (const retry of waiting) retry();
  }

  get size(): number {
    return this.#held.size;
  }
}

/** How long nodes that never wait may keep the event loop: commands, timers and sockets get their turn after it. */
const SLICE_MS = 10;
/** Reading the time costs as much as a small node: look once in so many launches. */
const LAUNCHES_PER_LOOK = 64;

/** Decides when the engine must let the event loop turn. Shared by all executions of a host. */
export class Pace {
  #launches = 0;
  #sliceStart = performance.now();

  /** Called before each launch. True: call `turn` and launch nothing until it calls back. */
  mustYield(): boolean {
    if (++this.#launches < LAUNCHES_PER_LOOK) return false;
    this.#launches = 0;
    return performance.now() - this.#sliceStart > SLICE_MS;
  }

  turn(then: () => void): void {
    setImmediate(() => {
      this.#sliceStart = performance.now();
      then();
    });
  }
}
