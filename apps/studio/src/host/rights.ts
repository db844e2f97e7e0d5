/**
 * What this page may do. A session does not tell a peer its own rights, so it is asked for what can change nothing: a
 * command about no execution. The answer is DENIED, or that there is none.
 */
import type { RuntimeBus } from "@atomiton/runtime/contract";

import type { Rights } from "../model/steer.ts";

const NOBODY = "-";

export async function rightsOn(bus: RuntimeBus): Promise<Rights> {
  const about = { executionId: NOBODY, ifState: [] };
  const [control, debug] = await Promise.all([
    isAllowed(bus.request("runtime:pause", { ...about, mode: "drain" })),
    isAllowed(bus.request("runtime:breakpoint", { ...about, op: "set", breakpoints: [] })),
  ]);
  return { control, debug };
}

/** Only the host's own answer is one: a link that breaks leaves the question open, and rejects. */
async function isAllowed(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "DENIED") return false;
    if (code === "UNKNOWN_EXECUTION") return true;
    throw error;
  }
}
