import * as pGraphModule from "p-graph";

import { Tally, type Engine, type Graph, type Work } from "./graph.ts";

/** The package is CommonJS with a `default` of its own. */
type PGraph = (
  nodes: ReadonlyMap<string, { run: () => Promise<void> }>,
  edges: readonly (readonly [string, string])[],
) => { run(): Promise<void> };
let loaded: unknown = pGraphModule;
while (typeof loaded !== "function") loaded = (loaded as { default: unknown }).default;
const pGraph = loaded as PGraph;

export function open(graph: Graph, work: Work): Engine {
  const edges = graph.flatMap((deps, at) => deps.map((dep): [string, string] => [String(dep), String(at)]));
  return {
    async run() {
      const tally = new Tally(graph);
      const step = async (at: number): Promise<void> => {
        await work();
        tally.node(at);
      };
      await pGraph(new Map(graph.map((_, at) => [String(at), { run: () => step(at) }])), edges).run();
      return tally.count;
    },
  };
}
