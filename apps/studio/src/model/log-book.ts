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
  readonly level: LogLevel;
  /** Of the instance. */
  readonly path: string;
  /** Of the node in the graph. */
  readonly node: string;
  readonly attempt: number;
  readonly message: string;
  readonly data?: RuntimeLog["data"];
  readonly stream?: RuntimeLog["stream"] | undefined;
}

export interface LogBook {
  readonly lines: readonly LogLine[];
  /** Lines ever written; `written - lines.length` are no longer here. */
  readonly written: number;
}

export const emptyLog: LogBook = { lines: [], written: 0 };

/** Appends in order and forgets the oldest beyond the limit. */
export function append(book: LogBook, added: readonly RuntimeLog[], limit: number = LOG_LIMIT): LogBook {
  if (added.length === 0) return book;
  let id = book.written;
  const fresh = added.map((log): LogLine => {
    id += 1;
    return {
      id,
      ts: log.ts,
      level: log.level,
      path: log.path,
      node: nodePathOf(log.path),
      attempt: log.attempt,
      message: log.message,
      ...(log.data === undefined ? {} : { data: log.data }),
      stream: log.stream,
    };
  });
  return { lines: [...book.lines, ...fresh].slice(-limit), written: id };
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
