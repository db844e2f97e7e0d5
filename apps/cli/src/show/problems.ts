import type { Problem } from "@atomiton/runtime";

import type { Paint } from "./paint.ts";
import { counted, oneLine } from "./text.ts";

/** `file:line:column severity CODE message`, one problem a line, as editors and CI read it. */
export function problemLine(problem: Problem, paint: Paint): string {
  const place = `${oneLine(problem.file)}:${problem.line}:${problem.column}`;
  const severity = paint(problem.severity === "error" ? "red" : "yellow", problem.severity);
  return `${place} ${severity} ${problem.code} ${oneLine(problem.message)}`;
}

export function tally(problems: readonly Problem[]): { errors: number; warnings: number } {
  const errors = problems.filter((problem) => problem.severity === "error").length;
  return { errors, warnings: problems.length - errors };
}

/** `3 files: 2 errors, 1 warning`. */
export function summary(files: number, problems: readonly Problem[]): string {
  const { errors, warnings } = tally(problems);
  if (problems.length === 0) return `${counted(files, "file")}: no problems`;
  return `${counted(files, "file")}: ${counted(errors, "error")}, ${counted(warnings, "warning")}`;
}
