/** The sending side of port-events.bench.ts and port-latency.bench.ts, in a thread of its own. */
import { setTimeout as pause } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";

import { EventBus, portTransport } from "@atomiton/events";
import { createBirpc } from "birpc";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";

import { progress, progressContract } from "./progress-contract.ts";

const { kind } = workerData as { kind: string };
/** A real program emits in bursts: this many, then the loop turns. */
const BURST = 1_000;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The clock that all threads share, in microseconds. */
const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);
let isSpaced = false;
const row = (at: number): ReturnType<typeof progress> => (isSpaced ? { ...progress(at), done: nowUs() } : progress(at));

async function sender(port: MessagePort): Promise<(units: number) => Promise<void>> {
  const bursts = async (units: number, send: (at: number) => void): Promise<void> => {
    for (let at = 0; at < units; at++) {
      send(at);
      if (isSpaced) await pause(1);
      if (at % BURST === BURST - 1) await turn();
    }
  };
  if (kind === "raw") return (units) => bursts(units, (at) => port.postMessage(row(at)));
  if (kind === "array-100") {
    let batch: unknown[] = [];
    return (units) =>
      bursts(units, (at) => {
        batch.push(row(at));
        if (batch.length === 100 || at === units - 1) {
          port.postMessage(batch);
          batch = [];
        }
      });
  }
  if (kind === "birpc") {
    const rpc = createBirpc<{ progress: (data: unknown) => void }>(
      {},
      { post: (data) => port.postMessage(data), on: (fn) => void port.on("message", fn), eventNames: ["progress"] },
    );
    return (units) => bursts(units, (at) => void rpc.progress.asEvent(row(at)));
  }
  if (kind === "comlink") {
    const remote = Comlink.wrap<{ progress: (data: unknown) => void }>(nodeEndpoint(port as never));
    return (units) => bursts(units, (at) => void remote.progress(row(at)));
  }
  const bus = new EventBus({
    contract: progressContract,
    role: "host",
    validate: kind === "atomiton-in" ? "in" : "both",
  });
  const link = bus.connect(portTransport(port as never));
  await link.ready;
  return (units) => bursts(units, (at) => bus.emit("runtime:progress", row(at)));
}

let send: ((units: number) => Promise<void>) | undefined;
parentPort!.on("message", (message: { port?: MessagePort; run?: number; spaced?: boolean }) => {
  void (async () => {
    if (message.port) {
      send = await sender(message.port);
      parentPort!.postMessage("ready");
    }
    isSpaced = message.spaced === true;
    if (message.run) await send!(message.run);
  })();
});
