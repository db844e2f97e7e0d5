import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import { EventsError, recordedJournal, type Journal } from "@atomiton/events";

import { CliError } from "../cli-error.ts";
import { byteSize, counted } from "../show/text.ts";

export interface OpenedRecording {
  /** Of the file, without its folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly journal: Journal;
  /** What cannot be read of it, for people; undefined where all can be read. */
  readonly torn: string | undefined;
}

/** Reads a recording up to its last good record. Throws `CliError` where the file is none, or holds nothing. */
export async function openRecording(file: string): Promise<OpenedRecording> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new CliError(`Cannot read the recording "${file}": ${(cause as Error).message}; check the path`);
  }
  let journal: Journal;
  try {
    journal = recordedJournal(bytes, { salvage: true });
  } catch (error) {
    if (!(error instanceof EventsError)) throw error;
    throw new CliError(
      `Cannot replay "${file}": it is no recording; give a file that "atomiton run --record" or a bus's record() wrote`,
    );
  }
  const { entries, last, cutBytes } = journal.stats();
  if (entries === 0) {
    throw new CliError(`Cannot replay "${file}": there is no whole record in it; its recording was cut short`);
  }
  const torn =
    cutBytes === 0
      ? undefined
      : `the recording is torn: ${byteSize(cutBytes)} behind record ${last} cannot be read; ${counted(entries, "record")} can`;
  return { name: basename(file), bytes, journal, torn };
}
