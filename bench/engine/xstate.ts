/** One machine for the graph; each node is a promise actor that it spawns when those before it are done. */
import { createActor, enqueueActions, fromPromise, setup, waitFor } from "xstate";

import { Tally, targetsOf, type Engine, type Graph, type Work } from "./graph.ts";

export function open(graph: Graph, work: Work): Engine {
  const targets = targetsOf(graph);
  const roots = graph.flatMap((deps, at) => (deps.length === 0 ? [at] : []));
  return {
    async run() {
      const tally = new Tally(graph);
      const need = graph.map((deps) => deps.length);
      const node = fromPromise(async ({ input }: { input: number }) => {
        await work();
        tally.node(input);
        return input;
      });
      const machine = setup({ actors: { node } }).createMachine({
        initial: "running",
        entry: enqueueActions(({ enqueue }) => {
          for (const at of roots) enqueue.spawnChild("node", { id: `n${at}`, input: at });
        }),
        states: {
          running: {
            on: {
              "xstate.done.actor.*": {
                actions: enqueueActions(({ enqueue, event }) => {
                  const at = (event as unknown as { output: number }).output;
                  enqueue.stopChild(`n${at}`);
                  for (const target of targets[at]!) {
                    if (--need[target]! === 0) enqueue.spawnChild("node", { id: `n${target}`, input: target });
                  }
                  if (tally.count === graph.length) enqueue.raise({ type: "end" } as never);
                }),
              },
              end: "over",
            },
          },
          over: { type: "final" },
        },
      });
      const actor = createActor(machine).start();
      await waitFor(actor, (snapshot) => snapshot.status === "done", { timeout: 60_000 });
      return tally.count;
    },
  };
}
