/**
 * One run of a plan: its state, its end, its events. Rules:
 * 1. Every change of state goes through the table of states.ts.
 * 2. Once `cancelling` is recorded no other end is possible than its own; there is exactly one terminal event, the last.
 * 3. Nothing starts before `start`: whoever called `execute` has the id by then.
 */
import type { ExecState, NodeState, RuntimeMessage, RuntimeState } from "../contract.ts";
import { RuntimeError, type RtError } from "../errors.ts";
import { scopeOutputs } from "./blueprint-node.ts";
import type { StepKind } from "./control.ts";
import { CancelReason, toRtError } from "./failure.ts";
import { EXECUTION_CONCURRENCY, GRACE_MS, type EngineHost } from "./host.ts";
import type { Plan } from "./plan.ts";
import { Recorder, type ExecutionHistory } from "./recorder.ts";
import { makeRedact, type Redact } from "./redact.ts";
import { RESULT_BYTES, storeLarge } from "./result.ts";
import { Scheduler } from "./scheduler.ts";
import type { Scope, Values } from "./scope.ts";
import { liveNodes, type NodeSnapshot } from "./snapshot.ts";
import { isFinalExecution } from "./states.ts";
import { Stopwatch } from "./stopwatch.ts";
import { Transitions } from "./transitions.ts";
import { sizeOf } from "./values.ts";

export interface ExecutionSeed {
  readonly id: string;
  readonly plan: Plan;
  readonly input: Values;
  readonly secrets: Readonly<Record<string, string>>;
  readonly priority: number;
  /** Milliseconds since 1970: cancelled when it passes. */
  readonly deadline: number | undefined;
  readonly host: EngineHost;
  readonly tell: (message: RuntimeMessage) => void;
  readonly isHeard: () => boolean;
  /** Called once, after the terminal event. */
  readonly onEnd: (execution: Execution) => void;
}

/** Why it is `cancelling`, which decides how it ends. */
type Cause = { readonly by: "cancel"; readonly error: RtError } | { readonly by: "failure"; readonly error: RtError };

export class Execution {
  readonly id: string;
  readonly plan: Plan;
  readonly queuedAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** Of a completed execution. */
  result: Record<string, unknown> | undefined;
  /** Of a failed or cancelled one. */
  error: RtError | undefined;
  /** Node instances known so far. */
  total = 0;
  readonly #seed: ExecutionSeed;
  readonly #recorder: Recorder;
  readonly #scheduler: Scheduler;
  readonly #transitions: Transitions;
  #cause: Cause | undefined;
  /** Everything has run; large outputs are being put into the blob store. */
  #isStoring = false;
  readonly #redact: Redact | undefined;
  /** The root scope is open. */
  #hasBegun = false;
  #timers: (() => void)[] = [];
  #startedTick = 0;
  /** The time in which it was not paused: what the policy's timeout counts. */
  readonly #active: Stopwatch;
  /** The root scope has ended while the execution was held. */
  #heldEnd: Scope | undefined;
  #waiters: { resolve: (result: Record<string, unknown>) => void; reject: (error: RuntimeError) => void }[] = [];
  readonly #ended: (() => void)[] = [];

  constructor(seed: ExecutionSeed) {
    const { id, plan, host, tell, isHeard } = seed;
    this.id = id;
    this.plan = plan;
    this.total = plan.root.instances;
    this.queuedAt = host.clock.now();
    this.#seed = seed;
    this.#redact = makeRedact(seed.secrets);
    this.#recorder = new Recorder({
      executionId: id,
      clock: host.clock,
      redact: this.#redact,
      tell,
      isHeard,
    });
    this.#transitions = new Transitions(id, this.#recorder);
    const { blueprint } = plan;
    this.#active = new Stopwatch(host.clock, blueprint.policy.timeoutMs, () =>
      this.#expire("it took longer than its policy allows"),
    );
    this.#scheduler = new Scheduler(
      host,
      {
        id,
        priority: seed.priority,
        concurrency: blueprint.policy.concurrency ?? EXECUTION_CONCURRENCY,
        run: { id, blueprintId: blueprint.id, blueprintName: blueprint.name, startedAt: this.queuedAt },
        secrets: seed.secrets,
        unhandled: (error) => this.#unhandled(error),
        stopped: () => this.#hold(false),
        quiet: () => this.#quiet(),
      },
      this.#recorder,
      this.#transitions,
    );
  }

  get state(): ExecState {
    return this.#transitions.state;
  }
  get seq(): number {
    return this.#recorder.seq;
  }
  get isOver(): boolean {
    return isFinalExecution(this.state);
  }
  /** Results and calls that came when their attempt was over. */
  get late(): number {
    return this.#scheduler.late;
  }
  get liveScopes(): number {
    return this.#scheduler.liveScopes;
  }
  /** Node instances that a snapshot names: what it costs to keep it. */
  get kept(): number {
    return this.plan.root.nodes.length + this.#scheduler.settled.size;
  }

  /** Begins. Does nothing when it was cancelled while it was queued. */
  start(): void {
    if (this.state !== "queued") return;
    const { plan, host, input, deadline } = this.#seed;
    const { root, blueprint } = plan;
    this.startedAt = host.clock.now();
    this.#startedTick = host.clock.monotonic();
    this.total = root.instances;
    const { progress } = this.#scheduler;
    progress.total = root.instances;
    progress.openLoops = root.loops;
    this.#transitions.execution("running", () =>
      this.#recorder.started({
        blueprint: { id: blueprint.id, name: blueprint.name, version: blueprint.version },
        planHash: plan.hash,
        host: host.name,
        resumed: false,
        recovery: 0,
        total: root.instances,
        input: { ...input },
      }),
    );
    // Whoever heard of it may have cancelled it.
    if (this.#cause) return;
    this.#recorder.executionState("running");
    this.#active.start();
    if (deadline !== undefined) {
      const expire = (): void => this.#expire("its deadline has passed");
      this.#timers.push(host.clock.after(Math.max(0, deadline - this.startedAt), expire));
    }
    this.#hasBegun = true;
    this.#scheduler.open({ template: root, prefix: "", inputs: input, onEnd: (scope) => this.#rootEnded(scope) });
    this.#scheduler.turn();
  }

  /** Asks it to end. True when this call, or an earlier one, decides how it ends; false when it was over. */
  cancel(reason: string, graceMs: number = GRACE_MS): boolean {
    return this.#cancel(new CancelReason("cancel", reason, this.#seed.host.clock.now(), graceMs), {
      code: "CANCELLED",
      class: "cancelled",
      message: reason,
      retryable: false,
    });
  }

  /**
   * Starts no attempt from here on. `drain`: those that run end by themselves; `now`: those that may be repeated are
   * ended, and begin again later, without using up a retry. Gives the paths of those that still run.
   * On one that is pausing or paused it changes nothing, but that `now` goes further than `drain`.
   */
  pause(mode: "drain" | "now"): string[] {
    if (!isSteerable(this.state)) throw this.#refusal("pause");
    this.#hold(mode === "now");
    return this.#scheduler.runningPaths();
  }

  /** Goes on, and leaves every stop; with a `stopId` that one alone. On one that runs, or a stop that was left: nothing. */
  resume(stopId?: string): void {
    if (!isSteerable(this.state)) throw this.#refusal("resume");
    const scheduler = this.#scheduler;
    const { stops } = scheduler;
    if (stopId === undefined) {
      this.#unhold();
      return;
    }
    if (stops.find(stopId) === undefined && stops.wasGiven(stopId)) return;
    const stop = stops.get(stopId);
    const isLast = stop.info.allStopped && !stops.list().some((other) => other.allStopped && other !== stop.info);
    if (isLast && this.state !== "running") {
      this.#run();
      scheduler.resumeFrom(stop);
    } else scheduler.leave(stop);
  }

  /** Lets the instance of a stop go on, and stops at what follows; left out: the last stop, or what would start next. */
  step(kind: StepKind, stopId?: string): void {
    if (!isSteerable(this.state)) throw this.#refusal("step");
    const { stops, control } = this.#scheduler;
    if (this.#heldEnd) {
      this.#unhold();
      return;
    }
    const at = stopId === undefined ? (stops.last() ?? control.kept[0]) : stops.get(stopId);
    if (!at || (this.state === "running" && !("info" in at))) {
      throw new RuntimeError(
        "E_STATE",
        `Cannot step in "${this.id}": ${this.state === "running" ? "it runs and nothing stands at a stop; pause it first" : "nothing is held; resume it"}`,
        { executionId: this.id, state: this.state },
      );
    }
    if (this.state === "running") this.#scheduler.hold(false);
    else this.#run();
    this.#scheduler.step(kind, at.scope, at.node);
  }

  /** `runtime:state` with everything, as of the last number given out. */
  snapshot(): RuntimeState {
    this.#recorder.flush();
    const counted = this.#scheduler.settled.counted();
    return {
      executionId: this.id,
      seq: this.#recorder.seq,
      epoch: 1,
      ts: this.#seed.host.clock.now(),
      kind: "snapshot",
      state: this.state,
      nodes: this.#nodes(),
      ...(counted.length > 0 ? { counted } : {}),
      waits: [],
      stops: this.#scheduler.stops.list(),
    };
  }

  history(): ExecutionHistory {
    return this.#recorder.history();
  }

  /** Sends what has gathered: before a listener comes. */
  flush(): void {
    this.#recorder.flush();
  }

  wait(): Promise<Record<string, unknown>> {
    if (this.state === "completed") return Promise.resolve(this.result!);
    if (this.isOver) return Promise.reject(this.#failure());
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Resolves when it is over, however it ended. */
  ended(): Promise<void> {
    return this.isOver ? Promise.resolve() : new Promise((resolve) => this.#ended.push(resolve));
  }

  #cancel(reason: CancelReason, error: RtError): boolean {
    if (this.isOver) return false;
    if (this.state === "cancelling") return true;
    this.#cause = { by: "cancel", error };
    if (this.state === "queued") {
      this.#end("cancelled", error);
      return true;
    }
    this.#transitions.execution("cancelling");
    if (this.#isStoring) return true;
    if (!this.#hasBegun || this.#heldEnd) this.#end("cancelled", error);
    else this.#scheduler.cancel(this.#scheduler.root, reason);
    return true;
  }

  #hold(now: boolean): void {
    if (this.state === "running") {
      this.#transitions.execution("pausing");
      this.#active.stop();
    }
    if (this.#hasBegun && (this.state === "pausing" || now)) this.#scheduler.hold(now);
  }

  #unhold(): void {
    if (this.state !== "running") this.#run();
    const root = this.#heldEnd;
    this.#heldEnd = undefined;
    if (root) this.#rootEnded(root);
    else this.#scheduler.unhold();
  }

  #run(): void {
    this.#transitions.execution("running");
    this.#active.start();
  }

  #quiet(): void {
    if (this.state === "running") {
      if (!this.#scheduler.control.endStep()) return;
      this.#transitions.execution("pausing");
      this.#active.stop();
    }
    if (this.state === "pausing") this.#transitions.execution("paused");
  }

  #refusal(what: string): RuntimeError {
    const wayOut = this.state === "queued" ? "it begins at once" : "what has ended, or is ending, goes no further";
    return new RuntimeError("E_STATE", `Cannot ${what} "${this.id}": it is ${this.state}; ${wayOut}`, {
      executionId: this.id,
      state: this.state,
    });
  }

  #unhandled(error: RtError): void {
    if (this.state === "cancelling" || this.plan.root.onFailure === "drain") return;
    this.#cause = { by: "failure", error };
    this.#transitions.execution("cancelling");
    const { clock } = this.#seed.host;
    this.#scheduler.cancel(
      this.#scheduler.root,
      new CancelReason("cancel", `failure of ${error.path}`, clock.now(), GRACE_MS),
    );
  }

  /** Every instance is final and every attempt has settled: the only way to an end, but for a queued execution. */
  #rootEnded(root: Scope): void {
    if (this.state === "pausing" || this.state === "paused") this.#heldEnd = root;
    else if (this.#cause) this.#end(this.#cause.by === "cancel" ? "cancelled" : "failed", this.#cause.error);
    else if (root.failure) this.#end("failed", root.failure);
    else this.#keepResult(scopeOutputs(root) as Record<string, unknown>);
  }

  /** Large outputs are stored first: an event carries a reference to them. A cancel meanwhile decides how it ends. */
  #keepResult(result: Record<string, unknown>): void {
    const large = Object.keys(result).filter((name) => sizeOf(result[name]) > RESULT_BYTES);
    if (large.length === 0) {
      this.#complete(result, result);
      return;
    }
    this.#isStoring = true;
    storeLarge(result, large, this.#seed.host.blobs, this.#redact).then(
      (told) => {
        if (this.#cause) this.#end("cancelled", this.#cause.error);
        else this.#complete(result, told);
      },
      (error: unknown) => {
        if (this.#cause) this.#end("cancelled", this.#cause.error);
        else this.#end("failed", toRtError(error, "", 1));
      },
    );
  }

  #complete(result: Record<string, unknown>, told: Record<string, unknown>): void {
    this.result = result;
    this.#transitions.execution("completed");
    this.#close(true);
    const { completed, failed, skipped, cancelled } = this.#scheduler.counts;
    const none: Record<NodeState, number> = {
      pending: 0,
      ready: 0,
      held: 0,
      running: 0,
      waiting: 0,
      backoff: 0,
      completed,
      failed,
      skipped,
      cancelled,
    };
    const durationMs = this.#seed.host.clock.monotonic() - this.#startedTick;
    this.#recorder.completed({
      result: told,
      durationMs,
      activeMs: this.#active.elapsedMs,
      counts: none,
      cacheHits: 0,
      handledErrors: this.#scheduler.handledErrors,
    });
    this.#settle();
  }

  #end(state: "failed" | "cancelled", error: RtError): void {
    this.error = error;
    this.#transitions.execution(state);
    if (this.#hasBegun) this.#close(false);
    this.#recorder.ended(error, state);
    this.#settle();
  }

  #close(isComplete: boolean): void {
    for (const takeBack of this.#timers) takeBack();
    this.#timers = [];
    this.#active.stop();
    this.#scheduler.close();
    this.total = this.#scheduler.progress.total;
    this.#scheduler.progress.end(isComplete);
  }

  #settle(): void {
    this.endedAt = this.#seed.host.clock.now();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve, reject } of waiters) {
      if (this.result) resolve(this.result);
      else reject(this.#failure());
    }
    for (const ended of this.#ended.splice(0)) ended();
    this.#seed.onEnd(this);
  }

  #failure(): RuntimeError {
    const error = this.error!;
    const code = this.state === "failed" ? "EXECUTION_FAILED" : error.code === "TIMEOUT" ? "TIMEOUT" : "CANCELLED";
    const what = this.state === "failed" ? "failed" : "was cancelled";
    return new RuntimeError(
      code,
      `The execution "${this.id}" of "${this.plan.blueprint.name}" ${what}: ${error.message}`,
      {
        executionId: this.id,
        error,
      },
    );
  }

  #expire(why: string): void {
    const message = `Execution "${this.id}" was ended: ${why}`;
    const error: RtError = { code: "TIMEOUT", class: "timeout", message, retryable: true };
    this.#cancel(new CancelReason("cancel", message, this.#seed.host.clock.now(), GRACE_MS), error);
  }

  #nodes(): NodeSnapshot[] {
    if (!this.#hasBegun) return [];
    const { settled, root } = this.#scheduler;
    return [...liveNodes(root), ...settled.list()];
  }
}

const isSteerable = (state: ExecState): boolean => state === "running" || state === "pausing" || state === "paused";
