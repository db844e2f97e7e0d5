import type { ExecState } from "../../contract.ts";
import type { Recorder } from "../told/recorder.ts";
import { pathOf, type Scope } from "./scope.ts";
import { checkExecutionStep, checkNodeStep, isNodeStep } from "./states.ts";

/**
 * The one way from state to state, of an execution and of all its instances: along the tables of states.ts, then told.
 * Order: checked, changed, told. A step that the tables do not have throws `E_STATE` and changes nothing.
 */
export class Transitions {
  readonly #id: string;
  readonly #recorder: Recorder;
  #state: ExecState = "queued";

  constructor(id: string, recorder: Recorder) {
    this.#id = id;
    this.#recorder = recorder;
  }

  /** The execution's state. */
  get state(): ExecState {
    return this.#state;
  }

  /** `tell`: what to say instead of the change itself. */
  execution(to: ExecState, tell?: () => void): void {
    checkExecutionStep(this.#id, this.#state, to);
    this.#state = to;
    if (tell) tell();
    else this.#recorder.executionState(to);
  }

  node(scope: Scope, node: number, to: number, why?: string): void {
    const from = scope.state[node]!;
    // Asked first: the path is made only for the refusal.
    if (!isNodeStep(from, to)) checkNodeStep(() => pathOf(scope, node), from, to);
    scope.state[node] = to;
    if (why !== undefined) scope.why.set(node, why);
    this.#recorder.nodeState(scope, node, to, why);
  }
}
