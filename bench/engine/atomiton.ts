/** A Blueprint of no-op nodes, parsed once and run again and again. */
import { Runtime, defineNode, parseBlueprint, port, type RuntimeOptions } from "@atomiton/runtime";
import { z } from "zod";

import { Tally, type Engine, type Graph, type Work } from "./graph.ts";

/** Runs that are under way, by execution. */
const tallies = new Map<string, Tally>();
let serial = 0;

export const stepNode = (work: Work) =>
  defineNode({
    type: "bench/step",
    version: "1.0.0",
    title: "Step",
    category: "bench",
    effect: "pure",
    runsOn: "inline",
    inputs: { from: port.value(z.any(), { multi: true, required: false }) },
    outputs: { done: port.value(z.any()) },
    config: z.object({ at: z.number() }),
    async run(ctx) {
      await work();
      tallies.get(ctx.executionId)?.node(ctx.config.at);
      return { done: true };
    },
  });

/** As people and programs write it. */
export function fileOf(graph: Graph, id: string, policy: object = {}): object {
  return {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    id,
    name: id,
    version: "1.0.0",
    policy: { concurrency: 64, ...policy },
    nodes: Object.fromEntries(
      graph.map((deps, at) => [
        `n${at}`,
        {
          uses: "bench/step@1",
          with: { at },
          ...(deps.length > 0 ? { in: { from: deps.map((dep) => `n${dep}.done`) } } : {}),
        },
      ]),
    ),
  };
}

export interface AtomitonOptions extends RuntimeOptions {
  /** Of the Blueprint. */
  policy?: object;
  /** Called once, before anything runs. */
  begin?: (runtime: Runtime) => void;
  /** Called before each run; what it returns is waited for after it. */
  begun?: (executionId: string) => () => Promise<void>;
}

export function open(graph: Graph, work: Work, options: AtomitonOptions = {}): Engine & { readonly runtime: Runtime } {
  const { policy, begin, begun, ...rest } = options;
  const runtime = new Runtime({ nodes: [stepNode(work)], concurrency: 64, ...rest });
  begin?.(runtime);
  const { blueprint } = parseBlueprint(JSON.stringify(fileOf(graph, "bench", policy)), "bench.blueprint.json");
  return {
    runtime,
    async run() {
      const executionId = `bench-${serial++}`;
      const tally = new Tally(graph);
      tallies.set(executionId, tally);
      const settled = begun?.(executionId);
      try {
        await runtime.execute(blueprint!, {}, { executionId });
        await runtime.waitForCompletion(executionId);
        await settled?.();
      } finally {
        tallies.delete(executionId);
      }
      return tally.count;
    },
    close: () => runtime.close(),
  };
}
