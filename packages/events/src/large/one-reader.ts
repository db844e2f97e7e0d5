import { EventsError } from "../core/errors.ts";

/** The part of `ReadableStream` that is used here. */
interface ReadableLike {
  getReader(): {
    read(): Promise<{ done: boolean; value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/** A `ReadableStream` or an async iterable. */
export function isStream(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { getReader } = value as Partial<ReadableLike>;
  return typeof getReader === "function" || Symbol.asyncIterator in value;
}

/** A stream with one reader: whoever comes second is told, and takes nothing away from the first. */
export class OneReader<T> implements AsyncIterable<T> {
  readonly #source: unknown;
  readonly #check: (item: unknown) => T;
  #isTaken: boolean = false;

  constructor(source: unknown, check: (item: unknown) => T = (item) => item as T) {
    this.#source = source;
    this.#check = check;
  }

  get isTaken(): boolean {
    const { isTaken = false, locked = false } = this.#source as { isTaken?: boolean; locked?: boolean };
    return this.#isTaken || isTaken || locked;
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    if (this.isTaken) return refusing(taken());
    this.#isTaken = true;
    const source = iterate(this.#source);
    const check = this.#check;
    let isOver = false;
    return {
      async next() {
        if (isOver) return { done: true, value: undefined };
        const result = await source.next();
        if (isOver || result.done === true) return { done: true, value: undefined };
        try {
          return { done: false, value: check(result.value) };
        } catch (fault) {
          isOver = true;
          leave(source);
          throw fault;
        }
      },
      return() {
        isOver = true;
        leave(source);
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

function iterate(source: unknown): AsyncIterator<unknown> {
  const readable = source as Partial<ReadableLike>;
  if (typeof readable.getReader !== "function") return (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  // By its reader: `cancel` reaches a read that is under way, and not every page can iterate over streams.
  const reader = readable.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** Not awaited: a generator that waits for something of its own lets go when that comes. */
function leave(source: AsyncIterator<unknown>): void {
  void Promise.resolve(source.return?.()).catch(() => undefined);
}

/** The stream of a number that stands for none. */
export function refusing<T>(why: EventsError): AsyncIterator<T> {
  return { next: () => Promise.reject(why) };
}

export function taken(): EventsError {
  return new EventsError(
    "STREAM_TAKEN",
    "Cannot read the stream: it has a reader already; send one stream for each reader",
  );
}
