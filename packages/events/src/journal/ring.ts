import type { Clock } from "../core/clock.ts";
import { EventsError } from "../core/errors.ts";
import { systemClock } from "../core/system-clock.ts";
import { MAX_ENTRY_BYTES, type Journal, type JournalEntry, type JournalOptions, type JournalStats } from "./journal.ts";
import { packEntry, unpack } from "./record.ts";
import { Shelf } from "./shelf.ts";

const MAX_ENTRIES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * A journal in memory: the newest entries, at most 10,000 and 16 MiB unless `options` say otherwise. It ends with the
 * process: not for what must survive a crash.
 *
 * @example
 * const journal = ringJournal({ maxAgeMs: 60_000 });
 * journal.append({ line: "one" });
 * for await (const { seq, value } of journal.read({ from: 1 })) console.log(seq, value);
 */
export function ringJournal<T = unknown>(options: JournalOptions = {}): Journal<T> {
  return new Ring({ maxEntries: MAX_ENTRIES, maxBytes: MAX_BYTES, ...options });
}

class Ring<T> implements Journal<T> {
  readonly #options: JournalOptions;
  readonly #clock: Clock;
  readonly #shelf: Shelf;
  /** By number; in the order of numbers, as Maps keep it. */
  readonly #records = new Map<number, Uint8Array>();
  #oldest = 1;
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#shelf = new Shelf(options, this.#clock);
  }

  get last(): number {
    return this.#shelf.last;
  }

  append(value: T): number {
    this.#mustBeOpen("append to");
    const ts = this.#clock.now();
    const record = packEntry(this.last + 1, 0, ts, value, this.#options.maxEntryBytes ?? MAX_ENTRY_BYTES);
    this.#shelf.admit(record.byteLength);
    this.#shelf.add(record.byteLength, 0, ts);
    this.#records.set(this.last, record);
    this.#drop();
    return this.last;
  }

  async *read(range: { from?: number; to?: number } = {}): AsyncIterableIterator<JournalEntry<T>> {
    this.#mustBeOpen("read");
    this.#forgetOld();
    const to = Math.min(range.to ?? this.last, this.last);
    for (let seq = range.from ?? 1; seq <= to; seq++) {
      this.#mustBeOpen("read");
      seq = Math.max(seq, this.#shelf.first);
      const record = unpack(this.#records.get(seq) ?? new Uint8Array(8));
      if (seq <= to && record?.kind === "entry") yield { seq, ts: record.ts, value: record.value as T };
    }
  }

  flush(): Promise<void> {
    return this.#closed ? Promise.reject(this.#closedError("flush")) : Promise.resolve();
  }

  trim(before: number): void {
    this.#mustBeOpen("trim");
    this.#shelf.forget(before);
    this.#drop();
  }

  stats(): JournalStats {
    if (!this.#closed) this.#forgetOld();
    const { entries, bytes, first, last, trimmed } = this.#shelf;
    return { entries, bytes, first, last, trimmed, pendingBytes: 0, cutBytes: 0 };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#records.clear();
    return Promise.resolve();
  }

  #forgetOld(): void {
    if (this.#shelf.forgetOld()) this.#drop();
  }

  #drop(): void {
    for (; this.#oldest < this.#shelf.first; this.#oldest++) this.#records.delete(this.#oldest);
  }

  #mustBeOpen(action: string): void {
    if (this.#closed) throw this.#closedError(action);
  }

  #closedError(action: string): EventsError {
    return new EventsError("CLOSED", `Cannot ${action} the journal: it is closed; make a new one`);
  }
}
