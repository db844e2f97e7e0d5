/** What an instance that a dead host left behind is to do now: by what was recorded of it, and by its effect. */
import type { NodeDecl } from "../blueprint/model.ts";
import { NodeError, type RtError } from "../errors.ts";
import type { InstancePast, Past } from "../journal/past.ts";
import { toRtError } from "./failure.ts";
import type { PlanNode } from "./plan.ts";
import { pathOf, type Scope, type Values } from "./scope.ts";

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
  | { readonly do: "skip" | "cancel"; readonly why: string | undefined };

export function verdictOn(past: InstancePast, scope: Scope, node: PlanNode, all: Past, onUnknown: OnUnknown): Verdict {
  const fail = (code: string, state: string): Verdict => {
    const text = `Cannot go on with "${pathOf(scope, node.id)}": ${state}`;
    const error = new NodeError(text, { code, class: "internal", retryable: false });
    return { do: "fail", error: toRtError(error, pathOf(scope, node.id), past.attempt) };
  };
  if (past.at === "waiting") return { do: "wait", until: past.until };
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
  // Steps that were done are not done again: it may be repeated.
  if (node.effect !== "write" || (past.steps?.size ?? 0) > 0) return { do: "run" };
  switch (node.onUnknown ?? onUnknown) {
    case "rerun":
      return { do: "run" };
    case "assumeDone":
      return { do: "complete", outputs: {} };
    case "ask":
    case "fail":
      return fail(
        "OUTCOME_UNKNOWN",
        "its host died while it was running, and nobody knows whether it was done; look, or set onUnknown",
      );
  }
}

/** Puts back what attempts have left for the next one, and the number that this one gets. */
export function restore(past: InstancePast, verdict: Verdict, scope: Scope, node: PlanNode): void {
  scope.attempt[node.id] = verdict.do === "run" ? Math.max(0, past.attempt - 1) : past.attempt;
  scope.memory.set(node.id, {
    heartbeat: past.heartbeat,
    steps: past.steps ?? new Map(),
    key: past.key,
    hasRun: past.attempt > 0,
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
