/**
 * One attempt of one instance. Order: `when`, configuration and inputs are resolved; the node runs; its processes have
 * ended; the outputs are checked; the scheduler is told, once. An abort fires the signal; who has not settled when the
 * grace is over is given up, and whatever comes from it later is dropped.
 */
import type { Wait } from "../../blueprint/define-node.ts";
import { RuntimeError, type RtError } from "../../errors.ts";
import { runsApart } from "../../pool/pool.ts";
import { runMock } from "../control/stand-ins.ts";
import type { Stop } from "../control/stops.ts";
import { GRACE_MS } from "../host.ts";
import { WHILE_TYPE, type LoopConfig, type WhileConfig } from "../plan/constructs.ts";
import type { PlanNode } from "../plan/plan.ts";
import type { Outlet } from "../streams/outlet.ts";
import type { StreamQueue } from "../streams/stream-queue.ts";
import { runBlueprint } from "./blueprint-node.ts";
import { makeContext, type Prepared } from "./context.ts";
import { CancelReason, toRtError } from "./failure.ts";
import { runLoop } from "./loop.ts";
import { collectOutputs, waitOf } from "./outputs.ts";
import { isOutdated, prepare, type Skipped } from "./prepare.ts";
import { dependencyHash, type TakenOver } from "./reuse.ts";
import type { Scheduler } from "./scheduler.ts";
import { pathOf, type Scope, type Values } from "./scope.ts";
import { runWhile } from "./while.ts";

export type Outcome =
  /** `edited`: ports whose values a person gave, at a stop. */
  | { readonly kind: "completed"; readonly outputs: Values; readonly edited?: ReadonlySet<string> }
  | { readonly kind: "failed"; readonly error: RtError }
  | { readonly kind: "skipped"; readonly why: string }
  | { readonly kind: "waiting"; readonly wait: Wait<unknown> }
  | { readonly kind: "cancelled" }
  /** Stopped by `pause` in its mode `now`: the same attempt again, later. */
  | { readonly kind: "paused" };

export class Attempt {
  readonly scheduler: Scheduler;
  readonly scope: Scope;
  readonly node: PlanNode;
  readonly number: number;
  readonly token: number;
  /** The named lock it holds. */
  lock: string | undefined;
  /** Of a loop: what a failing item does. */
  onItemError: LoopConfig["onItemError"] | undefined;
  /** Of loops and Blueprints, which hold none: it has not begun yet. */
  isPreparing = false;
  /** Resolved, and its node has not begun. */
  prepared: Prepared | undefined;
  /** Where it stands still: until it is resumed it neither runs nor ends. */
  stop: Stop | undefined;
  /** Its stop is over; it runs as soon as it may. */
  isReleased = false;
  /** The scheduler has its outcome: calls of the node from here on are late. */
  isOver = false;
  /** Where its outputs come from. */
  via: "run" | "pin" | "cache" = "run";
  /** The node has told its progress. */
  hasReported = false;
  /** Items that the node gave to its stream ports. */
  streams: Map<string, Outlet> | undefined;
  /** Items that clients push to it; made when its node asks for them. */
  pushes: StreamQueue | undefined;
  /** Counted among the attempts that run at once. A node that waits for a reader gives it up for good. */
  holdsSlot = false;
  /** It reads or writes streams without a slot, and does not wait. */
  isStreaming = false;
  /** Items that it waits for, and ports that have no room. */
  streamWaits = 0;
  #controller: AbortController | undefined;
  #processes: AbortController | undefined;
  #running: Set<Promise<unknown>> | undefined;
  #aborted: CancelReason | undefined;
  #configListeners: ((next: unknown, keys: string[]) => void)[] | undefined;
  #onAbort: (() => void) | undefined;
  #isRunning = false;
  #takeBackTimeout: (() => void) | undefined;
  #takeBackGrace: (() => void) | undefined;

  constructor(scheduler: Scheduler, scope: Scope, node: PlanNode, number: number, token: number) {
    this.scheduler = scheduler;
    this.scope = scope;
    this.node = node;
    this.number = number;
    this.token = token;
  }

  get path(): string {
    return pathOf(this.scope, this.node.id);
  }
  get aborted(): CancelReason | undefined {
    return this.#aborted;
  }
  /** Made when somebody asks: most nodes never wait for anything. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }
  /** Fires with `signal`, and when the node has ended and left processes behind. */
  get processSignal(): AbortSignal {
    if (!this.#processes) {
      this.#processes = new AbortController();
      if (this.#aborted) this.#processes.abort(this.#aborted);
    }
    return this.#processes.signal;
  }

  begin(): void {
    let prepared: ReturnType<typeof prepare>;
    try {
      prepared = prepare(this);
    } catch (error) {
      this.#failEarly(error);
      return;
    }
    if (prepared instanceof Promise)
      prepared.then(
        (ready) => this.#run(ready),
        (error: unknown) => this.#failEarly(error),
      );
    else this.#run(prepared);
  }

  /** Ends it early. A second reason changes nothing, but that a cancel goes before a pause. */
  abort(reason: CancelReason): void {
    if (this.isOver || (this.#aborted && !(this.#aborted.kind === "pause" && reason.kind === "cancel"))) return;
    this.#takeBackGrace?.();
    this.#aborted = reason;
    this.#takeBackGrace = this.scheduler.host.clock.after(reason.graceMs, () => void this.#giveUp());
    this.#controller?.abort(reason);
    this.#processes?.abort(reason);
    this.#onAbort?.();
  }

  /** What loops and Blueprints do on an abort: they end their scopes. */
  onAbort(run: () => void): void {
    this.#onAbort = run;
    if (this.#aborted) run();
  }

  /** Its configuration was changed: `keys` of it. Called while it runs, or stands still before that. */
  reconfigure(config: unknown, keys: string[]): void {
    this.prepared!.config = config;
    if (this.stop) {
      this.stop.values.config = config;
      this.scheduler.stops.edited(this.stop);
    }
    for (const hear of this.#configListeners ?? []) {
      try {
        hear(config, keys);
      } catch (error) {
        const { message } = toRtError(error, this.path, this.number);
        this.scheduler.recorder.log(this.path, this.number, "error", `onConfig: ${message}`);
      }
    }
  }

  onConfig(hear: (next: unknown, keys: string[]) => void): void {
    if (!this.isOver) (this.#configListeners ??= []).push(hear);
  }

  /** The attempt ends no sooner than this. */
  holdFor<T>(process: Promise<T>): Promise<T> {
    const running = (this.#running ??= new Set());
    running.add(process);
    const leave = (): void => void running.delete(process);
    process.then(leave, leave);
    return process;
  }

  /** Called by the scheduler when it has the outcome. */
  close(): void {
    this.isOver = true;
    this.#takeBackTimeout?.();
    this.#takeBackGrace?.();
  }

  completed(outputs: Values): void {
    this.#finish({ kind: "completed", outputs });
  }
  failed(error: RtError): void {
    this.#finish({ kind: "failed", error });
  }

  #run(prepared: Prepared | Skipped): void {
    if (this.isOver) return;
    if (this.#aborted) return this.#finish({ kind: "cancelled" });
    if (typeof prepared === "string") return this.#finish({ kind: "skipped", why: prepared });
    if (isOutdated(this, prepared)) return this.begin();
    this.prepared = prepared;
    const { reuse, standIns, isDry } = this.scheduler.facts;
    const actsOutside = this.node.effect === "write" || this.node.effect === "idempotent";
    if (isDry && actsOutside && this.node.kind === "node" && !standIns?.covers(this.path)) {
      return this.#finish({ kind: "skipped", why: "mode: dry" });
    }
    const known = reuse && !standIns?.covers(this.path) ? reuse.outputsOf(this) : undefined;
    if (known) void this.#takeOver(known);
    else if (this.scheduler.holds.mayRun(this)) this.proceed();
  }

  /** Another execution has its outputs: it need not run. */
  async #takeOver({ h, outputs }: TakenOver): Promise<void> {
    const values = await outputs;
    if (this.isOver) return;
    if (this.#aborted) return this.#finish({ kind: "cancelled" });
    if (!values) {
      if (this.scheduler.holds.mayRun(this)) this.proceed();
      return;
    }
    this.via = "cache";
    this.scheduler.cacheHits++;
    this.scheduler.journal?.takesOver(this.path, h);
    this.scheduler.deliver(this, { kind: "completed", outputs: values });
  }

  /** Runs the node. Called once it is prepared: at once, or by the scheduler when nothing holds it any more. */
  proceed(): void {
    if (this.isOver) return;
    if (this.#aborted) return this.#finish({ kind: "cancelled" });
    this.#start();
    const { journal, facts } = this.scheduler;
    const stored = journal?.started(this, facts.standIns?.covers(this.path) ? undefined : dependencyHash(this));
    if (stored) this.#runOnce(stored);
    else this.#runNode(this.prepared!);
  }

  /** Runs the node when its start is on the disk; an abort does not wait for a disk that fails. */
  #runOnce(stored: Promise<void>): void {
    let isWaiting = true;
    const go = (run: () => void): void => {
      if (isWaiting && !this.isOver) run();
      isWaiting = false;
    };
    this.onAbort(() => go(() => this.#finish({ kind: "cancelled" })));
    stored.then(
      () => go(() => this.#runNode(this.prepared!)),
      (error: unknown) => go(() => this.fail(error)),
    );
  }

  #runNode(prepared: Prepared): void {
    const { node } = this;
    const { standIns, past } = this.scheduler.facts;
    // It had run when its host died, and stood still before anybody got what it came to.
    const known = past?.steering.outcome(this.path, this.number);
    if (known) return this.#finish(known);
    if (standIns) {
      const pin = standIns.pinOf(this.path);
      if (pin) this.via = "pin";
      const mock = pin ? { outputs: pin } : standIns.mockOf(this.path, this.number);
      if (mock) return runMock(this, mock);
    }
    if (node.def.type === WHILE_TYPE) return runWhile(this, prepared.inputs, prepared.config as WhileConfig);
    if (node.kind === "loop") return runLoop(this, prepared.inputs, prepared.config as LoopConfig);
    if (node.kind === "blueprint") return runBlueprint(this, prepared.inputs);
    let result: Promise<unknown>;
    try {
      const ctx = makeContext(this, prepared);
      const { resume } = this.scope.memory.get(node.id) ?? {};
      result = resume
        ? node.def.resume!(ctx, resume.value, resume.state)
        : runsApart(node.def)
          ? this.holdFor(
              this.scheduler.host.pool.run(node.def, ctx, {
                streams: node.streamsTo !== undefined || node.readsStreams,
              }),
            )
          : node.def.run(ctx);
    } catch (error) {
      result = Promise.reject(error);
    }
    result.then(
      (value) => {
        const running = this.#running;
        if (running?.size) this.#afterProcesses(running, () => this.succeed(value));
        else this.succeed(value);
      },
      (error: unknown) => {
        const running = this.#running;
        if (running?.size) this.#afterProcesses(running, () => this.fail(error));
        else this.fail(error);
      },
    );
  }

  #start(): void {
    this.#isRunning = true;
    this.scheduler.launcher.started(this);
    const { timeoutMs } = this.node;
    if (timeoutMs === undefined) return;
    const { clock } = this.scheduler.host;
    this.#takeBackTimeout = clock.after(timeoutMs, () => {
      this.abort(
        new CancelReason(
          "timeout",
          `Attempt ${this.number} of "${this.path}" took longer than ${timeoutMs} ms; raise its timeout, or look at what it waits for`,
          clock.now(),
          GRACE_MS,
        ),
      );
    });
  }

  /** What the node returned. */
  succeed(value: unknown): void {
    if (this.#aborted) return this.fail(this.#aborted);
    let outputs: Values;
    try {
      const wait = waitOf(this, value);
      if (wait) return this.#finish({ kind: "waiting", wait });
      outputs = collectOutputs(this, value);
    } catch (error) {
      return this.fail(error);
    }
    this.completed(outputs);
  }

  /** What the node threw. */
  fail(error: unknown): void {
    this.failed(toRtError(error, this.path, this.number));
  }

  /** Before the node ran: the states know a failure only of what is running. */
  #failEarly(error: unknown): void {
    if (this.isOver) return;
    if (!this.#aborted && !this.#isRunning) this.#start();
    this.fail(error);
  }

  #finish(outcome: Outcome): void {
    const reason = this.#aborted;
    if (!reason || outcome.kind === "skipped") this.scheduler.finish(this, outcome);
    else if (reason.kind === "pause") this.scheduler.finish(this, { kind: "paused" });
    else if (reason.kind === "cancel") this.scheduler.finish(this, { kind: "cancelled" });
    else this.scheduler.finish(this, { kind: "failed", error: toRtError(reason, this.path, this.number) });
  }

  /** The node has ended; processes that it left are told to end, and waited for. */
  #afterProcesses(running: Set<Promise<unknown>>, then: () => void): void {
    const { clock } = this.scheduler.host;
    this.#processes?.abort(this.#aborted ?? new CancelReason("cancel", "its node has ended", clock.now(), GRACE_MS));
    void Promise.allSettled(running).then(then);
  }

  /** The grace is over. Processes are being killed: their end is waited for; code that ignores its signal is not. */
  async #giveUp(): Promise<void> {
    if (this.node.kind !== "node") return;
    if (this.#running) await Promise.allSettled(this.#running);
    if (this.isOver) return;
    this.#finish({ kind: "failed", error: toRtError(new RuntimeError("E_STATE", "given up"), this.path, this.number) });
  }
}
