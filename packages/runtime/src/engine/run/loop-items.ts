import { StreamQueue } from "../streams/stream-queue.ts";
import type { Values } from "./scope.ts";

/** What a loop goes through: a list, or a stream as it comes. */
export interface LoopItems {
  /** Undefined of a stream. */
  readonly total: number | undefined;
  /** Given out so far. */
  readonly taken: number;
  /** Nothing will come any more. */
  readonly isDone: boolean;
  /** The next item that is here; undefined when there is none. */
  take(): { readonly index: number; readonly value: unknown } | undefined;
  /** Resolves when `take` or `isDone` may have changed. Rejects when the stream is interrupted. */
  wait(): Promise<void>;
  /** Ends `wait`. */
  interrupt(): void;
}

export function itemsOf(input: unknown): LoopItems {
  return input instanceof StreamQueue ? new Streamed(input) : new Listed(input as readonly unknown[]);
}

class Listed implements LoopItems {
  taken = 0;
  /** A copy: what the body does to the list does not change the loop. */
  readonly #items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.#items = [...items];
  }
  get total(): number {
    return this.#items.length;
  }
  get isDone(): boolean {
    return this.taken >= this.#items.length;
  }
  take(): { index: number; value: unknown } | undefined {
    if (this.isDone) return undefined;
    const index = this.taken++;
    return { index, value: this.#items[index] };
  }
  wait(): Promise<void> {
    return Promise.resolve();
  }
  interrupt(): void {}
}

class Streamed implements LoopItems {
  readonly total = undefined;
  taken = 0;
  readonly #queue: StreamQueue;
  constructor(queue: StreamQueue) {
    this.#queue = queue;
  }
  get isDone(): boolean {
    return this.#queue.isDone;
  }
  take(): { index: number; value: unknown } | undefined {
    const got = this.#queue.take();
    return got && { index: this.taken++, value: got.value };
  }
  wait(): Promise<void> {
    return this.#queue.arrival();
  }
  interrupt(): void {
    this.#queue.interrupt(undefined);
  }
}

/** Gives results on in their items' order, or as they come. */
export class InOrder {
  readonly #order: "preserve" | "completion";
  readonly #give: (outputs: Values) => void;
  readonly #early = new Map<number, Values | undefined>();
  #next = 0;

  constructor(order: "preserve" | "completion", give: (outputs: Values) => void) {
    this.#order = order;
    this.#give = give;
  }

  /** Results that wait for an earlier item. */
  get held(): number {
    return this.#early.size;
  }

  /** `outputs` undefined: the item was left out. */
  put(index: number, outputs: Values | undefined): void {
    if (this.#order === "completion") {
      if (outputs) this.#give(outputs);
      return;
    }
    this.#early.set(index, outputs);
    while (this.#early.has(this.#next)) {
      const ready = this.#early.get(this.#next);
      this.#early.delete(this.#next++);
      if (ready) this.#give(ready);
    }
  }
}
