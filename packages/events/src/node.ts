/** What runs in Node alone. Its place in the house: a door, like `index.ts`. */
export { fileJournal } from "./journal/file.ts";
export { lockFile } from "./journal/file-lock.ts";
export type { FileJournalOptions } from "./journal/file.ts";
export { childTransport } from "./transports/child-process.ts";
export type { ChannelLike } from "./transports/forked.ts";
export { markedChild } from "./transports/marked-child.ts";
export { parentStdioTransport, stdioTransport } from "./transports/stdio.ts";
export type { StdioOptions } from "./transports/stdio.ts";
export { parentTransport, workerTransport } from "./transports/worker.ts";
export type { WorkerLike } from "./transports/worker.ts";
export { markedWorker } from "./transports/marked-worker.ts";
export { webSocketTransport } from "./transports/websocket-node.ts";
export { serveBus } from "./transports/serve-bus.ts";
export type { ConnectsPeers, ServeBusOptions } from "./transports/serve-bus.ts";
export type { Admission, DoorkeeperOptions } from "./transports/doorkeeper.ts";
export { webSocketServer } from "./transports/websocket-server.ts";
export type { WebSocketOptions } from "./transports/websocket.ts";
export type { Arrival, Refusal, WebSocketServer, WebSocketServerOptions } from "./transports/websocket-server.ts";
