/** Servers that others than this machine reach: TLS, and who may come in. */
import { once } from "node:events";
import { createServer as createPlain } from "node:http";
import { createServer, type Server } from "node:https";
import { networkInterfaces } from "node:os";

import { afterEach, expect, test } from "vitest";

import { EventBus } from "../../src/index.ts";
import { serveBus, sharedWebSocketTransport, webSocketTransport, type ServeBusOptions } from "../../src/node.ts";
import { shop } from "./fixtures/shop.ts";
import { hear } from "./hear.ts";
import { listen } from "./listen.ts";
import { selfSigned } from "./self-signed.ts";

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function serve(options: ServeBusOptions) {
  const pair = selfSigned();
  const server: Server = createServer(pair);
  const host = new EventBus({ contract: shop, role: "host", onError() {} });
  host.handle("shop:order", ({ item }, { peer }) => ({ total: item.length + (peer?.user === "ann" ? 100 : 0) }));
  const { port } = await listen(server);
  const served = serveBus(host, server, options);
  open.push(async () => {
    await served.close();
    await host.close();
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  return { served, port, ca: pair.cert, url: `wss://127.0.0.1:${port}/bus` };
}

function ui() {
  const bus = new EventBus({ contract: shop, role: "ui", onError() {} });
  open.push(() => bus.close());
  return bus;
}

test("[E-WS-27] two buses meet over TLS where the client trusts the certificate, also on a shared socket", async () => {
  const { url, ca, served } = await serve({ token: "secret", admits: { role: "ui", grants: ["order"] } });
  for (const make of [webSocketTransport, sharedWebSocketTransport]) {
    const bus = ui();
    await bus.connect(make(url, { token: "secret", tls: { ca } })).ready;
    expect(await bus.request("shop:order", { item: "bread" })).toEqual({ total: 5 });
    await bus.close();
  }
  await expect.poll(() => served.inspect().connections).toBe(0);
});

test("[E-WS-27] a certificate that the client does not trust, and a name that it is not for, end the dial before the token is sent", async () => {
  const { url, ca, served, port } = await serve({ token: "secret" });
  const another = selfSigned().cert;
  for (const dial of [
    hear(webSocketTransport(url, { token: "secret", tls: {} })),
    hear(webSocketTransport(url, { token: "secret", tls: { ca: another } })),
    hear(webSocketTransport(url, { token: "secret", tls: { ca, servername: "elsewhere.example" } })),
    hear(webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "secret", tls: { ca } })),
  ]) {
    expect(await dial.closed).toMatchObject({ kind: "failed" });
  }
  expect(served.inspect()).toMatchObject({ accepted: 0, refused: { token: 0 } });
});

test("[E-WS-18] an untrusted certificate ends the link, told to onError with the way out; a wrong protocol is dialled again, and its state says why", async () => {
  const { url, ca, port } = await serve({ token: "secret" });
  const faults: unknown[] = [];
  const bus = new EventBus({ contract: shop, role: "ui", onError: (fault) => faults.push(fault) });
  open.push(() => bus.close());
  const untrusted = {
    code: "LINK_LOST",
    message: expect.stringMatching(/certificate is not trusted: .*; give its authority as tls\.ca/),
  };
  await expect(bus.connect(webSocketTransport(url, { token: "secret" })).ready).rejects.toMatchObject(untrusted);
  expect(faults).toMatchObject([untrusted]);
  const plain = bus.connect(webSocketTransport(`ws://127.0.0.1:${port}/bus`, { tls: { ca } }));
  const why = (): unknown => (plain.state.at === "waiting" ? plain.state.why : undefined);
  await expect.poll(why).toMatch(/socket hang up|ECONNRESET|Parse Error/);
});

test("[E-WS-28] authenticate gives role, rights and user of each peer from its request; over TLS its name is allowed like any other", async () => {
  const { url, ca, served } = await serve({
    async authenticate(request, token) {
      await Promise.resolve();
      if (request.headers["sec-websocket-version"] === undefined) return undefined;
      return token === "ann's" ? { role: "ui", grants: ["order"], user: "ann" } : { role: "ui", grants: [] };
    },
  });
  const ann = ui();
  const guest = ui();
  const link = ann.connect(webSocketTransport(url, { token: "ann's", tls: { ca } }));
  await link.ready;
  await guest.connect(webSocketTransport(url, { token: "a guest's", tls: { ca } })).ready;
  expect(await ann.request("shop:order", { item: "bread" })).toEqual({ total: 105 });
  await expect(guest.request("shop:order", { item: "bread" })).rejects.toMatchObject({ code: "DENIED" });
  expect(served.inspect()).toMatchObject({ connections: 2, accepted: 2 });
});

test("[E-WS-28] a server without token and authenticate does not start, wherever it listens", async () => {
  const host = new EventBus({ contract: shop, role: "host" });
  const server = createServer(selfSigned());
  for (const options of [{}, { token: "" }]) {
    expect(() => serveBus(host, server, options)).toThrow(
      expect.objectContaining({ code: "UNPROTECTED", message: expect.stringContaining("authenticate") }),
    );
  }
  expect(server.listenerCount("upgrade")).toBe(0);
  await host.close();
});

test("[E-WS-28] beyond this machine a name must be allowed, whatever address the server listens on", async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal)?.address;
  // Without a network, 127.0.0.2 is an address that is nobody's name here.
  const address = outside ?? "127.0.0.2";
  const server = createPlain().listen(0, "0.0.0.0");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const host = new EventBus({ contract: shop, role: "host", onError() {} });
  const strict = serveBus(host, server, { token: "secret", path: "/strict" });
  const named = serveBus(host, server, { token: "secret", path: "/named", allowedHosts: [`${address}:${port}`] });
  open.push(async () => {
    await Promise.all([strict.close(), named.close()]);
    await host.close();
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  const dial = (path: string) => hear(webSocketTransport(`http://${address}:${port}${path}`, { token: "secret" }));
  expect((await dial("/strict").closed).kind).not.toBe("local");
  expect(strict.inspect()).toMatchObject({ accepted: 0, refused: { host: 1 } });
  const entered = dial("/named");
  await entered.opened;
  entered.connection.close();
  expect(named.inspect()).toMatchObject({ accepted: 1, refused: { host: 0 } });
});
