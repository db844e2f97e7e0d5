/**
 * A journal in one file: eight bytes that name the format, then records (see record.ts), only ever appended.
 *
 * 1. One job at a time touches the file, in the order of the calls. A commit takes all that was appended until it
 *    begins, writes it at the end and waits for the disk: that is the group.
 * 2. A torn end is cut when the file is opened; nothing that `flush` promised is ever cut (see scan-records.ts).
 * 3. Trimming appends a record of it. When more than half of the file is forgotten, the rest is copied to a new file
 *    that takes the old one's name: at any moment the name leads to a whole journal.
 * 4. After a failed write nothing is known of the disk: the journal takes no more, and its next opening finds the truth.
 */
import { open, rename, rm, type FileHandle } from "node:fs/promises";

import type { Clock } from "../core/clock.ts";
import { EventsError } from "../core/errors.ts";
import { systemClock } from "../core/system-clock.ts";
import { chunksOf, syncFolder, writeAll } from "./file-bytes.ts";
import { lockFile } from "./file-lock.ts";
import { MAX_ENTRY_BYTES, type Journal, type JournalEntry, type JournalOptions, type JournalStats } from "./journal.ts";
import { damaged, packEntry, packTrim } from "./record.ts";
import { MAGIC, RecordScanner } from "./scan-records.ts";
import { Shelf } from "./shelf.ts";

export interface FileJournalOptions extends JournalOptions {
  /** What "stored" means: on the disk, or handed to the system (survives a crash of the process alone). Default `disk`. */
  readonly durability?: "disk" | "process";
  /** When what is appended is written: at once (entries that come meanwhile are one group), or when `flush` asks. Default `append`. */
  readonly writeOn?: "append" | "flush";
  /** Bytes that may wait for the disk. Default 32 MiB. */
  readonly maxPendingBytes?: number;
}

const MAX_BYTES = 1024 * 1024 * 1024;
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** Forgotten bytes that are not worth a copy. */
const COMPACT_BYTES = 1024 * 1024;

/**
 * Opens the journal in the file `path`, or makes it. It keeps at most 1 GiB unless `options` say otherwise; the file may
 * take twice as much before what is forgotten gives its place back.
 *
 * Rejects with JOURNAL when another process has it open, when it is no journal, or when an entry in its middle is damaged
 * or missing; the file is left as it is.
 *
 * @example
 * const journal = await fileJournal<Order>("orders.atj");
 * journal.append(order);
 * await journal.flush();               // the order survives a power cut from here on
 * for await (const { seq, value } of journal.read()) console.log(seq, value);
 * await journal.close();
 */
export async function fileJournal<T = unknown>(path: string, options: FileJournalOptions = {}): Promise<Journal<T>> {
  const what = `the journal "${path}"`;
  const unlock = await lockFile(path, what);
  let file: FileHandle | undefined;
  try {
    // Made where it is missing, never emptied: "a" does the first, "r+" may write anywhere.
    await open(path, "a").then((made) => made.close());
    const opened = (file = await open(path, "r+"));
    await rm(`${path}.new`, { force: true });
    const bounded = { maxBytes: MAX_BYTES, ...options };
    const shelf = new Shelf(bounded, options.clock ?? systemClock);
    const { end, cutBytes } = await restore(opened, path, shelf);
    return new FileJournal<T>({ path, file: opened, unlock, shelf, end, cutBytes, options: bounded });
  } catch (error) {
    await file?.close();
    await unlock();
    throw error;
  }
}

/** Reads what is there, cuts a torn end, and names the format of a new file. */
async function restore(file: FileHandle, path: string, shelf: Shelf) {
  let trimTo = 0;
  const scanner = new RecordScanner(`the journal "${path}"`, (record, offset, bytes) => {
    if (record.kind === "trim") trimTo = Math.max(trimTo, record.before);
    else {
      if (shelf.last === 0) shelf.startAt(record.seq);
      shelf.add(bytes, offset, record.ts);
    }
  });
  for await (const chunk of chunksOf(file, 0, Infinity)) scanner.push(chunk);
  scanner.end();
  if (shelf.last === 0 && trimTo > 1) shelf.startAt(trimTo);
  shelf.forget(trimTo);
  shelf.trimmed = 0;
  const { size } = await file.stat();
  const cutBytes = size - scanner.goodEnd;
  if (cutBytes > 0) await file.truncate(scanner.goodEnd);
  if (scanner.goodEnd === 0 || size === 0) await writeAll(file, MAGIC, 0);
  if (cutBytes > 0 || size === 0) {
    await file.datasync();
    await syncFolder(path);
  }
  return { end: Math.max(scanner.goodEnd, MAGIC.byteLength), cutBytes };
}

/** A stretch of whole records, as the file was at one moment. */
interface FileView {
  readonly file: FileHandle;
  readonly from: number;
  readonly end: number;
}

interface Opened {
  readonly path: string;
  readonly file: FileHandle;
  readonly unlock: () => Promise<void>;
  readonly shelf: Shelf;
  readonly end: number;
  readonly cutBytes: number;
  readonly options: FileJournalOptions;
}

class FileJournal<T> implements Journal<T> {
  readonly #path: string;
  readonly #options: FileJournalOptions;
  readonly #clock: Clock;
  readonly #shelf: Shelf;
  readonly #unlock: () => Promise<void>;
  readonly #cutBytes: number;
  #file: FileHandle;
  /** Where the next record goes, once all that is pending is written. */
  #end: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** The end of what is safely stored, and the last entry in it. */
  #storedEnd: number;
  #stored: number;
  /** The last job of the file's queue; never rejects. */
  #queue: Promise<unknown> = Promise.resolve();
  /** The commit that will take what is pending; undefined when nothing is. */
  #commit: Promise<void> | undefined;
  #failure: EventsError | undefined;
  #closing: Promise<void> | undefined;

  constructor({ path, file, unlock, shelf, end, cutBytes, options }: Opened) {
    this.#path = path;
    this.#file = file;
    this.#unlock = unlock;
    this.#shelf = shelf;
    this.#end = end;
    this.#cutBytes = cutBytes;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#storedEnd = end;
    this.#stored = shelf.last;
  }

  get last(): number {
    return this.#shelf.last;
  }

  append(value: T): number {
    this.#mustWork("append to");
    const limit = this.#options.maxPendingBytes ?? MAX_PENDING_BYTES;
    const ts = this.#clock.now();
    const seq = this.last + 1;
    const maxBytes = this.#options.maxEntryBytes ?? MAX_ENTRY_BYTES;
    const record = packEntry(seq, this.#end - this.#storedEnd, ts, value, maxBytes);
    if (this.#pendingBytes > 0 && this.#pendingBytes + record.byteLength > limit) {
      throw new EventsError(
        "QUEUE_FULL",
        `Cannot append to the journal "${this.#path}": ${this.#pendingBytes} bytes wait for the disk; await flush() first`,
        { pendingBytes: this.#pendingBytes, limitBytes: limit },
      );
    }
    const trimmed = this.#shelf.admit(record.byteLength);
    this.#shelf.add(record.byteLength, this.#end, ts);
    this.#write(record);
    if (trimmed) this.#writeTrim();
    return seq;
  }

  async *read(range: { from?: number; to?: number } = {}): AsyncIterableIterator<JournalEntry<T>> {
    this.#mustWork("read");
    this.#forgetOld();
    const to = Math.min(range.to ?? this.last, this.last);
    await this.flush();
    const start = Math.max(range.from ?? 1, this.#shelf.first);
    if (start > to) return;
    // A handle of its own: the file may take another shape while somebody reads.
    const view = await this.#inOrder(async () => ({
      file: await open(this.#path, "r"),
      from: this.#shelf.offsetOf(Math.max(start, this.#shelf.first)) ?? this.#end,
      end: this.#end - this.#pendingBytes,
    }));
    try {
      yield* this.#entries(view, start, to);
    } finally {
      await view.file.close();
    }
  }

  flush(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#closing) return Promise.reject(this.#closedError("flush"));
    return this.#flushed();
  }

  trim(before: number): void {
    this.#mustWork("trim");
    if (this.#shelf.forget(before)) this.#writeTrim();
  }

  stats(): JournalStats {
    if (!this.#closing && !this.#failure) this.#forgetOld();
    const { entries, bytes, first, last, trimmed } = this.#shelf;
    return { entries, bytes, first, last, trimmed, pendingBytes: this.#pendingBytes, cutBytes: this.#cutBytes };
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeFile();
    return this.#closing;
  }

  async #closeFile(): Promise<void> {
    try {
      await this.#flushed();
    } finally {
      await this.#queue;
      await this.#file.close();
      await this.#unlock();
    }
  }

  async *#entries(view: FileView, start: number, to: number): AsyncIterableIterator<JournalEntry<T>> {
    const found: JournalEntry<T>[] = [];
    const what = `the journal "${this.#path}"`;
    const scanner = new RecordScanner(what, (record) => {
      if (record.kind !== "entry" || record.seq < start || record.seq > to) return;
      found.push({ seq: record.seq, ts: record.ts, value: record.value as T });
    });
    scanner.push(MAGIC);
    for await (const chunk of chunksOf(view.file, view.from, view.end)) {
      scanner.push(chunk);
      yield* found.splice(0);
      if ((scanner.last ?? 0) >= to) return;
    }
    // All of this was stored: what cannot be read now was damaged since.
    throw damaged(what, (scanner.last ?? start - 1) + 1);
  }

  #flushed(): Promise<void> {
    this.#begin();
    return this.#commit ?? this.#queue.then(() => (this.#failure ? Promise.reject(this.#failure) : undefined));
  }

  #forgetOld(): void {
    if (this.#shelf.forgetOld()) this.#writeTrim();
  }

  #writeTrim(): void {
    this.#write(packTrim(this.#shelf.first, this.#end - this.#storedEnd, this.#clock.now()));
  }

  #write(record: Uint8Array): void {
    this.#pending.push(record);
    this.#pendingBytes += record.byteLength;
    this.#end += record.byteLength;
    if (this.#options.writeOn !== "flush") this.#begin();
  }

  #begin(): void {
    if (this.#commit || this.#pending.length === 0) return;
    this.#commit = this.#inOrder(() => this.#commitPending());
    // Told by the next append, flush or close.
    this.#commit.catch(() => {});
  }

  async #commitPending(): Promise<void> {
    const [records, seq] = [this.#pending, this.last];
    this.#commit = undefined;
    this.#pending = [];
    const bytes = Buffer.concat(records);
    const at = this.#end - this.#pendingBytes;
    try {
      await writeAll(this.#file, bytes, at);
      if (this.#options.durability !== "process") await this.#file.datasync();
      this.#stored = seq;
      this.#storedEnd = at + bytes.byteLength;
      this.#pendingBytes -= bytes.byteLength;
      await this.#compact();
    } catch (cause) {
      this.#failure = new EventsError(
        "JOURNAL",
        `Cannot write the journal "${this.#path}": ${(cause as Error).message}; entries after ${this.#stored} may be lost; open it again when the disk is well`,
        { stored: this.#stored },
        { cause },
      );
      throw this.#failure;
    }
  }

  /** Inside a job. Records that are pending now belong behind the copy: only what is written is copied. */
  async #compact(): Promise<void> {
    const from = this.#shelf.blocks[0]?.offset ?? this.#end - this.#pendingBytes;
    const written = this.#end - this.#pendingBytes;
    if (from - MAGIC.byteLength < Math.max(COMPACT_BYTES, written - from)) return;
    const path = `${this.#path}.new`;
    const head = Buffer.concat([MAGIC, packTrim(this.#shelf.first, 0, this.#clock.now())]);
    const copy = await open(path, "w+");
    try {
      await writeAll(copy, head, 0);
      let at = head.byteLength;
      for await (const chunk of chunksOf(this.#file, from, written)) {
        await writeAll(copy, chunk, at);
        at += chunk.byteLength;
      }
      await copy.datasync();
      await rename(path, this.#path);
      await syncFolder(this.#path);
    } catch (error) {
      await copy.close();
      throw error;
    }
    const old = this.#file;
    this.#file = copy;
    this.#shelf.moveBy(head.byteLength - from);
    this.#end += head.byteLength - from;
    this.#storedEnd += head.byteLength - from;
    await old.close();
  }

  #inOrder<R>(job: () => Promise<R>): Promise<R> {
    const done = this.#queue.then(() => {
      if (this.#failure) throw this.#failure;
      return job();
    });
    this.#queue = done.catch(() => {});
    return done;
  }

  #mustWork(action: string): void {
    if (this.#failure) throw this.#failure;
    if (this.#closing) throw this.#closedError(action);
  }

  #closedError(action: string): EventsError {
    return new EventsError("CLOSED", `Cannot ${action} the journal "${this.#path}": it is closed; open it again`);
  }
}
