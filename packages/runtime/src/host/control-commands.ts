/** Answers the commands that steer an execution and look into it. */
import type { ExecState, RuntimeCommands, Val } from "../contract.ts";
import type { ExecutionControl } from "../engine/control/execution-control.ts";
import { RuntimeError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";

type Input<K extends keyof RuntimeCommands> = RuntimeCommands[K]["input"];
type Reply<K extends keyof RuntimeCommands> = RuntimeCommands[K]["reply"];

/** The execution, when it is in a state that the command allows. Throws `UNKNOWN_EXECUTION`, `E_STATE`. */
export function controlFor(
  runtime: Runtime,
  { executionId, ifState }: { executionId: string; ifState?: ExecState[] | undefined },
): ExecutionControl {
  const control = runtime.control(executionId);
  if (!ifState || ifState.includes(control.state)) return control;
  throw new RuntimeError(
    "E_STATE",
    `Cannot do this to "${executionId}": it is ${control.state}, not ${ifState.join(" or ")}; ask again without ifState`,
    { executionId, state: control.state },
  );
}

export function pause(runtime: Runtime, request: Input<"runtime:pause">): Reply<"runtime:pause"> {
  const control = controlFor(runtime, request);
  const running = control.pause(request.mode);
  return { seq: control.seq, state: control.state, running };
}

export function resume(runtime: Runtime, request: Input<"runtime:resume">): Reply<"runtime:resume"> {
  const { step, stopId } = request;
  const control = controlFor(runtime, request);
  if (step === undefined) control.resume(stopId);
  else control.step(step, stopId);
  return { seq: control.seq, state: control.state };
}

export function setBreakpoints(runtime: Runtime, request: Input<"runtime:breakpoint">): Reply<"runtime:breakpoint"> {
  const control = controlFor(runtime, request);
  const breakpoints = control.setBreakpoints(request.breakpoints);
  return { seq: control.seq, breakpoints };
}

export async function inspect(runtime: Runtime, request: Input<"runtime:inspect">): Promise<Reply<"runtime:inspect">> {
  const { executionId, ...what } = request;
  if (what.at !== undefined) {
    const { seq } = runtime.execution(executionId);
    return { seq, ...(await runtime.inspectPast(executionId, what)) };
  }
  const control = runtime.control(executionId);
  const { seq, position: at } = control;
  return { seq, at, ...(await control.inspect(what)) };
}

export function input(runtime: Runtime, request: Input<"runtime:input">): Reply<"runtime:input"> {
  const control = controlFor(runtime, request);
  if (request.kind === "push") {
    const { path, port, items, end } = request;
    const pushed = control.push({ path, port, items: items.map(plain), end });
    return { seq: control.seq, ...pushed };
  }
  const value = plain(request.value);
  if (request.kind === "event") {
    return { accepted: control.happened(request.subject, value), credit: 0, seq: control.seq };
  }
  if (request.kind === "answer") control.answer(request.waitId, value);
  else control.override(request.stopId, request.port, value);
  return { seq: control.seq, accepted: 1, credit: 0 };
}

export async function config(runtime: Runtime, request: Input<"runtime:config">): Promise<Reply<"runtime:config">> {
  const { path, patch, ifHash } = request;
  const control = controlFor(runtime, request);
  const reply = await control.configure({ path, patch, ifHash });
  return { seq: control.seq, ...reply };
}

/** What a client may send as a value: data, or a file that the host has. */
function plain(value: Val): unknown {
  if (value.t === "json") return value.v;
  if (value.t === "blob") {
    const { $blob, size, type, name } = value;
    return { $blob, size, type, ...(name === undefined ? {} : { name }) };
  }
  throw new RuntimeError(
    "INVALID_INPUT",
    `Cannot take a value that is ${value.t === "trunc" ? "cut" : "hidden"}: only a whole one can be used; send it as { t: "json", v }`,
  );
}

export const plainValues = (values: Readonly<Record<string, Val>>): Record<string, unknown> => mapValues(values, plain);

export function mapValues<A, B>(values: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}
