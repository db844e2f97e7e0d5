/** Under the run's numbers: where it stands still, and whom it waits for. */
import type { WaitInfo } from "@atomiton/runtime/contract";
import type { ReactNode } from "react";

import { duration } from "../../model/format.ts";
import { nodePathOf, shortName } from "../../model/path.ts";
import { placeOf, placeTexts } from "../../model/stops.ts";
import { Button, TextButton } from "../../ui/button.tsx";
import { Icon } from "../../ui/icons.tsx";
import { useNow } from "../../ui/use-now.ts";
import { useStudio, useStudioState } from "../../use-studio.ts";

export function StopLine(): ReactNode {
  const studio = useStudio();
  const stops = useStudioState((state) => state.execution?.stops);
  const last = stops === undefined ? undefined : [...stops.values()].at(-1);
  if (stops === undefined || last === undefined) return null;
  const { path, conditionError } = last;
  return (
    <div role="status" className="flex flex-wrap items-center gap-x-3 bg-warn-soft px-4 py-1.5 text-xs text-warn">
      <span className="min-w-0 font-medium break-words">
        {shortName(path)}: {placeTexts[placeOf(last)].toLowerCase()}
        {conditionError !== undefined && ": its condition failed"}
        {stops.size > 1 && `, and ${stops.size - 1} more`}
      </span>
      <TextButton className="ml-auto" onClick={() => studio.select(nodePathOf(path), path)}>
        Look at it
      </TextButton>
    </div>
  );
}

/** Questions shown at once; each that is answered makes room. */
const SHOWN = 3;

export function WaitLines(): ReactNode {
  const waits = useStudioState((state) => state.execution?.waits ?? none);
  const asked = waits.filter((wait) => wait.for === "input");
  return (
    <>
      {asked.slice(0, SHOWN).map((wait) => (
        <WaitLine key={wait.waitId} wait={wait} />
      ))}
      {asked.length > SHOWN && (
        <p className="bg-accent-soft px-4 pb-1.5 text-xs text-muted">and {asked.length - SHOWN} more questions</p>
      )}
    </>
  );
}
const none: readonly WaitInfo[] = [];

function WaitLine({ wait }: { wait: WaitInfo }): ReactNode {
  const { steering } = useStudio();
  const mayAnswer = useStudioState((state) => state.rights.control);
  const isLive = useStudioState((state) => state.link.at === "live");
  const { path, prompt, until, waitId } = wait;
  return (
    <div
      role="group"
      aria-label={`Question of ${shortName(path)}`}
      className="flex flex-wrap items-center gap-x-3 gap-y-1 bg-accent-soft px-4 py-1.5 text-sm"
    >
      <Icon name="person" size={15} className="text-accent" />
      <p className="min-w-0 flex-1 break-words">
        <span className="font-medium">{prompt ?? "An answer is needed"}</span>{" "}
        <span className="text-xs text-muted">
          {shortName(path)}
          {until !== undefined && (
            <>
              , <TimeLeft until={until} />
            </>
          )}
        </span>
      </p>
      {mayAnswer && (
        <Button look="primary" disabled={!isLive} onClick={() => steering.openAnswer(waitId)}>
          Answer…
        </Button>
      )}
    </div>
  );
}

/** On the host's clock. */
export function TimeLeft({ until }: { until: number }): ReactNode {
  const ahead = useStudioState((state) => state.clockAheadMs) ?? 0;
  const isStill = useStudioState((state) => state.leftAt !== undefined || state.recording !== undefined);
  const left = until - (useNow(!isStill) - ahead);
  if (isStill) return null;
  return <span className="tabular-nums">{left > 0 ? `${duration(wholeSeconds(left))} left` : "its time is over"}</span>;
}

/** Tenths of a second would only flicker. */
const wholeSeconds = (ms: number): number => Math.ceil(ms / 1000) * 1000;
