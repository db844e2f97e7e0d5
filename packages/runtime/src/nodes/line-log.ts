import type { Log, LogLevel } from "../blueprint/define-node.ts";

/** Longest line in the log; the rest of it stands in the output's file only. */
const LINE_CHARACTERS = 2_000;
/** Lines of one run. A program that prints a gigabyte must not make a gigabyte of log entries. */
const LINE_LIMIT = 5_000;

/** Cuts a program's output into lines and logs them, stdout as `info`, stderr as `warn`. */
export function lineLog(log: Record<LogLevel, Log>) {
  const rest = { stdout: "", stderr: "" };
  let lines = 0;

  function say(stream: "stdout" | "stderr", line: string): void {
    lines += 1;
    if (lines > LINE_LIMIT) {
      if (lines === LINE_LIMIT + 1) log.warn(`More than ${LINE_LIMIT} lines: the rest is in the output's file only`);
      return;
    }
    const shown = line.length > LINE_CHARACTERS ? `${line.slice(0, LINE_CHARACTERS)}… (line cut)` : line;
    log[stream === "stdout" ? "info" : "warn"](shown, undefined, { stream });
  }

  return {
    write(stream: "stdout" | "stderr", text: string): void {
      if (lines > LINE_LIMIT) return;
      const parts = (rest[stream] + text).split("\n");
      const last = parts.pop()!;
      for (const part of parts) say(stream, part.replace(/\r$/, ""));
      // A line without end: kept no longer than what is shown of it.
      rest[stream] = last.slice(0, LINE_CHARACTERS + 1);
    },
    /** Logs what stands after the last line end. */
    end(): void {
      for (const stream of ["stdout", "stderr"] as const) if (rest[stream] !== "") say(stream, rest[stream]);
    },
  };
}
