import type { Connection, ConnectionEvents, Transport } from "../wire/transport.ts";
import { connectSocket, SHARED_PROTOCOL, SUBPROTOCOL, TOKEN_PROTOCOL, type SocketLike } from "./socket.ts";
import { sharedTransport } from "./trunk.ts";

/** Any class with the constructor and the members of the platform's `WebSocket`. */
export type WebSocketClass = new (url: string, protocols: string[]) => SocketLike;

export interface WebSocketOptions {
  /** Shows the server who dials. Travels as a subprotocol, never in the address. A function is asked at each dial. */
  readonly token?: string | (() => string | undefined);
  /** Offered to the server after our own, for proxies that route by them. */
  readonly protocols?: readonly string[];
  /** Default: the platform's. */
  readonly WebSocket?: WebSocketClass;
  /** A dial without an answer ends as failed after this many milliseconds. Default 10,000. */
  readonly dialTimeoutMs?: number;
}

const DIAL_TIMEOUT_MS = 10_000;

/**
 * Connects to a bus that `webSocketServer` serves; dials again when the session asks. `http:` and `https:` addresses
 * are taken as `ws:` and `wss:`, relative ones belong to the page, and a fragment is not sent.
 *
 * Throws TypeError for an address that no WebSocket can have. A refused token ends the link (`REJECTED`); an address
 * that does not answer is dialled again.
 *
 * @example
 * bus.connect(webSocketTransport("ws://127.0.0.1:4810/bus", { token }));
 */
export function webSocketTransport(url: string | URL, options: WebSocketOptions = {}): Transport {
  return dialler(url, options, [SUBPROTOCOL]);
}

/**
 * As `webSocketTransport`, with one socket for all buses that `connect` this very transport: dialled with the first,
 * closed with the last. Each has a session of its own over it.
 *
 * @example
 * const server = sharedWebSocketTransport("wss://example.org/bus", { token });
 * for (const bus of [orders, stock]) bus.connect(server);
 */
export function sharedWebSocketTransport(url: string | URL, options: WebSocketOptions = {}): Transport {
  return sharedTransport(dialler(url, options, [SUBPROTOCOL, SHARED_PROTOCOL]));
}

function dialler(url: string | URL, options: WebSocketOptions, own: readonly string[]): Transport {
  const address = socketAddress(url);
  const Socket = options.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
  if (Socket === undefined) {
    throw new TypeError(
      `Cannot dial "${address}": this platform has no WebSocket; use webSocketTransport of "@atomiton/events/node"`,
    );
  }
  return {
    name: "websocket",
    medium: "bytes",
    redials: true,
    open(events: ConnectionEvents): Connection {
      const token = typeof options.token === "function" ? options.token() : options.token;
      const protocols = [...own, ...(options.protocols ?? [])];
      if (token !== undefined) protocols.push(TOKEN_PROTOCOL + base64url(token));
      return connectSocket(new Socket(address, protocols), events, {
        callsBack: false,
        dialTimeoutMs: options.dialTimeoutMs ?? DIAL_TIMEOUT_MS,
      });
    },
  };
}

function socketAddress(url: string | URL): string {
  let address: URL;
  try {
    address = new URL(url, globalThis.location?.href);
  } catch (cause) {
    throw new TypeError(`Cannot dial "${String(url)}": it is not an address; write ws://host:port/path`, { cause });
  }
  address.protocol = address.protocol.replace(/^http/, "ws");
  address.hash = "";
  if (!/^wss?:$/.test(address.protocol)) {
    throw new TypeError(`Cannot dial "${address.href}": only ws:, wss:, http: and https: lead to a WebSocket`);
  }
  return address.href;
}

/** The alphabet of base64url is part of what a subprotocol may hold; that of base64 is not. */
function base64url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
