/** The last lines of an execution, bounded: a page that is left open over night must not grow. */
import type { RuntimeLog } from "@atomiton/runtime/contract";

import { isWithin, nodePathOf } from "./path.ts";

/** Lines kept. The host keeps the rest. */
export const LOG_LIMIT = 5_000;

export type LogLevel = RuntimeLog["level"];

export interface LogLine {
  /** Grows by one a line, also over dropped ones: a stable key. */
  readonly id: number;
  readonly ts: number;
  /** Orders lines, whatever order they came in. */
  readonly order: number;
  readonly level: LogLevel;
  /** Of the instance; empty: of the run itself. */
  readonly path: string;
  /** Of the node in the graph. */
  readonly node: string;
  readonly attempt: number;
  readonly message: string;
  readonly data?: RuntimeLog["data"];
  readonly stream?: RuntimeLog["stream"] | undefined;
}

/** What is written: a log of a node, or an error, which stands among them. */
export type LogEntry = Pick<RuntimeLog, "ts" | "seq" | "level" | "path" | "attempt" | "message" | "data" | "stream"> & {
  readonly isError?: boolean;
};

export interface LogBook {
  readonly lines: readonly LogLine[];
  /** Lines ever written; `written - lines.length` are no longer here. */
  readonly written: number;
}

export const emptyLog: LogBook = { lines: [], written: 0 };

/**
 * Adds in the order of the execution and forgets the oldest beyond the limit. Who comes late is told all logs, then all
 * errors: they are put in their order, and numbered anew.
 */
export function append(book: LogBook, added: readonly LogEntry[], limit: number = LOG_LIMIT): LogBook {
  if (added.length === 0) return book;
  let id = book.written;
  const fresh = added.map((log): LogLine => {
    id += 1;
    return {
      id,
      ts: log.ts,
      // An error takes a number of its own; logs carry the last one that was taken.
      order: log.seq * 2 + (log.isError === true ? 0 : 1),
      level: log.level,
      path: log.path,
      node: nodePathOf(log.path),
      attempt: log.attempt,
      message: log.message,
      ...(log.data === undefined ? {} : { data: log.data }),
      stream: log.stream,
    };
  });
  const lines = [...book.lines, ...fresh];
  return { lines: inOrder(lines, id).slice(-limit), written: id };
}

function inOrder(lines: readonly LogLine[], last: number): readonly LogLine[] {
  const isSorted = lines.every((line, at) => at === 0 || line.order >= (lines[at - 1]?.order ?? 0));
  if (isSorted) return lines;
  const first = last - lines.length + 1;
  return lines.toSorted((a, b) => a.order - b.order).map((line, at) => ({ ...line, id: first + at }));
}

export interface LogFilter {
  /** This level and what is graver. */
  readonly level: LogLevel;
  /** A node and everything in its body; left out: all. */
  readonly node?: string | undefined;
  readonly text: string;
}

const GRAVITY: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export function select(book: LogBook, filter: LogFilter): readonly LogLine[] {
  const text = filter.text.trim().toLowerCase();
  const { level, node } = filter;
  if (level === "debug" && node === undefined && text === "") return book.lines;
  return book.lines.filter(
    (line) =>
      GRAVITY[line.level] >= GRAVITY[level] &&
      (node === undefined || isWithin(line.node, node)) &&
      (text === "" || line.message.toLowerCase().includes(text) || line.path.toLowerCase().includes(text)),
  );
}
