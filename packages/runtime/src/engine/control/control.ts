/**
 * Which instances may start while an execution is held. Rules:
 * 1. While it is held nothing starts but what a step frees: over, the instance and what is inside it; into, the instance
 *    and the first one inside; out, everything in its scope.
 * 2. When that is done the step lands: what becomes ready then is marked, is prepared, and stops before it runs.
 * 3. Everything else that becomes ready is kept, in order, until the execution goes on.
 */
import type { Ready } from "../run/ready.ts";
import type { Scope } from "../run/scope.ts";
import { BACKOFF, WAITING } from "../run/states.ts";

export type StepKind = "over" | "into" | "out";

interface Step {
  readonly kind: StepKind;
  readonly scope: Scope;
  readonly node: number;
  isLanding: boolean;
}

export class Control {
  #isHolding = false;
  #step: Step | undefined;
  #isEntering = false;
  /** The stop at the entry is over, or there was none. */
  #hasEntered = true;
  #kept: Ready[] = [];
  readonly #marks = new Map<Scope, Set<number>>();

  get isHolding(): boolean {
    return this.#isHolding;
  }
  get isStepping(): boolean {
    return this.#step !== undefined;
  }
  /** Why a marked instance stops. */
  get reason(): "step" | "entry" {
    return this.#hasEntered ? "step" : "entry";
  }
  /** Instances that are held without a stop. */
  get kept(): readonly Ready[] {
    return this.#kept;
  }

  hold(): void {
    this.#isHolding = true;
    this.#step = undefined;
    this.#marks.clear();
  }

  /** Holds nothing any more. Returns what was kept. */
  release(): Ready[] {
    this.#isHolding = false;
    this.#hasEntered = true;
    this.#step = undefined;
    this.#marks.clear();
    const kept = this.#kept;
    this.#kept = [];
    return kept;
  }

  /** The first instance that becomes ready stops. */
  stopAtEntry(): void {
    this.#isHolding = true;
    this.#isEntering = true;
    this.#hasEntered = false;
  }

  /** Returns what may start now. */
  step(kind: StepKind, scope: Scope, node: number): Ready[] {
    this.hold();
    this.#hasEntered = true;
    this.#step = { kind, scope, node, isLanding: false };
    const free = this.#kept.filter((entry) => this.mayStart(entry.scope, entry.node));
    this.#kept = this.#kept.filter((entry) => !free.includes(entry));
    return free;
  }

  keep(entry: Ready): void {
    this.#kept.push(entry);
  }

  /** Instances of scopes that end early are held no longer. */
  forget(isGone: (entry: Ready) => boolean): void {
    this.#kept = this.#kept.filter((entry) => !isGone(entry));
  }

  mayStart(scope: Scope, node: number): boolean {
    if (!this.#isHolding || this.#marks.get(scope)?.has(node)) return true;
    const step = this.#step;
    return step !== undefined && !step.isLanding && this.#isFree(step, scope, node);
  }

  /** An instance has become ready. */
  ready(scope: Scope, node: number): void {
    if (this.#isEntering) {
      this.#isEntering = false;
      this.#mark(scope, node);
    }
    const step = this.#step;
    if (!step) return;
    const { parent } = scope;
    const isFirstInside =
      step.kind === "into" && !step.isLanding && parent?.scope === step.scope && parent.node === step.node;
    if (!step.isLanding && !isFirstInside) return;
    this.#mark(scope, node);
    if (isFirstInside) this.#step = undefined;
  }

  /** An instance is final. Where it would have stopped and was skipped, what it enables stops instead. */
  settled(scope: Scope, node: number): void {
    if (this.takeMark(scope, node)) this.#step = { kind: "over", scope, node, isLanding: true };
    const step = this.#step;
    if (step && step.kind !== "out" && step.scope === scope && step.node === node) step.isLanding = true;
  }

  ended(scope: Scope): void {
    const step = this.#step;
    if (step?.kind === "out" && step.scope === scope) step.isLanding = true;
    this.#marks.delete(scope);
  }

  /** True, once, of an instance that must stop before it runs. */
  takeMark(scope: Scope, node: number): boolean {
    const marked = this.#marks.get(scope);
    if (!marked?.delete(node)) return false;
    if (marked.size === 0) this.#marks.delete(scope);
    return true;
  }

  /** Nothing runs: true when the step is over, false while its instance waits for a time or an answer. */
  endStep(): boolean {
    const step = this.#step;
    if (step && !step.isLanding && waits(step)) return false;
    this.#step = undefined;
    this.#marks.clear();
    return true;
  }

  #mark(scope: Scope, node: number): void {
    const marked = this.#marks.get(scope);
    if (marked) marked.add(node);
    else this.#marks.set(scope, new Set([node]));
  }

  #isFree(step: Step, scope: Scope, node: number): boolean {
    if (step.kind === "out") return isWithin(scope, step.scope);
    if (scope === step.scope) return node === step.node;
    if (step.kind === "into") return false;
    for (let at = scope.parent; at; at = at.scope.parent) {
      if (at.scope === step.scope) return at.node === step.node;
    }
    return false;
  }
}

function isWithin(scope: Scope, outer: Scope): boolean {
  for (let at: Scope | undefined = scope; at; at = at.parent?.scope) if (at === outer) return true;
  return false;
}

const isWaiting = (state: number): boolean => state === BACKOFF || state === WAITING;

/** Something that the step runs will go on by itself. */
function waits({ kind, scope, node }: Step): boolean {
  if (kind !== "out" && isWaiting(scope.state[node]!)) return true;
  const work = kind === "out" ? [scope] : [...scope.children].filter((child) => child.parent?.node === node);
  for (let next = work.pop(); next; next = work.pop()) {
    if (next.state.some(isWaiting)) return true;
    work.push(...next.children);
  }
  return false;
}
