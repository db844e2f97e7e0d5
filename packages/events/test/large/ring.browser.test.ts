import { test } from "vitest";

import { transportContract } from "../../src/testing/index.ts";
import { ringTransport } from "../../src/transports/ring.ts";
import { workerTransport } from "../../src/transports/worker.ts";
import { remoteEnd } from "../transports/remote-end.ts";

transportContract(
  crossOriginIsolated ? "ring to a Web Worker" : "ring to a Web Worker without shared memory",
  () => {
    const { port1, port2 } = new MessageChannel();
    const script = new URL("../transports/fixtures/ring-web-end.ts", import.meta.url);
    const worker = new Worker(script, { type: "module" });
    worker.postMessage({ control: port2 }, [port2]);
    return {
      a: ringTransport(workerTransport(worker)),
      b: { ...remoteEnd(port1), medium: "bytes" },
      close() {
        port1.close();
        worker.terminate();
      },
    };
  },
  test,
);
