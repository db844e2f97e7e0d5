/** One-way events from a worker thread to the main one, over MessagePort: ours validated, the peers as they come. */
import { Worker } from "node:worker_threads";

import { EventBus, portTransport } from "@atomiton/events";
import { createBirpc } from "birpc";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";

import type { Contender, Question } from "./harness.ts";
import { progressContract } from "./progress-contract.ts";

type Kind = "raw" | "array-100" | "birpc" | "comlink" | "atomiton";

/** Starts the worker of one contender, and counts what arrives until `run`'s units are there. */
async function over(kind: Kind): Promise<Contender> {
  const worker = new Worker(new URL("./port-worker.ts", import.meta.url), {
    workerData: { kind },
    execArgv: ["--conditions=@atomiton/source"],
  });
  const { port1, port2 } = new MessageChannel();
  let heard = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let done: (count: number) => void = () => undefined;
  const hear = (): void => {
    heard++;
    if (heard === wanted) done(heard);
  };
  worker.postMessage({ port: port2 }, [port2 as never]);
  let close = (): Promise<void> | void => undefined;
  if (kind === "raw") port1.onmessage = hear;
  else if (kind === "array-100")
    port1.onmessage = (event) => {
      for (const _ of event.data as unknown[]) hear();
    };
  else if (kind === "birpc")
    createBirpc<object, { progress: () => void }>(
      { progress: hear },
      { post: (data) => port1.postMessage(data), on: (fn) => (port1.onmessage = (event) => fn(event.data)) },
    );
  else if (kind === "comlink") Comlink.expose({ progress: hear }, nodeEndpoint(port1 as never));
  else {
    const bus = new EventBus({ contract: progressContract, role: "ui" });
    const subscription = bus.on("runtime:progress", hear);
    const link = bus.connect(portTransport(port1 as never));
    await link.ready;
    await subscription.ready;
    close = () => bus.close();
  }
  await new Promise((resolve) => worker.once("message", resolve));
  return {
    run: (units) =>
      new Promise((resolve) => {
        heard = 0;
        wanted = units;
        done = resolve;
        worker.postMessage({ run: units });
      }),
    async close() {
      await close();
      port1.close();
      await worker.terminate();
    },
  };
}

export const questions: Question[] = [
  {
    name: "port-events",
    question: "What does one event cost from a worker thread to the main one?",
    unit: "progress events",
    units: 50_000,
    rounds: 9,
    reference: "raw postMessage per event",
    contenders: {
      "raw postMessage per event": () => over("raw"),
      "limit: arrays of 100, unvalidated": () => over("array-100"),
      "atomiton events, validated with zod": () => over("atomiton"),
      birpc: () => over("birpc"),
      comlink: () => over("comlink"),
    },
  },
];
