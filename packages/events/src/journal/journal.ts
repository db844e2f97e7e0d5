import type { Clock } from "../core/clock.ts";

/** One thing that was kept. */
export interface JournalEntry<T = unknown> {
  /** 1 for the first that was ever appended; each next one is one more. Never given twice. */
  readonly seq: number;
  /** Milliseconds since 1970, when it was appended. */
  readonly ts: number;
  readonly value: T;
}

/** What is kept and what it costs: the gauge of the journal's bounds. */
export interface JournalStats {
  readonly entries: number;
  readonly bytes: number;
  /** The oldest and the newest number that can be read. `first` is `last + 1` when the journal is empty. */
  readonly first: number;
  readonly last: number;
  /** Entries that were forgotten, by `trim` or by a bound, since the journal was opened. */
  readonly trimmed: number;
  /** Bytes that are appended and not yet stored. */
  readonly pendingBytes: number;
  /** Bytes of a torn end that were cut when the journal was opened. */
  readonly cutBytes: number;
}

/** Stored values in the order of their numbers, behind one interface for memory and disk. */
export interface Journal<T = unknown> {
  /**
   * Keeps a copy of `value` and returns its number. Safe against a crash once `flush` resolves.
   * Throws UNCLONEABLE; LIMIT for a value that no bound allows, or when full and `whenFull` is `refuse`; QUEUE_FULL when
   * the disk is too far behind (await `flush`); JOURNAL after a failed write; CLOSED.
   */
  append(value: T): number;
  /**
   * The entries from `from` (default: the first) to `to` (default: the last that is there now), both included. What was
   * trimmed is not there: compare `seq`. Throws JOURNAL where a stored entry is damaged; CLOSED.
   */
  read(range?: { readonly from?: number; readonly to?: number }): AsyncIterableIterator<JournalEntry<T>>;
  /** Resolves when everything that was appended before is stored. Rejects with JOURNAL or CLOSED. */
  flush(): Promise<void>;
  /** Forgets the entries before number `before`; never un-numbers: `last` stays. Throws JOURNAL, CLOSED. */
  trim(before: number): void;
  /** The number of the newest entry ever appended; 0 before the first. */
  readonly last: number;
  stats(): JournalStats;
  /** Idempotent. Stores what is pending and gives the file back; rejects with JOURNAL when that fails. */
  close(): Promise<void>;
}

/** The bounds of a journal. The oldest entries go first. */
export interface JournalOptions {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  /** Entries older than this many milliseconds are forgotten. Default: none is too old. */
  readonly maxAgeMs?: number;
  /** `trim` forgets the oldest (the default); `refuse` fails the append with LIMIT and forgets nothing. */
  readonly whenFull?: "trim" | "refuse";
  /** Bytes of one value. Default 16 MiB. */
  readonly maxEntryBytes?: number;
  readonly clock?: Clock;
}

export const MAX_ENTRY_BYTES: number = 16 * 1024 * 1024;
