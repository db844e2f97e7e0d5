import type { NodeState } from "../../contract.ts";
import { pathOf, type Scope } from "../run/scope.ts";
import { NODE_STATES } from "../run/states.ts";

export interface NodeSnapshot {
  path: string;
  s: NodeState;
  a: number;
  t0?: number;
  t1?: number;
  why?: string;
}

/** Instances that are named no longer, by node of the graph: as many entries as the graph has nodes. */
export interface NodeCounts {
  path: string;
  counts: Partial<Record<NodeState, number>>;
  a: number;
  t0?: number;
  t1?: number;
}

/** Instances of ended scopes that a snapshot still names: outside of loops, and of loops' items the last ones. */
const KEPT = 10_000;
const KEPT_OF_LOOPS = 1_000;
/** Of items, in a path; brackets in a key are escaped. */
const KEYS = /\[[^\]]*\]/g;

/** The states of scopes that are over: a client that comes late sees what ran, within bounds. */
export class SettledScopes {
  readonly #outside: { nodes: NodeSnapshot[][]; size: number } = { nodes: [], size: 0 };
  readonly #inLoops: { nodes: NodeSnapshot[][]; size: number } = { nodes: [], size: 0 };
  readonly #counted = new Map<string, NodeCounts>();

  keep(scope: Scope): void {
    if (!scope.parent) return;
    const list = isInLoop(scope) ? this.#inLoops : this.#outside;
    const limit = list === this.#inLoops ? KEPT_OF_LOOPS : KEPT;
    const nodes = nodesOf(scope);
    list.nodes.push(nodes);
    list.size += nodes.length;
    while (list.size > limit && list.nodes.length > 1) {
      const oldest = list.nodes.shift()!;
      list.size -= oldest.length;
      for (const node of oldest) this.#count(node);
    }
  }

  /** What `list` no longer names. */
  counted(): NodeCounts[] {
    return Array.from(this.#counted.values(), (known) => ({ ...known, counts: { ...known.counts } }));
  }

  #count({ path, s, a, t0, t1 }: NodeSnapshot): void {
    const node = path.replace(KEYS, "");
    const known = this.#counted.get(node) ?? { path: node, counts: {}, a: 0 };
    known.counts[s] = (known.counts[s] ?? 0) + 1;
    known.a = Math.max(known.a, a);
    if (t0 !== undefined) known.t0 = Math.min(known.t0 ?? t0, t0);
    if (t1 !== undefined) known.t1 = Math.max(known.t1 ?? t1, t1);
    this.#counted.set(node, known);
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
