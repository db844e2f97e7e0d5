import { chain, fanOut, layers, nothing, random, type Engine, type Graph, type Work } from "./engine/graph.ts";
/**
 * What one node costs the engine: asynchronous no-op nodes in graphs of four shapes, nothing observed. A Blueprint that
 * is parsed already runs again and again; accepting one (parse, check, compile, start, then cancel) is asked apart.
 */
import type { Contender, Question, Target } from "./harness.ts";

type Open = { open(graph: Graph, work: Work): Engine | Promise<Engine> };

/** Loaded in the contender's own process only. */
const ENGINES: Readonly<Record<string, () => Promise<Open>>> = {
  "p-graph": () => import("./engine/p-graph.ts"),
  effect: () => import("./engine/effect.ts"),
  "async.auto": () => import("./engine/async-auto.ts"),
  "node-red": () => import("./engine/node-red.ts"),
  xstate: () => import("./engine/xstate.ts"),
  rete: () => import("./engine/rete.ts"),
  "n8n-core": () => import("./engine/n8n.ts"),
  langgraph: () => import("./engine/langgraph.ts"),
};
const ALL = Object.keys(ENGINES);
/** n8n walks wires by recursion: at this depth it overflows the stack of most processes, not of all. */
const DEEP = ALL.filter((peer) => peer !== "n8n-core");

const LIMIT = "limit: bare scheduler";
const OURS = "atomiton runtime";

const contender = (load: () => Promise<Open>, graph: Graph) => async (): Promise<Contender> =>
  await (await load()).open(graph, nothing);

/** `peers`: those that get through a graph of this size in seconds. */
const about = (
  name: string,
  title: string,
  graph: Graph,
  rounds: number,
  peers: readonly string[],
  targets: readonly Target[] = [],
): Question => ({
  name,
  question: `What does a node cost in ${title}?`,
  unit: "nodes",
  units: graph.length,
  rounds,
  boxMs: 15_000,
  apart: true,
  reference: LIMIT,
  targets: [
    {
      text: "at most 5 µs a node above the limit",
      of: (row) => row(OURS).cpuUsPerUnit - row(LIMIT).cpuUsPerUnit,
      atMost: 5,
    },
    ...targets,
  ],
  contenders: {
    [LIMIT]: contender(() => import("./engine/limit.ts"), graph),
    [OURS]: contender(() => import("./engine/atomiton.ts"), graph),
    ...Object.fromEntries(peers.map((peer) => [peer, contender(ENGINES[peer]!, graph)])),
  },
});

/** Those with runs, states and errors. */
const aheadOf = (peers: readonly string[]): Target => ({
  text: `less than ${peers.join(", ")}: the cheapest of them, as a multiple of ours`,
  of: (row) => Math.min(...peers.map((peer) => row(peer).cpuUsPerUnit)) / row(OURS).cpuUsPerUnit,
  atLeast: 1,
});
const STATED = ["effect", "xstate", "rete", "langgraph"];
const SMALL = aheadOf([...STATED, "n8n-core"]);

/** Parse, check and compile a Blueprint that nobody has seen before; its run is cancelled before a node starts. */
async function accepted(graph: Graph): Promise<Contender> {
  const { fileOf, open } = await import("./engine/atomiton.ts");
  const { runtime, close } = open(chain(1), () => Promise.reject(new Error("ran before the cancel")));
  let round = 0;
  return {
    async run() {
      const id = await runtime.execute({ inline: fileOf(graph, `bench-${round++}`) });
      const { nodes } = runtime.execution(id);
      await runtime.cancel(id);
      return nodes;
    },
    close: () => close?.(),
  };
}

/** The same rows beside the bare limit: what it costs before the first node may run. */
const accepting = (name: string, title: string, graph: Graph, rounds: number): Question => ({
  name,
  question: `What does it cost to accept ${title}, from a JSON object to a plan?`,
  unit: "nodes",
  units: graph.length,
  rounds,
  boxMs: 12_000,
  apart: true,
  reference: "limit: JSON to text and back",
  contenders: {
    "limit: JSON to text and back": async () => {
      const { fileOf } = await import("./engine/atomiton.ts");
      return {
        run: () => {
          const { nodes } = JSON.parse(JSON.stringify(fileOf(graph, "bench"))) as { nodes: object };
          return Object.keys(nodes).length;
        },
      };
    },
    [OURS]: () => accepted(graph),
  },
});

export const questions: Question[] = [
  about("engine-chain", "a chain of 1,000", chain(1_000), 11, DEEP, [aheadOf(STATED)]),
  about("engine-fan-out", "a fan-out of 1,000", fanOut(1_000), 11, ALL, [SMALL]),
  about("engine-layers", "ten layers of 100, each node after ten of the layer before", layers(10, 100), 11, ALL, [
    SMALL,
  ]),
  about("engine-random-1k", "a random graph of 1,000", random(1_000), 11, ALL, [SMALL]),
  about(
    "engine-random-10k",
    "a random graph of 10,000",
    random(10_000),
    9,
    ["p-graph", "effect", "node-red"],
    [aheadOf(["effect"])],
  ),
  about(
    "engine-random-100k",
    "a random graph of 100,000",
    random(100_000),
    5,
    ["p-graph", "effect"],
    [aheadOf(["effect"])],
  ),
  accepting("engine-accept-chain", "a chain of 1,000", chain(1_000), 21),
  accepting("engine-accept-random", "a random graph of 10,000", random(10_000), 9),
  accepting("engine-accept-100k", "a random graph of 100,000", random(100_000), 3),
];
