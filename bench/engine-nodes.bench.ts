/**
 * What one node costs the engine: asynchronous no-op nodes in graphs of four shapes, nothing observed. A Blueprint that
 * is parsed already runs again and again; accepting one (parse, check, compile, start, then cancel) is asked apart.
 */
import { Runtime, defineNode, parseBlueprint, port } from "@atomiton/runtime";
import * as pGraphModule from "p-graph";
import { z } from "zod";

import type { Contender, Question } from "./harness.ts";

/** The package is CommonJS with a `default` of its own. */
type PGraph = (
  nodes: ReadonlyMap<string, { run: () => Promise<void> }>,
  edges: readonly (readonly [string, string])[],
) => { run(): Promise<void> };
let loaded: unknown = pGraphModule;
while (typeof loaded !== "function") loaded = (loaded as { default: unknown }).default;
const pGraph = loaded as PGraph;

/** deps[i] are the nodes that node i waits for; all have smaller numbers. */
type Graph = number[][];

const chain = (size: number): Graph => Array.from({ length: size }, (_, at) => (at === 0 ? [] : [at - 1]));

/** One node before all others. */
const fanOut = (size: number): Graph => Array.from({ length: size }, (_, at) => (at === 0 ? [] : [0]));

/** Each node waits for ten of the layer before. */
const layers = (depth: number, width: number): Graph =>
  Array.from({ length: depth * width }, (_, at) => {
    const layer = Math.floor(at / width);
    if (layer === 0) return [];
    return Array.from({ length: 10 }, (_each, k) => (layer - 1) * width + ((at + k * 7) % width));
  });

/** Each node waits for one to three earlier ones; the same graph every time. */
function random(size: number): Graph {
  let seed = 7;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  return Array.from({ length: size }, (_, at) =>
    at === 0 ? [] : [...new Set(Array.from({ length: 1 + next(3) }, () => next(at)))],
  );
}

/** The bare limit: counts dependencies and starts what is free; no runs, no states, no errors, no events. */
function limit(graph: Graph): Contender {
  const targets: number[][] = graph.map(() => []);
  graph.forEach((deps, at) => deps.forEach((dep) => targets[dep]!.push(at)));
  return {
    run: () =>
      new Promise((resolve) => {
        const need = graph.map((deps) => deps.length);
        let done = 0;
        const start = (at: number): void => {
          void (async () => undefined)().then(() => {
            done++;
            for (const target of targets[at]!) if (--need[target]! === 0) start(target);
            if (done === graph.length) resolve(done);
          });
        };
        graph.forEach((deps, at) => deps.length === 0 && start(at));
      }),
  };
}

function peer(graph: Graph): Contender {
  return {
    async run() {
      let done = 0;
      const nodes = new Map(
        graph.map((_, at) => [
          String(at),
          {
            run: async () => {
              done++;
            },
          },
        ]),
      );
      const edges = graph.flatMap((deps, at) => deps.map((dep): [string, string] => [String(dep), String(at)]));
      await pGraph(nodes, edges).run();
      return done;
    },
  };
}

let ran = 0;
const step = defineNode({
  type: "bench/step",
  version: "1.0.0",
  title: "Step",
  category: "bench",
  effect: "pure",
  runsOn: "inline",
  inputs: { from: port.value(z.any(), { multi: true, required: false }) },
  outputs: { done: port.value(z.any()) },
  config: z.object({}),
  async run() {
    ran++;
    return { done: true };
  },
});

/** As people and programs write it. */
function fileOf(graph: Graph, id: string): object {
  return {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    id,
    name: id,
    version: "1.0.0",
    policy: { concurrency: 64 },
    nodes: Object.fromEntries(
      graph.map((deps, at) => [
        `n${at}`,
        { uses: "bench/step@1", ...(deps.length > 0 ? { in: { from: deps.map((dep) => `n${dep}.done`) } } : {}) },
      ]),
    ),
  };
}

/** Runs a Blueprint that is parsed already: its plan is made once. */
function parsed(graph: Graph): Contender {
  const runtime = new Runtime({ nodes: [step], concurrency: 64 });
  const { blueprint } = parseBlueprint(JSON.stringify(fileOf(graph, "bench")), "bench.blueprint.json");
  return {
    async run() {
      ran = 0;
      await runtime.waitForCompletion(await runtime.execute(blueprint!));
      return ran;
    },
    close: () => runtime.close(),
  };
}

/** Parse, check and compile a Blueprint that nobody has seen before; its run is cancelled before a node starts. */
function accepted(graph: Graph): Contender {
  const runtime = new Runtime({ nodes: [step], concurrency: 64 });
  let round = 0;
  return {
    async run() {
      ran = 0;
      const id = await runtime.execute({ inline: fileOf(graph, `bench-${round++}`) });
      const { nodes } = runtime.execution(id);
      await runtime.cancel(id);
      if (ran > 0) throw new Error(`${ran} nodes ran before the cancel`);
      return nodes;
    },
    close: () => runtime.close(),
  };
}

const LIMIT = "limit: bare scheduler";

const about = (name: string, title: string, graph: Graph, rounds: number): Question => ({
  name,
  question: `What does a node cost in ${title}?`,
  unit: "nodes",
  units: graph.length,
  rounds,
  reference: LIMIT,
  contenders: {
    [LIMIT]: () => limit(graph),
    "atomiton runtime": () => parsed(graph),
    "p-graph": () => peer(graph),
  },
});

/** The same rows beside the bare limit: what it costs before the first node may run. */
const accepting = (name: string, title: string, graph: Graph, rounds: number): Question => ({
  name,
  question: `What does it cost to accept ${title}, from a JSON object to a plan?`,
  unit: "nodes",
  units: graph.length,
  rounds,
  reference: "limit: JSON to text and back",
  contenders: {
    "limit: JSON to text and back": () => ({
      run: () => {
        const { nodes } = JSON.parse(JSON.stringify(fileOf(graph, "bench"))) as { nodes: object };
        return Promise.resolve(Object.keys(nodes).length);
      },
    }),
    "atomiton runtime": () => accepted(graph),
  },
});

/** Small graphs are run often: the figure is that of code which the engine has compiled. */
export const questions: Question[] = [
  about("engine-chain", "a chain of 1,000", chain(1_000), 41),
  about("engine-fan-out", "a fan-out of 1,000", fanOut(1_000), 41),
  about("engine-layers", "ten layers of 100, each node after ten of the layer before", layers(10, 100), 41),
  about("engine-random", "a random graph of 10,000", random(10_000), 9),
  about("engine-random-100k", "a random graph of 100,000", random(100_000), 3),
  accepting("engine-accept-chain", "a chain of 1,000", chain(1_000), 41),
  accepting("engine-accept-random", "a random graph of 10,000", random(10_000), 9),
  accepting("engine-accept-100k", "a random graph of 100,000", random(100_000), 3),
];
