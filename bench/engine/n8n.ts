/**
 * n8n-core's WorkflowExecute, no database and no server. Every wire of a node comes in at an input of its own: so it waits
 * for all. A workflow begins at one node, which stands before those that wait for nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Tally, targetsOf, type Engine, type Graph, type Work } from "./graph.ts";

interface StepContext {
  getNode(): { name: string };
}
interface Core {
  ExecutionLifecycleHooks: new (mode: string, executionId: string, workflow: object) => object;
  WorkflowExecute: new (data: object, mode: string) => { run(options: object): PromiseLike<N8nRun> };
}
interface N8nRun {
  status: string;
  data: { resultData: { error?: { message: string } } };
}
interface N8nWorkflow {
  getNode(name: string): object;
}

const require = createRequire(new URL("../n8n/package.json", import.meta.url));

export function open(graph: Graph, work: Work): Engine {
  const dir = mkdtempSync(join(tmpdir(), "bench-n8n-"));
  process.env["N8N_USER_FOLDER"] = dir;
  const core = require("n8n-core") as Core;
  const { Workflow } = require("n8n-workflow") as { Workflow: new (options: object) => N8nWorkflow };
  let tally = new Tally(graph);
  const typeOf = (inputs: number) => ({
    description: {
      displayName: "Step",
      name: "step",
      group: [],
      version: 1,
      defaults: { name: "Step" },
      inputs: Array.from({ length: Math.max(1, inputs) }, () => "main"),
      outputs: ["main"],
      properties: [],
    },
    async execute(this: StepContext) {
      const { name } = this.getNode();
      if (name !== "start") {
        await work();
        tally.node(Number(name.slice(1)));
      }
      return [[{ json: {} }]];
    },
  });
  const types = new Map(
    [...new Set(graph.map((deps) => deps.length))].map((count) => [`bench.${count}`, typeOf(count)]),
  );
  const find = (type: string): object => types.get(type)!;
  const node = (name: string, inputs: number, at: number) => ({
    id: name,
    name,
    type: `bench.${inputs}`,
    typeVersion: 1,
    position: [at, 0],
    parameters: {},
  });
  const nodes = [node("start", 0, -1), ...graph.map((deps, at) => node(`n${at}`, deps.length, at))];
  const wires = (from: number, all: readonly number[]) => ({
    main: [all.map((at) => ({ node: `n${at}`, type: "main", index: Math.max(0, graph[at]!.indexOf(from)) }))],
  });
  const connections = Object.fromEntries(targetsOf(graph).map((all, at) => [`n${at}`, wires(at, all)]));
  const roots = graph.flatMap((deps, at) => (deps.length === 0 ? [at] : []));
  connections["start"] = wires(-1, roots);
  const saved = { id: "bench", name: "bench", nodes, connections, active: false, settings: { executionOrder: "v1" } };
  const nodeTypes = { getByName: find, getByNameAndVersion: find, getKnownTypes: () => ({}) };
  const workflow = new Workflow({ ...saved, nodeTypes });
  const startNode = workflow.getNode("start");
  return {
    async run() {
      tally = new Tally(graph);
      const hooks = new core.ExecutionLifecycleHooks("trigger", "bench", saved);
      const data = { hooks, executionId: "bench", setExecutionStatus: () => undefined, credentialsHelper: {} };
      const { status, data: result } = await new core.WorkflowExecute(data, "trigger").run({ workflow, startNode });
      if (status !== "success") throw new Error(`n8n: ${status}: ${result.resultData.error?.message}`);
      return tally.count;
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}
