/** A Blueprint's text, YAML or JSON, as plain values with a position for every one of them. */

import { LineCounter, parseDocument } from "yaml";

import { SourceFault, type LocatedProblem, type Location, locateJson } from "./json-locations.ts";
import type { Position } from "./model.ts";
import { yamlProblems } from "./yaml-faults.ts";
import { readYamlTree } from "./yaml-values.ts";

/** Characters of a YAML file; larger graphs are machine-made and belong in `.blueprint.json`. */
export const MAX_YAML_CHARACTERS = 8 * 1024 * 1024;
/** Characters of a JSON file: some 200,000 nodes. */
export const MAX_JSON_CHARACTERS = 64 * 1024 * 1024;

export type Path = readonly (string | number)[];

export interface Source {
  /** Undefined when the text cannot be read at all. */
  readonly value?: unknown;
  readonly problems: readonly (LocatedProblem & Position)[];
  /** False: `locate` always says the start, and there is no point in asking for each value. */
  readonly isPlaced: boolean;
  /** Position of the value at a path; of its nearest ancestor where there is none. `key`: of the key that names it. */
  locate(path: Path, what?: "key" | "value"): Position;
}

export function readSource(text: string, file: string): Source {
  const json = file.endsWith(".json");
  const limit = json ? MAX_JSON_CHARACTERS : MAX_YAML_CHARACTERS;
  const lines = lineIndex(text.length > limit ? "" : text);
  if (text.length > limit) {
    const more = json ? "split it into sub-blueprints" : "machine-made graphs belong in .blueprint.json";
    return finish(
      undefined,
      { at: 0 },
      [{ at: 0, message: `Cannot read the file: it has more than ${limit} characters; ${more}` }],
      lines,
    );
  }
  const problems: LocatedProblem[] = [];
  try {
    return json ? readJson(text, problems, lines) : readYaml(text, problems, lines);
  } catch (error) {
    // The YAML library recurses over nested brackets; a stack that ends is a file that is nested too deep.
    const at = error instanceof SourceFault ? error.at : 0;
    const reason =
      error instanceof RangeError
        ? "it is nested too deep; make it flatter"
        : error instanceof Error
          ? error.message
          : String(error);
    return finish(undefined, { at: 0 }, [...problems, { at, message: `Cannot read the file: ${reason}` }], lines);
  }
}

function readJson(text: string, problems: LocatedProblem[], lines: (at: number) => Position): Source {
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const body = start === 0 ? text : ` ${text.slice(1)}`;
  const location = locateJson(body, problems);
  return finish(JSON.parse(body), location, problems, lines);
}

function readYaml(text: string, problems: LocatedProblem[], lines: (at: number) => Position): Source {
  const doc = parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    stringKeys: true,
    // Ours is linear; the library's compares every key with every other.
    uniqueKeys: false,
    prettyErrors: false,
    // "silent" would also keep silent about a second document. Nothing is printed either way.
    logLevel: "error",
    lineCounter: new LineCounter(),
  });
  problems.push(...yamlProblems([...doc.errors, ...doc.warnings], text));
  if (doc.contents === null && problems.length === 0)
    problems.push({ at: 0, message: "Cannot read the file: it is empty; begin with apiVersion: atomiton.dev/v1" });
  if (problems.length > 0) return finish(undefined, { at: 0 }, problems, lines);
  const { value, location } = readYamlTree(doc, problems);
  return finish(value, location, problems, lines);
}

function finish(
  value: unknown,
  root: Location,
  problems: readonly LocatedProblem[],
  lines: (at: number) => Position,
): Source {
  return {
    ...(value === undefined ? {} : { value }),
    problems: problems.map((problem) => ({ ...problem, ...lines(problem.at) })),
    isPlaced: true,
    locate(path, what = "value") {
      let here = root;
      let at = root.at;
      for (const step of path) {
        const pair = here.keys?.get(String(step));
        const next = pair?.value ?? (typeof step === "number" ? here.items?.[step] : undefined);
        if (!next) break;
        at = what === "key" && pair ? pair.at : next.at;
        here = next;
      }
      return lines(at);
    },
  };
}

/** Offset to line and column, both from 1. */
function lineIndex(text: string): (at: number) => Position {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (at) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 };
  };
}
