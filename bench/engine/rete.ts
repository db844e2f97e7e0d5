/** Its dataflow engine pulls: the nodes that no other waits for are fetched, and fetch what they wait for. */
import { ClassicPreset, NodeEditor, type GetSchemes } from "rete";
import { DataflowEngine } from "rete-engine";

import { Tally, targetsOf, type Engine, type Graph, type Work } from "./graph.ts";

class Step extends ClassicPreset.Node {
  readonly at: number;
  readonly data: () => Promise<{ done: boolean }>;

  constructor(at: number, step: (at: number) => Promise<void>) {
    super(`n${at}`);
    this.at = at;
    this.data = async () => {
      await step(at);
      return { done: true };
    };
  }
}
type Schemes = GetSchemes<Step, ClassicPreset.Connection<Step, Step> & { isLoop?: boolean }>;

export async function open(graph: Graph, work: Work): Promise<Engine> {
  const socket = new ClassicPreset.Socket("any");
  const editor = new NodeEditor<Schemes>();
  const engine = new DataflowEngine<Schemes>();
  editor.use(engine);
  let tally = new Tally(graph);
  const nodes = graph.map((_, at) => {
    const node = new Step(at, async (index) => {
      await work();
      tally.node(index);
    });
    node.addInput("from", new ClassicPreset.Input(socket, "from", true));
    node.addOutput("done", new ClassicPreset.Output(socket));
    return node;
  });
  for (const node of nodes) await editor.addNode(node);
  for (const [at, deps] of graph.entries()) {
    for (const dep of deps) {
      await editor.addConnection(new ClassicPreset.Connection(nodes[dep]!, "done", nodes[at]!, "from") as never);
    }
  }
  const ends = targetsOf(graph).flatMap((targets, at) => (targets.length === 0 ? [nodes[at]!.id] : []));
  return {
    async run() {
      tally = new Tally(graph);
      engine.reset();
      await Promise.all(ends.map((id) => engine.fetch(id)));
      return tally.count;
    },
  };
}
