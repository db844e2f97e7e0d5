/**
 * Every `runtime:*` event: payload, direction, right and delivery, in one table. Payloads stand in contract/.
 * Roles: `host` executes, `ui` asks and watches. No payload that fails its schema reaches a listener.
 */
import { command, defineContract, event, type CommandsOf, type EventBus, type EventsOf } from "@atomiton/events";
import type { z } from "zod";

import * as commands from "./contract/commands.ts";
import * as events from "./contract/events.ts";
import type { LibraryCommands, LibraryEvents } from "./library-contract.ts";

const asked = { from: ["ui"], to: ["host"] } as const;
/** What an execution says holds its values: only peers with the right to read hear it. */
const told = { from: ["host"], to: ["ui"], needsToHear: "read:execution" } as const;
const control = { ...asked, needs: "control:execution", idempotent: true } as const;

/** `runtime@1`. Give it to both buses: `new EventBus({ contract: runtimeContract, role: "host" })`. */
export const runtimeContract = defineContract("runtime@1", {
  "runtime:execute": command(commands.execute, commands.executeReply, {
    ...asked,
    needs: "execute:blueprint",
    idempotent: true,
    timeoutMs: 30_000,
  }),
  "runtime:pause": command(commands.pause, commands.pauseReply, control),
  "runtime:resume": command(commands.resume, commands.stateReply, control),
  "runtime:cancel": command(commands.cancel, commands.stateReply, control),
  "runtime:input": command(commands.input, commands.inputReply, control),
  "runtime:config": command(commands.config, commands.configReply, control),

  // In the order in which a client that comes late reads the past: the end of an execution last.
  "runtime:started": event(events.started, told),
  "runtime:output": event(events.output, told),
  // In the lane of the others: a log of an execution never follows its end. A slow peer loses logs, nothing else.
  "runtime:log": event(events.log, {
    ...told,
    queue: { max: 1_000, maxBytes: 1_048_576, whenFull: "drop-oldest" },
  }),
  "runtime:progress": event(events.progress, {
    ...told,
    delivery: "latest",
    key: "executionId",
    everyMs: 100,
    endsWith: ["runtime:completed", "runtime:error"],
  }),
  "runtime:state": event(events.state, told),
  "runtime:error": event(events.error, told),
  "runtime:result": event(events.result, told),
  "runtime:completed": event(events.completed, told),

  "runtime:breakpoint": [
    command(commands.setBreakpoints, commands.setBreakpointsReply, {
      ...asked,
      needs: "debug:execution",
      idempotent: true,
    }),
    event(events.breakpointEvent, told),
  ],
  "runtime:inspect": [
    command(commands.inspect, commands.inspectReply, { ...asked, needs: "read:execution", idempotent: true }),
    event(events.inspectEvent, told),
  ],
});

/** Name to payload: `new EventBus<RuntimeEvents>()` is the typed form without run-time checks. */
export type RuntimeEvents = EventsOf<typeof runtimeContract>;
/** Name to `{ input, reply }`, of the commands alone. */
export type RuntimeCommands = CommandsOf<typeof runtimeContract>;

/** A bus that carries both contracts: `new EventBus({ contracts: [runtimeContract, libraryContract], role })`. */
export type RuntimeBus = EventBus<RuntimeEvents & LibraryEvents, RuntimeCommands & LibraryCommands>;

export type { RtError } from "./errors.ts";
export type { Breakpoint, ExecState, Mock, NodeState, StopInfo, Val, WaitInfo } from "./contract/values.ts";
export type { ExecuteReply, ExecuteRequest } from "./contract/commands.ts";
export type RuntimeStarted = z.infer<typeof events.started>;
export type RuntimeProgress = z.infer<typeof events.progress>;
export type RuntimeCompleted = z.infer<typeof events.completed>;
export type RuntimeErrorEvent = z.infer<typeof events.error>;
export type RuntimeResult = z.infer<typeof events.result>;
export type RuntimeOutput = z.infer<typeof events.output>;
export type RuntimeState = z.infer<typeof events.state>;
export type RuntimeLog = z.infer<typeof events.log>;
export type RuntimeBreakpointEvent = z.infer<typeof events.breakpointEvent>;
export type RuntimeInspectEvent = z.infer<typeof events.inspectEvent>;

/** What a host tells its clients, name to payload: `RuntimeEvents` without the commands. */
export interface HostEvents {
  "runtime:started": RuntimeStarted;
  "runtime:progress": RuntimeProgress;
  "runtime:completed": RuntimeCompleted;
  "runtime:error": RuntimeErrorEvent;
  "runtime:result": RuntimeResult;
  "runtime:output": RuntimeOutput;
  "runtime:state": RuntimeState;
  "runtime:log": RuntimeLog;
  "runtime:breakpoint": RuntimeBreakpointEvent;
  "runtime:inspect": RuntimeInspectEvent;
}
/** One of them, to switch on by `type`. */
export type RuntimeMessage = { [K in keyof HostEvents]: { type: K; data: HostEvents[K] } }[keyof HostEvents];

export {
  libraryContract,
  type BlueprintEntry,
  type BlueprintInfo,
  type ExecutionInfo,
  type GraphNode,
  type LibraryCommands,
  type LibraryEvents,
  type NodeTypeInfo,
  type PortInfo,
  type Wire,
} from "./library-contract.ts";
