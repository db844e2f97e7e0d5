/** Nodes of a scope that streams join while they run. */
import type { PlanNode } from "../plan/plan.ts";
import { queueOf, type Scope } from "../run/scope.ts";
import { COMPLETED, FAILED } from "../run/states.ts";

const incoming = ({ inputs }: PlanNode): { wire: number; from: number }[] =>
  inputs.flatMap(({ sources }) =>
    sources.flatMap((source) =>
      source.from === "node" && source.wire !== undefined ? [{ wire: source.wire, from: source.node }] : [],
    ),
  );

/** An instance is final: its readers are told that nothing will come, its writers that nobody reads any more. */
export function closeStreams(scope: Scope, node: PlanNode): void {
  if (node.readsStreams) for (const { wire } of incoming(node)) queueOf(scope, wire).detach();
  if (scope.state[node.id] !== COMPLETED) return;
  for (const { wire } of node.streamsTo ?? []) queueOf(scope, wire).end();
}

/** Items of this attempt have been taken, or it has taken some: it cannot begin again. */
export function hasFlowed(scope: Scope, node: PlanNode): boolean {
  if (scope.flowing.has(node.id)) return true;
  return node.readsStreams && incoming(node).some(({ wire }) => queueOf(scope, wire).taken > 0);
}

/** Who ends with this instance: all that streams join to one that failed, the readers of one that was cancelled. */
export function joinedTo(scope: Scope, node: number): number[] {
  const { nodes } = scope.template;
  const isDownOnly = scope.state[node] !== FAILED;
  const seen = new Set([node]);
  for (const at of seen) {
    const { streamsTo, readsStreams } = nodes[at]!;
    if (scope.flowing.has(at)) for (const { target } of streamsTo ?? []) seen.add(target);
    if (isDownOnly || !readsStreams) continue;
    for (const { from } of incoming(nodes[at]!)) if (scope.flowing.has(from)) seen.add(from);
  }
  seen.delete(node);
  return [...seen];
}
