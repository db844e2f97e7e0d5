/**
 * The bus on the port of an HTTP server. A browser opens a WebSocket to any address for any page, so who may enter is
 * decided here, before a byte of a session is read, in this order:
 *
 * 1. The path is ours, else the request is left to the server's other upgrade listeners (404 when there is none).
 * 2. `Host` names this server (a name that was rebound to our address does not): 403.
 * 3. `Origin`, where a browser sends one, is allowed: 403. Programs send none; the token alone decides for them.
 * 4. There is room: 503.
 * 5. The token, or what `authenticate` says: close code 4401, since a page cannot read the status of a refused upgrade;
 *    401 for those who do not speak our subprotocol.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

import type { WebSocket } from "ws";

import type { Transport } from "../wire/transport.ts";
import { doorkeeper, offered, type Admission, type DoorkeeperOptions } from "./doorkeeper.ts";
import { loadWs } from "./load-ws.ts";
import {
  CLOSE_BAD_TOKEN,
  closeReason,
  connectSocket,
  SHARED_PROTOCOL,
  SUBPROTOCOL,
  type SocketLike,
} from "./socket.ts";
import { acceptTrunk } from "./trunk.ts";
import { allowsHost, allowsOrigin, isNobodys, pathOf, refuse, type UpgradeListener } from "./upgrade.ts";

export interface Arrival extends Admission {
  /** The `Origin` header; undefined for programs that are not browsers. */
  readonly origin: string | undefined;
  readonly request: IncomingMessage;
}

export type Refusal = "path" | "host" | "origin" | "full" | "token" | "handshake" | "failed";

export interface WebSocketServerOptions extends DoorkeeperOptions {
  /** As `https://app.example`. Beside the server's own loopback names, which are always allowed. */
  readonly allowedOrigins?: readonly string[];
  /** As `app.example` or `app.example:8080`. Beside the server's own loopback names, which are always allowed. */
  readonly allowedHosts?: readonly string[];
  /** Bytes of one frame; a longer one closes its connection with 1009. Default 1 MiB. */
  readonly maxPayload?: number;
  /** Default 256. */
  readonly maxConnections?: number;
  /** A peer that answers none of two pings in a row is cut off. Default 10,000 ms. */
  readonly pingEveryMs?: number;
  /** Called for each admitted peer, also for each of those that share a socket: hand `transport` to `bus.connect` before returning. */
  readonly onConnection: (transport: Transport, arrival: Arrival) => void;
  /** A fault of `onConnection`, `onRefused` or `authenticate`; it ended that connection. Default: `console.error`. */
  readonly onError?: (error: unknown) => void;
  /** A refused request, for logs. `request` holds what the stranger sent: show it as data. */
  readonly onRefused?: (why: Refusal, request: IncomingMessage) => void;
}

export interface WebSocketServer {
  /** Serves `path` on a server that listens or will. Returns the function that stops it; open connections stay. */
  attach(server: Server, options?: { readonly path?: string }): () => void;
  inspect(): {
    readonly connections: number;
    readonly accepted: number;
    readonly refused: Readonly<Record<Refusal, number>>;
  };
  /** Idempotent. Stops serving, tells every peer that the server goes away, and resolves when the last socket is gone. */
  close(): Promise<void>;
}

/** Where Studio and the command expect the bus. */
export const PATH: string = "/bus";
/** Four times the frames that a session makes: its own limit, which answers with a code, comes first. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
const MAX_CONNECTIONS = 256;
const PING_EVERY_MS = 10_000;
/** One answer may be late, two are a dead road. Counted in pings, not in time: our own busy loop is nobody's silence. */
const PINGS_UNANSWERED = 2;
/** A peer that does not answer our goodbye is cut off. */
const GOODBYE_MS = 2_000;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_FAILED = 1011;

/**
 * Serves buses over WebSocket, on `ws` (an optional peer dependency). Most programs want `serveBus`.
 *
 * Throws `MISSING_DEPENDENCY` without `ws`, `UNPROTECTED` without `token` and `authenticate`.
 *
 * @example
 * const sockets = webSocketServer({
 *   token,
 *   onConnection: (transport, { role, grants }) => bus.connect(transport, { peer: { role, grants } }),
 * });
 * sockets.attach(httpServer, { path: "/bus" });
 */
export function webSocketServer(options: WebSocketServerOptions): WebSocketServer {
  const onError = options.onError ?? ((error: unknown) => console.error(error));
  const admit = doorkeeper(options, onError);
  const { WebSocketServer } = loadWs("serve WebSockets");
  const limit = options.maxConnections ?? MAX_CONNECTIONS;
  const refused: Record<Refusal, number> = { path: 0, host: 0, origin: 0, full: 0, token: 0, handshake: 0, failed: 0 };
  const detachers = new Set<() => void>();
  /** Sockets whose fate is not decided yet. */
  const arriving = new Set<Duplex>();
  /** Pings sent since the peer was last heard. */
  const silence = new Map<WebSocket, number>();
  let accepted = 0;
  let closing: Promise<void> | undefined;

  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxPayload ?? MAX_PAYLOAD_BYTES,
    handleProtocols: (offered) =>
      offered.has(SHARED_PROTOCOL) ? SHARED_PROTOCOL : offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false,
  });
  const count = (why: Refusal, request: IncomingMessage): void => {
    refused[why] += 1;
    try {
      options.onRefused?.(why, request);
    } catch (error) {
      onError(error);
    }
  };
  sockets.on("wsClientError", (_error, socket, request) => {
    count("handshake", request);
    refuse(socket, 400, "This is not a WebSocket handshake");
  });

  const pinging = setInterval(() => {
    for (const [socket, pings] of silence) {
      if (pings >= PINGS_UNANSWERED) socket.terminate();
      else {
        silence.set(socket, pings + 1);
        socket.ping();
      }
    }
  }, options.pingEveryMs ?? PING_EVERY_MS);
  pinging.unref();

  async function arrive(server: Server, path: string, request: IncomingMessage, socket: Duplex, head: Buffer) {
    const no = (why: Refusal, status: number, text: string): void => {
      count(why, request);
      refuse(socket, status, text);
    };
    if (pathOf(request) !== path) {
      if (isNobodys(server, pathOf(request), path)) no("path", 404, "Nothing is served here");
      return;
    }
    if (!allowsHost(request, server, options.allowedHosts)) return no("host", 403, "This host name is not allowed");
    if (!allowsOrigin(request, server, options.allowedOrigins)) return no("origin", 403, "This origin is not allowed");
    if (silence.size + arriving.size >= limit) return no("full", 503, "Too many connections");

    arriving.add(socket);
    const ignore = () => {};
    socket.on("error", ignore);
    const admission = await admit(request);
    socket.off("error", ignore);
    arriving.delete(socket);
    if (socket.destroyed) return;
    const speaksOurs = offered(request).includes(SUBPROTOCOL);
    if (admission === undefined && !speaksOurs) return no("token", 401, "A token is needed");
    if (!speaksOurs) return no("handshake", 400, `The subprotocol ${SUBPROTOCOL} is needed`);

    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (admission === undefined) turnAway(webSocket, request);
      else welcome(webSocket, { ...admission, origin: request.headers.origin, request });
    });
  }

  function turnAway(socket: WebSocket, request: IncomingMessage): void {
    count("token", request);
    socket.on("error", () => {});
    keepAlive(socket);
    hangUp(socket, CLOSE_BAD_TOKEN, "The token is missing or wrong");
  }

  function welcome(socket: WebSocket, arrival: Arrival): void {
    accepted += 1;
    keepAlive(socket);
    socket.on("error", () => {});
    // Nothing is read until a session listens; a connection that nobody opens does not answer pings either, and ends.
    socket.pause();
    const transport = acceptedTransport(socket);
    const failed = (error: unknown): void => {
      count("failed", arrival.request);
      onError(error);
    };
    if (socket.protocol === SHARED_PROTOCOL) {
      return acceptTrunk(transport, (channel) => options.onConnection(channel, arrival), failed);
    }
    try {
      options.onConnection(transport, arrival);
    } catch (error) {
      hangUp(socket, CLOSE_FAILED, "The server failed");
      failed(error);
    }
  }

  function keepAlive(socket: WebSocket): void {
    silence.set(socket, 0);
    const heard = (): void => void silence.set(socket, 0);
    socket.on("pong", heard);
    socket.on("message", heard);
    socket.once("close", () => {
      socket.off("pong", heard);
      socket.off("message", heard);
      silence.delete(socket);
    });
  }

  return {
    attach(server, { path = PATH } = {}) {
      if (closing) throw new TypeError(`Cannot attach "${path}": this WebSocket server is closed; make a new one`);
      const onUpgrade: UpgradeListener = (request, socket, head) => {
        arrive(server, path, request, socket, head).catch((error: unknown) => {
          socket.destroy();
          onError(error);
        });
      };
      onUpgrade.servesPath = path;
      const detach = (): void => {
        server.off("upgrade", onUpgrade);
        detachers.delete(detach);
      };
      server.on("upgrade", onUpgrade);
      detachers.add(detach);
      return detach;
    },
    inspect: () => ({ connections: silence.size, accepted, refused: { ...refused } }),
    close() {
      closing ??= (async () => {
        clearInterval(pinging);
        for (const detach of detachers) detach();
        for (const socket of arriving) socket.destroy();
        const open = [...silence.keys()];
        const gone = open.map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
        for (const socket of open) hangUp(socket, CLOSE_GOING_AWAY, "The server goes away");
        await Promise.all(gone);
        sockets.close();
      })();
      return closing;
    },
  };
}

/** The end of a connection is awaited, but not for ever: a peer that is gone cannot answer a goodbye. */
function hangUp(socket: WebSocket, code: number, reason: string): void {
  socket.resume();
  socket.close(code, closeReason(reason));
  const cut = setTimeout(() => socket.terminate(), GOODBYE_MS);
  socket.once("close", () => clearTimeout(cut));
}

/** An accepted socket is handed over once; its end is the transport's end. */
function acceptedTransport(socket: WebSocket): Transport {
  let taken = false;
  return {
    name: "websocket",
    medium: "bytes",
    redials: false,
    open(events) {
      if (taken) throw new TypeError("Cannot open this WebSocket twice: an accepted connection is not dialled again");
      taken = true;
      const connection = connectSocket(socket as unknown as SocketLike, events, { callsBack: true });
      socket.resume();
      return connection;
    },
  };
}
