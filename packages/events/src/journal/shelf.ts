import type { Clock } from "../core/clock.ts";
import { EventsError } from "../core/errors.ts";
import type { JournalOptions } from "./journal.ts";

/** Neighbours that are forgotten together: their place, and what they weigh. */
export interface Block {
  readonly first: number;
  offset: number;
  entries: number;
  bytes: number;
  newestTs: number;
}

/** A step of the bounds is at most a sixteenth of them: exact for small journals, cheap for large ones. */
const STEPS = 16;
const BLOCK_ENTRIES = 256;
const BLOCK_BYTES = 64 * 1024;

/** What a journal holds, in blocks, and which of them its bounds push out. Holds no values itself. */
export class Shelf {
  readonly blocks: Block[] = [];
  first = 1;
  last = 0;
  bytes = 0;
  trimmed = 0;
  readonly #options: JournalOptions;
  readonly #clock: Clock;
  readonly #blockEntries: number;
  readonly #blockBytes: number;

  constructor(options: JournalOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#blockEntries = Math.min(BLOCK_ENTRIES, Math.max(1, Math.floor((options.maxEntries ?? Infinity) / STEPS)));
    this.#blockBytes = Math.min(BLOCK_BYTES, Math.max(1, Math.floor((options.maxBytes ?? Infinity) / STEPS)));
  }

  get entries(): number {
    return this.last - this.first + 1;
  }

  /** Makes room for one more entry of `bytes`, or throws LIMIT. Returns whether something was forgotten for it. */
  admit(bytes: number): boolean {
    const { maxEntries = Infinity, maxBytes = Infinity, whenFull = "trim" } = this.#options;
    const isFull = (): boolean => this.entries + 1 > maxEntries || this.bytes + bytes > maxBytes;
    const before = this.first;
    this.forgetOld();
    if (bytes > maxBytes || (isFull() && whenFull === "refuse")) {
      throw new EventsError(
        "LIMIT",
        `Cannot append ${bytes} bytes: the journal holds ${this.entries} entries and ${this.bytes} bytes; trim it, or raise maxEntries or maxBytes`,
        { entries: this.entries, bytes: this.bytes, maxEntries, maxBytes },
      );
    }
    while (isFull()) this.#dropBlock();
    return this.first !== before;
  }

  /** For a journal that does not begin at 1: its older part was forgotten before. Only while it is empty. */
  startAt(seq: number): void {
    this.first = seq;
    this.last = seq - 1;
  }

  /** The values moved in their file. */
  moveBy(bytes: number): void {
    for (const block of this.blocks) block.offset += bytes;
  }

  add(bytes: number, offset: number, ts: number): void {
    this.last += 1;
    this.bytes += bytes;
    const block = this.blocks.at(-1);
    if (block && block.entries < this.#blockEntries && block.bytes < this.#blockBytes) {
      block.entries += 1;
      block.bytes += bytes;
      block.newestTs = Math.max(block.newestTs, ts);
    } else this.blocks.push({ first: this.last, offset, entries: 1, bytes, newestTs: ts });
  }

  /** Returns whether something was forgotten. */
  forgetOld(): boolean {
    const { maxAgeMs } = this.#options;
    if (maxAgeMs === undefined) return false;
    const limit = this.#clock.now() - maxAgeMs;
    const before = this.first;
    while (this.blocks[0] && this.blocks[0].newestTs < limit) this.#dropBlock();
    return this.first !== before;
  }

  /** Forgets what comes before `before`. A block that is half forgotten keeps its weight until it goes. */
  forget(before: number): boolean {
    const first = Math.min(before, this.last + 1);
    if (first <= this.first) return false;
    while (this.blocks[0] && this.blocks[0].first + this.blocks[0].entries <= first) this.#dropBlock();
    this.trimmed += first - this.first;
    this.first = first;
    return true;
  }

  /** The place to start reading for `seq`: that of its block. */
  offsetOf(seq: number): number | undefined {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle]!.first <= seq) low = middle;
      else high = middle - 1;
    }
    return this.blocks[low]?.offset;
  }

  #dropBlock(): void {
    const block = this.blocks.shift();
    if (!block) return;
    const next = block.first + block.entries;
    this.bytes -= block.bytes;
    this.trimmed += next - this.first;
    this.first = next;
  }
}
