/** The shapes that engines are asked to run. `graph[i]` are the nodes that node i waits for; all have smaller numbers. */
export type Graph = readonly (readonly number[])[];

export const chain = (size: number): Graph => Array.from({ length: size }, (_, at) => (at === 0 ? [] : [at - 1]));

/** One node before all others. */
export const fanOut = (size: number): Graph => Array.from({ length: size }, (_, at) => (at === 0 ? [] : [0]));

/** Each node waits for ten of the layer before. */
export const layers = (depth: number, width: number): Graph =>
  Array.from({ length: depth * width }, (_, at) => {
    const layer = Math.floor(at / width);
    if (layer === 0) return [];
    return Array.from({ length: 10 }, (_each, k) => (layer - 1) * width + ((at + k * 7) % width));
  });

/** Each node waits for one to three earlier ones; the same graph every time. */
export function random(size: number): Graph {
  let seed = 7;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  return Array.from({ length: size }, (_, at) =>
    at === 0 ? [] : [...new Set(Array.from({ length: 1 + next(3) }, () => next(at)))],
  );
}

/** The other way round: who waits for node i. */
export function targetsOf(graph: Graph): number[][] {
  const targets: number[][] = graph.map(() => []);
  graph.forEach((deps, at) => deps.forEach((dep) => targets[dep]!.push(at)));
  return targets;
}

/** What a node does, beside being run: nothing, or I/O. */
export type Work = () => Promise<void>;
export const nothing: Work = async () => undefined;
export const waitOneMs: Work = () => new Promise((resolve) => setTimeout(resolve, 1));

/** One engine with one graph: runs it once, and resolves with how many nodes ran. */
export interface Engine {
  run(): Promise<number>;
  close?: () => Promise<void> | void;
}

/** Counts what one run did: an engine that runs a node twice, or before its time, fails the benchmark. */
export class Tally {
  readonly #graph: Graph;
  #ran: Uint8Array;
  count = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#ran = new Uint8Array(graph.length);
  }

  reset(): void {
    this.#ran.fill(0);
    this.count = 0;
  }

  node(at: number): void {
    if (this.#ran[at]) throw new Error(`node ${at} ran twice`);
    for (const dep of this.#graph[at]!) if (!this.#ran[dep]) throw new Error(`node ${at} ran before ${dep}`);
    this.#ran[at] = 1;
    this.count++;
  }
}
