import type { ReactNode } from "react";

import { duration } from "../model/format.ts";
import { useStudioState } from "../use-studio.ts";
import { useNow } from "./use-now.ts";

/** From a start to an end, or to now: on the host's clock, up to where its recording is, or to where its link broke. */
export function Elapsed({ from, to }: { from: number | undefined; to: number | undefined }): ReactNode {
  const ahead = useStudioState((state) => state.clockAheadMs) ?? 0;
  const isRunning = from !== undefined && to === undefined;
  const stopped = useStudioState(({ recording, leftAt }) => (isRunning ? (recording?.now ?? leftAt) : undefined));
  const now = useNow(isRunning && stopped === undefined);
  if (from === undefined) return null;
  return <span className="tabular-nums">{duration((to ?? stopped ?? now - ahead) - from)}</span>;
}
