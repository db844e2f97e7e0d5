import type { Transport } from "../wire/transport.ts";
import { loadWs } from "./load-ws.ts";
import { webSocketTransport as platformTransport, type WebSocketClass, type WebSocketOptions } from "./websocket.ts";

/**
 * The same as `webSocketTransport` of "@atomiton/events/websocket"; where Node has no WebSocket of its own (below 22),
 * it uses the `ws` package.
 *
 * Throws `MISSING_DEPENDENCY` where neither is there, TypeError for an address that no WebSocket can have.
 *
 * @example
 * import { webSocketTransport } from "@atomiton/events/node";
 * bus.connect(webSocketTransport("ws://127.0.0.1:4810/bus", { token: process.env.TOKEN }));
 */
export function webSocketTransport(url: string | URL, options: WebSocketOptions = {}): Transport {
  const Socket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket ?? wsClass();
  return platformTransport(url, { ...options, WebSocket: Socket });
}

/** `ws` as a class with the platform's constructor. Compression is the session's business: the wire goes without. */
function wsClass(): WebSocketClass {
  const { WebSocket } = loadWs("dial a WebSocket");
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { perMessageDeflate: false });
    }
  } as unknown as WebSocketClass;
}
