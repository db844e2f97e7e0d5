/** Below the graph of a recorded run: plays it, and moves it back and forth in time. */
import type { CSSProperties, ReactNode } from "react";

import { duration, integer } from "../../model/format.ts";
import { nodePathOf } from "../../model/path.ts";
import type { PlayerView } from "../../recording/player.ts";
import { IconButton } from "../../ui/button.tsx";
import { Icon } from "../../ui/icons.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 50] as const;
/** Records that Page Up and Page Down pass over, as a part of all. */
const PAGE_PART = 20;

export function TimeLine(): ReactNode {
  const view = useStudioState((state) => state.recording);
  const { player } = useStudio();
  if (view === undefined || player === undefined) return null;
  const { first, last, position, isPlaying, speed } = view;
  return (
    <section aria-label="Time line" className="border-t border-line bg-surface px-2 pt-1.5 pb-1.5">
      <div className="flex items-center gap-1">
        <IconButton
          icon="toStart"
          name="To the beginning"
          disabled={position < first}
          onClick={() => player.seek(first - 1)}
        />
        <IconButton
          icon="stepBack"
          name="One record back"
          disabled={position < first}
          onClick={() => player.step(-1)}
        />
        <button
          type="button"
          aria-label={isPlaying ? "Pause" : "Play"}
          title={isPlaying ? "Pause" : position >= last ? "Play from the beginning" : "Play"}
          onClick={() => (isPlaying ? player.pause() : player.play())}
          className="inline-flex size-9 shrink-0 items-center justify-center rounded-full bg-accent-solid text-white shadow-card transition-colors hover:bg-accent-solid-hover"
        >
          <Icon name={isPlaying ? "pause" : "play"} />
        </button>
        <IconButton icon="stepOn" name="One record on" disabled={position >= last} onClick={() => player.step(1)} />
        <Slider view={view} onMove={(to) => player.seek(to)} />
        <label>
          <span className="sr-only">Speed</span>
          <select
            value={speed}
            onChange={(event) => player.setSpeed(Number(event.target.value))}
            className="h-8 rounded-lg border border-line bg-sunken px-1 text-xs font-medium text-muted tabular-nums"
          >
            {SPEEDS.map((value) => (
              <option key={value} value={value}>
                {value}×
              </option>
            ))}
          </select>
        </label>
      </div>
      <Place view={view} />
    </section>
  );
}

function Slider({ view, onMove }: { view: PlayerView; onMove: (to: number) => void }): ReactNode {
  const { first, last, position } = view;
  const share = last < first ? 0 : (position - first + 1) / (last - first + 1);
  const page = Math.max(1, Math.round((last - first) / PAGE_PART));
  return (
    <input
      type="range"
      aria-label="Place in the recording"
      aria-valuetext={`Record ${position} of ${last}, ${duration(view.now - view.from)} of ${duration(view.to - view.from)}`}
      min={first - 1}
      max={last}
      step={1}
      value={position}
      onChange={(event) => onMove(Number(event.target.value))}
      onKeyDown={(event) => {
        const by = event.key === "PageUp" ? page : event.key === "PageDown" ? -page : 0;
        if (by === 0) return;
        event.preventDefault();
        onMove(position + by);
      }}
      className="time-slider mx-1.5 min-w-0 flex-1"
      style={{ "--share": `${share * 100}%` } as CSSProperties}
    />
  );
}

/** What the shown record is, and when it was. */
function Place({ view }: { view: PlayerView }): ReactNode {
  const studio = useStudio();
  const { position, last, record, missing } = view;
  const path = record?.path;
  return (
    <div className="flex flex-wrap items-center gap-x-3 px-1.5 text-xs text-muted tabular-nums">
      <span>
        <span className="font-semibold text-text">{duration(view.now - view.from)}</span> of{" "}
        {duration(view.to - view.from)}
      </span>
      <span>
        Record {integer(position)} of {integer(last)}
      </span>
      {record !== undefined && (
        <span className="flex min-w-0 items-center gap-1.5 max-sm:hidden">
          <code className="font-mono text-2xs text-faint">{record.name}</code>
          {path !== undefined && (
            <button
              type="button"
              className="truncate font-medium text-accent hover:underline"
              onClick={() => studio.select(nodePathOf(path), path)}
            >
              {path}
            </button>
          )}
        </span>
      )}
      {missing !== undefined && (
        <span role="note" className="ml-auto flex items-center gap-1.5 font-medium text-warn">
          <Icon name="warning" size={13} />
          {missing}
        </span>
      )}
    </div>
  );
}
