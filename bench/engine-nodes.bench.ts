/** What one node costs the engine: asynchronous no-op nodes in a chain and in a random graph, nothing observed. */
import { Runtime, defineNode, port } from "@atomiton/runtime";
import * as pGraphModule from "p-graph";
import { z } from "zod";
import type { Contender, Question } from "./harness.ts";

/** The package is CommonJS with a `default` of its own. */
type PGraph = (nodes: ReadonlyMap<string, { run: () => Promise<void> }>, edges: readonly (readonly [string, string])[]) => { run(): Promise<void> };
let loaded: unknown = pGraphModule;
while (typeof loaded !== "function") loaded = (loaded as { default: unknown }).default;
const pGraph = loaded as PGraph;

/** deps[i] are the nodes that node i waits for; all have smaller numbers. */
type Graph = number[][];

const chain = (size: number): Graph => Array.from({ length: size }, (_, at) => (at === 0 ? [] : [at - 1]));

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

function ours(graph: Graph): Contender {
  const runtime = new Runtime({ nodes: [step], concurrency: 64 });
  const blueprint = {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    id: "bench",
    name: "bench",
    version: "1.0.0",
    policy: { concurrency: 64 },
    nodes: Object.fromEntries(
      graph.map((deps, at) => [
        `n${at}`,
        { uses: "bench/step@1", ...(deps.length > 0 ? { in: { from: deps.map((dep) => `n${dep}.done`) } } : {}) },
      ]),
    ),
  };
  return {
    async run() {
      ran = 0;
      await runtime.waitForCompletion(await runtime.execute({ inline: blueprint }));
      return ran;
    },
    close: () => runtime.close(),
  };
}

const about = (name: string, title: string, graph: Graph, rounds: number): Question => ({
  name,
  question: `What does a node cost in ${title}?`,
  unit: "nodes",
  units: graph.length,
  rounds,
  reference: "limit: bare scheduler",
  contenders: {
    "limit: bare scheduler": () => limit(graph),
    "atomiton runtime": () => ours(graph),
    "p-graph": () => peer(graph),
  },
});

export const questions: Question[] = [
  about("engine-chain", "a chain of 1,000", chain(1_000), 9),
  about("engine-random", "a random graph of 10,000", random(10_000), 5),
];
