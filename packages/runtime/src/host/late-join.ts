import type { Where } from "@atomiton/events";

import type { HostEvents, RuntimeBus } from "../contract.ts";
import type { Runtime } from "../runtime.ts";
import { toldEnd } from "./carriable.ts";
import type { Relay } from "./relay.ts";

/** The past of one execution, by event name, in the order in which a late client should read it. */
type Past = { [K in keyof HostEvents]?: readonly HostEvents[K][] };

/** A subscription to `runtime:*` gets them in the order of the contract, which puts the end of an execution last. */
const NAMES = [
  "runtime:started",
  "runtime:output",
  "runtime:log",
  "runtime:progress",
  "runtime:state",
  "runtime:error",
  "runtime:completed",
] as const;

/**
 * Gives clients that come late (`since: "last"`) what happened so far: of the execution they name, or of all that the
 * host still knows. Returns the function that stops it.
 */
export function provideLateJoin(bus: RuntimeBus, runtime: Runtime, relay: Relay): () => void {
  const known = (where: Where | undefined): string[] => {
    const wanted = where?.["executionId"];
    const all = runtime.executions().map((execution) => execution.executionId);
    return wanted === undefined ? all : all.filter((executionId) => executionId === wanted);
  };
  const stops = NAMES.map((name) =>
    bus.provide(name, (where) =>
      known(where).flatMap((executionId): any[] => [...(past(runtime, relay, executionId)[name] ?? [])]),
    ),
  );
  return () => {
    for (const stop of stops) stop();
  };
}

function past(runtime: Runtime, relay: Relay, executionId: string): Past {
  // Not yet begun, for those outside: all of it follows as events.
  if (relay.isHeld(executionId)) return {};
  const { started, logs, outputs, errors, progress, terminal } = runtime.history(executionId);
  const end = terminal && toldEnd(terminal);
  return {
    ...(started && { "runtime:started": [started] }),
    "runtime:output": outputs,
    "runtime:log": logs,
    ...(progress && { "runtime:progress": [progress] }),
    "runtime:state": [runtime.snapshot(executionId)],
    "runtime:error": [...errors, ...(end && "error" in end ? [end] : [])],
    ...(end && "result" in end && { "runtime:completed": [end] }),
  };
}
