/**
 * A Blueprint given as data. Sound data needs no positions, so none are looked for: whoever gets `undefined` writes the
 * data out and reads that text, which finds what is wrong and where.
 */

import { buildBlueprint } from "./build.ts";
import { blueprintFile } from "./file-schema.ts";
import { MAX_DEPTH } from "./json-locations.ts";
import type { Blueprint } from "./model.ts";
import { ProblemList } from "./problem-list.ts";
import { MAX_JSON_CHARACTERS, type Source } from "./source.ts";

const START = { line: 1, column: 1 };

/** The Blueprint in a JSON text that nobody wrote by hand; undefined when anything is wrong with its text or shape. */
export function blueprintOfData(text: string, file: string): Blueprint | undefined {
  if (text.length > MAX_JSON_CHARACTERS || text.includes('"__proto__"')) return undefined;
  const value: unknown = JSON.parse(text);
  if (isDeeper(value, MAX_DEPTH) || !blueprintFile.safeParse(value).success) return undefined;
  const source: Source = { value, problems: [], isPlaced: false, locate: () => START };
  const report = new ProblemList(source, file);
  const blueprint = buildBlueprint(value, source, file, report);
  return report.failed ? undefined : blueprint;
}

/** Recursion ends at the limit. */
function isDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (limit === 0) return true;
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], limit - 1)) return true;
  return false;
}
