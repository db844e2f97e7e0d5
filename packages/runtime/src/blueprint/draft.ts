/**
 * What can be judged of a file whose shape is wrong in places: the file without these places. So that a mistake in one
 * node does not hide what is wrong with the others.
 *
 * 1. A wrong value is left out with its key; where the rest still has the wrong shape, so is what holds it.
 * 2. What hangs on something left out is not reported: the draft cannot know it.
 */

import type { z } from "zod";

import { buildBlueprint } from "./build.ts";
import type { NodeCatalog } from "./catalog.ts";
import { checkBlueprint, type CheckOptions } from "./check.ts";
import { blueprintFile } from "./file-schema.ts";
import type { Blueprint, Problem } from "./model.ts";
import { pathText, ProblemList } from "./problem-list.ts";
import type { Path, Source } from "./source.ts";

export interface Draft {
  readonly blueprint: Blueprint;
  /** Places that were left out, as problems name them: `nodes.read.with.header`. */
  readonly without: readonly string[];
}

/** Each round leaves out at least one place more; a file that is wrong everywhere is not worth more. */
const MAX_ROUNDS = 8;

/** The rest of a file of the wrong shape; undefined where nothing is left to judge. `value` is not changed. */
export function draftOf(value: unknown, source: Source, file: string): Draft | undefined {
  const rest = structuredClone(value);
  const without = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const shape = blueprintFile.safeParse(rest);
    if (shape.success) {
      const blueprint = buildBlueprint(rest, source, file, new ProblemList(source, file));
      return { blueprint, without: [...without] };
    }
    for (const issue of shape.error.issues)
      for (const path of wrongPlaces(issue)) if (!leaveOut(rest, path, without)) return undefined;
  }
  return undefined;
}

function wrongPlaces(issue: z.core.$ZodIssue): Path[] {
  const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
}

/** Deletes the entry at `path`, or the nearest one above that exists. False when that is the file itself. */
function leaveOut(root: unknown, path: Path, without: Set<string>): boolean {
  for (let length = path.length; length > 0; length--) {
    const holder = at(root, path.slice(0, length - 1));
    const key = path[length - 1]!;
    if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, key)) continue;
    // A list with a hole would move its other items: the whole list goes.
    if (Array.isArray(holder)) continue;
    delete (holder as Record<string, unknown>)[String(key)];
    without.add(pathText(path.slice(0, length)));
    return true;
  }
  return false;
}

function at(root: unknown, path: Path): unknown {
  let here = root;
  for (const step of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<string | number, unknown>)[step];
  }
  return here;
}

/** What `parseBlueprint` gives. */
export interface Parsed {
  readonly blueprint?: Blueprint;
  readonly draft?: Draft;
  readonly problems: Problem[];
}

/**
 * Everything that is wrong with a parsed file, of its shape and of its graph, in the file's order; the problems of
 * sub-blueprints stand behind.
 * @example
 * const problems = examine(parseBlueprint(text, file), createCatalog(coreNodes))
 */
export function examine(parsed: Parsed, catalog: NodeCatalog, options: CheckOptions = {}): Problem[] {
  const { blueprint, draft, problems } = parsed;
  if (blueprint) return [...problems, ...checkBlueprint(blueprint, catalog, options)];
  if (!draft) return problems;
  const known = new Set(problems.map((problem) => `${problem.file}:${problem.line}:${problem.column}`));
  const more = checkBlueprint(draft.blueprint, catalog, options).filter(
    (problem) => !known.has(`${problem.file}:${problem.line}:${problem.column}`) && !hangsOn(problem, draft),
  );
  const own = (problem: Problem): boolean => problem.file === draft.blueprint.file;
  const all = [...problems, ...more.filter(own)].sort((a, b) => a.line - b.line || a.column - b.column);
  return [...all, ...more.filter((problem) => !own(problem))];
}

/** Whether a problem may only be there because something was left out. */
function hangsOn(problem: Problem, { blueprint, without }: Draft): boolean {
  if (problem.file !== blueprint.file) return false;
  if (problem.code === "UNUSED_NODE") return true;
  return without.some((place) => {
    if (problem.where === place || problem.where.startsWith(`${place}.`) || place.startsWith(`${problem.where}.`))
      return true;
    // Another part of the same node or section, and whatever names the thing by its last name.
    const owner = place.slice(0, place.lastIndexOf("."));
    const name = place.slice(place.lastIndexOf(".") + 1);
    const sameNode =
      owner.startsWith("nodes.") && problem.where.startsWith(`${owner}.`) && problem.code === "MISSING_INPUT";
    return sameNode || problem.message.includes(`"${name}"`) || problem.message.includes(`"${name}.`);
  });
}
