import type { PlanNode, Source } from "../plan/plan.ts";
/** Ports that take the first value that comes, and what becomes of the others. */
import { readSource } from "./inputs.ts";
import type { Scope } from "./scope.ts";
import { isFinalNode, PENDING } from "./states.ts";

const racing = ({ inputs }: PlanNode): Source[] =>
  inputs.flatMap(({ multi, join, sources }) => (multi && join === "race" ? sources : []));

/** A token of `from` has come: whether `node` may run now, though other racers are still on their way. */
export function isWon(scope: Scope, node: number, from: number): boolean {
  if (scope.state[node] !== PENDING) return false;
  const plan = scope.template.nodes[node]!;
  const hasValue = racing(plan).some(
    (source) => source.from === "node" && source.node === from && readSource(scope, source) !== undefined,
  );
  if (hasValue && !scope.winners.has(node)) scope.winners.set(node, from);
  if (!scope.winners.has(node)) return false;
  const others = plan.inputs.flatMap(({ multi, join, sources }) => (multi && join === "race" ? [] : sources));
  const isSettled = (other: number): boolean => isFinalNode(scope.state[other]!);
  return (
    others.every((source) => source.from !== "node" || isSettled(source.node)) &&
    plan.after.every((edge) => isSettled(edge.node))
  );
}

/** The instances whose work nobody but this race wanted: not final, and read by nobody else who may still run. */
export function losersOf(scope: Scope, node: number): number[] {
  const { template, state } = scope;
  const { outStart, outTarget, nodes, outputs } = template;
  const kept = new Set(outputs.flatMap(({ source }) => (source.from === "node" ? [source.node] : [])));
  const losers = new Set<number>();
  const work = racing(nodes[node]!).flatMap((source) => (source.from === "node" ? [source.node] : []));
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    if (isFinalNode(state[next]!) || losers.has(next) || kept.has(next)) continue;
    let isWanted = false;
    for (let edge = outStart[next]!; edge < outStart[next + 1]!; edge++) {
      const target = outTarget[edge]!;
      if (target !== node && !losers.has(target) && !isFinalNode(state[target]!)) isWanted = true;
    }
    if (isWanted) continue;
    losers.add(next);
    const { inputs, after } = nodes[next]!;
    for (const { sources } of inputs) for (const source of sources) if (source.from === "node") work.push(source.node);
    for (const edge of after) work.push(edge.node);
  }
  return [...losers];
}
