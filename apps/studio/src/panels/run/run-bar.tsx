/** Above the graph: how far the execution is, for how long it has run, how it ended. */
import type { ReactNode } from "react";

import { isTerminal, stepsOf } from "../../model/execution.ts";
import { integer } from "../../model/format.ts";
import { nodePathOf } from "../../model/path.ts";
import { Elapsed } from "../../ui/elapsed.tsx";
import { Icon } from "../../ui/icons.tsx";
import { StateBadge } from "../../ui/state-mark.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";
import { StopLine, WaitLines } from "./stand-lines.tsx";
import { PausingFor, SteerBar } from "./steer-bar.tsx";

/** A message that only counts says what stands beside it anyway. */
const COUNTS = /^[\d,]+ of [\d,]+/;

/** `onDetails`: where the details do not stand beside the graph. */
export function RunBar({ onDetails }: { onDetails: (() => void) | undefined }): ReactNode {
  const execution = useStudioState((state) => state.execution);
  const isAttaching = useStudioState((state) => state.isAttaching);
  const hasLeft = useStudioState((state) => state.leftAt !== undefined);
  const studio = useStudio();
  if (execution === undefined) return null;
  const { progress, state, error } = execution;
  const isOver = isTerminal(state);
  /** Else the state itself says who is still at work. */
  const isOn = state !== "pausing" && state !== "paused";
  const isUnknown = isAttaching && execution.seq < 0;
  const isCutOff = hasLeft && !isOver;
  const steps = stepsOf(execution);
  const percent = state === "completed" ? 100 : (progress?.percent ?? null);
  const tone =
    state === "failed" ? "bg-bad" : state === "cancelled" ? "bg-warn" : state === "completed" ? "bg-ok" : "bg-accent";
  return (
    <section aria-label="Execution" className="border-b border-line bg-surface">
      <div className="flex min-h-10 flex-wrap items-center gap-x-4 gap-y-1 px-4 py-1.5 text-xs text-muted tabular-nums">
        <SteerBar />
        <span role="status">{isUnknown ? "Reading what has happened…" : <StateBadge state={state} />}</span>
        <PausingFor />
        {isCutOff && <span className="font-medium text-warn">unknown since the host left</span>}
        {progress !== undefined && steps !== undefined && (
          <span>
            {integer(steps.done)} of {integer(steps.total)}
            {progress.totalFinal || isOver ? "" : " or more"} steps{isOver ? " done" : ""}
          </span>
        )}
        {progress !== undefined && progress.running > 0 && !isOver && !isCutOff && isOn && (
          <span>{integer(progress.running)} at work</span>
        )}
        {progress !== undefined && progress.failed > 0 && (
          <span className="font-medium text-bad">{integer(progress.failed)} failed</span>
        )}
        {execution.startedAt !== undefined && (
          <span className="flex items-center gap-1">
            <Icon name="clock" size={13} />
            <span className="sr-only">Elapsed</span>
            <Elapsed from={execution.startedAt} to={execution.endedAt} />
          </span>
        )}
        {!isOver && !isCutOff && progress?.message !== undefined && !COUNTS.test(progress.message) && (
          <span className="min-w-0 truncate max-sm:hidden">{progress.message}</span>
        )}
        <span className="ml-auto flex items-center gap-3">
          {state === "completed" && onDetails !== undefined && (
            <button type="button" className="font-medium text-accent hover:underline" onClick={onDetails}>
              Show the result
            </button>
          )}
          {percent !== null && <span className="font-semibold text-text">{Math.floor(percent)}%</span>}
        </span>
      </div>
      <StopLine />
      <WaitLines />
      {error !== undefined && (
        <button
          type="button"
          className={`line-clamp-2 w-full px-4 pb-2 text-left text-xs font-medium break-words hover:underline ${state === "cancelled" ? "text-warn" : "text-bad"}`}
          title={error.message}
          onClick={() => studio.select(error.path === undefined ? undefined : nodePathOf(error.path), error.path)}
        >
          {error.message}
        </button>
      )}
      <ProgressLine percent={percent} isOver={isOver || isCutOff} tone={tone} />
    </section>
  );
}

/** Filled as far as the host says; where it knows nothing yet, the line says that it does not know. */
function ProgressLine({ percent, isOver, tone }: { percent: number | null; isOver: boolean; tone: string }): ReactNode {
  const known = percent === null ? {} : { "aria-valuenow": Math.floor(percent) };
  return (
    <div
      role="progressbar"
      aria-label="Progress"
      aria-valuemin={0}
      aria-valuemax={100}
      {...known}
      className="h-1 overflow-hidden bg-hover"
    >
      {percent !== null ? (
        <div className={`h-full transition-[width] duration-150 ease-out ${tone}`} style={{ width: `${percent}%` }} />
      ) : (
        !isOver && (
          <div className="h-full w-2/5 animate-sweep rounded-full bg-accent motion-reduce:w-full motion-reduce:opacity-30" />
        )
      )}
    </div>
  );
}
