/** One contender of the questions about events over a MessagePort: a worker that sends, and what counts here. */
import { Worker } from "node:worker_threads";

import { EventBus, portTransport } from "@atomiton/events";
import { createBirpc } from "birpc";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";

import type { Contender } from "./harness.ts";
import { progressContract } from "./progress-contract.ts";

export type Kind = "raw" | "array-100" | "birpc" | "comlink" | "atomiton" | "atomiton-in";

/** Starts the worker of one contender, and counts what arrives until `run`'s units are there. */
export async function over(kind: Kind, spaced = false): Promise<Contender> {
  const worker = new Worker(new URL("./port-worker.ts", import.meta.url), {
    workerData: { kind },
    execArgv: ["--conditions=@atomiton/source"],
  });
  const { port1, port2 } = new MessageChannel();
  let heard = 0;
  let took: number[] = [];
  let wanted = Number.POSITIVE_INFINITY;
  let done: (count: number) => void = () => undefined;
  const hear = (data: unknown): void => {
    if (spaced) took.push(Number(process.hrtime.bigint() / 1_000n) - (data as { done: number }).done);
    heard++;
    if (heard === wanted) done(heard);
  };
  worker.postMessage({ port: port2 }, [port2 as never]);
  let close = (): Promise<void> | void => undefined;
  if (kind === "raw") port1.onmessage = (event) => hear(event.data);
  else if (kind === "array-100")
    port1.onmessage = (event) => {
      for (const each of event.data as unknown[]) hear(each);
    };
  else if (kind === "birpc")
    createBirpc<object, { progress: (data: unknown) => void }>(
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
        took = [];
        wanted = units;
        done = resolve;
        worker.postMessage({ run: units, spaced });
      }),
    ...(spaced && { latencies: () => took }),
    async close() {
      await close();
      port1.close();
      await worker.terminate();
    },
  };
}
