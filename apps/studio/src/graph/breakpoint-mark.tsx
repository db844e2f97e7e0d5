/** At a card's corner: its breakpoints, or the place to set one; and whether the node stands at a stop. */
import { useMemo, type ReactNode } from "react";

import { ofNode, placeWords } from "../model/breakpoints.ts";
import { placeOf, stopsOf, type StopPlace } from "../model/stops.ts";
import { useStudio, useStudioState } from "../use-studio.ts";

export function BreakpointMark({ path, name }: { path: string; name: string }): ReactNode {
  const studio = useStudio();
  const mayDebug = useStudioState((state) => state.rights.debug);
  const all = useStudioState((state) => state.breakpoints);
  const list = useMemo(() => ofNode(all, path), [all, path]);
  if (!mayDebug) return null;
  const [only] = list;
  const isPlain = only === undefined || (list.length === 1 && only.at === "before" && only.path === path);
  const isOn = list.some(({ enabled, verified }) => enabled && verified !== false);
  const isRefused = list.some(({ verified }) => verified === false);
  const label =
    only === undefined
      ? `Stop before ${name}`
      : `Breakpoints of ${name}: ${list.map(({ at, enabled, verified }) => `${placeWords[at]}${enabled ? "" : ", off"}${verified === false ? ", does not stand" : ""}`).join("; ")}`;
  return (
    <button
      type="button"
      aria-label={label}
      aria-pressed={only !== undefined}
      title={label}
      data-breakpoint={only === undefined ? "none" : isRefused ? "refused" : isOn ? "on" : "off"}
      onClick={(event) => {
        event.stopPropagation();
        if (isPlain) studio.steering.toggle(path, "before");
        else studio.select(path);
      }}
      className={`nopan absolute -top-2 -left-2 z-20 flex size-5 items-center justify-center rounded-full transition-opacity focus-visible:opacity-100 ${only === undefined ? "opacity-0 group-hover:opacity-60 hover:opacity-100 pointer-coarse:hidden" : ""}`}
    >
      <span
        className={`flex size-3.5 items-center justify-center rounded-full border-2 border-bad text-2xs leading-none font-bold ${isOn ? "bg-bad text-surface" : "bg-surface text-bad"}`}
      >
        {isRefused ? "!" : list.length > 1 ? list.length : ""}
      </span>
    </button>
  );
}

const words: Readonly<Record<StopPlace, string>> = {
  before: "stopped before",
  after: "stopped after",
  error: "stopped: error",
  edge: "stopped: input",
};

export function StopMark({ path }: { path: string }): ReactNode {
  const stops = useStudioState((state) => state.execution?.stops);
  const here = useMemo(() => (stops === undefined || stops.size === 0 ? [] : stopsOf(stops, path)), [stops, path]);
  const last = here.at(-1);
  if (last === undefined) return null;
  return (
    <span
      data-stop={placeOf(last)}
      className="pointer-events-none absolute -top-2.5 right-1 z-20 rounded-full border border-warn bg-warn-soft px-1.5 text-2xs font-semibold text-warn"
    >
      {words[placeOf(last)]}
      {here.length > 1 && `, ${here.length} times`}
    </span>
  );
}
