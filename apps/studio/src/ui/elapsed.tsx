import type { ReactNode } from "react";

import { duration } from "../model/format.ts";
import { useStudioState } from "../use-studio.ts";
import { useNow } from "./use-now.ts";

/** From a start to an end, or to now on the host's clock. */
export function Elapsed({ from, to }: { from: number | undefined; to: number | undefined }): ReactNode {
  const ahead = useStudioState((state) => state.clockAheadMs) ?? 0;
  const now = useNow(from !== undefined && to === undefined);
  if (from === undefined) return null;
  return <span className="tabular-nums">{duration((to ?? now - ahead) - from)}</span>;
}
