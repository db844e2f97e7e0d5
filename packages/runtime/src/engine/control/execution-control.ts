import type { Breakpoint, ExecState } from "../../contract.ts";
import { isNodeError, RuntimeError } from "../../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { cancelInstance } from "../run/ending.ts";
import type { Scheduler } from "../run/scheduler.ts";
import { isFinalExecution, isFinalNode, NODE_STATES, RUNNING } from "../run/states.ts";
import { push, type PushRequest, type Pushed } from "../streams/pushes.ts";
import type { Redact } from "../values/redact.ts";
import { isAt } from "./breakpoints.ts";
import type { ConfigReply, ConfigRequest } from "./config-edits.ts";
import type { StepKind } from "./control.ts";
import { inspect, type Inspected, type InspectRequest } from "./inspect.ts";
import { attemptsIn, instanceAt, nodeAt } from "./locate.ts";

/** A breakpoint, and whether it stands. */
export type VerifiedBreakpoint = Breakpoint & { verified: boolean; message?: string };

/** How an execution is held and let go. */
interface Held {
  readonly state: ExecState;
  readonly seq: number;
  pause(mode: "drain" | "now"): string[];
  resume(stopId?: string): void;
  step(kind: StepKind, stopId?: string): void;
}

/**
 * What may be asked of an execution while it runs. Whatever its state does not allow throws `RuntimeError` `E_STATE` and
 * changes nothing.
 * @example
 * const control = runtime.control(executionId);
 * control.setBreakpoints([{ id: "b1", at: "before", path: "each/fetch", when: "index = 37", suspend: "all", enabled: true }]);
 */
export class ExecutionControl {
  readonly #held: Held;
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #redact: Redact | undefined;

  constructor(held: Held, plan: Plan, scheduler: Scheduler, redact: Redact | undefined) {
    this.#held = held;
    this.#plan = plan;
    this.#scheduler = scheduler;
    this.#redact = redact;
  }

  get state(): ExecState {
    return this.#held.state;
  }
  /** Last sequence number given out. */
  get seq(): number {
    return this.#held.seq;
  }

  /**
   * Starts no attempt from here on. `drain` (default): those that run end by themselves; `now`: those whose effect allows
   * it are ended, and begin again later without using up a retry. Returns the paths of those that still run; the
   * execution is `paused` when there is none. Once more: `now` goes further than `drain`, else nothing changes.
   */
  pause(mode: "drain" | "now" = "drain"): string[] {
    return this.#held.pause(mode);
  }

  /** Goes on and leaves every stop; with a `stopId` that stop alone. Does nothing where it runs, or the stop was left. */
  resume(stopId?: string): void {
    this.#held.resume(stopId);
  }

  /**
   * `over`: runs the instance of the stop (left out: of the last one, or what would start next) and stops before each
   * that it made ready. `into`: stops before the first instance inside. `out`: runs its scope, stops before what follows.
   */
  step(kind: StepKind, stopId?: string): void {
    this.#held.step(kind, stopId);
  }

  /** Replaces all breakpoints. They apply from here on: what runs already is not stopped by a `before`. */
  setBreakpoints(breakpoints: readonly Breakpoint[]): VerifiedBreakpoint[] {
    const refused = this.#scheduler.breakpoints.set(breakpoints);
    this.#scheduler.journal?.breakpoints(breakpoints.filter((breakpoint) => !refused.has(breakpoint)));
    return breakpoints.map((breakpoint) => {
      const message = refused.get(breakpoint) ?? this.#whyNot(breakpoint);
      if (message !== undefined) return { ...breakpoint, verified: false, message };
      return this.#isRunning(breakpoint)
        ? { ...breakpoint, verified: true, message: "already running" }
        : { ...breakpoint, verified: true };
    });
  }

  /** Reads values: bounded, redacted, in pages. Throws `INVALID_INPUT` where there is none, `E_STATE` for a stop that is over. */
  inspect(request: InspectRequest): Promise<Inspected> {
    return inspect(this.#scheduler, this.#redact, request);
  }

  /** Puts `value` in place of an input (before the node ran) or an output (after it ran, or failed). Throws `INVALID_INPUT`. */
  override(stopId: string, port: string, value: unknown): void {
    const stop = this.#scheduler.stops.get(stopId);
    stop.override(port, value);
    this.#scheduler.journal?.override(stop.info.path, stop.info.attempt, stop.at, port, value);
    this.#scheduler.stops.edited(stop);
  }

  /**
   * Answers a wait: whoever comes first, while it is paused too. Throws `E_STATE` where nobody waits (any more) and
   * `INVALID_INPUT` where the answer does not fit the wait's schema; it still waits then.
   */
  answer(waitId: string, value: unknown): void {
    this.#scheduler.waits.answer(waitId, value);
  }

  /** An event has come: every node that waits for its subject goes on. Returns how many did. */
  happened(subject: string, value: unknown): number {
    return this.#scheduler.waits.happened(subject, value);
  }

  /** Items for a node that takes them, as many as there is room for. Throws `INVALID_INPUT`, `E_STATE`. */
  push(request: PushRequest): Pushed {
    return push(this.#scheduler, request);
  }

  /** Cancels one instance, with what is inside of it. Throws `E_STATE` where it is over, `INVALID_INPUT` where it is none. */
  cancel(path: string, reason = "cancelled by its user", graceMs?: number): void {
    const place = this.#scheduler.root && instanceAt(this.#scheduler.root, path);
    const state = place && NODE_STATES[place.scope.state[place.node.id]!];
    if (!place && !nodeAt(this.#plan.root, path)) {
      throw new RuntimeError("INVALID_INPUT", `Cannot cancel "${path}": the Blueprint has no such node`, { path });
    }
    if (!place || isFinalNode(place.scope.state[place.node.id]!) || isFinalExecution(this.state)) {
      const why = place ? `it is ${state}` : "there is no such instance now";
      throw new RuntimeError("E_STATE", `Cannot cancel "${path}": ${why}; cancel one that is not over`, {
        path,
        state,
      });
    }
    this.#scheduler.journal?.dropped(path, reason);
    cancelInstance(this.#scheduler, place.scope, place.node.id, reason, graceMs);
    this.#scheduler.turn();
  }

  /** Number of the last record of it; 0 where nothing is kept. */
  get position(): number {
    return this.#scheduler.journal?.journal.position ?? 0;
  }
  /** Resolves when all of them are on the disk, or the journal is closed: then they were, or never will be. */
  async stored(): Promise<void> {
    await this.#scheduler.journal?.journal.durable()?.catch(() => undefined);
  }

  /**
   * Changes a node's configuration: of one instance, or, by a path without items, of the node in every item to come. What
   * runs takes only the keys of its type's `liveConfig`. With `ifHash` it is refused with `E_STATE` when somebody else
   * was faster; an empty patch reads the hash. Throws `INVALID_INPUT` and `CONFIG` where it does not fit.
   */
  async configure(request: ConfigRequest): Promise<ConfigReply> {
    if (isFinalExecution(this.state)) {
      throw new RuntimeError(
        "E_STATE",
        `Cannot configure "${request.path}": the execution is ${this.state}; start another`,
      );
    }
    try {
      return await this.#scheduler.configEdits.change(this.#scheduler, this.#plan.root, request);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      throw new RuntimeError("CONFIG", error.message, { path: request.path }, { cause: error });
    }
  }

  #whyNot({ path, at, port }: Breakpoint): string | undefined {
    if (path === "*") return undefined;
    const node = nodeAt(this.#plan.root, path);
    if (!node) return `Cannot stop at "${path}": the Blueprint has no such node`;
    if (at !== "edge" || port === undefined || node.inputs.some(({ name }) => name === port)) return undefined;
    return `Cannot stop at "${path}.${port}": the node has no such wired input`;
  }

  #isRunning({ at, path }: Breakpoint): boolean {
    const isAlready = ({ scope, node }: { scope: { state: Uint8Array }; node: { id: number } }): boolean =>
      scope.state[node.id] === RUNNING;
    return (
      at === "before" &&
      attemptsIn(this.#scheduler.root).some((attempt) => isAt(path, attempt.path) && isAlready(attempt))
    );
  }
}
