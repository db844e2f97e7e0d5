/**
 * Tokens, states and order of one execution. Rules:
 * 1. Every edge carries one token a scope, a value or nothing; so every instance becomes final.
 * 2. `#settle` is the only place that makes an instance final; whoever is late is dropped by its attempt's token.
 * 3. Work is a list, never recursion: a chain of any length settles on one stack frame (`turn`).
 */
import type { Wait } from "../../blueprint/define-node.ts";
import type { Blueprint } from "../../blueprint/model.ts";
import type { RuntimeOutput } from "../../contract.ts";
import type { RtError } from "../../errors.ts";
import type { Past } from "../../journal/past.ts";
import { Breakpoints } from "../control/breakpoints.ts";
import { ConfigEdits } from "../control/config-edits.ts";
import { Control } from "../control/control.ts";
import { Holds } from "../control/holds.ts";
import type { StandIns } from "../control/stand-ins.ts";
import type { Delivered } from "../control/stop-values.ts";
import { Stops } from "../control/stops.ts";
import { GRACE_MS, type EngineHost } from "../host.ts";
import type { JournalWriter } from "../journal-writer.ts";
import type { PlanNode, Template } from "../plan/plan.ts";
import { itemCount } from "../streams/outlet.ts";
import { closeStreams, hasFlowed, joinedTo } from "../streams/region.ts";
import { Progress } from "../told/progress.ts";
import type { Recorder } from "../told/recorder.ts";
import { SettledScopes } from "../told/snapshot.ts";
import { Attempt, type Outcome } from "./attempt.ts";
import { memoryOf } from "./context.ts";
import { backoffMs, CancelReason, mayRetry, toRtError } from "./failure.ts";
import { whyNotReady } from "./inputs.ts";
import { isWon, losersOf } from "./race.ts";
import { ReadyQueue, type Ready } from "./ready.ts";
import { outcomeForm, restore, unknownOutcome, verdictOn } from "./recall.ts";
import { makeScope, pathOf, type Scope, type ScopeSeed, type Values } from "./scope.ts";
import type { Claimant } from "./slots.ts";
import {
  BACKOFF,
  CANCELLED,
  COMPLETED,
  FAILED,
  HELD,
  isFinalNode,
  PENDING,
  READY,
  RUNNING,
  SKIPPED,
  WAITING,
} from "./states.ts";
import type { Transitions } from "./transitions.ts";
import { Waits, type AbsoluteWait } from "./waits.ts";

/** What the scheduler asks of the execution around it. */
export interface ExecutionFacts {
  readonly id: string;
  readonly priority: number;
  readonly concurrency: number;
  /** `run` in expressions. */
  readonly run: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** One more with each host that takes it over. */
  readonly epoch: number;
  /** What hosts before this one have recorded. */
  readonly past: Past | undefined;
  /** Given with the run. */
  readonly standIns: StandIns | undefined;
  /** A failure in the root scope that nobody handles. */
  unhandled(error: RtError): void;
  /** A stop that holds the whole execution. */
  stopped(): void;
  /** It is held, and nothing runs any more. May be called again. */
  quiet(): void;
}

export class Scheduler implements Claimant {
  readonly host: EngineHost;
  readonly facts: ExecutionFacts;
  readonly recorder: Recorder;
  readonly transitions: Transitions;
  /** Undefined: nothing is kept of the execution. */
  readonly journal: JournalWriter | undefined;
  readonly progress: Progress;
  readonly settled: SettledScopes = new SettledScopes();
  /** Instances by final state. */
  readonly counts: { completed: number; failed: number; skipped: number; cancelled: number } = {
    completed: 0,
    failed: 0,
    skipped: 0,
    cancelled: 0,
  };
  handledErrors = 0;
  /** Results and calls of attempts that were over: dropped. */
  late = 0;
  liveScopes = 0;
  /** Constructs and items that are being prepared: they hold no slot, and yet something goes on. */
  preparing = 0;
  root!: Scope;
  readonly control: Control = new Control();
  readonly configEdits: ConfigEdits = new ConfigEdits();
  readonly breakpoints: Breakpoints;
  readonly stops: Stops;
  readonly waits: Waits;
  readonly holds: Holds = new Holds(this);
  readonly ready: ReadyQueue = new ReadyQueue();
  readonly #secrets = new Map<Blueprint, Readonly<Record<string, string>>>();
  /** Final instances whose tokens are still to be put. */
  #final: { scope: Scope; node: number }[] = [];
  #ended: Scope[] = [];
  /** Failed or cancelled instances whose streams join them to others. */
  readonly #fallen: { scope: Scope; node: number }[] = [];
  #running = 0;
  /** Attempts that read or write streams without a slot, and do not wait. */
  #streaming = 0;
  #isBusy = false;
  #isYielding = false;
  #isLooking = false;
  #scopeSeq = 0;
  #tokenSeq = 0;

  constructor(
    host: EngineHost,
    facts: ExecutionFacts,
    recorder: Recorder,
    transitions: Transitions,
    journal: JournalWriter | undefined,
  ) {
    this.journal = journal;
    this.host = host;
    this.facts = facts;
    this.recorder = recorder;
    this.transitions = transitions;
    this.stops = new Stops(recorder);
    this.waits = new Waits(host.clock, recorder);
    this.breakpoints = new Breakpoints(({ id }, path, message) => recorder.logpoint(id, path, message));
    this.progress = new Progress(
      host.clock,
      () => this.root,
      (told) => recorder.progress(told),
    );
  }

  /** A Blueprint gets the secrets that it lists itself, also inside another. */
  secretsOf({ blueprint }: Template): Readonly<Record<string, string>> {
    let own = this.#secrets.get(blueprint);
    if (!own) {
      const { secrets } = this.facts;
      own = Object.fromEntries(
        blueprint.secrets.flatMap((name) => (Object.hasOwn(secrets, name) ? [[name, secrets[name]!]] : [])),
      );
      this.#secrets.set(blueprint, own);
    }
    return own;
  }

  get priority(): number {
    return this.facts.priority;
  }
  /** Attempts that hold a slot. */
  get running(): number {
    return this.#running;
  }

  /** Opens a scope; `turn` afterwards. */
  open(seed: ScopeSeed): Scope {
    const scope = makeScope(this.#scopeSeq++, seed);
    if (seed.parent) seed.parent.scope.children.add(scope);
    else this.root = scope;
    this.liveScopes++;
    const { need } = seed.template;
    for (let node = 0; node < need.length; node++) if (need[node] === 0) this.#decide(scope, node);
    if (need.length === 0) this.#ended.push(scope);
    return scope;
  }

  /** Puts tokens, ends scopes and starts what is ready, until there is nothing to do. Safe to call at any time. */
  turn(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (;;) {
        if (this.#final.length > 0) this.#putTokens();
        else if (this.#ended.length > 0) this.#endScopes();
        else if (this.#fallen.length > 0) this.#endRegion(this.#fallen.pop()!);
        else if (!this.#launchNext()) break;
      }
    } finally {
      this.#isBusy = false;
    }
    if (this.control.isHolding && this.#isQuiet && !this.#isLooking) this.#look();
  }

  /** What only waits for promises goes on before it counts as quiet. */
  #look(): void {
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      if (this.control.isHolding && this.#isQuiet) this.facts.quiet();
    });
  }

  /** Nothing runs unparked, and nothing is about to. */
  get #isQuiet(): boolean {
    return (
      this.#running === 0 && this.#streaming === 0 && this.preparing === 0 && this.ready.size === 0 && !this.#isYielding
    );
  }

  offer(): void {
    this.turn();
  }

  /** An attempt is over. Called exactly once by it; a second outcome, or one after it was given up, is late. */
  finish(attempt: Attempt, outcome: Outcome): void {
    const { scope, node } = attempt;
    if (scope.token[node.id] !== attempt.token || isFinalNode(scope.state[node.id]!)) {
      this.late++;
      return;
    }
    const hit = scope.ending || this.breakpoints.isEmpty ? undefined : this.holds.meetAfter(attempt, outcome);
    if (!hit) {
      this.deliver(attempt, outcome);
      return;
    }
    attempt.close();
    void hit.then((found) => {
      if (scope.token[node.id] !== attempt.token) return;
      if (found && !scope.ending) this.holds.stopAfter(attempt, outcome as Delivered, found);
      else this.deliver(attempt, scope.ending ? { kind: "cancelled" } : outcome);
    });
  }

  /** What an attempt came to takes effect. */
  deliver(attempt: Attempt, outcome: Outcome): void {
    const { scope, node } = attempt;
    this.release(attempt);
    if (outcome.kind === "failed" && !scope.ending && this.#backOff(scope, node, attempt.number, outcome.error)) {
      this.turn();
      return;
    }
    switch (outcome.kind) {
      case "completed":
        this.#complete(scope, node, outcome.outputs, (port) => (outcome.edited?.has(port) ? "edited" : attempt.via));
        break;
      case "failed":
        this.#fail(scope, node, outcome.error);
        break;
      case "skipped":
        this.#settle(scope, node.id, SKIPPED, outcome.why);
        break;
      case "cancelled":
        this.#settle(scope, node.id, CANCELLED);
        break;
      case "paused":
        this.holds.startOver(scope, node);
        break;
      case "waiting":
        this.#wait(attempt, outcome.wait);
        break;
    }
    this.turn();
  }

  /** Ends a scope and everything inside it early. What runs is aborted; the scope ends when that has settled. */
  cancel(scope: Scope, reason: CancelReason): void {
    const work = [scope];
    for (let next = work.pop(); next; next = work.pop()) {
      if (next.ending) continue;
      next.ending = reason;
      for (let node = 0; node < next.state.length; node++) {
        if (isFinalNode(next.state[node]!) || next.attempts.has(node)) continue;
        this.#drop(next, node);
      }
      for (const child of next.children) work.push(child);
      for (const attempt of next.attempts.values()) this.#abort(attempt, reason);
    }
    this.control.forget(({ scope: kept }) => kept.ending !== undefined);
    for (const stop of this.stops.all()) if (stop.scope.ending) this.stops.close(stop);
    this.turn();
  }

  /** The node has emitted its first item: readers of its streams may begin. */
  beginStreams(scope: Scope, { id, streamsTo }: PlanNode): void {
    if (scope.flowing.has(id)) return;
    scope.flowing.add(id);
    for (const { target } of streamsTo!) if (--scope.need[target]! === 0) this.#decide(scope, target);
    this.turn();
  }

  /** It waits for a reader of its stream, which may need the slot. */
  park(attempt: Attempt): void {
    if (!attempt.holdsSlot) return;
    attempt.holdsSlot = false;
    this.#running--;
    this.host.slots.give();
    this.turn();
  }

  /** It waits for an item, or for room for one: until `unblocks` it is as good as paused. */
  blocks(attempt: Attempt): void {
    if (attempt.streamWaits++ > 0 || !attempt.isStreaming) return;
    attempt.isStreaming = false;
    this.#streaming--;
    if (this.control.isHolding) this.turn();
  }
  unblocks(attempt: Attempt): void {
    if (--attempt.streamWaits > 0 || attempt.isOver || attempt.holdsSlot || attempt.isStreaming) return;
    attempt.isStreaming = true;
    this.#streaming++;
  }

  /** The attempt has begun to run its node. */
  started(attempt: Attempt): void {
    const { scope, node } = attempt;
    this.#isPrepared(attempt);
    if (node.readsStreams && node.kind === "node") {
      attempt.isStreaming = true;
      this.#streaming++;
    }
    this.transitions.node(scope, node.id, RUNNING);
    if (scope.startedAt[node.id] === 0) scope.startedAt[node.id] = this.host.clock.now();
    this.progress.running++;
    this.progress.changed();
  }

  /** Gives everything back that lives outside of the execution. */
  close(): void {
    this.host.slots.leave(this);
  }

  #decide(scope: Scope, node: number): void {
    if (scope.state[node] !== PENDING) return;
    const plan = scope.template.nodes[node]!;
    if (!this.#recall(scope, plan)) {
      const why = whyNotReady(scope, plan);
      if (why !== undefined) {
        this.#settle(scope, node, SKIPPED, why);
        return;
      }
      // Items of streams go through an attempt: their readers take them one by one.
      const pin = plan.streamsTo ? undefined : this.facts.standIns?.pinOf(pathOf(scope, node));
      if (pin) {
        this.transitions.node(scope, node, READY);
        this.#complete(scope, plan, pin, () => "pin");
      } else this.arrive(scope, node);
    }
    if (!plan.races) return;
    for (const loser of losersOf(scope, node)) {
      const attempt = scope.attempts.get(loser);
      const why = `lost the race at ${pathOf(scope, node)}`;
      if (attempt) this.#abort(attempt, new CancelReason("cancel", why, this.host.clock.now(), GRACE_MS));
      else this.#drop(scope, loser, why);
    }
  }

  /** What a dead host left of it takes effect. False: it is to run. */
  #recall(scope: Scope, plan: PlanNode): boolean {
    const { past: all } = this.facts;
    const past = all?.take(pathOf(scope, plan.id));
    if (!all || !past) return false;
    const verdict = verdictOn(past, scope, plan, all, this.host.onUnknown);
    restore(past, verdict, scope, plan);
    const { transitions } = this;
    switch (verdict.do) {
      case "run":
        return false;
      case "wait":
        transitions.node(scope, plan.id, READY);
        transitions.node(scope, plan.id, RUNNING);
        transitions.node(scope, plan.id, BACKOFF);
        this.#againAt(scope, plan.id, verdict.until);
        return true;
      case "await":
      case "ask":
        transitions.node(scope, plan.id, READY);
        transitions.node(scope, plan.id, RUNNING);
        if (verdict.do === "ask") this.#ask(scope, plan, past.waits + past.deaths);
        else this.#waitFor(scope, plan.id, verdict.wait, past.waits);
        return true;
      case "complete":
        transitions.node(scope, plan.id, READY);
        this.#complete(scope, plan, verdict.outputs, () => "run");
        return true;
      case "fail":
        transitions.node(scope, plan.id, READY);
        transitions.node(scope, plan.id, RUNNING);
        this.#fail(scope, plan, verdict.error);
        return true;
      case "skip":
        this.#settle(scope, plan.id, SKIPPED, verdict.why);
        return true;
      case "cancel":
        this.#settle(scope, plan.id, CANCELLED, verdict.why);
        return true;
    }
  }

  /** An instance may run, or is held. */
  arrive(scope: Scope, node: number): void {
    this.transitions.node(scope, node, READY);
    this.control.ready(scope, node);
    this.queue({ scope, node, weight: scope.template.nodes[node]!.weight });
  }

  /** In its place among what is ready, or kept while the execution is held. */
  queue(entry: Ready): void {
    const { scope, node } = entry;
    if (this.control.mayStart(scope, node)) {
      this.ready.push(entry);
      return;
    }
    if (scope.state[node] === READY) this.transitions.node(scope, node, HELD);
    this.control.keep(entry);
  }

  /** Holds nothing until what it waits for has come; then the same attempt goes on with `resume`. */
  #wait(attempt: Attempt, wait: Wait<unknown>): void {
    const { scope, node, path, number } = attempt;
    memoryOf(attempt);
    const { timeoutMs, ...rest } = wait;
    const absolute = timeoutMs === undefined ? rest : { ...rest, timeoutAt: this.host.clock.now() + timeoutMs };
    try {
      // Apart from the journal's call: without a journal it waits all the same.
      const nth = this.#waitFor(scope, node.id, absolute);
      this.journal?.wait(scope, node.id, absolute, nth);
    } catch (error) {
      this.#fail(scope, node, toRtError(error, path, number));
    }
  }

  #waitFor(scope: Scope, node: number, wait: AbsoluteWait, nth?: number): number {
    const again = (value: unknown): void => {
      this.journal?.answer(scope, node, value);
      scope.memory.get(node)!.resume = { value, state: wait.state };
      scope.attempt[node]!--;
      this.arrive(scope, node);
      this.turn();
    };
    const count = this.waits.open(scope, node, wait, again, nth);
    this.transitions.node(scope, node, WAITING, wait.$wait.for);
    return count;
  }

  /** Nobody knows whether it was done: somebody who can look says so. */
  #ask(scope: Scope, plan: PlanNode, nth: number): void {
    const answered = (value: unknown): void => {
      this.transitions.node(scope, plan.id, READY);
      if (value === "done") this.#complete(scope, plan, {}, () => "edited");
      else if (value === "fail") {
        this.transitions.node(scope, plan.id, RUNNING);
        this.#fail(scope, plan, unknownOutcome(scope, plan));
      } else {
        scope.attempt[plan.id]!--;
        this.queue({ scope, node: plan.id, weight: plan.weight });
      }
      this.turn();
    };
    this.waits.open(scope, plan.id, { $wait: outcomeForm(scope, plan), state: undefined }, answered, nth);
    this.transitions.node(scope, plan.id, WAITING, "unknownOutcome");
  }

  /** One that stands still is over at once. */
  #abort(attempt: Attempt, reason: CancelReason): void {
    const { scope, node, stop } = attempt;
    if (!stop && !attempt.isReleased) {
      attempt.abort(reason);
      return;
    }
    attempt.stop = undefined;
    this.release(attempt);
    this.#settle(scope, node.id, CANCELLED);
    if (stop) this.stops.close(stop);
  }

  /** Cancels an instance that no attempt is running for. */
  #drop(scope: Scope, node: number, why?: string): void {
    const { past } = this.facts;
    if (past && scope.state[node] === PENDING && past.isFinal(pathOf(scope, node))) {
      if (this.#recall(scope, scope.template.nodes[node]!)) return;
    }
    scope.timers.get(node)?.();
    scope.timers.delete(node);
    if (scope.state[node] === WAITING) this.waits.drop(scope, node);
    this.#settle(scope, node, CANCELLED, why);
  }

  #launchNext(): boolean {
    for (let top = this.ready.peek(); top; top = this.ready.peek()) {
      const { scope, node } = top;
      const attempt = scope.attempts.get(node);
      const mayGo = attempt ? attempt.isReleased : scope.state[node] === READY;
      if (!mayGo || scope.ending) {
        this.ready.pop();
        continue;
      }
      if (this.#isYielding || !this.#launch(scope, scope.template.nodes[node]!)) return false;
      return true;
    }
    return false;
  }

  /** False: no slot now. Loops and Blueprints need none, or what they hold could never run. */
  #launch(scope: Scope, node: PlanNode): boolean {
    const { slots, locks, pace } = this.host;
    // Who reads a stream works along with its writer.
    const needsSlot = node.kind === "node" && !node.readsStreams;
    const lock = node.kind === "node" ? node.def.resources?.exclusive : undefined;
    if (needsSlot && this.#running >= this.facts.concurrency) return false;
    if (pace.mustYield()) {
      this.#isYielding = true;
      pace.turn(() => {
        this.#isYielding = false;
        this.turn();
      });
      return false;
    }
    if (lock !== undefined) {
      const retry = (): void => {
        this.queue({ scope, node: node.id, weight: node.weight });
        this.turn();
      };
      if (!locks.take(lock, retry)) {
        this.ready.pop();
        return true;
      }
    }
    if (needsSlot && !slots.take(this)) {
      if (lock !== undefined) locks.give(lock);
      return false;
    }
    this.ready.pop();
    if (needsSlot) this.#running++;
    else this.preparing++;
    const released = scope.attempts.get(node.id);
    if (released) {
      released.isReleased = false;
      released.lock = lock;
      released.holdsSlot = needsSlot;
      released.isPreparing = !needsSlot;
      released.proceed();
      return true;
    }
    const token = ++this.#tokenSeq;
    scope.token[node.id] = token;
    scope.attempt[node.id]!++;
    const attempt = new Attempt(this, scope, node, scope.attempt[node.id]!, token, lock);
    attempt.holdsSlot = needsSlot;
    attempt.isPreparing = !needsSlot;
    scope.attempts.set(node.id, attempt);
    attempt.begin();
    return true;
  }

  /** Its attempt is over. */
  release(attempt: Attempt): void {
    const { scope, node } = attempt;
    attempt.close();
    if (attempt.hasReported) this.progress.forget(attempt.path);
    scope.attempts.delete(node.id);
    if (scope.state[node.id] === RUNNING) this.progress.running--;
    this.giveBack(attempt);
  }

  /** Slot and lock, once. */
  giveBack(attempt: Attempt): void {
    const { lock, holdsSlot } = attempt;
    this.#isPrepared(attempt);
    attempt.lock = undefined;
    attempt.holdsSlot = false;
    if (attempt.isStreaming) this.#streaming--;
    attempt.isStreaming = false;
    if (holdsSlot) this.#running--;
    if (lock !== undefined) this.host.locks.give(lock);
    if (holdsSlot) this.host.slots.give();
  }

  #isPrepared(attempt: Attempt): void {
    if (!attempt.isPreparing) return;
    attempt.isPreparing = false;
    this.preparing--;
  }

  #backOff(scope: Scope, node: PlanNode, attempt: number, error: RtError): boolean {
    const { retry } = node;
    if (!retry || !mayRetry(node, attempt, error)) return false;
    // What went out, or was read, cannot be had again.
    if (hasFlowed(scope, node)) return false;
    const { clock, random } = this.host;
    const wait = backoffMs(retry, attempt, random);
    this.transitions.node(scope, node.id, BACKOFF, error.code);
    this.journal?.timer(scope, node.id, clock.now() + wait);
    this.#againAt(scope, node.id, clock.now() + wait);
    // Last: whoever hears of it may cancel, and must find the timer.
    this.recorder.nodeError(error, true, clock.now() + wait);
    return true;
  }

  #againAt(scope: Scope, node: number, at: number): void {
    const { clock } = this.host;
    scope.timers.set(
      node,
      clock.after(Math.max(0, at - clock.now()), () => {
        scope.timers.delete(node);
        this.arrive(scope, node);
        this.turn();
      }),
    );
  }

  #complete(scope: Scope, node: PlanNode, outputs: Values, via: (port: string) => RuntimeOutput["via"]): void {
    if (scope.readers[node.id]! > 0) scope.outputs[node.id] = outputs;
    this.#settle(scope, node.id, COMPLETED, undefined, outputs);
    for (const port of Object.keys(outputs)) {
      const value = outputs[port];
      if (value === undefined) continue;
      const items = node.outputs.get(port)?.mode === "stream" && Array.isArray(value) ? itemCount(value) : undefined;
      this.recorder.output(scope, node.id, port, value, items, via(port));
    }
  }

  #fail(scope: Scope, node: PlanNode, error: RtError): void {
    scope.outputs[node.id] = { error };
    this.#settle(scope, node.id, FAILED, error.code, error);
    const handled = this.isHandled(scope, node);
    if (handled) {
      this.handledErrors++;
      this.progress.advance(scope, node.id, 1);
    }
    this.recorder.nodeError(error, handled, undefined);
    if (node.handlesError || scope.ending) return;
    scope.failure ??= error;
    if (!scope.parent) this.facts.unhandled(error);
    else if (scope.template.onFailure === "cancel") {
      this.cancel(scope, new CancelReason("cancel", `failure of ${error.path}`, this.host.clock.now(), GRACE_MS));
    }
  }

  /** By an error port here or further out, or by a loop that goes on without the item. */
  isHandled(scope: Scope, node: PlanNode): boolean {
    for (let at: { scope: Scope; node: PlanNode } | undefined = { scope, node }; at;) {
      if (at.node.handlesError) return true;
      const parent: Scope["parent"] = at.scope.parent;
      if (!parent) return false;
      const mode = parent.scope.attempts.get(parent.node)?.onItemError;
      if (mode === "skip" || mode === "collect") return true;
      at = { scope: parent.scope, node: parent.scope.template.nodes[parent.node]! };
    }
    return false;
  }

  /** The only place that makes an instance final. */
  #settle(scope: Scope, node: number, state: number, why?: string, came?: Values | RtError): void {
    this.journal?.settled(scope, node, state, why, came);
    this.transitions.node(scope, node, state, why);
    scope.settledAt[node] = this.host.clock.now();
    scope.remaining--;
    const plan = scope.template.nodes[node]!;
    const { progress, counts } = this;
    progress.done += 1;
    if (state === COMPLETED) counts.completed++;
    else if (state === FAILED) {
      counts.failed++;
      progress.failed++;
    } else if (state === SKIPPED) counts.skipped++;
    else counts.cancelled++;
    this.#letGo(scope, plan);
    if (plan.streamsTo !== undefined || plan.readsStreams) {
      closeStreams(scope, plan);
      if (state === FAILED || state === CANCELLED) this.#fallen.push({ scope, node });
    }
    if (plan.kind !== "node") this.#closeConstruct(scope, plan);
    // What was cancelled or failed was not done.
    if (state === COMPLETED || state === SKIPPED) progress.advance(scope, node, 1);
    progress.changed();
    this.control.settled(scope, node);
    this.#final.push({ scope, node });
    if (scope.remaining === 0) this.#ended.push(scope);
  }

  /** Instances inside a loop or Blueprint that never came to be are known now: none. */
  #closeConstruct(scope: Scope, plan: PlanNode): void {
    if (scope.expanded.has(plan.id)) return;
    if (plan.kind === "loop") this.progress.openLoops--;
    else {
      this.progress.total -= plan.child!.instances;
      this.progress.openLoops -= plan.child!.loops;
    }
  }

  /** Nobody else will read what this instance read. */
  #letGo(scope: Scope, plan: PlanNode): void {
    const drop = (from: number): void => {
      if (--scope.readers[from]! === 0) scope.outputs[from] = undefined;
    };
    for (const { sources } of plan.inputs) for (const from of sources) if (from.from === "node") drop(from.node);
    for (const { node } of plan.after) drop(node);
  }

  #putTokens(): void {
    const batch = this.#final;
    this.#final = [];
    for (const { scope, node } of batch) {
      const { outStart, outTarget, outStreams } = scope.template;
      const told = outStreams !== undefined && scope.flowing.has(node);
      for (let edge = outStart[node]!; edge < outStart[node + 1]!; edge++) {
        if (told && outStreams[edge] === 1) continue;
        const target = outTarget[edge]!;
        // Wires of the same two nodes lie side by side: breakpoints are asked at the first.
        const isFirst = edge === outStart[node] || outTarget[edge - 1] !== target;
        if (!isFirst || this.breakpoints.isEmpty || !this.holds.meetEdge(scope, node, target)) {
          this.putToken(scope, node, target);
        }
      }
    }
  }

  /** One of the tokens that `target` waits for. */
  putToken(scope: Scope, from: number, target: number): void {
    const left = --scope.need[target]!;
    if (left === 0) this.#decide(scope, target);
    else if (scope.template.nodes[target]!.races && isWon(scope, target, from)) this.#decide(scope, target);
  }

  /** Nodes joined by streams fail together; what only read from a cancelled one ends with it. */
  #endRegion({ scope, node }: { scope: Scope; node: number }): void {
    if (scope.ending) return;
    const why = `its stream ended: ${scope.template.nodes[node]!.name} ${scope.state[node] === FAILED ? "failed" : "was cancelled"}`;
    for (const member of joinedTo(scope, node)) {
      const attempt = scope.attempts.get(member);
      if (attempt) this.#abort(attempt, new CancelReason("cancel", why, this.host.clock.now(), GRACE_MS));
      else if (!isFinalNode(scope.state[member]!)) this.#drop(scope, member, why);
    }
  }

  #endScopes(): void {
    const batch = this.#ended;
    this.#ended = [];
    for (const scope of batch) {
      this.liveScopes--;
      this.control.ended(scope);
      scope.parent?.scope.children.delete(scope);
      this.settled.keep(scope);
      scope.onEnd(scope);
      scope.outputs.length = 0;
    }
  }
}
