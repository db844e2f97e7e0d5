import { EventsError } from "../core/errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { Origin } from "../session/messages.ts";
import type { FaultContext, Meta, Recording, RecordOptions } from "./event-bus.ts";
import type { Listen } from "./waits.ts";

/** One message as a recording keeps it. The journal's number and time stand beside it. */
export interface RecordedMessage {
  readonly name: string;
  readonly data: unknown;
  readonly origin: Origin;
  readonly id: string;
}

export interface Recorder {
  readonly listen: Listen;
  readonly busId: string;
  readonly fault: (fault: unknown, context: FaultContext) => void;
}

export interface Keeper {
  readonly counts: { readonly recorded: number; readonly failed: number };
  keep(this: void, data: unknown, meta: Meta): void;
}

/** Appends messages, but no snapshots, which were heard before. */
export function keeper(journal: Journal, busId: string, failed: Recorder["fault"]): Keeper {
  const counts = { recorded: 0, failed: 0 };
  const keep = (data: unknown, meta: Meta): void => {
    if (meta.snapshot === true) return;
    const { name, origin, id = `${busId}-${counts.recorded + counts.failed + 1}` } = meta;
    const message: RecordedMessage = { name, data, origin, id };
    try {
      journal.append(message);
      counts.recorded += 1;
    } catch (fault) {
      counts.failed += 1;
      // The first of a row is told; a full disk must not flood the log as well.
      if (counts.failed === 1) failed(fault, { name });
    }
  };
  return { counts, keep };
}

/** Appends what this bus hears, in the order in which it hears it: neither snapshots nor replays. */
export function record(recorder: Recorder, journal: Journal, options: RecordOptions): Recording {
  const { pattern = "*", where } = options;
  const { counts, keep } = keeper(journal, recorder.busId, recorder.fault);
  const hearing = recorder.listen(pattern, keep, where === undefined ? {} : { where });
  const stop = (): void => hearing.stop();
  Object.defineProperty(stop, "recorded", { get: () => counts.recorded });
  Object.defineProperty(stop, "failed", { get: () => counts.failed });
  return stop as Recording;
}

/** What a journal holds may come from a file that anybody wrote. Throws JOURNAL. */
export function readRecorded(value: unknown, seq: number): RecordedMessage {
  const { name, data, origin, id }: Partial<Record<keyof RecordedMessage, unknown>> =
    typeof value === "object" && value !== null ? value : {};
  const { busId, role }: Partial<Record<keyof Origin, unknown>> =
    typeof origin === "object" && origin !== null ? origin : {};
  if (typeof name === "string" && typeof id === "string" && typeof busId === "string" && typeof role === "string") {
    return { name, data, origin: { busId, role }, id };
  }
  throw new EventsError(
    "JOURNAL",
    `Cannot replay entry ${seq}: it is no message of a recording; use a journal that record() wrote`,
    { seq },
  );
}
