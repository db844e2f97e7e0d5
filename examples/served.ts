import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";

import { EventBus } from "@atomiton/events";
import { serveBus, webSocketTransport, workerTransport } from "@atomiton/events/node";

import { contract } from "./served-contract.ts";

// The hub: it does no work, it joins the worker and the pages. Messages pass through it to the roles they are for.
const hub = new EventBus({ contract, role: "hub" });
const worker = new Worker(new URL("./served-worker.ts", import.meta.url));
await hub.connect(workerTransport(worker), { peer: { role: "worker", grants: ["*"] } }).ready;

const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const token = randomUUID();
// webSocketServer is the same without a bus: its `onConnection` decides what each visitor may.
const sockets = serveBus(hub, server, { token, admits: { role: "page", grants: [] } });

// The page: in a browser webSocketTransport comes from @atomiton/events/websocket.
const page = new EventBus({ contract, role: "page" });
const { port } = server.address() as AddressInfo;
await page.connect(webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token })).ready;

await page.on("hub:pages", ({ count }) => console.log("pages:", count)).ready;
const added = page.next("sum:added");
hub.emit("hub:pages", { count: sockets.inspect().connections });
console.log("reply:", await page.request("sum:add", { numbers: [1, 2, 3] }));
console.log("event:", await added);

await page.close();
await sockets.close();
await hub.close();
await worker.terminate();
server.close();
