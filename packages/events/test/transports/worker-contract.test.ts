import { Worker } from "node:worker_threads";

import { test } from "vitest";

import { transportContract, type TransportPair } from "../../src/testing/index.ts";
import { workerTransport } from "../../src/transports/worker.ts";
import { remoteEnd } from "./remote-end.ts";

function pair(): TransportPair {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("./fixtures/remote-end.ts", import.meta.url), {
    workerData: { control: port2 },
    transferList: [port2 as never],
  });
  return {
    a: workerTransport(worker),
    b: remoteEnd(port1),
    async close() {
      port1.close();
      await worker.terminate();
    },
  };
}

transportContract("Worker", pair, test);
