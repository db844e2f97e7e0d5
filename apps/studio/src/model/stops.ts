/** Instances that stand still until somebody lets them go, with the values that are seen there. */
import type { StopInfo, Val } from "@atomiton/runtime/contract";

import { nodePathOf } from "./path.ts";

export interface Stop extends StopInfo {
  /** `in.rows`, `config`, `out.file`, `error`; undefined while they have not been told. */
  readonly values?: Readonly<Record<string, Val>> | undefined;
}

/** By their id, the oldest first. */
export type Stops = ReadonlyMap<string, Stop>;

export const noStops: Stops = new Map();

/** Those that the host names are all there are; what is known of their values stays. */
export function withStops(before: Stops, named: readonly StopInfo[]): Stops {
  return new Map(named.map((info) => [info.stopId, { ...info, values: before.get(info.stopId)?.values }]));
}

export function withStop(before: Stops, info: StopInfo): Stops {
  return new Map(before).set(info.stopId, { ...info, values: before.get(info.stopId)?.values });
}

/** A stop that is over keeps nothing. */
export function withValues(before: Stops, stopId: string, values: Readonly<Record<string, Val>>): Stops {
  const stop = before.get(stopId);
  return stop === undefined ? before : new Map(before).set(stopId, { ...stop, values });
}

export type StopPlace = "before" | "after" | "error" | "edge";

/** Where it stands, told by its breakpoint's id where this page made it, else by what is seen there. */
export function placeOf({ breakpointIds, attempt, values = {} }: Stop): StopPlace {
  for (const id of breakpointIds) {
    const made = /^(before|after|error|edge)-\d+$/.exec(id)?.[1];
    if (made !== undefined) return made as StopPlace;
  }
  if ("error" in values) return "error";
  if (Object.keys(values).some((name) => name.startsWith("out."))) return "after";
  return attempt === 0 ? "edge" : "before";
}

export interface StopPort {
  readonly port: string;
  readonly val: Val;
}

/** The values of `in` or `out`, by port. */
export function portsAt({ values = {} }: Stop, side: "in" | "out"): readonly StopPort[] {
  return Object.entries(values).flatMap(([name, val]) =>
    name.startsWith(`${side}.`) ? [{ port: name.slice(side.length + 1), val }] : [],
  );
}

/** Which side of a stop can be edited: nothing at an edge, whose value others read too. */
export function editableAt(stop: Stop): "in" | "out" | undefined {
  const place = placeOf(stop);
  return place === "before" ? "in" : place === "edge" ? undefined : "out";
}

/** The one that a person looks at, else the last that came. */
export function stopInView(
  stops: Stops | undefined,
  selected: string | undefined,
  instance: string | undefined,
): Stop | undefined {
  const all = stops === undefined ? [] : [...stops.values()];
  return (
    all.findLast(({ path }) => path === instance) ??
    all.findLast(({ path }) => nodePathOf(path) === selected) ??
    all.at(-1)
  );
}

export const stopsOf = (stops: Stops, node: string): readonly Stop[] =>
  [...stops.values()].filter(({ path }) => nodePathOf(path) === node);

export const placeTexts: Readonly<Record<StopPlace, string>> = {
  before: "Stopped before it runs",
  after: "Stopped after it ran",
  error: "Stopped at its error",
  edge: "Stopped where a value comes in",
};
