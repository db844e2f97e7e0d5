/** What runs in Node alone. Its place in the house: a door, like `index.ts`. */
export { webSocketTransport } from "./transports/websocket-node.ts";
export { serveBus, webSocketServer } from "./transports/websocket-server.ts";
export type { WebSocketOptions } from "./transports/websocket.ts";
export type {
  Admission,
  Arrival,
  ArrivedPeer,
  ConnectsPeers,
  Refusal,
  ServeBusOptions,
  WebSocketServer,
  WebSocketServerOptions,
} from "./transports/websocket-server.ts";
