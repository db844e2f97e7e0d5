/** Answers the commands of `runtime@1`. */
import { EventsError, type Clock, type HandlerContext } from "@atomiton/events";

import type { ExecState, ExecuteReply, ExecuteRequest, RuntimeBus, RuntimeCommands } from "../contract.ts";
import type { Runtime } from "../runtime.ts";
import type { Answers } from "./answers.ts";
import {
  config,
  controlFor,
  input,
  inspect,
  mapValues,
  pause,
  plainValues,
  resume,
  setBreakpoints,
} from "./control-commands.ts";
import { commandFailed, exposed, notYet } from "./refusals.ts";
import type { Relay } from "./relay.ts";

export interface CommandServiceOptions {
  readonly bus: RuntimeBus;
  readonly runtime: Runtime;
  readonly relay: Relay;
  readonly answers: Answers;
  readonly clock: Pick<Clock, "now">;
  readonly newId: () => string;
}

type Input<K extends keyof RuntimeCommands> = RuntimeCommands[K]["input"];

/** What `execute` can say and this version cannot do. Left out or empty is fine. */
const LATER: Readonly<Record<string, string>> = {
  pool: "leave the pool out",
  version: "leave the version out: the stored one is run",
};

/** Registers all handlers; returns the function that takes them back. */
export function serveCommands(options: CommandServiceOptions): () => void {
  const { bus, runtime, answers } = options;
  const once = <T>(name: string, request: Asked, run: () => T | Promise<T>): Promise<T> =>
    told(options, request, () => answers.once(request.commandId, name, request, async () => await run()));
  const stops = [
    bus.handle("runtime:execute", (request, context) => execute(options, request, context)),
    bus.handle("runtime:cancel", (request) => once("runtime:cancel", request, () => cancel(options, request))),
    bus.handle("runtime:pause", (request) => once("runtime:pause", request, () => pause(runtime, request))),
    bus.handle("runtime:resume", (request) => once("runtime:resume", request, () => resume(runtime, request))),
    bus.handle("runtime:breakpoint", (request) =>
      once("runtime:breakpoint", request, () => setBreakpoints(runtime, request)),
    ),
    bus.handle("runtime:input", (request, { peer }) =>
      once("runtime:input", request, () => {
        if (request.kind === "override") mustHold(peer?.grants, "debug:execution", "override a value");
        return input(runtime, request);
      }),
    ),
    bus.handle("runtime:config", (request) => once("runtime:config", request, () => config(runtime, request))),
    bus.handle("runtime:inspect", (request, { peer }) =>
      told(options, request, async () => {
        if ("eval" in request.target) mustHold(peer?.grants, "debug:execution", "evaluate an expression at a stop");
        return await inspect(runtime, request);
      }),
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

interface Asked {
  executionId: string;
  commandId?: string | undefined;
}

/** Throws `DENIED`. Without a peer it is this process that asks: it may do what it likes. */
function mustHold(grants: ReadonlySet<string> | undefined, right: string, action: string): void {
  if (!grants || grants.has("*") || grants.has(right)) return;
  throw new EventsError(
    "DENIED",
    `Cannot ${action}: this peer has no right "${right}"; grant it when connecting, or leave it out`,
  );
}

/** A failure goes to the caller and, as `runtime:error` of scope `command`, to those who hear events only. */
async function told<T>(
  { bus, clock }: CommandServiceOptions,
  request: Asked,
  run: () => Promise<T>,
  endsIt: (error: unknown) => boolean = () => false,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const { executionId, commandId } = request;
    bus.emit("runtime:error", commandFailed(error, { executionId, commandId, ts: clock.now(), endsIt: endsIt(error) }));
    throw exposed(error);
  }
}

function execute(
  options: CommandServiceOptions,
  request: ExecuteRequest,
  context: HandlerContext,
): Promise<ExecuteReply> {
  const { runtime, answers, newId } = options;
  const executionId = request.executionId ?? newId();
  return told(
    options,
    { executionId, commandId: request.commandId },
    () =>
      answers.once(request.commandId, "runtime:execute", request, () => begin(options, request, executionId, context)),
    // Nothing follows for an execution that never was; one of this id that lives is not touched.
    () => !runtime.executions().some((execution) => execution.executionId === executionId),
  );
}

async function begin(
  { runtime, relay }: CommandServiceOptions,
  request: ExecuteRequest,
  executionId: string,
  { peer }: HandlerContext,
): Promise<ExecuteReply> {
  refuseWhatIsLater(request);
  const { pins, mocks } = request;
  if (request.mode === "debug" || request.breakpoints?.length || pins || mocks) {
    mustHold(peer?.grants, "debug:execution", "debug from the start, or with pins and mocks");
  }
  const target = targetOf(request, peer?.grants);
  relay.hold(executionId);
  try {
    await runtime.execute(target, request.input, {
      executionId,
      ...(request.from === undefined ? {} : { from: request.from }),
      ...(request.priority === undefined ? {} : { priority: request.priority }),
      ...(request.deadline === undefined ? {} : { deadline: request.deadline }),
      ...(request.breakpoints === undefined ? {} : { breakpoints: request.breakpoints }),
      ...(request.mode === undefined ? {} : { mode: request.mode }),
      ...(pins === undefined ? {} : { pins: mapValues(pins, plainValues) }),
      ...(mocks === undefined
        ? {}
        : {
            mocks: mapValues(mocks, ({ outputs, ...mock }) =>
              outputs ? { ...mock, outputs: plainValues(outputs) } : mock,
            ),
          }),
    });
    const { planHash, nodes, seq } = runtime.execution(executionId);
    return { seq, executionId, planHash, nodes };
  } finally {
    // The reply leaves in this turn; what the engine said meanwhile follows in the next.
    setImmediate(() => relay.release(executionId));
  }
}

function refuseWhatIsLater(request: ExecuteRequest): void {
  for (const [option, wayOut] of Object.entries(LATER)) {
    const value = request[option as keyof ExecuteRequest];
    const isEmpty = value === undefined || (typeof value === "object" && Object.keys(value).length === 0);
    if (!isEmpty) throw notYet(`execute with "${option}"`, wayOut);
  }
}

function targetOf(
  request: ExecuteRequest,
  grants: ReadonlySet<string> | undefined,
): string | { path: string } | { inline: unknown } {
  const { blueprintId, blueprint } = request;
  if (blueprint === undefined) return blueprintId ?? "";
  if ("inline" in blueprint) mustHold(grants, "execute:inline", "execute a Blueprint given inline");
  return blueprint;
}

async function cancel(
  { runtime }: CommandServiceOptions,
  request: Input<"runtime:cancel">,
): Promise<{ seq: number; state: ExecState }> {
  const { executionId, path, reason, graceMs } = request;
  const control = controlFor(runtime, request);
  if (path !== undefined) {
    control.cancel(path, reason, graceMs);
    return { state: control.state, seq: control.seq };
  }
  // Answered when it is under way: its end is an event, and may take as long as the grace.
  const ending = Promise.resolve(
    runtime.cancel(executionId, {
      ...(reason === undefined ? {} : { reason }),
      ...(graceMs === undefined ? {} : { graceMs }),
    }),
  );
  ending.catch(() => {});
  const { state, seq } = runtime.execution(executionId);
  return { state, seq };
}
