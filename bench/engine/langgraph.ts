/** A state graph without a checkpointer; a node that waits for several has an edge from all of them. */
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";

import { Tally, targetsOf, type Engine, type Graph, type Work } from "./graph.ts";

export function open(graph: Graph, work: Work): Engine {
  let tally = new Tally(graph);
  const state = Annotation.Root({ last: Annotation<number>({ reducer: (_, next) => next, default: () => 0 }) });
  const builder = new StateGraph(state) as unknown as {
    addNode(name: string, run: () => Promise<{ last: number }>): void;
    addEdge(from: string | string[], to: string): void;
    compile(): { invoke(input: object, config: object): Promise<unknown> };
  };
  graph.forEach((_, at) =>
    builder.addNode(`n${at}`, async () => {
      await work();
      tally.node(at);
      return { last: at };
    }),
  );
  const targets = targetsOf(graph);
  graph.forEach((deps, at) => {
    if (deps.length === 0) builder.addEdge(START, `n${at}`);
    else if (deps.length === 1) builder.addEdge(`n${deps[0]}`, `n${at}`);
    else
      builder.addEdge(
        deps.map((dep) => `n${dep}`),
        `n${at}`,
      );
    if (targets[at]!.length === 0) builder.addEdge(`n${at}`, END);
  });
  const app = builder.compile();
  return {
    async run() {
      tally = new Tally(graph);
      await app.invoke({ last: 0 }, { recursionLimit: graph.length + 10 });
      return tally.count;
    },
  };
}
