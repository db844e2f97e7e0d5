/** What a client hears of one execution: what happened so far, then everything after it. */
import type { Gap } from "@atomiton/events";

import type { HostEvents, RuntimeBus, RuntimeMessage } from "../contract.ts";

/** `snapshot`: it happened before; it is told again so that a late reader knows it. */
export type ExecutionMessage =
  | (RuntimeMessage & { readonly snapshot: boolean })
  /** Messages are missing here, and cannot be had again. */
  | { readonly type: "gap"; readonly data: Gap; readonly snapshot: boolean };

export function isTerminal(message: ExecutionMessage): boolean {
  return message.type === "runtime:completed" || (message.type === "runtime:error" && message.data.terminal);
}

/**
 * Hears all of an execution. Where ordered messages were lost it asks for the state so far again, so that what follows
 * is whole. Returns the function that stops it.
 */
export function watch(bus: RuntimeBus, executionId: string, hear: (message: ExecutionMessage) => void): () => void {
  let stop: () => void = () => {};
  let stopped = false;
  let round = 0;
  const begin = (): void => {
    const mine = ++round;
    /** Of the state snapshot: deltas up to it are in it. */
    let from = 0;
    stop();
    stop = bus.on(
      "runtime:*",
      (data, meta) => {
        if (stopped || mine !== round) return;
        const message = { type: meta.name as keyof HostEvents, data, snapshot: meta.snapshot === true } as Exclude<
          ExecutionMessage,
          { type: "gap" }
        >;
        if (message.type === "runtime:state") {
          if (message.data.kind === "snapshot") from = message.data.seq;
          else if (message.data.seq <= from) return;
        }
        // A command of somebody, as this bus's own emit.
        if (!("executionId" in message.data)) return;
        hear(message);
      },
      {
        where: { executionId },
        since: "last",
        onGap: (gap) => {
          if (stopped || mine !== round) return;
          hear({ type: "gap", data: gap, snapshot: false });
          // Logs that were dropped stay dropped; everything else must be whole.
          const lost = Object.keys(gap.names ?? {});
          if (lost.length === 0 || lost.some((name) => name !== "runtime:log")) begin();
        },
      },
    );
  };
  begin();
  return () => {
    stopped = true;
    stop();
  };
}
