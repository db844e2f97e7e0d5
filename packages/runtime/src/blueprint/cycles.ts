import type { NodeDecl, Ref } from "./model.ts";

/**
 * Whether no node waits for itself, over any number of others: from the ends backwards, in flat arrays, since every
 * Blueprint is asked and hardly any has a ring.
 */
export function isAcyclic(nodes: ReadonlyMap<string, NodeDecl>): boolean {
  const ids = new Map<string, number>();
  for (const id of nodes.keys()) ids.set(id, ids.size);
  /** Sources of node n: from `start[n]` to `start[n + 1]`. */
  const start = new Int32Array(ids.size + 1);
  const sources: number[] = [];
  const readers = new Int32Array(ids.size);
  const see = (name: string): void => {
    const source = ids.get(name);
    if (source === undefined) return;
    sources.push(source);
    readers[source]!++;
  };
  let at = 0;
  for (const decl of nodes.values()) {
    for (const wire of decl.in.values()) {
      for (const ref of Array.isArray(wire) ? (wire as readonly Ref[]) : [wire as Ref]) {
        if (ref.from === "node") see(ref.node);
      }
    }
    for (const after of decl.after) see(after.node);
    start[++at] = sources.length;
  }
  const ends: number[] = [];
  for (let node = 0; node < readers.length; node++) if (readers[node] === 0) ends.push(node);
  let left = readers.length;
  for (let end; (end = ends.pop()) !== undefined; left--) {
    for (let edge = start[end]!; edge < start[end + 1]!; edge++) {
      const source = sources[edge]!;
      if (--readers[source]! === 0) ends.push(source);
    }
  }
  return left === 0;
}

/** Rings named in one Blueprint; with more, mending the first ones shows the rest. */
const MAX_RINGS = 10;

/** Rings in a graph of `id → successors`, each in the order of its wires. Iterative, linear but for the rings it names. */
export function findCycles(successors: ReadonlyMap<string, readonly string[]>): string[][] {
  const need = new Map<string, number>();
  for (const targets of successors.values())
    for (const target of targets) need.set(target, (need.get(target) ?? 0) + 1);
  const ready = [...successors.keys()].filter((id) => !need.has(id));
  const left = new Set(successors.keys());
  for (let id; (id = ready.pop()) !== undefined;) {
    left.delete(id);
    for (const target of successors.get(id) ?? []) {
      const rest = (need.get(target) ?? 0) - 1;
      need.set(target, rest);
      if (rest === 0) ready.push(target);
    }
  }
  // What is left stands in a ring or after one. Every such node has a predecessor that is left too: walking back must close a ring.
  const predecessor = new Map<string, string>();
  for (const id of left)
    for (const target of successors.get(id) ?? [])
      if (left.has(target)) predecessor.set(target, predecessor.get(target) ?? id);
  const rings: string[][] = [];
  const seen = new Set<string>();
  for (const start of left) {
    if (rings.length === MAX_RINGS) break;
    const walk: string[] = [];
    const step = new Map<string, number>();
    let here: string | undefined = start;
    while (here !== undefined && !seen.has(here) && !step.has(here)) {
      step.set(here, walk.push(here) - 1);
      here = predecessor.get(here);
    }
    if (here !== undefined && step.has(here)) rings.push(inOrder(walk.slice(step.get(here)).reverse(), successors));
    for (const id of walk) seen.add(id);
  }
  return rings;
}

/** The ring from its member that the file names first. */
function inOrder(ring: string[], successors: ReadonlyMap<string, unknown>): string[] {
  if (ring.length < 2) return ring;
  const members = new Set(ring);
  let first = ring[0] ?? "";
  for (const id of successors.keys()) {
    if (!members.has(id)) continue;
    first = id;
    break;
  }
  const from = ring.indexOf(first);
  return [...ring.slice(from), ...ring.slice(0, from)];
}
