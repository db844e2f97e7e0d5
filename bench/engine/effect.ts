/** A fiber for each node, that waits for the deferred values of those before it. */
import { Deferred, Effect } from "effect";

import { Tally, type Engine, type Graph, type Work } from "./graph.ts";

export function open(graph: Graph, work: Work): Engine {
  return {
    async run() {
      const tally = new Tally(graph);
      const program = Effect.gen(function* () {
        const done = yield* Effect.forEach(graph, () => Deferred.make<void>());
        yield* Effect.forEach(
          graph,
          (deps, at) =>
            Effect.gen(function* () {
              for (const dep of deps) yield* Deferred.await(done[dep]!);
              yield* Effect.promise(work);
              tally.node(at);
              yield* Deferred.succeed(done[at]!, undefined);
            }),
          { concurrency: "unbounded", discard: true },
        );
      });
      await Effect.runPromise(program);
      return tally.count;
    },
  };
}
