import type { Gap } from "../../src/index.ts";

/** What is missing before a number: how many by the numbers, and how many the gap told; undefined where it cannot know. */
export interface Missing {
  readonly before: number;
  readonly by: number;
  readonly told: number | undefined;
}

/** One side's account of numbered messages: each once, in order, and a gap in the place of what is missing. */
export class Tally {
  heard = 0;
  readonly missing: Missing[] = [];
  /** What broke the order: holes without a gap, doubles. Never more than ten: one is a failure. */
  readonly faults: string[] = [];
  readonly name: string;
  #next: number;
  #gaps: Gap[] = [];

  constructor(name: string, first: number = 0) {
    this.name = name;
    this.#next = first;
  }

  get next(): number {
    return this.#next;
  }

  readonly hear = ({ n }: { readonly n: number }): void => {
    const by = n - this.#next;
    if (by < 0 || (by > 0 && this.#gaps.length === 0)) {
      if (this.faults.length < 10) this.faults.push(`${n} came where ${this.#next} was due`);
    }
    if (this.#gaps.length > 0) {
      const counts = this.#gaps.map(({ names }) => names?.[this.name]);
      const told = counts.includes(undefined) ? undefined : counts.reduce((sum: number, each) => sum + each!, 0);
      this.missing.push({ before: n, by, told });
      this.#gaps = [];
    }
    this.heard += 1;
    this.#next = n + 1;
  };

  readonly gap = (gap: Gap): void => void this.#gaps.push(gap);
}
