/**
 * What arrives from outside, for a node that takes it item by item: by key, the last of each, in the order of first
 * arrival. One reader. It ends with the signal, a failure or `close`, and holds no listener afterwards.
 */
export class Arrivals<T> {
  readonly #waiting = new Map<string, T>();
  readonly #signal: AbortSignal;
  #failure: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) this.#abort();
  }

  get size(): number {
    return this.#waiting.size;
  }

  push(key: string, item: T): void {
    this.#waiting.set(key, item);
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  /** The next one, as soon as there is one. Rejects with the failure, or the reason of the signal. */
  async next(): Promise<T> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      for (const [key, item] of this.#waiting) {
        this.#waiting.delete(key);
        return item;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#waiting.clear();
  }

  readonly #abort = (): void => this.fail(this.#signal.reason);
}
