/**
 * `run --record`: everything that a client would be told of the run, as it is told it, in one file. The Blueprint comes
 * first, so that Studio can draw the run where its Blueprint is not.
 */
import { open, rm } from "node:fs/promises";

import { EventBus, type Recording } from "@atomiton/events";
import { fileJournal } from "@atomiton/events/node";
import { RuntimeIPC, type Runtime } from "@atomiton/runtime";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";

import { CliError } from "../cli-error.ts";

export interface RunRecording {
  /** Stores what is pending. Resolves with what is missing and why; undefined where nothing is. */
  close(): Promise<string | undefined>;
}

/** Begins a recording of all that `runtime` does, in the new file `file`. Throws `CliError` where it cannot be made. */
export async function recordRun(runtime: Runtime, blueprintPath: string, file: string): Promise<RunRecording> {
  const blueprint = await runtime.library.describe(blueprintPath);
  await makeFile(file);
  // Past its bound the beginning is worth more than the end: without it nothing can be replayed.
  const journal = await fileJournal(file, { durability: "process", whenFull: "refuse" });
  let fault: unknown;
  const onError = (found: unknown): void => {
    fault ??= found;
  };
  const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host", connect: false, onError });
  const stop: Recording = bus.record(journal);
  const ipc = new RuntimeIPC({ runtime, bus, onError });
  bus.emit("library:blueprint", blueprint);
  ipc.initialize();
  return {
    async close() {
      await ipc.close();
      stop();
      await journal.close().catch(onError);
      await bus.close();
      // Nothing began: the file would only stand in the way of the next attempt.
      if (stop.recorded <= 1) await rm(file, { force: true });
      if (fault === undefined) return undefined;
      const why = fault instanceof Error ? fault.message : JSON.stringify(fault);
      return stop.failed > 0 ? `${stop.failed} of its events are missing: ${why}` : why;
    },
  };
}

/** A recording is never written over another file, or behind an older recording. */
async function makeFile(file: string): Promise<void> {
  try {
    await (await open(file, "wx")).close();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why =
      code === "EEXIST" ? "the file is there already; remove it or choose another name" : `${message}; check the path`;
    throw new CliError(`Cannot record to "${file}": ${why}`);
  }
}
