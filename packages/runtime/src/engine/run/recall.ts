/** What an instance that a dead host left behind is to do now: by what was recorded of it, and by its effect. */
import type { NodeDecl } from "../../blueprint/model.ts";
import { NodeError, type RtError } from "../../errors.ts";
import type { InstancePast, Past } from "../../journal/past.ts";
import type { PlanNode } from "../plan/plan.ts";
import { toRtError } from "./failure.ts";
import { pathOf, type Scope, type Values } from "./scope.ts";
import type { AbsoluteWait } from "./waits.ts";

/** What happens to a `write` of which nobody knows whether it was done. */
export type OnUnknown = NonNullable<NodeDecl["onUnknown"]>;

/** Hosts that may die with one instance running: then it fails, and its error path runs. */
export const POISON_DEATHS = 3;

export type Verdict =
  /** As if it had never been. */
  | { readonly do: "run" }
  | { readonly do: "wait"; readonly until: number }
  | { readonly do: "complete"; readonly outputs: Values }
  | { readonly do: "fail"; readonly error: RtError }
  | { readonly do: "skip" | "cancel"; readonly why: string | undefined }
  /** As it waited before. */
  | { readonly do: "await"; readonly wait: AbsoluteWait }
  /** Somebody has to say whether it was done. */
  | { readonly do: "ask" };

export function verdictOn(past: InstancePast, scope: Scope, node: PlanNode, all: Past, onUnknown: OnUnknown): Verdict {
  const fail = (code: string, state: string): Verdict => ({ do: "fail", error: failure(scope, node, code, state) });
  if (past.at === "backoff") return { do: "wait", until: past.until };
  if (past.at === "waiting" && past.wait !== undefined) return { do: "await", wait: past.wait as AbsoluteWait };
  if (past.at === "running" && all.steering.outcome(pathOf(scope, node.id), past.attempt)) return { do: "run" };
  const { settled } = past;
  if (past.at === "final" && settled) {
    if (settled.s === "skipped") return { do: "skip", why: settled.why };
    if (settled.s === "cancelled") return { do: "cancel", why: settled.why };
    if (settled.s === "failed") return { do: "fail", error: settled.error! };
    if (!past.isLost && !hasOpenReader(scope, node, all)) return { do: "complete", outputs: past.outputs ?? {} };
    if (node.effect !== "write") return { do: "run" };
    return fail("BLOB_LOST", "it was done, and what it gave is not there any more; run what needs it from its start");
  }
  if (node.kind !== "node") return { do: "run" };
  if (past.deaths >= POISON_DEATHS) {
    return fail("POISON", `${past.deaths} hosts died while it was running; look at what it does to its process`);
  }
  // Steps that were done are not done again: it may be repeated. So may what did not run when its host died.
  if (node.effect !== "write" || (past.steps?.size ?? 0) > 0 || past.at === "answered") return { do: "run" };
  switch (node.onUnknown ?? onUnknown) {
    case "rerun":
      return { do: "run" };
    case "assumeDone":
      return { do: "complete", outputs: {} };
    case "ask":
      return { do: "ask" };
    case "fail":
      return { do: "fail", error: unknownOutcome(scope, node) };
  }
}

export function unknownOutcome(scope: Scope, node: PlanNode): RtError {
  const state = "its host died while it was running, and nobody knows whether it was done; look, or set onUnknown";
  return failure(scope, node, "OUTCOME_UNKNOWN", state);
}

/** What whoever knows is asked. */
export const outcomeForm = (scope: Scope, node: PlanNode): Extract<AbsoluteWait["$wait"], { for: "input" }> => ({
  for: "input",
  prompt: `The host died while "${pathOf(scope, node.id)}" was running. Was it done? "rerun" runs it again, with the same idempotency key.`,
  schema: { type: "string", enum: ["done", "rerun", "fail"] },
});

function failure(scope: Scope, node: PlanNode, code: string, state: string): RtError {
  const path = pathOf(scope, node.id);
  const error = new NodeError(`Cannot go on with "${path}": ${state}`, { code, class: "internal", retryable: false });
  return toRtError(error, path, scope.attempt[node.id]!);
}

/** Puts back what attempts have left for the next one, and the number that this one gets. */
export function restore(past: InstancePast, verdict: Verdict, scope: Scope, node: PlanNode): void {
  scope.attempt[node.id] = verdict.do === "run" ? Math.max(0, past.attempt - 1) : past.attempt;
  scope.memory.set(node.id, {
    heartbeat: past.heartbeat,
    steps: past.steps ?? new Map(),
    key: past.key,
    hasRun: past.attempt > 0,
    resume: past.resume,
  });
}

/** Items of a stream that are gone are emitted again for readers that had not ended: the region runs as a whole. */
function hasOpenReader(scope: Scope, node: PlanNode, all: Past): boolean {
  const seen = new Set([node.id]);
  for (const at of seen) {
    for (const { target } of scope.template.nodes[at]!.streamsTo ?? []) {
      if (!all.isFinal(pathOf(scope, target))) return true;
      seen.add(target);
    }
  }
  return false;
}
