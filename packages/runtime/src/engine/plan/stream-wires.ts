/**
 * Which wires stream, decided when a Blueprint is compiled. A wire from a stream port to a stream port streams, unless
 * nodes could wait for each other for ever. Rules:
 * 1. Nodes joined by streaming wires are a region. A region is a tree: a wire that closes a ring is a list, because a
 *    reader that drains one side first would stop the other.
 * 2. No way leads out of a region and back: who waits for the end of a node cannot also be the one that it waits for.
 * 3. A region starts when everything that it needs from outside is there (gates), so no slot waits for another.
 * 4. One node of a region, at most, holds a named lock.
 * What cannot stream is handed on as a list when its writer has ended.
 */
import type { NodeDecl } from "../../blueprint/model.ts";
import type { Join, PlanInput, PlanNode, Source, StreamWire } from "./plan.ts";

/** A node before it is known how its values travel. */
export type Draft = Omit<PlanNode, "weight" | "handlesError" | "streamsTo" | "readsStreams" | "gathers">;

export interface Gate {
  readonly from: number;
  readonly to: number;
}
export interface StreamLayout {
  /** The drafts, with `wire` on the sources that stream. */
  readonly inputs: readonly (readonly PlanInput[])[];
  readonly streamsTo: readonly (readonly StreamWire[])[];
  readonly gates: readonly Gate[];
}

interface Candidate {
  readonly from: number;
  readonly port: string;
  readonly to: number;
  readonly source: Source;
}

/** Beyond so many rounds of looking for waits in a circle, whole regions are handed on as lists. */
const ROUNDS = 8;

/** Undefined where nothing streams. */
export function layStreams(drafts: readonly Draft[], decls: readonly NodeDecl[]): StreamLayout | undefined {
  let wires = candidates(drafts, decls);
  if (wires.length === 0) return undefined;
  for (let round = 0; ; round++) {
    const regions = new Regions(drafts.length);
    wires = wires.filter(({ from, to }) => regions.join(from, to));
    const bad = circles(drafts, wires, regions, round >= ROUNDS);
    const cut = wires.filter((wire) => !bad.has(wire));
    const stays = cut.length === wires.length;
    wires = cut;
    if (wires.length === 0) return undefined;
    if (stays) return layout(drafts, wires, regions);
  }
}

function candidates(drafts: readonly Draft[], decls: readonly NodeDecl[]): Candidate[] {
  const found: Candidate[] = [];
  drafts.forEach((draft, to) => {
    if (draft.kind === "blueprint") return;
    for (const { name, port, multi, join, sources } of draft.inputs) {
      if (port?.mode !== "stream" || !canStream(draft, decls[to]!, name, multi, join)) continue;
      for (const source of sources) {
        if (source.from !== "node" || drafts[source.node]!.outputs.get(source.port)?.mode !== "stream") continue;
        found.push({ from: source.node, port: source.port, to, source });
      }
    }
  });
  return found;
}

/** An expression, or a loop's body, that names the input wants all of it at once. */
function canStream(draft: Draft, decl: NodeDecl, input: string, multi: boolean, join: Join): boolean {
  if (multi && join !== "all") return false;
  if (draft.kind === "loop") {
    const { nodes, outputs } = draft.child!;
    const names = (source: Source): boolean => source.from === "inputs" && source.port === input;
    if (outputs.some(({ source }) => names(source))) return false;
    if (nodes.some((node) => node.inputs.some(({ sources }) => sources.some(names)))) return false;
  }
  const raw: readonly string[] = draft.kind === "loop" ? [] : ((draft.def.rawConfig ?? []) as readonly string[]);
  const config = Object.entries(decl.with).filter(([key]) => !raw.includes(key));
  const text = JSON.stringify([decl.when, decl.idempotencyKey, config]);
  for (const [, name] of text.matchAll(/\bin\b(?:\s*\.\s*(\w+))?/g)) {
    if (text.includes("${") || draft.kind === "loop" || decl.when !== undefined)
      if (name === undefined || name === input) return false;
  }
  return true;
}

/** Wires whose readers wait, by another way, for a node of their own region. */
function circles(
  drafts: readonly Draft[],
  wires: readonly Candidate[],
  regions: Regions,
  coarse: boolean,
): Set<Candidate> {
  const streaming = new Set(wires.map(({ source }) => source));
  const bad = new Set<Candidate>();
  const edges: { from: number; to: number }[] = [];
  const waits = new Set<number>();
  drafts.forEach(({ inputs, after }, to) => {
    const see = (from: number): void => {
      edges.push({ from: regions.of(from), to: regions.of(to) });
      waits.add(to);
    };
    for (const { sources } of inputs) {
      for (const source of sources) if (source.from === "node" && !streaming.has(source)) see(source.node);
    }
    for (const { node } of after) see(node);
  });
  const looped = onCircles(drafts.length, edges);
  const locks = new Map<number, number>();
  for (let node = 0; node < drafts.length; node++) {
    if (holdsLock(drafts[node]!)) locks.set(regions.of(node), (locks.get(regions.of(node)) ?? 0) + 1);
  }
  const inCircle = wires.filter(({ from }) => looped.has(regions.of(from)));
  const direct = coarse ? [] : inCircle.filter(({ to }) => waits.has(to));
  for (const wire of direct.length > 0 ? direct : inCircle) bad.add(wire);
  for (const wire of wires) if ((locks.get(regions.of(wire.from)) ?? 0) > 1) bad.add(wire);
  return bad;
}

function holdsLock({ def, child }: Pick<PlanNode, "def" | "child">): boolean {
  if (def.resources?.exclusive !== undefined) return true;
  return child?.nodes.some((node) => holdsLock(node)) ?? false;
}

/** What no order can be given to: trimmed from both ends, circles and what lies between them is left. */
function onCircles(size: number, edges: readonly { from: number; to: number }[]): Set<number> {
  let left = new Set<number>(edges.flatMap(({ from, to }) => [from, to]));
  for (const forward of [true, false]) {
    const need = new Int32Array(size);
    const next = new Map<number, number[]>();
    for (const edge of edges) {
      const from = forward ? edge.from : edge.to;
      const to = forward ? edge.to : edge.from;
      if (!left.has(from) || !left.has(to)) continue;
      need[to]!++;
      const list = next.get(from);
      if (list) list.push(to);
      else next.set(from, [to]);
    }
    const work = [...left].filter((node) => need[node] === 0);
    for (let node = work.pop(); node !== undefined; node = work.pop()) {
      left.delete(node);
      for (const to of next.get(node) ?? []) if (--need[to]! === 0) work.push(to);
    }
  }
  return left;
}

function layout(drafts: readonly Draft[], wires: readonly Candidate[], regions: Regions): StreamLayout {
  const ids = new Map(wires.map(({ source }, wire) => [source, wire]));
  const streamsTo = drafts.map((): StreamWire[] => []);
  const reads = new Set<number>();
  wires.forEach(({ from, port, to }, wire) => {
    streamsTo[from]!.push({ wire, port, target: to });
    reads.add(to);
  });
  const roots = new Map<number, number[]>();
  drafts.forEach((_, node) => {
    if (streamsTo[node]!.length === 0 || reads.has(node)) return;
    const list = roots.get(regions.of(node));
    if (list) list.push(node);
    else roots.set(regions.of(node), [node]);
  });
  const inputs = drafts.map((draft, to) =>
    reads.has(to) ? draft.inputs.map((input) => ({ ...input, sources: input.sources.map(withWire) })) : draft.inputs,
  );
  function withWire(source: Source): Source {
    const wire = ids.get(source);
    return wire === undefined || source.from !== "node" ? source : { ...source, wire };
  }
  // A root that several members need the same node for waits for it once.
  const gates = new Map<string, Gate>();
  drafts.forEach(({ inputs: own, after }, to) => {
    const gate = (from: number): void => {
      for (const root of roots.get(regions.of(to)) ?? []) {
        if (root !== to) gates.set(`${from} ${root}`, { from, to: root });
      }
    };
    if (!reads.has(to) && streamsTo[to]!.length === 0) return;
    for (const { sources } of own) for (const s of sources) if (s.from === "node" && !ids.has(s)) gate(s.node);
    for (const { node } of after) gate(node);
  });
  return { inputs, streamsTo, gates: [...gates.values()] };
}

export const isStreaming = (source: Source): boolean => source.from === "node" && source.wire !== undefined;

/** Stream ports that somebody reads as a list, by node. */
export function gatheredPorts(
  drafts: readonly Draft[],
  streams: StreamLayout | undefined,
  outputs: readonly { readonly source: Source }[],
): Map<number, Set<string>> | undefined {
  let found: Map<number, Set<string>> | undefined;
  const see = (source: Source): void => {
    if (source.from !== "node" || source.wire !== undefined) return;
    if (drafts[source.node]!.outputs.get(source.port)?.mode !== "stream") return;
    const ports = (found ??= new Map<number, Set<string>>()).get(source.node);
    if (ports) ports.add(source.port);
    else found.set(source.node, new Set([source.port]));
  };
  drafts.forEach(({ inputs }, to) => {
    for (const { sources } of streams?.inputs[to] ?? inputs) for (const source of sources) see(source);
  });
  for (const { source } of outputs) see(source);
  return found;
}

/** Disjoint sets of nodes. */
class Regions {
  readonly #parent: Int32Array;
  constructor(size: number) {
    this.#parent = Int32Array.from({ length: size }, (_, at) => at);
  }
  of(node: number): number {
    let at = node;
    while (this.#parent[at] !== at) {
      this.#parent[at] = this.#parent[this.#parent[at]!]!;
      at = this.#parent[at]!;
    }
    return at;
  }
  /** False: they were joined already. */
  join(a: number, b: number): boolean {
    const [x, y] = [this.of(a), this.of(b)];
    if (x === y) return false;
    this.#parent[x] = y;
    return true;
  }
}
