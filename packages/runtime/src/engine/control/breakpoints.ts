/**
 * The breakpoints of one execution: which of them an instance meets. Rules:
 * 1. A condition has 50 ms; one that throws stops, and says so. Hit counts count matches of the condition.
 * 2. Leaving a breakpoint consumes it for that instance and attempt.
 * 3. A breakpoint with `log` says its line and never stops.
 */
import { compileExpression, type Expression, type Scope as Seen } from "../../blueprint/expression.ts";
import { compileTemplate, type Template as Text } from "../../blueprint/template.ts";
import type { Breakpoint } from "../../contract.ts";
import { countOf, type PastSteering } from "../../journal/past-steering.ts";
import type { Stopped } from "../../journal/records.ts";
import type { Scope } from "../run/scope.ts";

const CONDITION_MS = 50;
/** Item keys in a path: a breakpoint without them is met by every item. */
const KEYS = /\[[^\]]*\]/g;

/** What conditions, log lines and `eval` see at an instance. */
export interface StopValues {
  in: Record<string, unknown>;
  config: unknown;
  out?: Record<string, unknown>;
  error?: unknown;
  readonly item?: unknown;
  readonly index?: number;
  readonly attempt: number;
}

/** Where an instance stands when breakpoints are asked. */
export interface Place {
  readonly at: Breakpoint["at"];
  readonly scope: Scope;
  readonly node: number;
  readonly path: string;
  readonly attempt: number;
  /** Of an edge: the port that its value is about to enter. */
  readonly port?: string;
  /** Of an error: nobody handles it, and it is not tried again. */
  readonly isUncaught?: boolean;
  readonly values: () => StopValues;
}

export interface Hit {
  readonly breakpointIds: readonly string[];
  readonly suspend: "all" | "scope";
  readonly conditionError: string | undefined;
  /** The stop at which another host had left it: it stands there again. */
  readonly again?: Stopped;
}

export const hitAgain = (again: Stopped): Hit => ({
  breakpointIds: again.ids,
  suspend: again.isAll ? "all" : "scope",
  conditionError: again.conditionError,
  again,
});

interface Known {
  readonly breakpoint: Breakpoint;
  readonly when: Expression | undefined;
  readonly log: Text | undefined;
  readonly counts: (count: number) => boolean;
  /** Matches of its condition so far. */
  count: number;
}

/** What hosts before have recorded of how it was steered, and who records what is counted from here on. */
export interface SteeringMemory {
  readonly past: PastSteering | undefined;
  readonly counted: ((path: string, attempt: number, of: string, n: number) => void) | undefined;
}

export class Breakpoints {
  #known: Known[] = [];
  /** What was left: goes with its scope. */
  readonly #consumed = new WeakMap<Scope, Set<string>>();
  readonly #log: (breakpoint: Breakpoint, path: string, message: string) => void;

  readonly #memory: SteeringMemory;

  constructor(memory: SteeringMemory, log: (breakpoint: Breakpoint, path: string, message: string) => void) {
    this.#memory = memory;
    this.#log = log;
    this.set(memory.past?.breakpoints ?? []);
    for (const known of this.#known) known.count = memory.past?.counts.get(countOf(known.breakpoint)) ?? 0;
  }

  get isEmpty(): boolean {
    return this.#known.length === 0;
  }

  /** Replaces them all; those that stay as they are keep their counts. Returns why each that is refused is. */
  set(breakpoints: readonly Breakpoint[]): Map<Breakpoint, string> {
    const refused = new Map<Breakpoint, string>();
    const before = new Map(this.#known.map((known) => [JSON.stringify(known.breakpoint), known]));
    this.#known = [];
    for (const breakpoint of breakpoints) {
      try {
        this.#known.push(before.get(JSON.stringify(breakpoint)) ?? compile(breakpoint));
      } catch (error) {
        refused.set(breakpoint, (error as Error).message);
      }
    }
    return refused;
  }

  /** Undefined at once where none stands here: the usual case costs a walk through the list. */
  meet(place: Place): Promise<Hit | undefined> | undefined {
    const here = this.#known.filter((known) => stands(known.breakpoint, place) && !this.#isConsumed(known, place));
    return here.length === 0 ? undefined : this.#ask(here, place);
  }

  async #ask(here: readonly Known[], place: Place): Promise<Hit | undefined> {
    const ids: string[] = [];
    let suspend: Hit["suspend"] = "scope";
    let conditionError: string | undefined;
    const values = place.values();
    for (const known of here) {
      const { breakpoint, when, log } = known;
      let failure: string | undefined;
      try {
        if (when && !(await when.evaluate(values as Seen, { budgetMs: CONDITION_MS }))) continue;
      } catch (error) {
        failure = (error as Error).message;
      }
      if (failure === undefined && !this.#counts(known, place)) continue;
      if (log && failure === undefined) {
        this.#log(breakpoint, place.path, await lineOf(log, values));
        continue;
      }
      this.#consume(known, place);
      ids.push(breakpoint.id);
      conditionError ??= failure;
      if (breakpoint.suspend === "all") suspend = "all";
    }
    return ids.length === 0 ? undefined : { breakpointIds: ids, suspend, conditionError };
  }

  /** One that another host has counted, and that did not stop there, is not asked again. */
  #counts(known: Known, { path, attempt }: Place): boolean {
    const { past, counted } = this.#memory;
    const of = countOf(known.breakpoint);
    if (known.breakpoint.hit === undefined) return true;
    if (past?.hasCounted(path, attempt, of)) return false;
    known.count++;
    counted?.(path, attempt, of, known.count);
    return known.counts(known.count);
  }

  #isConsumed({ breakpoint }: Known, place: Place): boolean {
    if (this.#memory.past?.hasMet(place.path, place.attempt, breakpoint.id)) return true;
    return this.#consumed.get(place.scope)?.has(keyOf(breakpoint, place)) ?? false;
  }

  #consume({ breakpoint }: Known, place: Place): void {
    const known = this.#consumed.get(place.scope);
    if (known) known.add(keyOf(breakpoint, place));
    else this.#consumed.set(place.scope, new Set([keyOf(breakpoint, place)]));
  }
}

const keyOf = ({ id }: Breakpoint, { node, attempt }: Place): string => `${node} ${attempt} ${id}`;

/** `path`: of one instance, of a node in every item, or `*`. */
export function isAt(breakpointPath: string, path: string): boolean {
  return breakpointPath === "*" || breakpointPath === path || breakpointPath === path.replace(KEYS, "");
}

function stands(breakpoint: Breakpoint, place: Place): boolean {
  if (!breakpoint.enabled || breakpoint.at !== place.at || !isAt(breakpoint.path, place.path)) return false;
  if (place.at === "edge" && breakpoint.port !== undefined && breakpoint.port !== place.port) return false;
  return place.at !== "error" || breakpoint.errors !== "uncaught" || place.isUncaught === true;
}

function compile(breakpoint: Breakpoint): Known {
  return {
    breakpoint,
    when: breakpoint.when === undefined ? undefined : compileExpression(breakpoint.when),
    log: breakpoint.log === undefined ? undefined : compileTemplate(breakpoint.log),
    counts: countsOf(breakpoint.hit),
    count: 0,
  };
}

/** `"5"`: the fifth match; `">=10"`, `"<3"`; `"%100"`: every hundredth. */
function countsOf(hit: string | undefined): (count: number) => boolean {
  if (hit === undefined) return () => true;
  const found = /^\s*(>=|<=|==|=|>|<|%)?\s*(\d{1,9})\s*$/.exec(hit);
  const at = Number(found?.[2]);
  if (!found || at === 0) {
    throw new RangeError(`Cannot read the hit count "${hit}": write a number from 1, as "5", ">=10" or "%100"`);
  }
  switch (found[1]) {
    case ">=":
      return (count) => count >= at;
    case "<=":
      return (count) => count <= at;
    case ">":
      return (count) => count > at;
    case "<":
      return (count) => count < at;
    case "%":
      return (count) => count % at === 0;
    case undefined:
    default:
      return (count) => count === at;
  }
}

async function lineOf(text: Text, values: StopValues): Promise<string> {
  try {
    const line = await text.evaluate(values as Seen, { budgetMs: CONDITION_MS });
    return typeof line === "string" ? line : (JSON.stringify(line) ?? "");
  } catch (error) {
    return (error as Error).message;
  }
}
