import { useEffect, useState, type ReactNode } from "react";

import { duration } from "../model/format.ts";
import { useStudioState } from "../use-studio.ts";

/** Ten times a second: a tenth is the finest figure shown. */
const TICK_MS = 100;

/** From a start to an end, or to now on the host's clock. */
export function Elapsed({ from, to }: { from: number | undefined; to: number | undefined }): ReactNode {
  const ahead = useStudioState((state) => state.clockAheadMs) ?? 0;
  const [now, setNow] = useState(() => Date.now());
  const isRunning = from !== undefined && to === undefined;
  useEffect(() => {
    if (!isRunning) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
  if (from === undefined) return null;
  return <span className="tabular-nums">{duration((to ?? now - ahead) - from)}</span>;
}
