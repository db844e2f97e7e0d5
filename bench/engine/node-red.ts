/** Its runtime, without editor and core nodes. It has no runs: a message carries the number of one, and nodes count. */
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Tally, targetsOf, type Engine, type Graph, type Work } from "./graph.ts";

interface StepNode {
  on(event: "input", hear: (message: Message, send: (message: Message) => void, done: () => void) => void): void;
  receive(message: Message): void;
}
interface Message {
  run: number;
}
interface Run {
  readonly tally: Tally;
  readonly need: number[];
  readonly end: (count: number) => void;
}
interface Red {
  init(settings: object, server: unknown, admin: object): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  flows: { setFlows(options: object): Promise<unknown> };
  events: { once(event: "flows:started", hear: () => void): void };
  _: {
    nodes: {
      registerType(set: string, type: string, make: (this: StepNode, config: { at: number }) => void): void;
      createNode(node: StepNode, config: object): void;
      getNode(id: string): StepNode | null;
    };
  };
}

const require = createRequire(import.meta.url);
const emptyStorage = {
  ...Object.fromEntries(
    ["init", "saveFlows", "saveCredentials", "saveSettings", "saveSessions", "saveLibraryEntry"].map((name) => [
      name,
      async () => undefined,
    ]),
  ),
  getFlows: async () => [],
  getCredentials: async () => ({}),
  getSettings: async () => ({}),
  getSessions: async () => ({}),
  getLibraryEntry: async () => [],
};

export async function open(graph: Graph, work: Work): Promise<Engine> {
  const dir = mkdtempSync(join(tmpdir(), "bench-node-red-"));
  const nodesDir = join(dir, "nodes");
  mkdirSync(join(nodesDir, "examples"), { recursive: true });
  const settings = {
    userDir: dir,
    nodesDir,
    coreNodesDir: nodesDir,
    logging: { console: { level: "off" } },
    disableEditor: true,
    editorTheme: {},
    telemetry: { enabled: false },
    storageModule: emptyStorage,
  };
  (require("@node-red/util") as { init(settings: object): void }).init(settings);
  const red = require("@node-red/runtime") as Red;
  red.init(settings, createServer(), { app: {} });
  // It begins with the flows of its storage: none. What comes before that is lost.
  const begun = new Promise<void>((resolve) => red.events.once("flows:started", resolve));
  await red.start();
  await begun;

  const runs = new Map<number, Run>();
  const targets = targetsOf(graph);
  red._.nodes.registerType("bench/step", "bench-step", function (config) {
    red._.nodes.createNode(this, config);
    const { at } = config;
    this.on("input", (message, send, done) => {
      const run = runs.get(message.run)!;
      if (--run.need[at]! > 0) return done();
      void work().then(() => {
        run.tally.node(at);
        if (targets[at]!.length > 0) send(message);
        done();
        if (run.tally.count === graph.length) run.end(graph.length);
      });
    });
  });
  const flows = [
    { id: "tab", type: "tab", label: "bench" },
    ...graph.map((_, at) => ({
      id: `n${at}`,
      type: "bench-step",
      z: "tab",
      at,
      wires: [targets[at]!.map((target) => `n${target}`)],
    })),
  ];
  await red.flows.setFlows({ flows: { flows }, deploymentType: "full" });
  const last = `n${graph.length - 1}`;
  for (let tries = 0; !red._.nodes.getNode(last); tries++) {
    if (tries === 1_000) throw new Error("Node-RED did not start its flows in 10 s");
    await sleep(10);
  }
  const roots = graph.flatMap((deps, at) => (deps.length === 0 ? [red._.nodes.getNode(`n${at}`)!] : []));
  let serial = 0;
  return {
    run: () =>
      new Promise((resolve) => {
        const run = serial++;
        const end = (count: number): void => {
          runs.delete(run);
          resolve(count);
        };
        runs.set(run, { tally: new Tally(graph), need: graph.map((deps) => Math.max(1, deps.length)), end });
        for (const root of roots) root.receive({ run });
      }),
    async close() {
      await red.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
