/** Pause, go on, step: with the keys of browsers' debuggers. Not there for a page that may not steer. */
import { useEffect, useMemo, type ReactNode } from "react";

import { isTerminal, type Execution } from "../../model/execution.ts";
import { shortName } from "../../model/path.ts";
import { atWork, whyNot, type Action } from "../../model/steer.ts";
import { stopInView } from "../../model/stops.ts";
import { TextButton, ToolButton } from "../../ui/button.tsx";
import type { IconName } from "../../ui/icons.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

const steps: readonly { action: Action; icon: IconName; name: string; keys: string }[] = [
  { action: "over", icon: "stepOver", name: "Step over", keys: "F10" },
  { action: "into", icon: "stepInto", name: "Step into", keys: "F11" },
  { action: "out", icon: "stepOut", name: "Step out", keys: "⇧F11" },
];

export function useSteering(): {
  execution: Execution | undefined;
  why: (action: Action) => string | undefined;
  act: (action: Action, stopId?: string) => void;
} {
  const { steering } = useStudio();
  const execution = useStudioState((state) =>
    state.rights.control && state.execution !== undefined && !isTerminal(state.execution.state) && !state.isAttaching
      ? state.execution
      : undefined,
  );
  const isLive = useStudioState((state) => state.link.at === "live");
  const isSteering = useStudioState((state) => state.isSteering);
  return {
    execution,
    why: (action) =>
      execution === undefined ? "nothing runs" : isSteering ? "one moment" : whyNot(action, execution, isLive),
    act: (action, stopId) => void steering.act(action, stopId),
  };
}

export function SteerBar(): ReactNode {
  const { execution, why, act } = useSteering();
  const stop = useStudioState(({ execution: now, selected, instance }) => stopInView(now?.stops, selected, instance));
  const isHeld = execution?.state === "pausing" || execution?.state === "paused" || (execution?.stops.size ?? 0) > 0;
  const isOffered = execution !== undefined;
  useEffect(() => {
    if (!isOffered) return;
    const press = (event: KeyboardEvent): void => {
      const action = actionOf(event, isHeld);
      if (action === undefined || event.repeat) return;
      event.preventDefault();
      act(action, isStep(action) ? stop?.stopId : undefined);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  if (execution === undefined) return null;
  const toggle = isHeld ? "resume" : "pause";
  return (
    <div role="toolbar" aria-label="Steer the run" className="-ml-2 flex items-center">
      <ToolButton
        icon={isHeld ? "resume" : "pause"}
        name={isHeld ? "Resume" : "Pause"}
        keys="F8"
        whyNot={why(toggle)}
        onPress={() => act(toggle)}
      />
      {steps.map(({ action, icon, name, keys }) => (
        <ToolButton
          key={action}
          icon={icon}
          name={name}
          keys={keys}
          whyNot={why(action)}
          onPress={() => act(action, stop?.stopId)}
        />
      ))}
    </div>
  );
}

const isStep = (action: Action): boolean => action === "over" || action === "into" || action === "out";

function actionOf({ key, shiftKey, ctrlKey, altKey, metaKey }: KeyboardEvent, isHeld: boolean): Action | undefined {
  if (ctrlKey || altKey || metaKey) return undefined;
  switch (key) {
    case "F8":
      return shiftKey ? "pauseNow" : isHeld ? "resume" : "pause";
    case "F10":
      return "over";
    case "F11":
      return shiftKey ? "out" : "into";
    default:
      return undefined;
  }
}

/** Names shown of what a pause waits for. */
const NAMED = 3;

/** While it is pausing: what for, and the way not to wait for it. */
export function PausingFor(): ReactNode {
  const { execution, why, act } = useSteering();
  const isPausing = execution?.state === "pausing";
  const waitsFor = useMemo(() => (isPausing ? atWork(execution) : []), [execution, isPausing]);
  if (!isPausing || execution === undefined) return null;
  const more = waitsFor.length - NAMED;
  return (
    <span className="flex min-w-0 flex-wrap items-center gap-x-2">
      <span className="min-w-0">
        {waitsFor.length === 0
          ? "nothing more starts"
          : `waits for ${waitsFor.slice(0, NAMED).map(shortName).join(", ")}${more > 0 ? ` and ${more} more` : ""} to end`}
      </span>
      {why("pauseNow") === undefined && waitsFor.length > 0 && (
        <TextButton
          title="Ends what may be repeated, and begins it again on resume; what writes runs to its end (⇧F8)"
          onClick={() => act("pauseNow")}
        >
          Pause now
        </TextButton>
      )}
    </span>
  );
}
