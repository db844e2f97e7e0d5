/** The last `limit` entries; how many were let go is counted. */
export class Ring<T> {
  readonly #limit: number;
  #entries: T[] = [];
  #next = 0;
  dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(entry: T): void {
    if (this.#entries.length < this.#limit) {
      this.#entries.push(entry);
      return;
    }
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) % this.#limit;
    this.dropped++;
  }

  /** Oldest first. */
  list(): T[] {
    return [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)];
  }
}
