/**
 * The states of executions and node instances, and every step between them, as data. Nothing changes a state but
 * through here: an illegal step is refused with `E_STATE` and has no effect.
 */
import type { ExecState, NodeState } from "../../contract.ts";
import { RuntimeError } from "../../errors.ts";

export const EXECUTION_STEPS: Readonly<Record<ExecState, readonly ExecState[]>> = {
  queued: ["running", "cancelled"],
  running: ["pausing", "cancelling", "completed", "failed"],
  pausing: ["paused", "running", "cancelling"],
  paused: ["running", "cancelling"],
  cancelling: ["cancelled", "failed"],
  completed: [],
  failed: [],
  cancelled: [],
};

export const NODE_STEPS: Readonly<Record<NodeState, readonly NodeState[]>> = {
  pending: ["ready", "skipped", "cancelled"],
  ready: ["skipped", "held", "running", "completed", "cancelled"],
  held: ["ready", "running", "backoff", "completed", "failed", "cancelled"],
  running: ["held", "waiting", "backoff", "completed", "failed", "ready", "cancelled"],
  waiting: ["ready", "cancelled"],
  backoff: ["ready", "cancelled"],
  completed: [],
  failed: [],
  skipped: [],
  cancelled: [],
};

/** Node states by number: scopes keep one byte an instance. */
export const NODE_STATES = Object.keys(NODE_STEPS) as readonly NodeState[];
const numberOf = (state: NodeState): number => NODE_STATES.indexOf(state);

export const PENDING: number = numberOf("pending");
export const READY: number = numberOf("ready");
export const HELD: number = numberOf("held");
export const RUNNING: number = numberOf("running");
export const WAITING: number = numberOf("waiting");
export const BACKOFF: number = numberOf("backoff");
/** This number and above are final. */
export const COMPLETED: number = numberOf("completed");
export const FAILED: number = numberOf("failed");
export const SKIPPED: number = numberOf("skipped");
export const CANCELLED: number = numberOf("cancelled");

/** One bit per state that may follow. */
const LEGAL = Uint16Array.from(NODE_STATES, (state) =>
  NODE_STEPS[state].reduce((bits, next) => bits | (1 << numberOf(next)), 0),
);

export const isFinalNode = (state: number): boolean => state >= COMPLETED;
export const isFinalExecution = (state: ExecState): boolean => EXECUTION_STEPS[state].length === 0;

export const isNodeStep = (from: number, to: number): boolean => (LEGAL[from]! & (1 << to)) !== 0;

/** Throws `E_STATE` unless an instance may go from `from` to `to`. */
export function checkNodeStep(path: () => string, from: number, to: number): void {
  if (isNodeStep(from, to)) return;
  throw refusal(`node "${path()}"`, NODE_STATES[from]!, NODE_STATES[to]!, NODE_STEPS);
}

/** Throws `E_STATE` unless an execution may go from `from` to `to`. */
export function checkExecutionStep(id: string, from: ExecState, to: ExecState): void {
  if (EXECUTION_STEPS[from].includes(to)) return;
  throw refusal(`execution "${id}"`, from, to, EXECUTION_STEPS);
}

function refusal<S extends string>(
  what: string,
  from: S,
  to: S,
  steps: Readonly<Record<S, readonly S[]>>,
): RuntimeError {
  const next = steps[from];
  return new RuntimeError(
    "E_STATE",
    `Cannot make the ${what} ${to}: it is ${from}; from there it may become ${next.join(", ") || "nothing else"}`,
    { from, to },
  );
}
