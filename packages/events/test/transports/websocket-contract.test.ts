import { once } from "node:events";

import { test } from "vitest";
import { WebSocket as WsClient } from "ws";

import { webSocketServer, webSocketTransport } from "../../src/node.ts";
import { transportContract, type TransportPair } from "../../src/testing/index.ts";
import type { WebSocketClass } from "../../src/transports/websocket.ts";
import { handOver } from "./hand-over.ts";
import { listen } from "./listen.ts";

async function pair(Socket?: WebSocketClass): Promise<TransportPair> {
  const { server, port } = await listen();
  const accepted = handOver({ name: "websocket", medium: "bytes" });
  const sockets = webSocketServer({ token: "secret", onConnection: (transport) => accepted.arrive(transport) });
  sockets.attach(server, { path: "/bus" });
  return {
    a: webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "secret", ...(Socket ? { WebSocket: Socket } : {}) }),
    b: accepted.end,
    async close() {
      await sockets.close();
      server.close();
      await once(server, "close");
    },
  };
}

transportContract("WebSocket of the platform", () => pair(WebSocket as unknown as WebSocketClass), test);
transportContract("WebSocket of ws", () => pair(WsClient as unknown as WebSocketClass), test);
