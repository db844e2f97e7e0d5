/** Answers the commands of `runtime@1`. */
import { EventsError, type Clock, type HandlerContext } from "@atomiton/events";

import type { ExecState, ExecuteReply, ExecuteRequest, RuntimeBus, RuntimeCommands } from "../contract.ts";
import { RuntimeError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import type { Answers } from "./answers.ts";
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
  from: "run it from its start",
  breakpoints: "run it without breakpoints",
  pins: "run it without pins",
  mocks: "run it without mocks",
  pool: "leave the pool out",
  version: "leave the version out: the stored one is run",
};

const OTHERS = {
  "runtime:pause": "pause an execution",
  "runtime:resume": "resume an execution",
  "runtime:input": "take input for a running execution",
  "runtime:config": "change the configuration of a running execution",
  "runtime:breakpoint": "set breakpoints",
  "runtime:inspect": "inspect values",
} as const;

/** Registers all handlers; returns the function that takes them back. */
export function serveCommands(options: CommandServiceOptions): () => void {
  const { bus, answers } = options;
  const stops = [
    bus.handle("runtime:execute", (request, context) => execute(options, request, context)),
    bus.handle("runtime:cancel", (request) =>
      told(options, request, () =>
        answers.once(request.commandId, "runtime:cancel", request, () => cancel(options, request)),
      ),
    ),
    ...(Object.keys(OTHERS) as (keyof typeof OTHERS)[]).map((name) =>
      bus.handle(name, (request: Input<typeof name>) =>
        told(options, request, () =>
          Promise.reject(notYet(OTHERS[name], "what works is to execute, watch and cancel")),
        ),
      ),
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** A failure goes to the caller and, as `runtime:error` of scope `command`, to those who hear events only. */
async function told<T>(
  { bus, clock }: CommandServiceOptions,
  request: { executionId: string; commandId?: string | undefined },
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
  const target = targetOf(request, peer?.grants);
  relay.hold(executionId);
  try {
    await runtime.execute(target, request.input ?? {}, {
      executionId,
      ...(request.priority === undefined ? {} : { priority: request.priority }),
      ...(request.deadline === undefined ? {} : { deadline: request.deadline }),
    });
    const { planHash, nodes, seq } = runtime.execution(executionId);
    return { seq, executionId, planHash, nodes };
  } finally {
    // The reply leaves in this turn; what the engine said meanwhile follows in the next.
    setImmediate(() => relay.release(executionId));
  }
}

function refuseWhatIsLater(request: ExecuteRequest): void {
  if (request.mode !== undefined && request.mode !== "run") {
    throw notYet(`execute in mode "${request.mode}"`, 'leave the mode out, or give "run"');
  }
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
  // Without a peer it is this process that asks: it may do what it likes.
  if ("inline" in blueprint && grants && !grants.has("*") && !grants.has("execute:inline")) {
    throw new EventsError(
      "DENIED",
      'Cannot execute a Blueprint given inline: this peer has no right "execute:inline"; execute a stored one, or grant it when connecting',
    );
  }
  return blueprint;
}

async function cancel(
  { runtime }: CommandServiceOptions,
  request: Input<"runtime:cancel">,
): Promise<{ seq: number; state: ExecState }> {
  const { executionId, ifState, path, reason, graceMs } = request;
  if (path !== undefined) throw notYet(`cancel "${path}" alone`, "leave the path out to cancel the whole execution");
  const before = runtime.execution(executionId);
  if (ifState && !ifState.includes(before.state)) {
    throw new RuntimeError(
      "E_STATE",
      `Cannot cancel "${executionId}": it is ${before.state}, not ${ifState.join(" or ")}; ask again without ifState`,
      { executionId, state: before.state },
    );
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
