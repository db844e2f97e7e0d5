/** What a node costs when another thread hears of all its states and outputs, beside bare messages of states. */
import { MessageChannel, Worker } from "node:worker_threads";

import { EventBus, portTransport } from "@atomiton/events";
import { RuntimeIPC, libraryContract, runtimeContract } from "@atomiton/runtime";

import { open as openAtomiton } from "./engine/atomiton.ts";
import { chain, layers, nothing, type Graph } from "./engine/graph.ts";
import { open as openLimit } from "./engine/limit.ts";
import type { Contender, Question } from "./harness.ts";

const LIMIT = "limit: bare scheduler";
const OURS = "atomiton runtime";

interface Observer {
  readonly port: MessageChannel["port1"];
  /** Resolves with how many nodes it heard of, when it has heard the end. */
  heard(id: string | number): Promise<number>;
  close(): Promise<void>;
}

async function observer(
  kind: "raw" | "bus",
  opened: (port: Observer["port"]) => void = () => undefined,
): Promise<Observer> {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("engine/observer.ts", import.meta.url), {
    workerData: { port: port2, kind },
    transferList: [port2],
    execArgv: ["--conditions=@atomiton/source"],
  });
  opened(port1);
  await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  const waiting = new Map<string | number, (heard: number) => void>();
  worker.on("message", ({ id, heard }: { id: string | number; heard: number }) => {
    waiting.get(id)?.(heard);
    waiting.delete(id);
  });
  return {
    port: port1,
    heard: (id) => new Promise((resolve) => waiting.set(id, resolve)),
    async close() {
      port1.close();
      await worker.terminate();
    },
  };
}

/** A message when a node starts and one when it ends: each by itself, or all of a turn in one. */
async function bare(graph: Graph, isBatched: boolean): Promise<Contender> {
  const seen = await observer("raw");
  let batch: object[] = [];
  const flush = (): void => {
    seen.port.postMessage(batch);
    batch = [];
  };
  const tell = (event: object): void => {
    if (!isBatched) return seen.port.postMessage(event);
    if (batch.push(event) === 1) setImmediate(flush);
    else if (batch.length === 256) flush();
  };
  let id = 0;
  const engine = openLimit(graph, nothing, (at) => {
    tell({ id, at, state: "running", t: Date.now() });
    tell({ id, at, state: "completed", t: Date.now() });
  });
  return {
    async run() {
      id++;
      const heard = seen.heard(id);
      await engine.run();
      tell({ id, at: -1, state: "end" });
      return await heard;
    },
    close: () => seen.close(),
  };
}

async function ours(graph: Graph): Promise<Contender> {
  const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host" });
  let seen: Observer | undefined;
  let delivered = 0;
  const engine = openAtomiton(graph, nothing, {
    begin: (runtime) => new RuntimeIPC({ runtime, bus }).initialize(),
    begun: (id) => {
      const heard = seen!.heard(id);
      return async () => void (delivered = await heard);
    },
  });
  seen = await observer("bus", (port) =>
    bus.connect(portTransport(port as never), { peer: { role: "ui", grants: ["*"] } }),
  );
  return {
    async run() {
      const ran = await engine.run();
      return Math.min(ran, delivered);
    },
    async close() {
      await engine.close?.();
      await bus.close();
      await seen?.close();
    },
  };
}

const about = (name: string, title: string, graph: Graph): Question => ({
  name,
  question: `What does a node cost in ${title}, all events delivered to another thread?`,
  unit: "nodes",
  units: graph.length,
  rounds: 11,
  boxMs: 15_000,
  apart: true,
  reference: LIMIT,
  targets: [{ text: "at most 10 µs a node, both threads", of: (row) => row(OURS).cpuUsPerUnit, atMost: 10 }],
  contenders: {
    [LIMIT]: () => openLimit(graph, nothing),
    "limit, two messages a node": () => bare(graph, false),
    "limit, messages of 256 events": () => bare(graph, true),
    [OURS]: () => ours(graph),
  },
});

export const questions: Question[] = [
  about("engine-events-chain", "a chain of 1,000", chain(1_000)),
  about("engine-events-layers", "ten layers of 100", layers(10, 100)),
];
