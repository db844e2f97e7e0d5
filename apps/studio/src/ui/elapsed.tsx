import type { ReactNode } from "react";

import { duration } from "../model/format.ts";
import { useStudioState } from "../use-studio.ts";
import { useNow } from "./use-now.ts";

/** From a start to an end, or to now: on the host's clock, or where its recording is. */
export function Elapsed({ from, to }: { from: number | undefined; to: number | undefined }): ReactNode {
  const ahead = useStudioState((state) => state.clockAheadMs) ?? 0;
  const isRunning = from !== undefined && to === undefined;
  const recorded = useStudioState(({ recording }) => (isRunning ? recording?.now : undefined));
  const now = useNow(isRunning && recorded === undefined);
  if (from === undefined) return null;
  return <span className="tabular-nums">{duration((to ?? recorded ?? now - ahead) - from)}</span>;
}
