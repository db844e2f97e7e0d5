/**
 * One run of a plan: its state, its end, its events. Rules:
 * 1. Every change of state goes through the table of states.ts.
 * 2. Once `cancelling` is recorded no other end is possible than its own; there is exactly one terminal event, the last.
 * 3. Nothing starts before `start`: whoever called `execute` has the id by then.
 */
import type { ExecState, NodeState, RuntimeMessage, RuntimeState } from "../contract.ts";
import { RuntimeError, type RtError } from "../errors.ts";
import type { ExecutionJournal } from "../journal/execution-journal.ts";
import type { Past } from "../journal/past.ts";
import { alarm } from "./alarm.ts";
import type { StepKind } from "./control/control.ts";
import { ExecutionControl } from "./control/execution-control.ts";
import { runningIn } from "./control/locate.ts";
import type { StandIns } from "./control/stand-ins.ts";
import { EXECUTION_CONCURRENCY, GRACE_MS, type EngineHost } from "./host.ts";
import { EventGate, JournalWriter } from "./journal-writer.ts";
import type { Plan } from "./plan/plan.ts";
import { scopeOutputs } from "./run/blueprint-node.ts";
import { cancelScope } from "./run/ending.ts";
import { CancelReason, toRtError } from "./run/failure.ts";
import type { Reuse } from "./run/reuse.ts";
import { Scheduler } from "./run/scheduler.ts";
import type { Scope, Values } from "./run/scope.ts";
import { isFinalExecution } from "./run/states.ts";
import { Transitions } from "./run/transitions.ts";
import { Stopwatch } from "./stopwatch.ts";
import { Recorder, type ExecutionHistory } from "./told/recorder.ts";
import { liveNodes, type NodeSnapshot } from "./told/snapshot.ts";
import { makeRedact, type Redact } from "./values/redact.ts";
import { RESULT_BYTES, storeLarge } from "./values/result.ts";
import { sizeOf } from "./values/values.ts";

export interface ExecutionSeed {
  readonly id: string;
  readonly plan: Plan;
  readonly input: Values;
  readonly secrets: Readonly<Record<string, string>>;
  readonly priority: number;
  /** Milliseconds since 1970: cancelled when it passes. */
  readonly deadline: number | undefined;
  /** Stands still before its first instance. */
  readonly stopsAtEntry?: boolean;
  readonly standIns?: StandIns | undefined;
  readonly reuse?: Reuse | undefined;
  /** Skips what acts outside. */
  readonly isDry?: boolean;
  /** Left out: nothing is kept, and it ends with its process. */
  readonly journal?: ExecutionJournal;
  /** What was recorded of it by hosts that are gone, this host's claim included. */
  readonly past?: Past;
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
  readonly control: ExecutionControl;
  /** One more with each host that takes it over. */
  readonly epoch: number;
  readonly #seed: ExecutionSeed;
  readonly #journal: JournalWriter | undefined;
  readonly #gate: EventGate | undefined;
  /** Whoever waits for its end has been told. */
  #isSettled = false;
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
  #heldEnd: { readonly root: Scope; readonly result: Values } | undefined;
  #waiters: { resolve: (result: Record<string, unknown>) => void; reject: (error: RuntimeError) => void }[] = [];
  readonly #ended: (() => void)[] = [];

  constructor(seed: ExecutionSeed) {
    const { id, plan, host, journal, past, isHeard } = seed;
    this.id = id;
    this.plan = plan;
    this.total = plan.root.instances;
    this.queuedAt = past?.createdAt ?? host.clock.now();
    this.epoch = past?.epoch ?? 1;
    this.#seed = seed;
    this.#redact = makeRedact(seed.secrets);
    if (journal) {
      const { clock, blobs } = host;
      this.#journal = new JournalWriter({ journal, blobs, redact: this.#redact, clock, past });
      this.#gate = new EventGate(journal, seed.tell);
      journal.onFailure = (error) => this.#storageFailed(error);
    }
    this.#recorder = new Recorder({
      executionId: id,
      epoch: this.epoch,
      clock: host.clock,
      redact: this.#redact,
      tell: this.#gate ? (message) => this.#gate!.tell(message) : seed.tell,
      isHeard,
    });
    this.#transitions = new Transitions(id, this.#recorder);
    const { blueprint } = plan;
    this.#active = new Stopwatch(
      host.clock,
      blueprint.policy.timeoutMs,
      () => this.#expire("it took longer than its policy allows"),
      past?.activeMs(host.clock.now()),
    );
    this.#scheduler = new Scheduler(
      host,
      {
        id,
        priority: seed.priority,
        concurrency: blueprint.policy.concurrency ?? EXECUTION_CONCURRENCY,
        run: { id, blueprintId: blueprint.id, blueprintName: blueprint.name, startedAt: this.queuedAt },
        secrets: seed.secrets,
        epoch: this.epoch,
        past,
        standIns: seed.standIns,
        reuse: seed.reuse,
        isDry: seed.isDry === true,
        unhandled: (error) => this.#unhandled(error),
        stopped: () => this.#hold(false),
        quiet: () => this.#quiet(),
      },
      this.#recorder,
      this.#transitions,
      this.#journal,
    );
    if (past) this.#scheduler.configEdits.restore(plan.root, past.steering.edits);
    this.control = new ExecutionControl(this, plan, this.#scheduler, this.#redact);
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
    const { plan, host, input, deadline, past } = this.#seed;
    const { root, blueprint } = plan;
    this.startedAt = past?.startedAt ?? host.clock.now();
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
        resumed: past !== undefined,
        recovery: past?.deaths ?? 0,
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
      this.#timers.push(alarm(host.clock, deadline, expire, { isSpan: false }));
    }
    this.#hasBegun = true;
    if (past?.pause) this.#hold(false);
    if (this.#seed.stopsAtEntry) this.#scheduler.control.stopAtEntry();
    this.#scheduler.open({ template: root, prefix: "", inputs: input, onEnd: (scope) => this.#rootEnded(scope) });
    this.#scheduler.turn();
    if (past?.cancel) {
      const { error } = past.cancel;
      this.#cancel(new CancelReason("cancel", error.message, host.clock.now(), GRACE_MS), error);
    }
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

  /** This, `resume` and `step` as `ExecutionControl` says. */
  pause(mode: "drain" | "now"): string[] {
    if (!isSteerable(this.state)) throw this.#refusal("pause");
    this.#hold(mode === "now");
    return runningIn(this.#scheduler.root);
  }

  resume(stopId?: string): void {
    if (!isSteerable(this.state)) throw this.#refusal("resume");
    const { journal } = this.#seed;
    if (journal?.failure) {
      // What could not be stored goes first.
      journal.retry().then(
        () => isSteerable(this.state) && this.resume(stopId),
        (error: Error) => this.#storageFailed(error),
      );
      return;
    }
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
      scheduler.holds.resumeFrom(stop);
    } else scheduler.holds.leave(stop);
  }

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
    if (this.state === "running") this.#scheduler.holds.hold(false);
    else this.#run();
    this.#scheduler.holds.step(kind, at.scope, at.node);
  }

  /** `runtime:state` with everything, as of the last number given out. */
  snapshot(): RuntimeState {
    this.flush();
    const counted = this.#scheduler.settled.counted();
    return {
      executionId: this.id,
      seq: this.#recorder.seq,
      epoch: this.epoch,
      ts: this.#seed.host.clock.now(),
      kind: "snapshot",
      state: this.state,
      nodes: this.#nodes(),
      ...(counted.length > 0 ? { counted } : {}),
      waits: this.#recorder.cleanWaits(this.#scheduler.waits.list()),
      stops: this.#scheduler.stops.list(),
    };
  }

  history(): ExecutionHistory {
    this.flush();
    return this.#recorder.history();
  }

  /** Sends what has gathered: before a listener comes. */
  flush(): void {
    this.#recorder.flush();
    this.#gate?.open();
  }

  wait(): Promise<Record<string, unknown>> {
    if (this.#isSettled) return this.result ? Promise.resolve(this.result) : Promise.reject(this.#failure());
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Resolves when it is over, however it ended. */
  ended(): Promise<void> {
    return this.#isSettled ? Promise.resolve() : new Promise((resolve) => this.#ended.push(resolve));
  }

  #cancel(reason: CancelReason, error: RtError): boolean {
    if (this.isOver) return false;
    if (this.state === "cancelling") return true;
    this.#cause = { by: "cancel", error };
    this.#journal?.cancelling(error);
    if (this.state === "queued") {
      this.#end("cancelled", error);
      return true;
    }
    this.#transitions.execution("cancelling");
    if (this.#isStoring) return true;
    if (!this.#hasBegun || this.#heldEnd) this.#end("cancelled", error);
    else cancelScope(this.#scheduler, this.#scheduler.root, reason);
    return true;
  }

  #hold(now: boolean): void {
    if (this.state === "running") {
      this.#transitions.execution("pausing");
      this.#journal?.paused();
      this.#active.stop();
    }
    if (this.#hasBegun && (this.state === "pausing" || now)) this.#scheduler.holds.hold(now);
  }

  #unhold(): void {
    if (this.state !== "running") this.#run();
    const end = this.#heldEnd;
    this.#heldEnd = undefined;
    if (end) this.#rootEnded(end.root, end.result);
    else this.#scheduler.holds.unhold();
  }

  #run(): void {
    this.#transitions.execution("running");
    this.#journal?.resumed();
    this.#active.start();
  }

  #quiet(): void {
    if (this.state === "running") {
      if (!this.#scheduler.control.endStep()) return;
      this.#transitions.execution("pausing");
      this.#journal?.paused();
      this.#active.stop();
    }
    if (this.state === "pausing") this.#transitions.execution("paused");
  }

  /** Starts nothing that could not be recorded; what runs ends. An end that the disk does not take is told all the same. */
  #storageFailed({ message }: Error): void {
    this.#gate?.open();
    if (this.isOver) {
      if (!this.#isSettled) this.#tellEnd();
      return;
    }
    const text = `Cannot record the execution "${this.id}": ${message}; it is held: mend the disk, then resume it`;
    this.#recorder.fault({ code: "STORAGE", class: "resource", message: text, retryable: true });
    if (isSteerable(this.state)) this.#hold(false);
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
    cancelScope(
      this.#scheduler,
      this.#scheduler.root,
      new CancelReason("cancel", `failure of ${error.path}`, clock.now(), GRACE_MS),
    );
  }

  /** Every instance is final and every attempt has settled: the only way to an end, but for a queued execution. */
  #rootEnded(root: Scope, result: Values = scopeOutputs(root)): void {
    // Taken now: an ended scope lets its values go.
    if (this.state === "pausing" || this.state === "paused") this.#heldEnd = { root, result };
    else if (this.#cause) this.#end(this.#cause.by === "cancel" ? "cancelled" : "failed", this.#cause.error);
    else if (root.failure) this.#end("failed", root.failure);
    else this.#keepResult({ ...result });
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
    this.#journal?.ended("completed", { result: told });
    const { completed, failed, skipped, cancelled } = this.#scheduler.settling.counts;
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
      cacheHits: this.#scheduler.cacheHits,
      handledErrors: this.#scheduler.settling.handledErrors,
    });
    this.#settle();
  }

  #end(state: "failed" | "cancelled", error: RtError): void {
    this.error = error;
    this.#transitions.execution(state);
    if (this.#hasBegun) this.#close(false);
    this.#journal?.ended(state, { error });
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

  /** Whoever waits is told when the end is on the disk; a journal that is closed before will store nothing any more. */
  #settle(): void {
    this.endedAt = this.#seed.past?.endedAt ?? this.#seed.host.clock.now();
    const { journal } = this.#seed;
    const stored = journal?.failure ? undefined : journal?.durable();
    if (!stored) this.#tellEnd();
    else
      stored.then(
        () => this.#tellEnd(),
        () => this.#tellEnd(),
      );
  }

  #tellEnd(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#gate?.open();
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
    return failureOf(this.id, this.plan.blueprint.name, this.state, this.error!);
  }

  /** Its host goes, in good order: it is recorded no further, and ends here; the next host takes it up. */
  release(reason: string): void {
    const { journal } = this.#seed;
    if (this.isOver) return;
    journal?.append({ k: "released" });
    void journal?.close();
    this.cancel(reason);
  }

  closeJournal(): Promise<void> {
    return this.#seed.journal?.close() ?? Promise.resolve();
  }
  /** Nothing will be recorded of it any more, its end included. */
  get isEndStored(): boolean {
    return this.#seed.journal?.isEndStored ?? this.#seed.past?.terminal !== undefined;
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

/** What those who wait get. */
export function failureOf(executionId: string, blueprint: string, state: string, error: RtError): RuntimeError {
  const code = state === "failed" ? "EXECUTION_FAILED" : error.code === "TIMEOUT" ? "TIMEOUT" : "CANCELLED";
  const what = state === "failed" ? "failed" : "was cancelled";
  const text = `The execution "${executionId}" of "${blueprint}" ${what}: ${error.message}`;
  return new RuntimeError(code, text, { executionId, error });
}

const isSteerable = (state: ExecState): boolean => state === "running" || state === "pausing" || state === "paused";
