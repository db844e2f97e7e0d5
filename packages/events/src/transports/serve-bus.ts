import type { Server } from "node:http";

import type { Transport } from "../wire/transport.ts";
import type { Admission } from "./doorkeeper.ts";
import { PATH, webSocketServer, type WebSocketServer, type WebSocketServerOptions } from "./websocket-server.ts";

/** What is asked of a bus here: this room knows no buses. */
export interface ConnectsPeers {
  connect(transport: Transport, policy: { readonly peer: Admission }): unknown;
}

export interface ServeBusOptions extends Omit<WebSocketServerOptions, "onConnection"> {
  /** Default `/bus`. */
  readonly path?: string;
}

/**
 * Serves one bus over WebSocket on the port of an HTTP server, to those who show the token.
 *
 * Throws as `webSocketServer` does.
 *
 * @example
 * const server = createServer(pages).listen(4810, "127.0.0.1");
 * const served = serveBus(bus, server, { token: randomUUID() });
 * await served.close();
 */
export function serveBus(bus: ConnectsPeers, server: Server, options: ServeBusOptions): WebSocketServer {
  const { path = PATH, ...rest } = options;
  const sockets = webSocketServer({
    ...rest,
    onConnection(transport, arrival) {
      const { request: _request, origin: _origin, ...peer } = arrival;
      bus.connect(transport, { peer });
    },
  });
  sockets.attach(server, { path });
  return sockets;
}
