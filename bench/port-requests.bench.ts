/** Requests from the main thread to a worker, over MessagePort: ours validated both ways, the peers as they come. */
import { Worker } from "node:worker_threads";

import { EventBus, portTransport } from "@atomiton/events";
import { createBirpc } from "birpc";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";

import type { Contender, Question } from "./harness.ts";
import { asking } from "./in-flight.ts";
import { input, requestContract } from "./request-contract.ts";

type Reply = Promise<{ value: number }>;

async function over(kind: "raw" | "birpc" | "comlink" | "atomiton", width: number): Promise<Contender> {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("./request-worker.ts", import.meta.url), {
    workerData: { kind, port: port2 },
    transferList: [port2 as never],
    execArgv: ["--conditions=@atomiton/source"],
  });
  await new Promise((resolve) => worker.once("message", resolve));
  let call: (at: number) => Reply;
  let end = (): Promise<void> | void => undefined;
  if (kind === "raw") {
    const open = new Map<number, (reply: { value: number }) => void>();
    port1.onmessage = ({ data }: { data: { id: number; data: { value: number } } }) => {
      open.get(data.id)!(data.data);
      open.delete(data.id);
    };
    call = (at) =>
      new Promise((resolve) => {
        open.set(at, resolve);
        port1.postMessage({ id: at, data: input(at) });
      });
  } else if (kind === "birpc") {
    const rpc = createBirpc<{ echo: (data: unknown) => { value: number } }>(
      {},
      { post: (data) => port1.postMessage(data), on: (fn) => (port1.onmessage = ({ data }) => fn(data)) },
    );
    call = (at) => rpc.echo(input(at));
  } else if (kind === "comlink") {
    const remote = Comlink.wrap<{ echo: (data: unknown) => { value: number } }>(nodeEndpoint(port1 as never));
    call = (at) => remote.echo(input(at)) as Reply;
  } else {
    const bus = new EventBus({ contract: requestContract, role: "ui" });
    await bus.connect(portTransport(port1 as never)).ready;
    call = (at) => bus.request("runtime:echo", input(at));
    end = () => bus.close();
  }
  return asking(call, width, {
    async close() {
      await end();
      port1.close();
      await worker.terminate();
    },
  });
}

const OURS = "atomiton, validated with zod";
const contenders = (width: number): Question["contenders"] => ({
  "raw postMessage": () => over("raw", width),
  [OURS]: () => over("atomiton", width),
  birpc: () => over("birpc", width),
  comlink: () => over("comlink", width),
});
const shared = { unit: "requests", rounds: 9, reference: "raw postMessage" } as const;

export const questions: Question[] = [
  {
    ...shared,
    name: "port-request",
    question: "How long does one request to a worker take, one after another?",
    units: 2_000,
    targets: [{ text: "half of them, to raw", of: (row) => row(OURS).p50Ratio!, atMost: 1.25 }],
    contenders: contenders(1),
  },
  {
    ...shared,
    name: "port-request-64",
    question: "What does a request to a worker cost with 64 under way?",
    units: 10_000,
    targets: [
      { text: "as many as 2.5 raw ones", of: (row) => row(OURS).cpuRatio, atLeast: 2.5 },
      { text: "to comlink", of: (row) => row(OURS).cpuRatio / row("comlink").cpuRatio, atLeast: 7 },
    ],
    contenders: contenders(64),
  },
];
