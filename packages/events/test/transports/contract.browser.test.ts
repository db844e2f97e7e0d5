import { inject, test } from "vitest";

import { transportContract } from "../../src/testing/index.ts";
import { iframeTransport } from "../../src/transports/iframe.ts";
import { portTransport } from "../../src/transports/port.ts";
import { sharedWorkerTransport } from "../../src/transports/shared-worker.ts";
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

transportContract(
  "two tabs' ends of a SharedWorker in Chromium",
  () => {
    // One worker a pair: its name makes it another one.
    const name = crypto.randomUUID();
    const open = (): SharedWorker =>
      new SharedWorker(new URL("./fixtures/splice-shared-worker.ts", import.meta.url), { type: "module", name });
    return { a: sharedWorkerTransport(open()), b: sharedWorkerTransport(open()) };
  },
  test,
);

transportContract(
  "a frame in Chromium",
  async () => {
    const frame = document.createElement("iframe");
    const script = new URL("./fixtures/frame-end.ts", import.meta.url).href;
    frame.srcdoc = `<script type="module" src="${script}"></script>`;
    const listens = new Promise<void>((resolve) => {
      addEventListener("message", function hear({ data, source }) {
        if (data !== "the frame listens" || source !== frame.contentWindow) return;
        removeEventListener("message", hear);
        resolve();
      });
    });
    document.body.append(frame);
    await listens;
    const { port1, port2 } = new MessageChannel();
    frame.contentWindow!.postMessage({ control: port2 }, location.origin, [port2]);
    return {
      a: iframeTransport(frame, { origin: location.origin }),
      b: remoteEnd(port1),
      close() {
        port1.close();
        frame.remove();
      },
    };
  },
  test,
);
