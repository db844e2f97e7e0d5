import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type Server } from "node:http";
import { connect as tcpConnect } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";

import { afterEach, expect, test, vi } from "vitest";
import { WebSocket as WsClient } from "ws";

import {
  webSocketServer,
  webSocketTransport,
  type Arrival,
  type WebSocketServer,
  type WebSocketServerOptions,
} from "../../src/node.ts";
import { closeReason } from "../../src/transports/socket.ts";
import type { WebSocketClass } from "../../src/transports/websocket.ts";
import type { Transport } from "../../src/wire/transport.ts";
import { hear, type Heard } from "./hear.ts";
import { listen } from "./listen.ts";

const TOKEN = "a token with ünïcode & / + =";
const TOKEN_NAME = `atomiton.token.${Buffer.from(TOKEN).toString("base64url")}`;

interface Served {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  readonly sockets: WebSocketServer;
  /** The server's side of the next connection. */
  arrival(): Promise<{ heard: Heard; arrival: Arrival }>;
}

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function serve(options: Partial<WebSocketServerOptions> = {}): Promise<Served> {
  const { server, port } = await listen();
  const arrived: { heard: Heard; arrival: Arrival }[] = [];
  const waiting: ((one: { heard: Heard; arrival: Arrival }) => void)[] = [];
  const sockets = webSocketServer({
    ...(options.authenticate ? {} : { token: TOKEN }),
    onConnection(transport: Transport, arrival: Arrival) {
      const one = { heard: hear(transport), arrival };
      const next = waiting.shift();
      if (next) next(one);
      else arrived.push(one);
    },
    ...options,
  });
  sockets.attach(server, { path: "/bus" });
  open.push(async () => {
    await sockets.close();
    expect(sockets.inspect().connections).toBe(0);
    expect(server.listenerCount("upgrade")).toBe(0);
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  return {
    server,
    port,
    url: `ws://127.0.0.1:${port}/bus`,
    sockets,
    arrival: () => {
      const one = arrived.shift();
      return one ? Promise.resolve(one) : new Promise((go) => waiting.push(go));
    },
  };
}

function dial(url: string, token: string | undefined = TOKEN, Socket?: unknown): Heard {
  const heard = hear(
    webSocketTransport(url, {
      ...(token === undefined ? {} : { token }),
      ...(Socket ? { WebSocket: Socket as WebSocketClass } : {}),
    }),
  );
  open.push(() => heard.connection.close());
  return heard;
}

/** A handshake by hand: what a stranger's client, or a browser on a stranger's page, can send. */
async function knock(
  port: number,
  headers: Record<string, string>,
  path = "/bus",
): Promise<{ status: number; body: string }> {
  const request = httpRequest({
    host: "127.0.0.1",
    port,
    path,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
      ...headers,
    },
  }).end();
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode!, body: "" });
    });
    request.on("response", (response: IncomingMessage) => {
      text(response).then((body) => resolve({ status: response.statusCode!, body }), reject);
    });
  });
}

function handshake(port: number): string {
  return (
    `GET /bus HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
    `Sec-WebSocket-Protocol: atomiton.v1, ${TOKEN_NAME}\r\n\r\n`
  );
}

const clients: [string, unknown][] = [
  ["the platform's client", WebSocket],
  ["the ws client", WsClient],
];

test.each(clients)("[E-WS-1] carries binary frames both ways in order, over %s", async (_name, Socket) => {
  const served = await serve();
  const client = dial(served.url, TOKEN, Socket);
  const { heard: host } = await served.arrival();
  await Promise.all([client.opened, host.opened]);
  for (let n = 0; n < 100; n += 1) {
    client.connection.send(Uint8Array.of(n, 1));
    host.connection.send(Uint8Array.of(n, 2, 2));
  }
  const [atHost, atClient] = await Promise.all([host.framesUntil(100), client.framesUntil(100)]);
  expect(atHost.map((frame) => [...(frame as Uint8Array)])).toEqual(Array.from({ length: 100 }, (_, n) => [n, 1]));
  expect(atClient.map((frame) => [...(frame as Uint8Array)])).toEqual(Array.from({ length: 100 }, (_, n) => [n, 2, 2]));
  // Tight: nothing of a shared pool lies beside the frame.
  expect((atHost[0] as Uint8Array).buffer.byteLength).toBe(2);
});

test.each(clients)("[E-WS-2] says full when 256 KiB wait, and drains once, over %s", async (_name, Socket) => {
  const served = await serve();
  const client = dial(served.url, TOKEN, Socket);
  const { heard: host } = await served.arrival();
  await Promise.all([client.opened, host.opened]);
  for (const [from, to] of [
    [client, host],
    [host, client],
  ] as const) {
    let sent = 0;
    const before = to.frames.length;
    while (from.connection.send(new Uint8Array(64 * 1024).fill(sent))) {
      sent += 1;
      if (sent > 10_000) throw new Error("never full");
    }
    expect(from.connection.send(Uint8Array.of(7))).toBe(false);
    await from.drained();
    expect(from.drains()).toBe(1);
    expect(from.connection.send(Uint8Array.of(8))).toBe(true);
    await to.framesUntil(before + sent + 3);
    expect(from.drains()).toBe(1);
  }
});

test.each(clients)(
  "[E-WS-3] a wrong or missing token is refused for good, and counted, over %s",
  async (_name, Socket) => {
    const served = await serve();
    for (const token of ["wrong", undefined, TOKEN + "x", ""]) {
      const cause = await hear(
        webSocketTransport(served.url, {
          ...(token === undefined ? {} : { token }),
          ...(Socket ? { WebSocket: Socket as WebSocketClass } : {}),
        }),
      ).closed;
      expect(cause).toEqual({ kind: "refused", reason: "The token is missing or wrong", mayRetry: false });
    }
    expect(served.sockets.inspect()).toMatchObject({ accepted: 0, refused: { token: 4 } });
  },
);

test("[E-WS-3] a client that does not speak our subprotocol gets an HTTP status", async () => {
  const served = await serve();
  expect(await knock(served.port, {})).toEqual({ status: 401, body: "A token is needed\n" });
  expect((await knock(served.port, { "sec-websocket-protocol": TOKEN_NAME })).status).toBe(400);
  expect((await knock(served.port, { "sec-websocket-protocol": `atomiton.v1, ${TOKEN_NAME}` })).status).toBe(101);
});

test("[E-WS-4] a foreign Origin is refused with 403 even with the right token; the server's own and named ones are not", async () => {
  const served = await serve({ allowedOrigins: ["https://app.example"] });
  const token = `atomiton.v1, ${TOKEN_NAME}`;
  const from = async (origin: string) => (await knock(served.port, { origin, "sec-websocket-protocol": token })).status;
  const own = `http://127.0.0.1:${served.port}`;
  const foreign = [
    "http://evil.example",
    "null",
    "",
    `https://127.0.0.1:${served.port}`,
    "http://127.0.0.1",
    `${own}.evil.example`,
    `http://localhost:${served.port + 1}`,
    `${own}/`,
  ];
  for (const origin of foreign) expect([origin, await from(origin)]).toEqual([origin, 403]);
  for (const origin of [own, `http://localhost:${served.port}`, `http://[::1]:${served.port}`, "https://app.example"]) {
    expect([origin, await from(origin)]).toEqual([origin, 101]);
  }
  expect(served.sockets.inspect().refused.origin).toBe(foreign.length);
});

test("[E-WS-5] a foreign Host is refused with 403: a name rebound to this machine does not enter", async () => {
  const served = await serve({ allowedHosts: ["app.example"] });
  const token = `atomiton.v1, ${TOKEN_NAME}`;
  const at = async (host: string, origin?: string) =>
    (await knock(served.port, { host, "sec-websocket-protocol": token, ...(origin ? { origin } : {}) })).status;
  const foreign = [
    `evil.example:${served.port}`,
    "evil.example",
    "127.0.0.1",
    `127.0.0.1:${served.port + 1}`,
    `localhost.evil.example:${served.port}`,
  ];
  for (const host of foreign) expect([host, await at(host)]).toEqual([host, 403]);
  // Rebinding: Host and Origin agree with each other, and with nothing of ours.
  expect(await at(`evil.example:${served.port}`, `http://evil.example:${served.port}`)).toBe(403);
  for (const host of [`localhost:${served.port}`, `LOCALHOST:${served.port}`, `[::1]:${served.port}`, "app.example"]) {
    expect([host, await at(host)]).toEqual([host, 101]);
  }
  expect(served.sockets.inspect().refused.host).toBe(foreign.length + 1);
});

test("[E-WS-6] `authenticate` decides alone: role, grants and user are its answer; a throw refuses", async () => {
  const faults: unknown[] = [];
  const served = await serve({
    onError: (fault) => faults.push(fault),
    authenticateTimeoutMs: 30,
    async authenticate(_request, token) {
      if (token === "late") return new Promise(() => {});
      if (token === "throw") throw new Error("the user database is away");
      return token === "ann" ? { role: "ui", grants: ["execute:blueprint"], user: "ann" } : undefined;
    },
  });
  const client = dial(served.url, "ann");
  const { arrival } = await served.arrival();
  expect(arrival).toMatchObject({ role: "ui", grants: ["execute:blueprint"], user: "ann" });
  await client.opened;
  for (const token of ["bob", "throw", "late"]) expect((await dial(served.url, token).closed).kind).toBe("refused");
  expect(faults).toHaveLength(1);
  const unprotected = expect.objectContaining({ code: "UNPROTECTED" });
  expect(() => webSocketServer({ onConnection() {} })).toThrow(unprotected);
  expect(() => webSocketServer({ token: "", onConnection() {} })).toThrow(unprotected);
});

test("[E-WS-7] shares a port with a server's pages and other upgrade listeners", async () => {
  const served = await serve();
  expect((await knock(served.port, {}, "/other")).status).toBe(404);
  const second = webSocketServer({ token: TOKEN, onConnection() {} });
  second.attach(served.server, { path: "/second" });
  const statuses = await Promise.all(["/other", "/second", "/bus"].map((path) => knock(served.port, {}, path)));
  expect(statuses.map(({ status }) => status)).toEqual([404, 401, 401]);
  await second.close();
  served.server.on("request", (_request, response) => response.end("a page"));
  const page = await fetch(`http://127.0.0.1:${served.port}/`);
  expect(await page.text()).toBe("a page");
  const other = (request: IncomingMessage, socket: Duplex): void => {
    if (request.url === "/other") socket.end("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  };
  served.server.on("upgrade", other);
  expect((await knock(served.port, {}, "/other")).status).toBe(418);
  expect((await knock(served.port, {}, "/bus?x=1")).status).toBe(401);
  served.server.off("upgrade", other);
});

test("[E-WS-8] more than `maxConnections` are answered with 503", async () => {
  const served = await serve({ maxConnections: 1 });
  await dial(served.url).opened;
  const cause = await dial(served.url, TOKEN, WsClient).closed;
  expect(cause).toMatchObject({ kind: "failed", mayRetry: true });
  expect(served.sockets.inspect()).toMatchObject({ connections: 1, refused: { full: 1 } });
});

test("[E-WS-8] those whom `authenticate` still judges take their place", async () => {
  const judged: ((admission: undefined) => void)[] = [];
  const served = await serve({ maxConnections: 2, authenticate: () => new Promise((resolve) => judged.push(resolve)) });
  const waiting = [dial(served.url), dial(served.url)];
  await vi.waitUntil(() => judged.length === 2);
  expect((await dial(served.url, TOKEN, WsClient).closed).kind).toBe("failed");
  expect(served.sockets.inspect()).toMatchObject({ connections: 0, accepted: 0, refused: { full: 1 } });
  for (const refuse of judged) refuse(undefined);
  for (const { closed } of waiting) expect((await closed).kind).toBe("refused");
});

test("[E-WS-8, E-WS-9] by default there are 256 connections, and a frame has 1 MiB", async () => {
  const served = await serve();
  const all = Array.from({ length: 256 }, () => dial(served.url));
  await Promise.all(all.map(({ opened }) => opened));
  expect((await dial(served.url, TOKEN, WsClient).closed).kind).toBe("failed");
  expect(served.sockets.inspect()).toMatchObject({ connections: 256, refused: { full: 1 } });
  const { heard } = await served.arrival();
  all[0]!.connection.send(new Uint8Array(1024 * 1024));
  expect((await heard.framesUntil(1))[0]).toHaveLength(1024 * 1024);
  all[0]!.connection.send(new Uint8Array(1024 * 1024 + 1));
  expect(await all[0]!.closed).toMatchObject({ kind: "gone", mayRetry: false });
  for (const { connection } of all) connection.close();
});

test("[E-WS-9] a frame above `maxPayload` and a text frame end their connection alone", async () => {
  const served = await serve({ maxPayload: 1000 });
  const big = dial(served.url);
  await big.opened;
  const quiet = dial(served.url);
  await quiet.opened;
  big.connection.send(new Uint8Array(1001));
  expect(await big.closed).toMatchObject({ kind: "gone", mayRetry: false });

  const texter = new WsClient(served.url, ["atomiton.v1", TOKEN_NAME]);
  await once(texter, "open");
  texter.send("text");
  expect((await once(texter, "close"))[0]).toBe(3003);
  quiet.connection.send(new Uint8Array(1000));
  await served.arrival();
  const { heard } = await served.arrival();
  expect(await heard.framesUntil(1)).toHaveLength(1);
});

test("[E-WS-10] a peer that answers no ping is cut off; one that answers stays", async () => {
  const served = await serve({ pingEveryMs: 40 });
  const live = dial(served.url);
  await live.opened;
  const host = await served.arrival();
  // Half-open: the handshake by hand, and never an answer to anything.
  const dead = tcpConnect(served.port, "127.0.0.1");
  open.push(() => void dead.destroy());
  dead.write(handshake(served.port));
  const { heard } = await served.arrival();
  expect(await heard.closed).toMatchObject({ kind: "gone", mayRetry: true });
  live.connection.send(Uint8Array.of(1));
  expect(await host.heard.framesUntil(1)).toHaveLength(1);
  expect(served.sockets.inspect().connections).toBe(1);
});

test.each(clients)(
  "[E-WS-11] each end of a connection is told once, with its cause, over %s",
  async (_name, Socket) => {
    const served = await serve();
    const leaves = dial(served.url, TOKEN, Socket);
    const one = await served.arrival();
    await leaves.opened;
    leaves.connection.send(Uint8Array.of(9));
    leaves.connection.close("x".repeat(122) + "é and more");
    leaves.connection.close("again");
    expect(await leaves.closed).toMatchObject({ kind: "local", mayRetry: false });
    // What was handed over before the close arrives before its news.
    expect(await one.heard.closed).toEqual({ kind: "gone", reason: "x".repeat(122), mayRetry: true });
    expect(one.heard.frames).toHaveLength(1);

    const stays = dial(served.url, TOKEN, Socket);
    await stays.opened;
    await served.sockets.close();
    expect(await stays.closed).toEqual({ kind: "gone", reason: "The server goes away", mayRetry: true });

    const early = dial(served.url, TOKEN, Socket);
    early.connection.close();
    expect((await early.closed).kind).toBe("local");
  },
);

test.each(clients)(
  "[E-WS-12] nobody there is `failed`, and no answer ends at the deadline, over %s",
  async (_name, Socket) => {
    const { server, port } = await listen();
    server.close();
    await once(server, "close");
    expect(await dial(`ws://127.0.0.1:${port}/bus`, TOKEN, Socket).closed).toMatchObject({
      kind: "failed",
      mayRetry: true,
    });

    const { server: silent, port: at } = await listen();
    silent.on("upgrade", () => {});
    const cause = await hear(
      webSocketTransport(`ws://127.0.0.1:${at}/bus`, {
        dialTimeoutMs: 30,
        ...(Socket ? { WebSocket: Socket as WebSocketClass } : {}),
      }),
    ).closed;
    expect(cause).toEqual({ kind: "failed", reason: "No answer within 30 ms", mayRetry: true });
    silent.close();
    silent.closeAllConnections();
  },
);

test("[E-WS-13] the token is in no address: not in the request line, not in a fragment, not in a reason", async () => {
  const served = await serve();
  const client = dial(`http://127.0.0.1:${served.port}/bus#${TOKEN}`);
  await client.opened;
  const { arrival } = await served.arrival();
  expect(arrival.request.url).toBe("/bus");
  for (const wrong of ["not an address", "ftp://127.0.0.1/bus"]) {
    expect(() => webSocketTransport(wrong, { token: TOKEN })).toThrow(TypeError);
  }
});

test("[E-WS-14] close reasons are cut to 123 bytes between two characters", () => {
  expect(closeReason("short")).toBe("short");
  expect(closeReason("é".repeat(62))).toBe("é".repeat(61));
  expect(closeReason("😀".repeat(40))).toBe("😀".repeat(30));
});

test("[E-WS-15] a closed server attaches no more, and closing twice is closing once", async () => {
  const { server } = await listen(createServer());
  const sockets = webSocketServer({ token: TOKEN, onConnection() {} });
  const detach = sockets.attach(server);
  sockets.attach(server, { path: "/two" });
  detach();
  detach();
  expect(server.listenerCount("upgrade")).toBe(1);
  await Promise.all([sockets.close(), sockets.close()]);
  expect(server.listenerCount("upgrade")).toBe(0);
  expect(() => sockets.attach(server)).toThrow(TypeError);
  server.close();
});

test("[E-WS-16] frames that arrive before a session listens wait for it, even in the handshake's own packet", async () => {
  let handOver!: (later: () => Heard) => void;
  const handed = new Promise<() => Heard>((go) => (handOver = go));
  const served = await serve({ onConnection: (transport) => handOver(() => hear(transport)) });
  const raw = tcpConnect(served.port, "127.0.0.1");
  open.push(() => void raw.destroy());
  // A binary frame of one byte, masked with zeros.
  raw.write(Buffer.concat([Buffer.from(handshake(served.port)), Buffer.of(0x82, 0x81, 0, 0, 0, 0, 42)]));
  const later = await handed;
  await once(raw, "data");
  const heard = later();
  expect(await heard.framesUntil(1)).toEqual([Uint8Array.of(42)]);
  expect(() => later()).toThrow(TypeError);
});

test("[E-WS-18] where Node has no WebSocket of its own, the same function dials with `ws`", async () => {
  vi.stubGlobal("WebSocket", undefined);
  open.push(() => void vi.unstubAllGlobals());
  const served = await serve();
  const client = dial(served.url);
  await client.opened;
  client.connection.send(Uint8Array.of(5));
  const { heard } = await served.arrival();
  expect(await heard.framesUntil(1)).toEqual([Uint8Array.of(5)]);
  // `ws` reads the HTTP status that a page cannot.
  expect(await dial(served.url.replace("/bus", "/nowhere")).closed).toMatchObject({ kind: "refused", mayRetry: false });
});

test("[E-WS-18] beside Node's own WebSocket `ws` is used too: a status that refuses ends the link, and nobody there is named", async () => {
  const served = await serve();
  expect(await dial(served.url.replace("/bus", "/nowhere")).closed).toEqual({
    kind: "refused",
    reason: "The server refused with HTTP status 404; check the address, its path and the token",
    mayRetry: false,
  });
  const { server, port } = await listen();
  server.close();
  await once(server, "close");
  const nobody = await dial(`ws://127.0.0.1:${port}/bus`).closed;
  expect(nobody).toMatchObject({ kind: "failed", reason: expect.stringContaining("ECONNREFUSED"), mayRetry: true });
});

test("[E-WS-17] a fault in the program's callbacks ends that connection and is reported", async () => {
  const faults: unknown[] = [];
  const served = await serve({
    onConnection() {
      throw new Error("no room");
    },
    onRefused() {
      throw new Error("the log is full");
    },
    onError: (fault) => faults.push((fault as Error).message),
  });
  expect(await dial(served.url).closed).toMatchObject({ kind: "gone", reason: "The server failed" });
  expect((await dial(served.url, "wrong").closed).kind).toBe("refused");
  expect((await knock(served.port, {}, "/nothing")).status).toBe(404);
  expect(faults).toEqual(["the log is full", "no room", "the log is full", "the log is full"]);
  expect(served.sockets.inspect().refused).toMatchObject({ failed: 1, token: 1, path: 1 });
});
