import type { NodeState } from "../contract.ts";
import { pathOf, type Scope } from "./scope.ts";
import { NODE_STATES } from "./states.ts";

export interface NodeSnapshot {
  path: string;
  s: NodeState;
  a: number;
  t0?: number;
  t1?: number;
  why?: string;
}

/** Instances of ended scopes that a snapshot still names: outside of loops, and of loops' items the last ones. */
const KEPT = 10_000;
const KEPT_OF_LOOPS = 1_000;

/** The states of scopes that are over: a client that comes late sees what ran, within bounds. */
export class SettledScopes {
  readonly #outside: { nodes: NodeSnapshot[][]; size: number } = { nodes: [], size: 0 };
  readonly #inLoops: { nodes: NodeSnapshot[][]; size: number } = { nodes: [], size: 0 };

  keep(scope: Scope): void {
    if (!scope.parent) return;
    const list = isInLoop(scope) ? this.#inLoops : this.#outside;
    const limit = list === this.#inLoops ? KEPT_OF_LOOPS : KEPT;
    const nodes = nodesOf(scope);
    list.nodes.push(nodes);
    list.size += nodes.length;
    while (list.size > limit && list.nodes.length > 1) list.size -= list.nodes.shift()!.length;
  }

  get size(): number {
    return this.#outside.size + this.#inLoops.size;
  }

  list(): NodeSnapshot[] {
    return [...this.#outside.nodes, ...this.#inLoops.nodes].flat();
  }
}

export function isInLoop(scope: Scope): boolean {
  for (let at: Scope | undefined = scope; at; at = at.parent?.scope) if (at.item) return true;
  return false;
}

/** Every instance of the scopes that are open. */
export function liveNodes(root: Scope): NodeSnapshot[] {
  const nodes: NodeSnapshot[] = [];
  const work = [root];
  for (let scope = work.pop(); scope; scope = work.pop()) {
    for (const node of nodesOf(scope)) nodes.push(node);
    for (const child of scope.children) work.push(child);
  }
  return nodes;
}

function nodesOf(scope: Scope): NodeSnapshot[] {
  return scope.template.nodes.map((_, id) => {
    const node: NodeSnapshot = { path: pathOf(scope, id), s: NODE_STATES[scope.state[id]!]!, a: scope.attempt[id]! };
    if (scope.startedAt[id]! > 0) node.t0 = scope.startedAt[id]!;
    if (scope.settledAt[id]! > 0) node.t1 = scope.settledAt[id]!;
    const why = scope.why.get(id);
    if (why !== undefined) node.why = why;
    return node;
  });
}
