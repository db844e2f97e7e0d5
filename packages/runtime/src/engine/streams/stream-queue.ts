/**
 * Items on one wire between a node that emits and one that reads. Rules:
 * 1. At most 64 items or 8 MiB wait, whichever comes first; an item larger than that waits alone.
 * 2. Who writes into a full queue waits, and is woken when half of it has been read, so that both work in batches.
 * 3. A queue without its reader takes everything and keeps nothing.
 */
import { sizeOf } from "../values/values.ts";

export const QUEUE_ITEMS = 64;
export const QUEUE_BYTES: number = 8 * 1024 * 1024;
/** Objects below it are measured one in sixteen: so many of them stay far below the limit. */
const SMALL_BYTES = 4 * 1024;

interface Waiting {
  readonly resolve: (result: IteratorResult<unknown, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

interface Arrival {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export class StreamQueue {
  /** Items that were read: from the first one on, its reader cannot begin again. */
  taken = 0;
  /** Called when half of a full queue has been read, and when its reader has gone. */
  onRoom: (() => void) | undefined;
  readonly #items = Array<unknown>(QUEUE_ITEMS).fill(undefined);
  readonly #sizes = new Float64Array(QUEUE_ITEMS);
  #head = 0;
  #count = 0;
  #bytes = 0;
  #given = 0;
  #lastSize = 0;
  #wasFull = false;
  #hasEnded = false;
  #isDetached = false;
  #waiting: Waiting[] = [];
  #arrival: Arrival | undefined;

  get count(): number {
    return this.#count;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get isFull(): boolean {
    const full = this.#count >= QUEUE_ITEMS || (this.#bytes >= QUEUE_BYTES && this.#count > 0);
    if (full) this.#wasFull = true;
    return full;
  }
  /** Its last item has come. */
  get isEnded(): boolean {
    return this.#hasEnded;
  }
  /** Nothing will come any more. */
  get isDone(): boolean {
    return this.#hasEnded && this.#count === 0;
  }

  /** Resolves when there is an item, or the end. For one who takes items with `take`. Rejects like `next`. */
  arrival(): Promise<void> {
    if (this.#count > 0 || this.#hasEnded) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#arrival = { resolve, reject };
    });
  }

  /** Only while it is not full. */
  push(item: unknown): void {
    if (this.#isDetached) return;
    const waiting = this.#waiting.shift();
    if (waiting) {
      this.taken++;
      waiting.resolve({ done: false, value: item });
      return;
    }
    const at = (this.#head + this.#count) % QUEUE_ITEMS;
    const size = this.#measure(item);
    this.#items[at] = item;
    this.#sizes[at] = size;
    this.#bytes += size;
    this.#count++;
    this.#arrived();
  }

  /** The next item that is here already; undefined when there is none. */
  take(): { readonly value: unknown } | undefined {
    if (this.#count === 0) return undefined;
    const at = this.#head;
    const value = this.#items[at];
    this.#items[at] = undefined;
    this.#bytes -= this.#sizes[at]!;
    this.#head = (at + 1) % QUEUE_ITEMS;
    this.#count--;
    this.taken++;
    if (this.#wasFull && this.#count <= QUEUE_ITEMS / 2 && this.#bytes <= QUEUE_BYTES / 2) this.#hasRoom();
    return { value };
  }

  /** The next item, or the end. Rejects with what `interrupt` was given. */
  next(): Promise<IteratorResult<unknown, undefined>> {
    const got = this.take();
    if (got) return Promise.resolve({ done: false, value: got.value });
    if (this.#hasEnded) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Its writer has completed. */
  end(): void {
    this.#hasEnded = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(DONE);
    this.#arrived();
  }

  /** Its reader is told to stop waiting. */
  interrupt(reason: unknown): void {
    this.#arrival?.reject(reason);
    this.#arrival = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  /** Its reader has gone. */
  detach(): void {
    this.#isDetached = true;
    this.#items.fill(undefined);
    this.#count = 0;
    this.#bytes = 0;
    this.end();
    this.#hasRoom();
  }

  #arrived(): void {
    this.#arrival?.resolve();
    this.#arrival = undefined;
  }

  #hasRoom(): void {
    this.#wasFull = false;
    this.onRoom?.();
  }

  #measure(item: unknown): number {
    if (typeof item === "string") return item.length * 2;
    if (typeof item !== "object" || item === null) return 8;
    if (ArrayBuffer.isView(item)) return item.byteLength;
    if (this.#lastSize >= SMALL_BYTES || this.#given++ % 16 === 0) this.#lastSize = sizeOf(item);
    return this.#lastSize;
  }
}
