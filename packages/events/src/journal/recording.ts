import { EventsError } from "../core/errors.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import { unpack } from "./record.ts";
import { RecordScanner } from "./scan-records.ts";

/**
 * The journal in the bytes of a file, to read alone: what a page fetched, or a copy. A torn end is left out and told in
 * `stats().cutBytes`. Nothing can be appended.
 *
 * Throws JOURNAL when the bytes are no journal, or when an entry in their middle is damaged or missing.
 *
 * @example
 * const bytes = new Uint8Array(await (await fetch("run.atj")).arrayBuffer());
 * bus.replay(recordedJournal(bytes), { speed: 10 });
 */
export function recordedJournal<T = unknown>(
  bytes: Uint8Array,
  options: {
    /** Ends before a damaged or missing entry instead of failing. Default false. */
    readonly salvage?: boolean;
  } = {},
): Journal<T> {
  const places: { readonly at: number; readonly size: number }[] = [];
  let base = 1;
  let first = 1;
  const scanner = new RecordScanner("the recording", (record, at, size) => {
    if (record.kind === "trim") first = Math.max(first, record.before);
    else if (places.push({ at, size }) === 1) base = record.seq;
  });
  try {
    scanner.push(bytes);
    scanner.end();
  } catch (error) {
    if (!options.salvage || places.length === 0) throw error;
  }
  first = Math.max(first, base);
  const last = places.length > 0 ? base + places.length - 1 : first - 1;
  let closed = false;
  const mustBeOpen = (): void => {
    if (closed) throw new EventsError("CLOSED", "Cannot read the recording: it is closed; open it again");
  };
  const readOnly = (): never => {
    throw new TypeError("Cannot change a recording: it is there to be read; append to a journal");
  };
  return {
    last,
    append: readOnly,
    trim: readOnly,
    async *read(range = {}): AsyncIterableIterator<JournalEntry<T>> {
      const to = Math.min(range.to ?? last, last);
      for (let seq = Math.max(range.from ?? first, first); seq <= to; seq++) {
        mustBeOpen();
        const { at, size } = places[seq - base]!;
        const record = unpack(bytes.subarray(at, at + size));
        if (record?.kind === "entry") yield { seq, ts: record.ts, value: record.value as T };
      }
    },
    flush: () => Promise.resolve(),
    stats: () => ({
      entries: last - first + 1,
      bytes: places.slice(first - base).reduce((sum, { size }) => sum + size, 0),
      first,
      last,
      trimmed: 0,
      pendingBytes: 0,
      cutBytes: bytes.byteLength - scanner.goodEnd,
    }),
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}
