/** The answering side of port-requests.bench.ts, in a thread of its own. */
import { parentPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";

import { EventBus, portTransport } from "@atomiton/events";
import { createBirpc } from "birpc";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";

import { requestContract } from "./request-contract.ts";

const { kind, port } = workerData as { kind: string; port: MessagePort };
const echo = <T>(value: T): T => value;
if (kind === "raw") port.on("message", (message) => port.postMessage(message));
else if (kind === "birpc")
  createBirpc({ echo }, { post: (data) => port.postMessage(data), on: (fn) => void port.on("message", fn) });
else if (kind === "comlink") Comlink.expose({ echo }, nodeEndpoint(port as never));
else {
  const bus = new EventBus({ contract: requestContract, role: "host" });
  bus.handle("runtime:echo", echo);
  bus.connect(portTransport(port as never));
}
parentPort!.postMessage("ready");
