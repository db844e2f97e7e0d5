import type { Transport } from "../wire/transport.ts";
import { loadWs } from "./load-ws.ts";
import {
  sharedWebSocketTransport as platformShared,
  webSocketTransport as platformTransport,
  type WebSocketClass,
  type WebSocketOptions,
} from "./websocket.ts";

/** For `wss:`, all in PEM. */
export interface TlsClientOptions {
  /** Certificates to trust in the place of the system's: of a server's own authority, or its self-signed one. */
  readonly ca?: string | readonly string[];
  /** Who this side is, for servers that ask. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the certificate must be for. Default: that of the address. */
  readonly servername?: string;
}

export interface NodeWebSocketOptions extends WebSocketOptions {
  /** Dials with the `ws` package: the platform's WebSocket trusts the system's authorities alone. */
  readonly tls?: TlsClientOptions;
}

/**
 * The same as `webSocketTransport` of "@atomiton/events/websocket"; where Node has no WebSocket of its own (below 22),
 * and for `tls`, it uses the `ws` package.
 *
 * Throws `MISSING_DEPENDENCY` where that is not there, TypeError for an address that no WebSocket can have.
 *
 * @example
 * import { webSocketTransport } from "@atomiton/events/node";
 * bus.connect(webSocketTransport("ws://127.0.0.1:4810/bus", { token: process.env.TOKEN }));
 */
export function webSocketTransport(url: string | URL, options: NodeWebSocketOptions = {}): Transport {
  return platformTransport(url, withSocket(options));
}

/** The same as `sharedWebSocketTransport` of "@atomiton/events/websocket", likewise. */
export function sharedWebSocketTransport(url: string | URL, options: NodeWebSocketOptions = {}): Transport {
  return platformShared(url, withSocket(options));
}

function withSocket({ tls, ...options }: NodeWebSocketOptions): WebSocketOptions {
  if (tls !== undefined) return { ...options, WebSocket: wsClass(tls) };
  const WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket ?? wsClass();
  return { ...options, WebSocket };
}

/** `ws` as a class with the platform's constructor. Compression is the session's business: the wire goes without. */
function wsClass({ ca, ...own }: TlsClientOptions = {}): WebSocketClass {
  const { WebSocket } = loadWs("dial a WebSocket");
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      const trusted = ca === undefined ? {} : { ca: [ca].flat() };
      super(url, protocols, { ...own, ...trusted, perMessageDeflate: false });
    }
  } as unknown as WebSocketClass;
}
