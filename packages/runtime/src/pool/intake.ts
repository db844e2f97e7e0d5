/** Items that a member may take at once: as many as are read ahead for it. */
const AHEAD = 64;

/** Reads a stream ahead for somebody who takes what is there in one go. */
export class Intake {
  readonly #iterator: AsyncIterator<unknown>;
  #items: unknown[] = [];
  #end: { readonly error?: unknown } | undefined;
  #isReading = false;
  #wake: (() => void) | undefined;

  constructor(stream: AsyncIterable<unknown>) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** What is there, at least one item unless the stream has ended. Rejects with what the stream throws. */
  async take(): Promise<{ items: unknown[]; done: boolean }> {
    void this.#read();
    while (this.#items.length === 0 && !this.#end) await new Promise<void>((resolve) => (this.#wake = resolve));
    const items = this.#items;
    this.#items = [];
    if (items.length === 0 && this.#end && "error" in this.#end) throw this.#end.error;
    void this.#read();
    return { items, done: items.length === 0 };
  }

  /** Its reader has gone. */
  close(): void {
    if (this.#end) return;
    this.#end = {};
    this.#iterator.return?.().catch(() => undefined);
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (!this.#end && this.#items.length < AHEAD) {
        const next = await this.#iterator.next();
        if (next.done === true) this.#end ??= {};
        else this.#items.push(next.value);
        this.#wake?.();
      }
    } catch (error) {
      this.#end ??= { error };
      this.#wake?.();
    }
    this.#isReading = false;
  }
}
