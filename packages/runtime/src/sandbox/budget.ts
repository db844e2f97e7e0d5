import { NodeError } from "../errors.ts";

/** What one piece of code may use. */
export interface Budget {
  readonly timeMs: number;
  /** Of everything that it holds. */
  readonly memoryBytes: number;
  /** Hears what it prints, a line at a time. */
  readonly print: (line: string) => void;
}

/** Lines that one run may print. */
export const PRINTED_LINES = 1_000;
/** Of inputs and of the result, as JSON. */
export const VALUE_BYTES: number = 64 * 1024 * 1024;

export const codeFailed = (why: string): NodeError =>
  new NodeError(`Cannot run the code: ${why}`, { code: "CODE_ERROR", class: "user", retryable: false });

export const timeIsUp = (timeMs: number): NodeError =>
  new NodeError(`Cannot finish the code: it took longer than ${timeMs} ms; raise timeMs, or give it less at once`, {
    code: "TIME_LIMIT",
    class: "resource",
    retryable: false,
  });

export const memoryIsUp = (memoryBytes: number): NodeError =>
  new NodeError(
    `Cannot finish the code: it needs more than ${Math.round(memoryBytes / 1024 / 1024)} MiB; raise memory, or give it less at once`,
    { code: "OUT_OF_MEMORY", class: "resource", retryable: false },
  );

/** `print`, up to a number of lines. */
export function boundedPrint(print: (line: string) => void): (line: string) => void {
  let lines = 0;
  return (line) => {
    if (++lines < PRINTED_LINES) print(line);
    else if (lines === PRINTED_LINES) print("… the rest of what it prints is left out");
  };
}
