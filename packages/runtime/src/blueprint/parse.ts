/** From a file's text to a `Blueprint`, or to everything that is wrong with the text. Nothing is looked up: `check.ts` does that. */

import type { z } from "zod";

import { buildBlueprint } from "./build.ts";
import { draftOf, type Parsed } from "./draft.ts";
import { blueprintFile } from "./file-schema.ts";
import { pathText, ProblemList } from "./problem-list.ts";
import { type Path, readSource } from "./source.ts";
import { nearest, wayOut } from "./suggest.ts";

/**
 * Reads a Blueprint file. Never throws: whatever is wrong with its text and shape is in `problems`, all of it at once, in
 * the file's order. `blueprint` is there when no problem is an error, else `draft`, which `examine` judges too.
 * @param text the file; YAML 1.2, or JSON when `file` ends in `.json`.
 * @param file as the user named it; problems carry it. Default `<inline>`.
 * @example
 * const { blueprint, problems } = parseBlueprint(await readFile(path, "utf8"), path)
 * for (const p of problems) console.error(`${p.file}:${p.line}:${p.column} ${p.message}`)
 */
export function parseBlueprint(text: string, file = "<inline>"): Parsed {
  const source = readSource(text, file);
  const report = new ProblemList(source, file);
  for (const { line, column, message } of source.problems) report.add("SYNTAX", [], message, { line, column });
  if (source.value !== undefined) {
    const shape = blueprintFile.safeParse(source.value);
    if (!shape.success) for (const issue of shape.error.issues) shapeProblem(issue, source.value, report);
  }
  const blueprint =
    source.value !== undefined && !report.failed ? buildBlueprint(source.value, source, file, report) : undefined;
  const problems = report.list();
  if (blueprint && !report.failed) return { blueprint, problems };
  // A text that is broken is read by guesses: what follows from them helps nobody.
  const whole = source.value !== undefined && source.problems.length === 0;
  const draft = whole ? draftOf(source.value, source, file) : undefined;
  return draft ? { draft, problems } : { problems };
}

type Issue = z.core.$ZodIssue;

function shapeProblem(issue: Issue, root: unknown, report: ProblemList): void {
  const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(path);
    for (const key of issue.keys) {
      const at = report.locate([...path, key], "key");
      report.add(
        "UNKNOWN_KEY",
        [...path, key],
        `Cannot use the key "${key}" in ${place(path)}: it is not one of its keys; ${wayOut(key, known, "it has none")}`,
        at,
      );
    }
    return;
  }
  if (issue.code === "invalid_key") {
    const key = String(path.at(-1) ?? "");
    report.add(
      "SCHEMA",
      path,
      `Cannot use "${key}" as a name in ${place(path.slice(0, -1))}: ${issue.issues[0]?.message ?? "expected a name"}`,
      report.locate(path, "key"),
    );
    return;
  }
  const key = path.at(-1);
  const value = valueAt(root, path);
  if (value === undefined) {
    const what = `${issue.message}`.startsWith("expected") ? `; ${issue.message}` : "";
    report.add(
      "SCHEMA",
      path,
      `Cannot read ${place(path.slice(0, -1))}: "${key ?? "the file"}" is missing${what || example(String(key ?? ""))}`,
      report.locate(path.slice(0, -1), "key"),
    );
    return;
  }
  report.add(
    "SCHEMA",
    path,
    `Cannot use ${shown(value)} as ${place(path)}: ${hint(path, value) ?? wireHint(root, path, value) ?? expectation(issue)}`,
  );
}

const place = (path: Path): string => (path.length === 0 ? "the file" : pathText(path));

const example = (key: string): string =>
  key === "apiVersion" ? "; write apiVersion: atomiton.dev/v1" : key === "kind" ? "; write kind: Blueprint" : "";

/** What helps more than the shape's own words. */
function hint(path: Path, value: unknown): string | undefined {
  if (path.length === 1 && path[0] === "version" && typeof value === "number")
    return "unquoted, YAML reads it as a number and 1.10 becomes 1.1; put the version in quotes";
  if (path.at(-1) === "timeout" && typeof value === "number")
    return `a duration needs its unit; write ${value}s or ${value}ms`;
  if (path.at(-1) === "uses" && typeof value === "string" && /^[a-z][a-z0-9-]*\/[A-Za-z][A-Za-z0-9.-]*$/.test(value))
    return `it lacks the major version; write ${value}@1`;
  if (path.at(-1) === "when" && typeof value === "string")
    return `expected one expression; write "\${ ${value.replace(/^\$\{|\}$/g, "").trim() || "in.ok"} }"`;
  return undefined;
}

/** What a wire most likely meant that is no reference: `$itme`, or a node without its port. */
function wireHint(root: unknown, path: Path, value: unknown): string | undefined {
  const at = path.lastIndexOf("in");
  if (at < 2 || typeof value !== "string" || !/^\$?[A-Za-z][\w-]*$/.test(value)) return undefined;
  if (value.startsWith("$")) {
    const near = nearest(value, ["$item", "$index", "$key", "$inputs"]);
    return near && `did you mean "${near === "$inputs" ? "$inputs.name" : near}"?`;
  }
  const nodes = valueAt(root, path.slice(0, at - 1));
  const near = nearest(value, Object.keys(nodes ?? {}));
  return near && `a wire names a node and its port; did you mean "${near}.port"?`;
}

/** The shape's own words, or zod's in ours. */
function expectation(issue: Issue): string {
  if (issue.code === "invalid_value")
    return `expected ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
  if (issue.code === "too_small")
    return issue.message.startsWith("expected")
      ? issue.message
      : `expected ${issue.origin === "string" ? "a text that is not empty" : issue.origin === "array" ? "a list that is not empty" : `at least ${issue.minimum}`}`;
  if (issue.code === "too_big")
    return `expected at most ${issue.maximum}${issue.origin === "string" ? " characters" : ""}`;
  if (issue.message.startsWith("expected")) return issue.message;
  return issue.code === "invalid_type" ? `expected ${issue.expected}` : issue.message.replace(/^Invalid input: /, "");
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a map";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}

function valueAt(root: unknown, path: Path): unknown {
  let here = root;
  for (const step of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<string | number, unknown>)[step];
  }
  return here;
}

/** The keys that the shape knows at a path. */
function keysAt(path: Path): string[] {
  let here: unknown = blueprintFile;
  for (const step of path) here = inside(here, String(step));
  const shape = inner(here)?.shape;
  return shape ? Object.keys(shape) : [];
}

interface ShapeDef {
  shape?: Record<string, unknown>;
  innerType?: unknown;
  valueType?: unknown;
  getter?: () => unknown;
  element?: unknown;
}

function inner(schema: unknown): ShapeDef | undefined {
  let def = (schema as { _zod?: { def: ShapeDef } } | undefined)?._zod?.def;
  while (def && (def.innerType ?? def.getter)) {
    def = ((def.innerType ?? def.getter?.()) as { _zod?: { def: ShapeDef } } | undefined)?._zod?.def;
  }
  return def;
}

function inside(schema: unknown, step: string): unknown {
  const def = inner(schema);
  return def?.shape ? def.shape[step] : (def?.valueType ?? def?.element);
}
