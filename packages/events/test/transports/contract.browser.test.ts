import { inject, test } from "vitest";

import { transportContract } from "../../src/testing/index.ts";
import { portTransport } from "../../src/transports/port.ts";
import { webSocketTransport } from "../../src/transports/websocket.ts";
import { workerTransport } from "../../src/transports/worker.ts";
import { remoteEnd } from "./remote-end.ts";

transportContract(
  "MessagePort in Chromium",
  () => {
    const { port1, port2 } = new MessageChannel();
    return { a: portTransport(port1), b: portTransport(port2) };
  },
  test,
);

transportContract(
  "Web Worker in Chromium",
  () => {
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(new URL("./fixtures/remote-web-end.ts", import.meta.url), { type: "module" });
    worker.postMessage({ control: port2 }, [port2]);
    return {
      a: workerTransport(worker),
      b: remoteEnd(port1),
      close() {
        port1.close();
        worker.terminate();
      },
    };
  },
  test,
);

transportContract(
  "WebSocket of Chromium",
  async () => {
    const server = inject("socketServer");
    const { path, token } = (await (await fetch(`${server}/splice`)).json()) as { path: string; token: string };
    return { a: webSocketTransport(server + path, { token }), b: webSocketTransport(server + path, { token }) };
  },
  test,
);
