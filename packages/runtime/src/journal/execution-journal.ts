/**
 * The journal of one execution. Rules:
 * 1. Records are numbered in the order of `append`, whatever of them has to be stored as a blob first (R3).
 * 2. Group commit: the disk is waited for 5 ms after the first record, at 64 KiB, or when `durable` asks.
 * 3. Where the disk fails, what is not stored is kept, `onFailure` is told once, and everybody who waits goes on waiting
 *    until `retry` succeeds or `close` gives up.
 * 4. After `terminal` nothing is appended (R4).
 */
import { EventsError, type Clock, type Journal } from "@atomiton/events";

import type { Durability } from "./durability.ts";
import type { ExecutionRecord, StoredValues } from "./records.ts";

/** Longest wait of a record for others of its group, ms. */
const GROUP_MS = 5;
/** A group of so many bytes is written at once. */
const GROUP_BYTES = 64 * 1024;

export type OpenJournal = () => Promise<Journal<ExecutionRecord>>;

export interface ExecutionJournalOptions {
  readonly open: OpenJournal;
  readonly clock: Clock;
  readonly durability: Durability;
}

export interface JournalGauge {
  /** Records that are not stored yet. */
  readonly pending: number;
  readonly stored: number;
}

export async function openExecutionJournal(options: ExecutionJournalOptions): Promise<ExecutionJournal> {
  return new ExecutionJournal(await options.open(), options);
}

export class ExecutionJournal {
  readonly #options: ExecutionJournalOptions;
  #file: Journal<ExecutionRecord>;
  /** In the order of their numbers; some may wait for a blob. */
  #queue: (ExecutionRecord | Promise<ExecutionRecord>)[] = [];
  #draining: Promise<void> | undefined;
  /** In the file's hands, not known to be stored. */
  #unstored: ExecutionRecord[] = [];
  /** Number of the first of `#unstored`. */
  #firstUnstored: number;
  #appended: number;
  #waiters: { readonly position: number; readonly settle: (error?: Error) => void }[] = [];
  #takeBackTimer: (() => void) | undefined;
  #failure: Error | undefined;
  #retrying: Promise<void> | undefined;
  #isTerminal = false;
  #closing: Promise<void> | undefined;
  /** Hears that the disk failed: once, until `retry`. */
  onFailure: (error: Error) => void = () => {};

  constructor(file: Journal<ExecutionRecord>, options: ExecutionJournalOptions) {
    this.#file = file;
    this.#options = options;
    this.#appended = file.last;
    this.#firstUnstored = file.last + 1;
  }

  /** Number of the last record, stored or not. */
  get position(): number {
    return this.#appended;
  }
  /** Number of the last record that is on the disk. */
  get stored(): number {
    return this.#firstUnstored - 1;
  }
  /** The last record is made, and on the disk. */
  get isEndStored(): boolean {
    return this.#isTerminal && this.#appended <= this.stored;
  }
  get failure(): Error | undefined {
    return this.#failure;
  }
  gauge(): JournalGauge {
    return { pending: this.#appended - this.stored, stored: this.stored };
  }

  /** Takes a record; a promise where a blob is stored first. Never throws, and never waits. */
  append(record: ExecutionRecord | Promise<ExecutionRecord>): void {
    if (this.#isTerminal || this.#closing) return;
    this.#appended++;
    if (!this.#failure && !this.#draining && !(record instanceof Promise) && this.#write(record)) return;
    // What its owner changes until then must not change what is written.
    this.#queue.push(record instanceof Promise ? record : copyOf(record));
    void this.#drain();
  }

  /** The last record. */
  end(record: ExecutionRecord | Promise<ExecutionRecord>): void {
    if (this.#closing) return;
    this.append(record);
    this.#isTerminal = true;
  }

  /** Resolves when every record so far is on the disk. Undefined: they are already. Rejects when it is closed before. */
  durable(): Promise<void> | undefined {
    if (this.#closing) return Promise.reject(closedError());
    const position = this.#appended;
    if (position <= this.stored) return undefined;
    const done = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ position, settle: (error) => (error ? reject(error) : resolve()) });
    });
    void this.#commit();
    return done;
  }

  /** Calls `run` when record `position` is on the disk, now if it is; never when the journal is given up before. */
  whenStored(position: number, run: () => void): void {
    if (position <= this.stored) run();
    else this.#waiters.push({ position, settle: (error) => void (error || run()) });
  }

  /** After a failure: opens the file again and writes what was not stored. Rejects when the disk fails again. */
  retry(): Promise<void> {
    this.#retrying ??= this.#retry().finally(() => (this.#retrying = undefined));
    return this.#retrying;
  }

  async #retry(): Promise<void> {
    if (!this.#failure || this.#closing) return;
    await this.#file.close().catch(() => {});
    try {
      this.#file = await this.#options.open();
    } catch (error) {
      throw asError(error);
    }
    this.#failure = undefined;
    // Some of what failed may have reached the disk whole.
    this.#hasStored(this.#file.last);
    this.#queue.unshift(...this.#unstored.splice(0));
    await this.#drain();
    await this.#commit();
    if (this.#failure) throw this.#failure as Error;
  }

  /** Stores what is pending, where the disk allows, and gives the file back. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#drain();
      await this.#commit();
      this.#takeBackTimer?.();
      await this.#file.close().catch(() => {});
      for (const { settle } of this.#waiters.splice(0)) settle(closedError());
    })();
    return this.#closing;
  }

  #drain(): Promise<void> {
    this.#draining ??= this.#drainQueue().finally(() => {
      this.#draining = undefined;
      if (this.#waiters.length > 0) void this.#commit();
    });
    return this.#draining;
  }

  async #drainQueue(): Promise<void> {
    while (this.#queue.length > 0 && !this.#failure) {
      let record: ExecutionRecord;
      try {
        record = await this.#queue[0]!;
      } catch (error) {
        // The blob could not be stored: what the record says would name nothing.
        this.#fail(asError(error));
        return;
      }
      while (!this.#failure && !this.#write(record)) await this.#commit();
      if (!this.#failure) void this.#queue.shift();
    }
  }

  /** False: it is not taken now, because the disk is far behind or has failed. */
  #write(record: ExecutionRecord): boolean {
    try {
      appendTo(this.#file, record);
    } catch (error) {
      if (!(error instanceof EventsError && error.code === "QUEUE_FULL")) this.#fail(asError(error));
      return false;
    }
    this.#unstored.push(record);
    if (this.#options.durability === "sync" || this.#file.stats().pendingBytes >= GROUP_BYTES) void this.#commit();
    else this.#takeBackTimer ??= this.#options.clock.after(GROUP_MS, () => void this.#commit());
    return true;
  }

  async #commit(): Promise<void> {
    this.#takeBackTimer?.();
    this.#takeBackTimer = undefined;
    if (this.#failure || this.#unstored.length === 0) return;
    const upTo = this.#firstUnstored + this.#unstored.length - 1;
    const file = this.#file;
    try {
      await file.flush();
    } catch (error) {
      if (file === this.#file) this.#fail(asError(error));
      return;
    }
    this.#hasStored(upTo);
  }

  #hasStored(upTo: number): void {
    if (upTo < this.#firstUnstored) return;
    this.#unstored.splice(0, upTo - this.#firstUnstored + 1);
    this.#firstUnstored = upTo + 1;
    let due = 0;
    while (due < this.#waiters.length && this.#waiters[due]!.position <= upTo) due++;
    for (const { settle } of this.#waiters.splice(0, due)) settle();
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.onFailure(error);
  }
}

/** A value that cannot be copied, or is too large after all, is left out; its instance runs again if it must. */
function appendTo(file: Journal<ExecutionRecord>, record: ExecutionRecord): void {
  try {
    file.append(record);
  } catch (error) {
    const code = error instanceof EventsError ? error.code : undefined;
    if (code !== "UNCLONEABLE" && code !== "LIMIT") throw error;
    file.append(withoutValues(record));
  }
}

function withoutValues(record: ExecutionRecord): ExecutionRecord {
  const lost = { lost: true } as const;
  const none = (values: StoredValues = {}): StoredValues =>
    Object.fromEntries(Object.keys(values).map((name) => [name, lost]));
  if (record.k === "settled") return { ...record, out: none(record.out) };
  if (record.k === "terminal") return { ...record, result: none(record.result) };
  if (record.k === "stop") return { ...record, ...(record.out ? { out: none(record.out) } : {}) };
  if (record.k === "created") return { ...record, input: none(record.input) };
  return "value" in record ? { ...record, value: lost } : record;
}

function copyOf(record: ExecutionRecord): ExecutionRecord {
  try {
    return structuredClone(record);
  } catch {
    return withoutValues(record);
  }
}

const closedError = (): EventsError =>
  new EventsError("CLOSED", "Cannot wait for the journal of an execution: it is closed; start its host again");

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
