/** Breakpoints as this page keeps them: at most one at each place of a node. The host takes them as a whole list. */
import type { Breakpoint } from "@atomiton/runtime/contract";

import { nodePathOf } from "./path.ts";

export type BreakpointPlace = Breakpoint["at"];

/** With what the host has said of it; undefined where the run in view has not been told of it. */
export interface KnownBreakpoint extends Breakpoint {
  readonly verified?: boolean | undefined;
  readonly message?: string | undefined;
}

/** More than a person sets by hand; every instance asks each of them. */
export const BREAKPOINT_LIMIT = 200;

/** A new one, not in the list yet. Its id tells its place, and its number is free in the list. */
export function newBreakpoint(path: string, at: BreakpointPlace, list: readonly Breakpoint[]): Breakpoint {
  const last = Math.max(0, ...list.map(({ id }) => Number(/\d+$/.exec(id)?.[0] ?? 0)));
  return { id: `${at}-${last + 1}`, at, path, suspend: "all", enabled: true };
}

export const find = (
  list: readonly KnownBreakpoint[],
  path: string,
  at: BreakpointPlace,
): KnownBreakpoint | undefined => list.find((known) => known.path === path && known.at === at);

/** Those of a node, also where they name one of its items. */
export const ofNode = (list: readonly KnownBreakpoint[], node: string): readonly KnownBreakpoint[] =>
  list.filter(({ path }) => nodePathOf(path) === node);

/** Put in the place of the one with its id, else added. */
export function withBreakpoint(list: readonly KnownBreakpoint[], one: Breakpoint): readonly KnownBreakpoint[] {
  return list.some(({ id }) => id === one.id)
    ? list.map((known) => (known.id === one.id ? one : known))
    : [...list, one].slice(-BREAKPOINT_LIMIT);
}

/** As the host takes them: without what it said. */
export const plain = (list: readonly KnownBreakpoint[]): Breakpoint[] =>
  list.map(({ verified: _verified, message: _message, ...breakpoint }) => breakpoint);

/** What the host said of each; of those that it was not asked about, nothing. */
export function withVerdicts(
  list: readonly KnownBreakpoint[],
  verdicts: readonly KnownBreakpoint[],
): readonly KnownBreakpoint[] {
  const byId = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
  return plain(list).map((one) => {
    const { verified, message } = byId.get(one.id) ?? {};
    return { ...one, verified, message };
  });
}

/** What is wrong with a hit count, as the host reads it. */
export function hitProblem(hit: string | undefined): string | undefined {
  if (hit === undefined || /^\s*(>=|<=|==|=|>|<|%)?\s*0*[1-9]\d{0,8}\s*$/.test(hit)) return undefined;
  return "A number from 1: 5, >=10 or %100";
}

export const placeWords: Readonly<Record<BreakpointPlace, string>> = {
  before: "before it runs",
  after: "after it ran",
  error: "on an error",
  edge: "when a value comes in",
};

/** In a line: what narrows it down. */
export function detailOf({ when, hit, log, suspend, port }: Breakpoint): string {
  const parts = [
    port === undefined ? "" : `at ${port}`,
    when === undefined ? "" : `if ${when}`,
    hit === undefined ? "" : `hit ${hit}`,
    log === undefined ? "" : "log only",
    suspend === "scope" && log === undefined ? "stops this instance alone" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** Read back from where they were kept; what is none is left out. */
export function readKept(text: string | undefined): readonly Breakpoint[] {
  try {
    const kept: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(kept) ? kept.filter(isBreakpoint).slice(0, BREAKPOINT_LIMIT) : [];
  } catch {
    return [];
  }
}

function isBreakpoint(value: unknown): value is Breakpoint {
  if (typeof value !== "object" || value === null) return false;
  const { id, at, path, suspend, enabled } = value as Record<string, unknown>;
  return (
    typeof id === "string" &&
    typeof at === "string" &&
    at in placeWords &&
    typeof path === "string" &&
    (suspend === "all" || suspend === "scope") &&
    typeof enabled === "boolean"
  );
}
