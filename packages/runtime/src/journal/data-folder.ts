/**
 * A folder of executions: `exec/<yyyy-mm>/<id>/journal.atj`, and beside it `summary.json` once the execution is over.
 * The journals are the truth; a summary that is missing is made again from its journal. One host at a time has the
 * folder (`host.lock`).
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { EventsError, recordedJournal, type Clock, type Journal } from "@atomiton/events";
import { fileJournal, lockFile } from "@atomiton/events/node";

import { RuntimeError } from "../errors.ts";
import type { Durability } from "./durability.ts";
import { Past } from "./past.ts";
import type { ExecutionRecord } from "./records.ts";

const JOURNAL = "journal.atj";
const SUMMARY = "summary.json";
/** One record at most: values above 32 KiB are blobs, so a longer one is many values of one instance. */
const RECORD_BYTES = 48 * 1024 * 1024;

/** Opens the journal in `path`, whose records have their times by `clock`. Replaced in tests of disks that fail. */
export type OpenFile = (path: string, durability: Durability, clock?: Clock) => Promise<Journal<ExecutionRecord>>;

export const openFile: OpenFile = (path, durability, clock) =>
  fileJournal<ExecutionRecord>(path, {
    ...(clock ? { clock } : {}),
    writeOn: "flush",
    durability: durability === "off" ? "process" : "disk",
    maxBytes: Number.MAX_SAFE_INTEGER,
    maxEntryBytes: RECORD_BYTES,
    whenFull: "refuse",
  });

/** One execution's place. */
export interface ExecutionPlace {
  /** Its id, where the folder's name says it. */
  readonly name: string;
  readonly path: string;
  readonly isOver: boolean;
  /** Milliseconds since 1970: of the summary, else of the journal. */
  readonly changedAt: number;
}

export class DataFolder {
  readonly dir: string;
  readonly #unlock: () => Promise<void>;

  private constructor(dir: string, unlock: () => Promise<void>) {
    this.dir = dir;
    this.#unlock = unlock;
  }

  /** Takes the folder for this process; makes it where it is missing. Rejects with `LOCKED` when another host has it. */
  static async open(dir: string): Promise<DataFolder> {
    await mkdir(join(dir, "exec"), { recursive: true });
    try {
      return new DataFolder(dir, await lockFile(join(dir, "host"), `the data folder "${dir}"`));
    } catch (error) {
      if (!(error instanceof EventsError)) throw error;
      throw new RuntimeError("LOCKED", error.message, { dir, ...error.details }, { cause: error });
    }
  }

  /** Where a new execution goes. */
  async place(executionId: string, now: number): Promise<string> {
    const path = join(this.dir, "exec", new Date(now).toISOString().slice(0, 7), folderName(executionId));
    await mkdir(path, { recursive: true });
    return path;
  }

  close(): Promise<void> {
    return this.#unlock();
  }
}

/** All executions in the folder, oldest change first. A folder that is none has none. */
export async function placesIn(dir: string): Promise<ExecutionPlace[]> {
  const root = join(dir, "exec");
  const places: ExecutionPlace[] = [];
  for (const month of await list(root)) {
    for (const name of await list(join(root, month))) {
      const path = join(root, month, name);
      const summary = await stat(join(path, SUMMARY)).catch(() => undefined);
      const journal = await stat(join(path, JOURNAL)).catch(() => undefined);
      if (!journal) continue;
      places.push({ name, path, isOver: summary !== undefined, changedAt: (summary ?? journal).mtimeMs });
    }
  }
  return places.sort((a, b) => a.changedAt - b.changedAt);
}

export const journalIn = (place: string): string => join(place, JOURNAL);

/** What the journal says, without touching it: its host may be alive. Throws `RuntimeError` JOURNAL. */
export const readPast = (place: string): Promise<Past> => readRecords(place, new Past());

/** Gives `reader` every record, or those up to number `last`. Throws as `readPast`. */
export async function readRecords<R extends { add(record: ExecutionRecord, ts: number): void }>(
  place: string,
  reader: R,
  last = Number.POSITIVE_INFINITY,
): Promise<R> {
  const bytes = await readFile(journalIn(place));
  for await (const { seq, value, ts } of asJournal(place, () => recordedJournal<ExecutionRecord>(bytes)).read()) {
    if (seq > last) break;
    reader.add(value, ts);
  }
  return reader;
}

export async function writeSummary(place: string, summary: unknown): Promise<void> {
  const path = join(place, SUMMARY);
  await writeFile(`${path}.new`, JSON.stringify(summary));
  await rename(`${path}.new`, path);
}

/** Undefined where it is missing or damaged: it can be made again. */
export function readSummary(place: string): unknown {
  try {
    return JSON.parse(readFileSync(join(place, SUMMARY), "utf8"));
  } catch {
    return undefined;
  }
}

export async function removePlace(place: string): Promise<void> {
  await rm(place, { recursive: true, force: true });
}

/** A name that every file system takes; ids are any text. */
export function folderName(executionId: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(executionId)) return executionId;
  return `~${createHash("sha256").update(executionId).digest("hex").slice(0, 40)}`;
}

/** Runs `read`; damage becomes `JOURNAL`, with the execution's folder. */
export function asJournal<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damagedPlace(place, error);
  }
}

export function damagedPlace(place: string, error: unknown): Error {
  if (!(error instanceof EventsError)) return error instanceof Error ? error : new Error(String(error));
  return new RuntimeError("JOURNAL", `${error.message} (in "${place}")`, { place }, { cause: error });
}

async function list(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
