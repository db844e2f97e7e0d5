/**
 * The executions of one data folder, for the host that has it. Order: a journal is opened before anything is recorded, a
 * summary is written after the last record; what has no summary is taken up again at the next start.
 */
import type { Clock } from "@atomiton/events";

import { markUnswept, sweepBlobs } from "./blob-sweep.ts";
import {
  damagedPlace,
  DataFolder,
  journalIn,
  openFile,
  placesIn,
  readSummary,
  removePlace,
  writeSummary,
  type OpenFile,
} from "./data-folder.ts";
import type { Durability } from "./durability.ts";
import { openExecutionJournal, type ExecutionJournal } from "./execution-journal.ts";
import { Past } from "./past.ts";
import type { Created, ExecutionRecord } from "./records.ts";

/** Finished executions that are kept, and for how long. */
export interface Retention {
  /** Default 1,000. */
  readonly executions?: number;
  /** Days since they ended. Default 30. */
  readonly days?: number;
}

const KEPT = 1_000;
const KEPT_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1_000;

export interface StoreOptions {
  readonly dir: string;
  readonly clock: Clock;
  /** Named in the records of who took an execution. */
  readonly host: string;
  readonly retention?: Retention | undefined;
  readonly openFile?: OpenFile | undefined;
}

/** A finished execution, as its summary tells it. */
export interface Kept<S> {
  readonly place: string;
  readonly endedAt: number;
  readonly summary: S;
}

/** What a dead host left behind. `error`: its journal cannot be read. */
export interface Unfinished {
  readonly place: string;
  readonly past: Past;
  readonly error: Error | undefined;
}

export class ExecutionStore<S extends { readonly executionId: string; readonly endedAt?: number | undefined }> {
  readonly #options: StoreOptions;
  readonly #folder: DataFolder;
  readonly #finished = new Map<string, Kept<S>>();
  readonly #places = new Map<string, string>();

  private constructor(options: StoreOptions, folder: DataFolder) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Takes the folder. Rejects with `LOCKED`. */
  static async open<S extends { readonly executionId: string }>(options: StoreOptions): Promise<ExecutionStore<S>> {
    const store = new ExecutionStore<S>(options, await DataFolder.open(options.dir));
    for (const place of await placesIn(options.dir)) {
      const summary = place.isOver ? (readSummary(place.path) as { entry: S } | undefined) : undefined;
      if (summary) store.#keep(place.path, summary.entry, place.changedAt);
    }
    await store.#forgetOld();
    await sweepBlobs(options.dir, Date.now());
    return store;
  }

  /** Summaries of finished executions, oldest first. */
  finished(): S[] {
    return [...this.#finished.values()].map(({ summary }) => summary);
  }

  /** What `finish` was given, read anew. */
  read(executionId: string): unknown {
    const kept = this.#finished.get(executionId);
    return kept && readSummary(kept.place);
  }

  /** The folder of an execution. */
  placeOf(executionId: string): string | undefined {
    return this.#finished.get(executionId)?.place ?? this.#places.get(executionId);
  }

  has(executionId: string): boolean {
    return this.#finished.has(executionId) || this.#places.has(executionId);
  }

  /** The first two records of a new execution are on the disk when it resolves. Rejects with what the disk says. */
  async begin(created: Created, durability: Durability): Promise<ExecutionJournal> {
    const place = await this.#folder.place(created.id, this.#options.clock.now());
    this.#places.set(created.id, place);
    try {
      const journal = await this.#journal(place, durability);
      journal.append(created);
      journal.append({ k: "claimed", host: this.#options.host, epoch: 1 });
      await stored(journal);
      return journal;
    } catch (error) {
      this.#places.delete(created.id);
      throw error;
    }
  }

  /** Every execution in the folder that has no summary. */
  async unfinished(): Promise<Unfinished[]> {
    const all: Unfinished[] = [];
    const known = new Set([...this.#places.values(), ...[...this.#finished.values()].map(({ place }) => place)]);
    for (const { path } of await placesIn(this.#options.dir)) {
      if (known.has(path)) continue;
      const past = new Past();
      let error: Error | undefined;
      try {
        await this.#read(path, past);
      } catch (fault) {
        error = damagedPlace(path, fault);
      }
      if (past.created) {
        this.#places.set(past.created.id, path);
        all.push({ place: path, past, error });
      } else if (error !== undefined) all.push({ place: path, past, error });
      // Its host died before it was accepted: nobody was told of it.
      else await removePlace(path);
    }
    return all;
  }

  /** Takes it over: a new epoch begins. An execution whose end is recorded has no journal any more. */
  async claim({ place, past }: Unfinished, durability: Durability): Promise<ExecutionJournal | undefined> {
    past.end();
    past.epoch++;
    if (past.terminal) return undefined;
    const journal = await this.#journal(place, durability);
    journal.append({ k: "claimed", host: this.#options.host, epoch: past.epoch });
    await stored(journal);
    return journal;
  }

  /** It is over. `rest` is read again by `read` alone. */
  async finish(entry: S, rest: object): Promise<void> {
    const place = this.#places.get(entry.executionId);
    if (place === undefined) return;
    await writeSummary(place, { entry, ...rest });
    this.#places.delete(entry.executionId);
    this.#keep(place, entry, this.#options.clock.now());
    await this.#forgetOld();
  }

  close(): Promise<void> {
    return this.#folder.close();
  }

  #journal(place: string, durability: Durability): Promise<ExecutionJournal> {
    const open = this.#options.openFile ?? openFile;
    return openExecutionJournal({
      clock: this.#options.clock,
      durability,
      open: () => open(journalIn(place), durability, this.#options.clock),
    });
  }

  /** Cuts a torn end. Throws `EventsError` JOURNAL. */
  async #read(place: string, past: Past): Promise<void> {
    const file = await openFile(journalIn(place), "off");
    try {
      for await (const { value, ts } of file.read()) past.add(value as ExecutionRecord, ts);
    } finally {
      await file.close();
    }
  }

  #keep(place: string, summary: S, changedAt: number): void {
    this.#finished.set(summary.executionId, { place, summary, endedAt: summary.endedAt ?? changedAt });
  }

  async #forgetOld(): Promise<void> {
    const { executions = KEPT, days = KEPT_DAYS } = this.#options.retention ?? {};
    const oldest = this.#options.clock.now() - days * DAY_MS;
    for (const [id, { place, endedAt }] of this.#finished) {
      if (this.#finished.size <= executions && endedAt >= oldest) return;
      this.#finished.delete(id);
      await markUnswept(this.#options.dir);
      await removePlace(place);
    }
  }
}

/** The journal is new: a disk that fails now refuses the execution. */
async function stored(journal: ExecutionJournal): Promise<void> {
  const failed = new Promise<never>((_, reject) => (journal.onFailure = reject));
  failed.catch(() => {});
  try {
    await Promise.race([journal.durable(), failed]);
  } catch (error) {
    await journal.close();
    throw error;
  }
}
