/** Instances that wait, and those that hosts before this one have left: they go on where they were. */
import type { Wait } from "../../blueprint/define-node.ts";
import type { PlanNode } from "../plan/plan.ts";
import type { Attempt } from "./attempt.ts";
import { memoryOf } from "./context.ts";
import { toRtError } from "./failure.ts";
import { outcomeForm, restore, unknownOutcome, verdictOn } from "./recall.ts";
import type { Scheduler } from "./scheduler.ts";
import { pathOf, type Scope } from "./scope.ts";
import { BACKOFF, CANCELLED, READY, RUNNING, SKIPPED, WAITING } from "./states.ts";
import type { AbsoluteWait } from "./waits.ts";

/** What a dead host left of it takes effect. False: it is to run. */
export function recall(scheduler: Scheduler, scope: Scope, plan: PlanNode): boolean {
  const { facts, transitions, settling, host } = scheduler;
  const past = facts.past?.take(pathOf(scope, plan.id));
  if (!facts.past || !past) return false;
  const verdict = verdictOn(past, scope, plan, facts.past, host.onUnknown);
  restore(past, verdict, scope, plan);
  const run = (): void => {
    transitions.node(scope, plan.id, READY);
    transitions.node(scope, plan.id, RUNNING);
  };
  switch (verdict.do) {
    case "run":
      return false;
    case "wait":
      run();
      transitions.node(scope, plan.id, BACKOFF);
      scheduler.againAt(scope, plan.id, verdict.until);
      return true;
    case "await":
      run();
      waitFor(scheduler, scope, plan.id, verdict.wait, past.waits);
      return true;
    case "ask":
      run();
      ask(scheduler, scope, plan, past.waits + past.deaths);
      return true;
    case "complete":
      transitions.node(scope, plan.id, READY);
      settling.complete(scope, plan, verdict.outputs, () => "run");
      return true;
    case "fail":
      run();
      settling.fail(scope, plan, verdict.error);
      return true;
    case "skip":
      settling.settle(scope, plan.id, SKIPPED, verdict.why);
      return true;
    case "cancel":
      settling.settle(scope, plan.id, CANCELLED, verdict.why);
      return true;
  }
}

/** Holds nothing until what it waits for has come; then the same attempt goes on with `resume`. */
export function beginWait(scheduler: Scheduler, attempt: Attempt, wait: Wait<unknown>): void {
  const { scope, node, path, number } = attempt;
  memoryOf(attempt);
  const { timeoutMs, ...rest } = wait;
  const absolute = timeoutMs === undefined ? rest : { ...rest, timeoutAt: scheduler.host.clock.now() + timeoutMs };
  try {
    // Apart from the journal's call: without a journal it waits all the same.
    const nth = waitFor(scheduler, scope, node.id, absolute);
    scheduler.journal?.wait(scope, node.id, absolute, nth);
  } catch (error) {
    scheduler.settling.fail(scope, node, toRtError(error, path, number));
  }
}

function waitFor(scheduler: Scheduler, scope: Scope, node: number, wait: AbsoluteWait, nth?: number): number {
  const again = (value: unknown): void => {
    scheduler.journal?.answer(scope, node, value);
    scope.memory.get(node)!.resume = { value, state: wait.state };
    scope.attempt[node]!--;
    scheduler.arrive(scope, node);
    scheduler.turn();
  };
  const count = scheduler.waits.open(scope, node, wait, again, nth);
  scheduler.transitions.node(scope, node, WAITING, wait.$wait.for);
  return count;
}

/** Nobody knows whether it was done: somebody who can look says so. */
function ask(scheduler: Scheduler, scope: Scope, plan: PlanNode, nth: number): void {
  const { transitions, settling, waits } = scheduler;
  const answered = (value: unknown): void => {
    transitions.node(scope, plan.id, READY);
    if (value === "done") settling.complete(scope, plan, {}, () => "edited");
    else if (value === "fail") {
      transitions.node(scope, plan.id, RUNNING);
      settling.fail(scope, plan, unknownOutcome(scope, plan));
    } else {
      scope.attempt[plan.id]!--;
      scheduler.queue({ scope, node: plan.id, weight: plan.weight });
    }
    scheduler.turn();
  };
  waits.open(scope, plan.id, { $wait: outcomeForm(scope, plan), state: undefined }, answered, nth);
  transitions.node(scope, plan.id, WAITING, "unknownOutcome");
}
