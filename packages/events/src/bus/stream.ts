import type { Gap } from "../session/session.ts";
import type { Meta, StreamItem } from "./event-bus.ts";

type Item = StreamItem<any>;

/** A bounded queue between a subscription and its reader. What finds no room leaves a gap in its place. */
export class Stream implements AsyncIterableIterator<Item> {
  readonly #max: number;
  readonly #stop: () => void;
  #items: Item[] = [];
  #readers: ((result: IteratorResult<Item>) => void)[] = [];
  #count: number = 0;
  #isDone: boolean = false;

  constructor(max: number, stop: () => void) {
    if (!Number.isSafeInteger(max) || max < 1)
      throw new RangeError(`Cannot keep ${max} messages for a reader: use 1 or more`);
    this.#max = max;
    this.#stop = stop;
  }

  push(data: unknown, meta: Meta): void {
    this.#count += 1;
    this.#add({ data, meta });
  }

  gap(gap: Gap): void {
    this.#add({ gap });
  }

  /** No more comes; what waits can still be read. */
  end(): void {
    this.#isDone = true;
    for (const read of this.#readers.splice(0)) read(DONE);
  }

  next(): Promise<IteratorResult<Item>> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve({ value: item, done: false });
    if (this.#isDone) return Promise.resolve(DONE);
    return new Promise((resolve) => {
      this.#readers.push(resolve);
    });
  }

  return(): Promise<IteratorResult<Item>> {
    this.#items = [];
    this.#stop();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #add(item: Item): void {
    if (this.#isDone) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) return reader({ value: item, done: false });
    this.#items.push(item);
    if (this.#items.length > this.#max) this.#dropOldest();
  }

  /** The oldest message goes; the gap that stands before it grows, or one is put in its place. */
  #dropOldest(): void {
    const first = this.#items[0];
    if (first === undefined) return;
    const grown = first.gap?.reason === SLOW ? this.#items.splice(0, 2) : this.#items.splice(0, 1);
    const lost = grown.at(-1);
    const at = this.#count - this.#items.filter((item) => item.gap === undefined).length;
    const from = first.gap?.reason === SLOW ? first.gap.from : at;
    const names = { ...(first.gap?.reason === SLOW ? first.gap.names : {}) };
    const name = lost?.gap === undefined ? lost?.meta.name : undefined;
    if (name !== undefined) names[name] = (names[name] ?? 0) + 1;
    this.#items.unshift({ gap: { from, to: at, lane: "main", reason: SLOW, names } });
  }
}

const DONE: IteratorResult<Item> = { value: undefined, done: true };

/** `from` and `to` count the messages of this stream, from 1. */
const SLOW = "the reader of the stream is slow";
