/**
 * Instances and scopes become final. Rules:
 * 1. `settle` is the only place that makes an instance final.
 * 2. What follows from it is a list, never recursion: `next` does one piece of it.
 */
import type { RuntimeOutput } from "../../contract.ts";
import type { RtError } from "../../errors.ts";
import { GRACE_MS } from "../host.ts";
import type { PlanNode } from "../plan/plan.ts";
import { itemCount } from "../streams/outlet.ts";
import { closeStreams } from "../streams/region.ts";
import { cancelScope, endRegion } from "./ending.ts";
import { CancelReason } from "./failure.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Scope, Values } from "./scope.ts";
import { CANCELLED, COMPLETED, FAILED, SKIPPED } from "./states.ts";

export class Settling {
  /** Instances by final state. */
  readonly counts: { completed: number; failed: number; skipped: number; cancelled: number } = {
    completed: 0,
    failed: 0,
    skipped: 0,
    cancelled: 0,
  };
  handledErrors = 0;
  readonly #scheduler: Scheduler;
  /** Final instances whose tokens are still to be put. */
  #final: { scope: Scope; node: number }[] = [];
  #ended: Scope[] = [];
  /** Failed or cancelled instances whose streams join them to others. */
  readonly #fallen: { scope: Scope; node: number }[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** False: nothing follows any more. */
  next(): boolean {
    if (this.#final.length > 0) this.#putTokens();
    else if (this.#ended.length > 0) this.#endScopes();
    else if (this.#fallen.length > 0) endRegion(this.#scheduler, this.#fallen.pop()!);
    else return false;
    return true;
  }

  complete(scope: Scope, node: PlanNode, outputs: Values, via: (port: string) => RuntimeOutput["via"]): void {
    if (scope.readers[node.id]! > 0) scope.outputs[node.id] = outputs;
    this.settle(scope, node.id, COMPLETED, undefined, outputs);
    for (const port of Object.keys(outputs)) {
      const value = outputs[port];
      if (value === undefined) continue;
      const items = node.outputs.get(port)?.mode === "stream" && Array.isArray(value) ? itemCount(value) : undefined;
      this.#scheduler.recorder.output(scope, node.id, port, value, items, via(port));
    }
  }

  fail(scope: Scope, node: PlanNode, error: RtError): void {
    const { progress, recorder, facts, host } = this.#scheduler;
    scope.outputs[node.id] = { error };
    this.settle(scope, node.id, FAILED, error.code, error);
    const handled = isHandled(scope, node);
    if (handled) {
      this.handledErrors++;
      progress.advance(scope, node.id, 1);
    }
    recorder.nodeError(error, handled, undefined);
    if (node.handlesError || scope.ending) return;
    scope.failure ??= error;
    if (!scope.parent) facts.unhandled(error);
    else if (scope.template.onFailure === "cancel") {
      const reason = new CancelReason("cancel", `failure of ${error.path}`, host.clock.now(), GRACE_MS);
      cancelScope(this.#scheduler, scope, reason);
    }
  }

  settle(scope: Scope, node: number, state: number, why?: string, came?: Values | RtError): void {
    const { journal, transitions, host, progress, control } = this.#scheduler;
    journal?.settled(scope, node, state, why, came);
    transitions.node(scope, node, state, why);
    scope.settledAt[node] = host.clock.now();
    scope.remaining--;
    const plan = scope.template.nodes[node]!;
    const { counts } = this;
    progress.done += 1;
    if (state === COMPLETED) counts.completed++;
    else if (state === FAILED) {
      counts.failed++;
      progress.failed++;
    } else if (state === SKIPPED) counts.skipped++;
    else counts.cancelled++;
    letGo(scope, plan);
    if (plan.streamsTo !== undefined || plan.readsStreams) {
      closeStreams(scope, plan);
      if (state === FAILED || state === CANCELLED) this.#fallen.push({ scope, node });
    }
    if (plan.kind !== "node") this.#closeConstruct(scope, plan);
    // What was cancelled or failed was not done.
    if (state === COMPLETED || state === SKIPPED) progress.advance(scope, node, 1);
    progress.changed();
    control.settled(scope, node);
    this.#final.push({ scope, node });
    if (scope.remaining === 0) this.#ended.push(scope);
  }

  /** A scope without instances, or whose last one has settled. */
  ended(scope: Scope): void {
    this.#ended.push(scope);
  }

  /** Instances inside a loop or Blueprint that never came to be are known now: none. */
  #closeConstruct(scope: Scope, plan: PlanNode): void {
    if (scope.expanded.has(plan.id)) return;
    const { progress } = this.#scheduler;
    if (plan.kind === "loop") progress.openLoops--;
    else {
      progress.total -= plan.child!.instances;
      progress.openLoops -= plan.child!.loops;
    }
  }

  #putTokens(): void {
    const { breakpoints, holds, facts } = this.#scheduler;
    const isFree = breakpoints.isEmpty && !facts.past;
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
        if (!isFirst || isFree || !holds.meetEdge(scope, node, target)) {
          this.#scheduler.putToken(scope, node, target);
        }
      }
    }
  }

  #endScopes(): void {
    const scheduler = this.#scheduler;
    const batch = this.#ended;
    this.#ended = [];
    for (const scope of batch) {
      scheduler.liveScopes--;
      scheduler.control.ended(scope);
      scope.parent?.scope.children.delete(scope);
      scheduler.settled.keep(scope);
      scope.onEnd(scope);
      scope.outputs.length = 0;
    }
  }
}

/** By an error port here or further out, or by a loop that goes on without the item. */
export function isHandled(scope: Scope, node: PlanNode): boolean {
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

/** Nobody else will read what this instance read. */
function letGo(scope: Scope, plan: PlanNode): void {
  const drop = (from: number): void => {
    if (--scope.readers[from]! === 0) scope.outputs[from] = undefined;
  };
  for (const { sources } of plan.inputs) for (const from of sources) if (from.from === "node") drop(from.node);
  for (const { node } of plan.after) drop(node);
}
