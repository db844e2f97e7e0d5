import type { Position, Problem, ProblemCode } from "./model.ts";
import type { Path, Source } from "./source.ts";

/** More problems than these are counted, not listed. */
const MAX_PROBLEMS = 200;

/** Collects problems of one file. */
export class ProblemList {
  failed = false;
  readonly #source: Source;
  readonly #file: string;
  readonly #problems: Problem[] = [];

  constructor(source: Source, file: string) {
    this.#source = source;
    this.#file = file;
  }

  add(code: ProblemCode, path: Path, message: string, at?: Position, severity: Problem["severity"] = "error"): void {
    const { line, column } = at ?? this.#source.locate(path);
    // Where the text itself is wrong, what its shape lacks says nothing new.
    if (code === "SCHEMA" && this.#source.problems.some((known) => known.line === line && known.column === column))
      return;
    if (severity === "error") this.failed = true;
    this.#problems.push({ code, severity, file: this.#file, line, column, where: pathText(path), message });
  }

  locate(path: Path, what?: "key" | "value"): Position {
    return this.#source.locate(path, what);
  }

  list(): Problem[] {
    const sorted = this.#problems.sort((a, b) => a.line - b.line || a.column - b.column);
    const [first, more] = [sorted.slice(0, MAX_PROBLEMS), sorted.length - MAX_PROBLEMS];
    const last = first.at(-1);
    if (more > 0 && last)
      first.push({
        ...last,
        code: "SCHEMA",
        where: "",
        message: `Cannot list every problem: there are ${more} more; mend these first`,
      });
    return first;
  }
}

/** `nodes.check.in.items[0]`. */
export const pathText = (path: Path): string =>
  path.map((step, i) => (typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`)).join("");
