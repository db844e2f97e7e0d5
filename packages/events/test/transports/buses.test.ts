/** Two real buses over the network and over threads: what a program sees. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { Worker } from "node:worker_threads";

import { afterEach, expect, test } from "vitest";
import { WebSocket as WsClient } from "ws";

import { EventBus, type LinkState } from "../../src/index.ts";
import { serveBus, webSocketTransport, workerTransport, type ServeBusOptions } from "../../src/node.ts";
import type { WebSocketClass } from "../../src/transports/websocket.ts";
import { shop } from "./fixtures/shop.ts";
import { listen } from "./listen.ts";
import { tcpProxy } from "./tcp-proxy.ts";

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

function bus(role: "host" | "ui") {
  const made = new EventBus({ contract: shop, role, onError: () => {} });
  open.push(() => made.close());
  return made;
}

async function serve(options: ServeBusOptions, server: Server = createServer()) {
  const host = bus("host");
  const { port } = await listen(server);
  const served = serveBus(host, server, options);
  open.push(async () => {
    await served.close();
    server.close();
    server.closeAllConnections();
    if (server.listening) await once(server, "close");
  });
  return { host, served, server, port, url: `http://127.0.0.1:${port}/bus` };
}

const clients: [string, WebSocketClass | undefined][] = [
  ["the platform's client", undefined],
  ["the ws client", WsClient as unknown as WebSocketClass],
];

test.each(clients)(
  "[E-WS-20] two buses meet over a socket: events, requests, rights; over %s",
  async (_name, Socket) => {
    const { host, url, served } = await serve({ token: "secret", admits: { role: "ui", grants: ["order"] } });
    host.handle("shop:order", ({ item }) => ({ total: item.length }));
    const ui = bus("ui");
    const sold: number[] = [];
    ui.on("shop:sold", ({ n }) => sold.push(n));
    const link = ui.connect(webSocketTransport(url, { token: "secret", ...(Socket ? { WebSocket: Socket } : {}) }));
    await link.ready;
    expect(await ui.request("shop:order", { item: "bread" })).toEqual({ total: 5 });
    for (let n = 0; n < 1_000; n += 1) host.emit("shop:sold", { n, photo: new Uint8Array(1_000) });
    const last = ui.next("shop:sold", { where: { n: -1 } });
    await ui.request("shop:order", { item: "x" });
    host.emit("shop:sold", { n: -1 });
    await last;
    expect(sold).toEqual([...Array.from({ length: 1_000 }, (_, n) => n), -1]);

    await ui.close();
    await expect.poll(() => [host.inspect().links.length, served.inspect().connections]).toEqual([0, 0]);
  },
);

test("[E-WS-20] who is admitted without a right is DENIED, whatever role it claims", async () => {
  const { host, url } = await serve({
    authenticate: (_request, token) => (token === "ann" ? { role: "ui", grants: [] } : undefined),
  });
  host.handle("shop:order", () => ({ total: 1 }));
  const ui = bus("ui");
  await ui.connect(webSocketTransport(url, { token: "ann" })).ready;
  await expect(ui.request("shop:order", { item: "bread" })).rejects.toMatchObject({ code: "DENIED" });
});

test("[E-WS-21] a wrong token ends the link as REJECTED, and it is not dialled again", async () => {
  const { url, served } = await serve({ token: "secret" });
  const ui = bus("ui");
  const link = ui.connect(webSocketTransport(url, { token: "wrong" }));
  await expect(link.ready).rejects.toMatchObject({ code: "REJECTED" });
  expect(link.state.at).toBe("closed");
  expect(served.inspect().refused.token).toBe(1);
});

test("[E-WS-22] when the server comes back on its port, the link dials, and the program goes on", async () => {
  const { host, url, served, server, port } = await serve({ token: "secret" });
  host.handle("shop:order", () => ({ total: 1 }));
  const ui = bus("ui");
  const link = ui.connect(webSocketTransport(url, { token: "secret" }));
  await link.ready;
  const states: LinkState["at"][] = [];
  link.onState(({ at }) => states.push(at));
  const sold = ui.next("shop:sold");
  await served.close();
  server.close();
  server.closeAllConnections();
  await once(server, "close");

  const second = createServer();
  second.listen(port, "127.0.0.1");
  await once(second, "listening");
  const again = serveBus(host, second, { token: "secret" });
  open.push(async () => {
    await again.close();
    second.close();
  });
  await expect.poll(() => states, { timeout: 10_000 }).toContain("open");
  expect(await ui.request("shop:order", { item: "bread" })).toEqual({ total: 1 });
  host.emit("shop:sold", { n: 7 });
  expect(await sold).toEqual({ n: 7 });
});

test(
  "[E-WS-23] a socket cut in the middle of frames loses and doubles nothing, both ways",
  { timeout: 30_000 },
  async () => {
    const allowedHosts: string[] = [];
    const { host, port, served } = await serve({ token: "secret", allowedHosts });
    const proxy = await tcpProxy(port);
    allowedHosts.push(`127.0.0.1:${proxy.port}`);
    open.push(() => proxy.close());
    host.handle("shop:order", ({ item }) => ({ total: Number(item) }));
    const ui = bus("ui");
    const sold: number[] = [];
    const looks: string[] = [];
    const gaps: unknown[] = [];
    const onGap = (gap: unknown) => gaps.push(gap);
    ui.on("shop:sold", ({ n }) => sold.push(n), { onGap });
    host.on("shop:look", ({ at }) => looks.push(at), { onGap });
    const link = ui.connect(webSocketTransport(`ws://127.0.0.1:${proxy.port}/bus`, { token: "secret" }));
    await link.ready;
    const rounds = 8;
    for (let round = 0; round < rounds; round += 1) {
      const isBack = new Promise<void>((resolve) => {
        const stop = link.onState(({ at }) => {
          if (at !== "open") return;
          stop();
          resolve();
        });
      });
      proxy.cutAfter(1_000 + round * 3_777);
      for (let n = 0; n < 100; n += 1) {
        host.emit("shop:sold", { n: round * 100 + n, photo: new Uint8Array(500) });
        ui.emit("shop:look", { at: `${round * 100 + n}` });
      }
      await isBack;
    }
    expect(await ui.request("shop:order", { item: "7" })).toEqual({ total: 7 });
    await Promise.all([host.flush(), ui.flush()]);
    const all = Array.from({ length: rounds * 100 }, (_, n) => n);
    expect(sold).toEqual(all);
    expect(looks.map(Number)).toEqual(all);
    expect(gaps).toEqual([]);
    expect(proxy.connections).toBe(rounds + 1);
    await expect.poll(() => [host.inspect().links.length, served.inspect().connections]).toEqual([1, 1]);
  },
);

test("[E-WRK-8] two buses meet across a thread", async () => {
  const worker = new Worker(new URL("./fixtures/shop-worker.ts", import.meta.url));
  open.push(() => worker.terminate());
  const ui = bus("ui");
  const link = ui.connect(workerTransport(worker), { peer: { role: "host" } });
  const sold: number[] = [];
  ui.on("shop:sold", ({ n }) => sold.push(n));
  await link.ready;
  expect(await ui.request("shop:order", { item: "bread" })).toEqual({ total: 5 });
  const last = ui.next("shop:sold", { where: { n: 499 } });
  ui.emit("shop:look", { at: "window" });
  await last;
  expect(sold).toEqual(Array.from({ length: 500 }, (_, n) => n));
  await worker.terminate();
  await expect.poll(() => link.state.at).toBe("closed");
});
