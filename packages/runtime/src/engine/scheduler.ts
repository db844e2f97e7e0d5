/**
 * Tokens, states and order of one execution. Rules:
 * 1. Every edge carries one token a scope, a value or nothing; so every instance becomes final.
 * 2. `#settle` is the only place that makes an instance final; whoever is late is dropped by its attempt's token.
 * 3. Work is a list, never recursion: a chain of any length settles on one stack frame (`turn`).
 */
import type { Blueprint } from "../blueprint/model.ts";
import type { RtError } from "../errors.ts";
import { Attempt, type Outcome } from "./attempt.ts";
import { backoffMs, CancelReason, isWorthRetrying } from "./failure.ts";
import { GRACE_MS, type EngineHost } from "./host.ts";
import { whyNotReady } from "./inputs.ts";
import type { PlanNode, Template } from "./plan.ts";
import { Progress } from "./progress.ts";
import { isWon, losersOf } from "./race.ts";
import { ReadyQueue } from "./ready.ts";
import type { Recorder } from "./recorder.ts";
import { makeScope, pathOf, type Scope, type ScopeSeed, type Values } from "./scope.ts";
import type { Claimant } from "./slots.ts";
import { SettledScopes } from "./snapshot.ts";
import { BACKOFF, CANCELLED, COMPLETED, FAILED, isFinalNode, PENDING, READY, RUNNING, SKIPPED } from "./states.ts";
import type { Transitions } from "./transitions.ts";

/** What the scheduler asks of the execution around it. */
export interface ExecutionFacts {
  readonly id: string;
  readonly priority: number;
  readonly concurrency: number;
  /** `run` in expressions. */
  readonly run: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** A failure in the root scope that nobody handles. */
  unhandled(error: RtError): void;
}

export class Scheduler implements Claimant {
  readonly host: EngineHost;
  readonly facts: ExecutionFacts;
  readonly recorder: Recorder;
  readonly transitions: Transitions;
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
  root!: Scope;
  readonly #ready = new ReadyQueue();
  readonly #secrets = new Map<Blueprint, Readonly<Record<string, string>>>();
  /** Final instances whose tokens are still to be put. */
  #final: { scope: Scope; node: number }[] = [];
  #ended: Scope[] = [];
  #running = 0;
  #isBusy = false;
  #isYielding = false;
  #scopeSeq = 0;
  #tokenSeq = 0;

  constructor(host: EngineHost, facts: ExecutionFacts, recorder: Recorder, transitions: Transitions) {
    this.host = host;
    this.facts = facts;
    this.recorder = recorder;
    this.transitions = transitions;
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
    if (scope.remaining === 0) this.#ended.push(scope);
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
        else if (!this.#launchNext()) break;
      }
    } finally {
      this.#isBusy = false;
    }
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
    this.#release(attempt);
    if (outcome.kind === "failed" && !scope.ending && this.#backOff(scope, node, attempt.number, outcome.error)) {
      this.turn();
      return;
    }
    switch (outcome.kind) {
      case "completed":
        this.#complete(scope, node, outcome.outputs);
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
      for (const attempt of next.attempts.values()) attempt.abort(reason);
    }
    this.turn();
  }

  /** The attempt has begun to run its node. */
  started(attempt: Attempt): void {
    const { scope, node } = attempt;
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
    const why = whyNotReady(scope, plan);
    if (why !== undefined) {
      this.#settle(scope, node, SKIPPED, why);
      return;
    }
    this.transitions.node(scope, node, READY);
    this.#ready.push({ scope, node, weight: plan.weight });
    if (!plan.races) return;
    for (const loser of losersOf(scope, node)) {
      const attempt = scope.attempts.get(loser);
      const why = `lost the race at ${pathOf(scope, node)}`;
      if (attempt) attempt.abort(new CancelReason("cancel", why, this.host.clock.now(), GRACE_MS));
      else this.#drop(scope, loser, why);
    }
  }

  /** Cancels an instance that no attempt is running for. */
  #drop(scope: Scope, node: number, why?: string): void {
    scope.timers.get(node)?.();
    scope.timers.delete(node);
    this.#settle(scope, node, CANCELLED, why);
  }

  #launchNext(): boolean {
    for (let top = this.#ready.peek(); top; top = this.#ready.peek()) {
      const { scope, node } = top;
      if (scope.state[node] !== READY || scope.ending || scope.attempts.has(node)) {
        this.#ready.pop();
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
    const needsSlot = node.kind === "node";
    const lock = needsSlot ? node.def.resources?.exclusive : undefined;
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
        this.#ready.push({ scope, node: node.id, weight: node.weight });
        this.turn();
      };
      if (!locks.take(lock, retry)) {
        this.#ready.pop();
        return true;
      }
    }
    if (needsSlot && !slots.take(this)) {
      if (lock !== undefined) locks.give(lock);
      return false;
    }
    this.#ready.pop();
    if (needsSlot) this.#running++;
    const token = ++this.#tokenSeq;
    scope.token[node.id] = token;
    scope.attempt[node.id]!++;
    const attempt = new Attempt(this, scope, node, scope.attempt[node.id]!, token, lock);
    scope.attempts.set(node.id, attempt);
    attempt.begin();
    return true;
  }

  #release(attempt: Attempt): void {
    const { scope, node, lock } = attempt;
    attempt.close();
    if (attempt.hasReported) this.progress.forget(attempt.path);
    scope.attempts.delete(node.id);
    if (scope.state[node.id] === RUNNING) this.progress.running--;
    if (node.kind !== "node") return;
    this.#running--;
    if (lock !== undefined) this.host.locks.give(lock);
    this.host.slots.give();
  }

  #backOff(scope: Scope, node: PlanNode, attempt: number, error: RtError): boolean {
    const { retry } = node;
    if (!retry || attempt >= retry.attempts || !isWorthRetrying(error, retry)) return false;
    const { clock, random } = this.host;
    const wait = backoffMs(retry, attempt, random);
    this.transitions.node(scope, node.id, BACKOFF, error.code);
    scope.timers.set(
      node.id,
      clock.after(wait, () => {
        scope.timers.delete(node.id);
        this.transitions.node(scope, node.id, READY);
        this.#ready.push({ scope, node: node.id, weight: node.weight });
        this.turn();
      }),
    );
    // Last: whoever hears of it may cancel, and must find the timer.
    this.recorder.nodeError(error, true, clock.now() + wait);
    return true;
  }

  #complete(scope: Scope, node: PlanNode, outputs: Values): void {
    if (scope.readers[node.id]! > 0) scope.outputs[node.id] = outputs;
    this.#settle(scope, node.id, COMPLETED);
    for (const port of Object.keys(outputs)) {
      const value = outputs[port];
      if (value === undefined) continue;
      const items = node.outputs.get(port)?.mode === "stream" && Array.isArray(value) ? value.length : undefined;
      this.recorder.output(scope, node.id, port, value, items);
    }
  }

  #fail(scope: Scope, node: PlanNode, error: RtError): void {
    scope.outputs[node.id] = { error };
    this.#settle(scope, node.id, FAILED, error.code);
    const handled = this.#isHandled(scope, node);
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
  #isHandled(scope: Scope, node: PlanNode): boolean {
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
  #settle(scope: Scope, node: number, state: number, why?: string): void {
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
    if (plan.kind !== "node") this.#closeConstruct(scope, plan);
    // What was cancelled or failed was not done.
    if (state === COMPLETED || state === SKIPPED) progress.advance(scope, node, 1);
    progress.changed();
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
      const { outStart, outTarget } = scope.template;
      for (let edge = outStart[node]!; edge < outStart[node + 1]!; edge++) {
        const target = outTarget[edge]!;
        const left = --scope.need[target]!;
        if (left === 0) this.#decide(scope, target);
        else if (scope.template.nodes[target]!.races && isWon(scope, target, node)) this.#decide(scope, target);
      }
    }
  }

  #endScopes(): void {
    const batch = this.#ended;
    this.#ended = [];
    for (const scope of batch) {
      this.liveScopes--;
      scope.parent?.scope.children.delete(scope);
      this.settled.keep(scope);
      scope.onEnd(scope);
      scope.outputs.length = 0;
    }
  }
}
