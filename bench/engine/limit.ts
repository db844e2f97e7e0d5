/** The bare limit: counts dependencies and starts what is free; no runs, no states, no errors, no events. */
import { Tally, targetsOf, type Engine, type Graph, type Work } from "./graph.ts";

export function open(graph: Graph, work: Work, hear: (at: number) => void = () => undefined): Engine {
  const targets = targetsOf(graph);
  return {
    run: () =>
      new Promise((resolve, reject) => {
        const tally = new Tally(graph);
        const need = graph.map((deps) => deps.length);
        const start = (at: number): void => {
          work()
            .then(() => {
              tally.node(at);
              hear(at);
              for (const target of targets[at]!) if (--need[target]! === 0) start(target);
              if (tally.count === graph.length) resolve(tally.count);
            })
            .catch(reject);
        };
        graph.forEach((deps, at) => deps.length === 0 && start(at));
      }),
  };
}
