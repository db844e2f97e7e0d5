import { auto } from "async";

import { Tally, type Engine, type Graph, type Work } from "./graph.ts";

export function open(graph: Graph, work: Work): Engine {
  return {
    async run() {
      const tally = new Tally(graph);
      const step = async (at: number): Promise<void> => {
        await work();
        tally.node(at);
      };
      // It looks whether a function is written as `async`.
      const tasks = graph.map((deps, at) => [`n${at}`, [...deps.map((dep) => `n${dep}`), async () => await step(at)]]);
      await auto(Object.fromEntries(tasks) as never);
      return tally.count;
    },
  };
}
