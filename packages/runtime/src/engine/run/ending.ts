/** Ends early: a whole scope, one instance, or what streams join to one that fell. */
import { GRACE_MS } from "../host.ts";
import { joinedTo } from "../streams/region.ts";
import type { Attempt } from "./attempt.ts";
import { CancelReason } from "./failure.ts";
import { recall } from "./recalling.ts";
import type { Scheduler } from "./scheduler.ts";
import { pathOf, type Scope } from "./scope.ts";
import { CANCELLED, FAILED, isFinalNode, PENDING, WAITING } from "./states.ts";

/** Ends a scope and everything inside it early. What runs is aborted; the scope ends when that has settled. */
export function cancelScope(scheduler: Scheduler, scope: Scope, reason: CancelReason): void {
  const { control, stops } = scheduler;
  const work = [scope];
  for (let next = work.pop(); next; next = work.pop()) {
    if (next.ending) continue;
    next.ending = reason;
    for (let node = 0; node < next.state.length; node++) {
      if (isFinalNode(next.state[node]!) || next.attempts.has(node)) continue;
      drop(scheduler, next, node);
    }
    for (const child of next.children) work.push(child);
    for (const attempt of next.attempts.values()) abort(scheduler, attempt, reason);
  }
  control.forget(({ scope: kept }) => kept.ending !== undefined);
  for (const stop of stops.all()) if (stop.scope.ending) stops.close(stop);
  scheduler.turn();
}

/** Ends one instance, which may be final, early. */
export function cancelInstance(
  scheduler: Scheduler,
  scope: Scope,
  node: number,
  why: string,
  graceMs: number = GRACE_MS,
): void {
  const attempt = scope.attempts.get(node);
  if (attempt) abort(scheduler, attempt, new CancelReason("cancel", why, scheduler.host.clock.now(), graceMs));
  else if (!isFinalNode(scope.state[node]!)) drop(scheduler, scope, node, why);
}

/** Nodes joined by streams fail together; what only read from a cancelled one ends with it. */
export function endRegion(scheduler: Scheduler, { scope, node }: { scope: Scope; node: number }): void {
  if (scope.ending) return;
  const why = `its stream ended: ${scope.template.nodes[node]!.name} ${scope.state[node] === FAILED ? "failed" : "was cancelled"}`;
  for (const member of joinedTo(scope, node)) cancelInstance(scheduler, scope, member, why);
}

/** One that stands still is over at once. */
function abort(scheduler: Scheduler, attempt: Attempt, reason: CancelReason): void {
  const { scope, node, stop } = attempt;
  if (!stop && !attempt.isReleased) {
    attempt.abort(reason);
    return;
  }
  attempt.stop = undefined;
  scheduler.launcher.release(attempt);
  scheduler.settling.settle(scope, node.id, CANCELLED);
  if (stop) scheduler.stops.close(stop);
}

/** Cancels an instance that no attempt is running for. */
function drop(scheduler: Scheduler, scope: Scope, node: number, why?: string): void {
  const { past } = scheduler.facts;
  const wasFinal = past && scope.state[node] === PENDING && past.isFinal(pathOf(scope, node));
  if (wasFinal && recall(scheduler, scope, scope.template.nodes[node]!)) return;
  scope.timers.get(node)?.();
  scope.timers.delete(node);
  if (scope.state[node] === WAITING) scheduler.waits.drop(scope, node);
  scheduler.settling.settle(scope, node, CANCELLED, why);
}
