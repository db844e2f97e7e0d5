import type { Transport } from "../wire/transport.ts";
import { loadWs } from "./load-ws.ts";
import {
  sharedWebSocketTransport as platformShared,
  webSocketTransport as platformTransport,
  type WebSocketClass,
  type WebSocketOptions,
} from "./websocket.ts";

/** Certificates that the next dial would not trust either. One that has expired may be renewed meanwhile. */
const UNTRUSTED = /SELF_SIGNED|^UNABLE_TO_|ALTNAME/;
/** How long a peer may leave a goodbye without an answer, as with Node's own WebSocket. */
const CLOSE_MS = 3_000;

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
  /** Needs the `ws` package: the platform's WebSocket trusts the system's authorities alone. */
  readonly tls?: TlsClientOptions;
}

/**
 * The same as `webSocketTransport` of "@atomiton/events/websocket". It dials with the `ws` package where that is
 * installed: Node's own WebSocket tells neither the HTTP status nor the certificate that ended a dial. A status of 400 to
 * 405 and a certificate that is not trusted end the link; what may heal is dialled again.
 *
 * Throws `MISSING_DEPENDENCY` where `ws` is needed (for `tls`, and below Node 22) and not there, TypeError for an address
 * that no WebSocket can have.
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
  return { ...options, WebSocket: options.WebSocket ?? wsOrPlatform() };
}

function wsOrPlatform(): WebSocketClass {
  try {
    return wsClass();
  } catch (missing) {
    const { WebSocket } = globalThis as { WebSocket?: WebSocketClass };
    if (WebSocket === undefined) throw missing;
    return WebSocket;
  }
}

/** `ws` as a class with the platform's constructor. Compression is the session's business: the wire goes without. */
function wsClass({ ca, ...own }: TlsClientOptions = {}): WebSocketClass {
  const { WebSocket } = loadWs("dial a WebSocket");
  return class extends WebSocket {
    isUntrusted = false;
    constructor(url: string, protocols: string[]) {
      const trusted = ca === undefined ? {} : { ca: [ca].flat() };
      super(url, protocols, { ...own, ...trusted, perMessageDeflate: false, closeTimeout: CLOSE_MS } as object);
      // Before the `onerror` of the connection, which takes the text from the error.
      this.once("error", (error: Error & { code?: string }) => {
        if (!UNTRUSTED.test(error.code ?? "")) return;
        this.isUntrusted = true;
        error.message = `The server's certificate is not trusted: ${error.message}; give its authority as tls.ca, or its tls.servername`;
      });
    }
  } as unknown as WebSocketClass;
}
