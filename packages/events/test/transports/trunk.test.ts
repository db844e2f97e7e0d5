/** Many connections over one socket. */
import { once } from "node:events";

import { afterEach, expect, test, vi } from "vitest";
import { WebSocket as WsClient } from "ws";

import { EventBus, memoryPair, type Transport } from "../../src/index.ts";
import { serveBus, sharedWebSocketTransport, webSocketServer } from "../../src/node.ts";
import { transportContract } from "../../src/testing/index.ts";
import { acceptTrunk } from "../../src/transports/trunk.ts";
import { shop } from "./fixtures/shop.ts";
import { handOver } from "./hand-over.ts";
import { hear } from "./hear.ts";
import { listen } from "./listen.ts";
import { tcpProxy } from "./tcp-proxy.ts";

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

transportContract(
  "one of two on a shared WebSocket",
  async () => {
    const { server, port } = await listen();
    const ends = [handOver({ name: "websocket", medium: "bytes" }), handOver({ name: "websocket", medium: "bytes" })];
    let arrived = 0;
    const sockets = webSocketServer({
      token: "secret",
      onConnection: (transport) => ends[arrived++]!.arrive(transport),
    });
    sockets.attach(server);
    const shared = sharedWebSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "secret" });
    const other = hear(shared);
    const far = hear(ends[0]!.end);
    await Promise.all([other.opened, far.opened]);
    return {
      a: shared,
      b: ends[1]!.end,
      async close() {
        other.connection.close();
        await Promise.all([other.closed, far.closed]);
        await sockets.close();
        server.close();
        await once(server, "close");
      },
    };
  },
  test,
);

async function serve() {
  const host = new EventBus({ contract: shop, role: "host", onError() {} });
  host.handle("shop:order", ({ item }, { peer }) => ({ total: item.length + (peer?.user === undefined ? 0 : 100) }));
  const { server, port } = await listen();
  const proxy = await tcpProxy(port);
  open.push(() => proxy.close());
  const allowedHosts = [`127.0.0.1:${proxy.port}`];
  const served = serveBus(host, server, { token: "secret", allowedHosts, admits: { role: "ui", grants: ["order"] } });
  open.push(async () => {
    await served.close();
    await host.close();
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  return { host, served, port, proxy };
}

function ui() {
  const bus = new EventBus({ contract: shop, role: "ui", onError() {} });
  open.push(() => bus.close());
  return bus;
}

test("[E-WS-24] buses that connect one shared transport have one socket, a session each; the last one out closes it", async () => {
  const { host, served, port } = await serve();
  const road = sharedWebSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "secret" });
  const buses = [ui(), ui(), ui()];
  const links = buses.map((bus) => bus.connect(road));
  const peers = await Promise.all(links.map((link) => link.ready));
  expect([served.inspect().connections, host.inspect().links.length]).toEqual([1, 3]);
  expect(new Set(peers.map(({ busId }) => busId))).toEqual(new Set([host.id]));
  expect(await Promise.all(buses.map((bus) => bus.request("shop:order", { item: "bread" })))).toEqual(
    buses.map(() => ({ total: 5 })),
  );
  const sold = buses.map(() => [] as number[]);
  await Promise.all(buses.map((bus, at) => bus.on("shop:sold", ({ n }) => sold[at]!.push(n)).ready));
  // Three chunks and more: each session has its own order and its own window.
  for (let n = 0; n < 20; n++) host.emit("shop:sold", { n, photo: new Uint8Array(100_000) });
  const all = Array.from({ length: 20 }, (_, n) => n);
  await expect.poll(() => sold, { timeout: 10_000 }).toEqual([all, all, all]);

  // A second link of one bus is a second way to the same bus, and the first lives.
  expect(await buses[0]!.connect(road).ready.catch((fault: { code: string }) => fault.code)).toBe("DUPLICATE_LINK");
  await buses[0]!.close();
  await buses[1]!.close();
  await expect.poll(() => host.inspect().links.length).toBe(1);
  expect([served.inspect().connections, links[2]!.state.at]).toEqual([1, "open"]);
  await buses[2]!.close();
  await expect.poll(() => served.inspect().connections).toBe(0);
  const again = ui();
  await again.connect(road).ready;
  expect(served.inspect()).toMatchObject({ connections: 1, accepted: 2 });
});

test("[E-WS-25] a shared socket that is cut is dialled once for all, and every session resumes", async () => {
  const { host, served, proxy } = await serve();
  const road = sharedWebSocketTransport(`ws://127.0.0.1:${proxy.port}/bus`, { token: "secret" });
  const buses = [ui(), ui()];
  const links = buses.map((bus) => bus.connect(road));
  await Promise.all(links.map((link) => link.ready));
  const sold = buses.map(() => [] as number[]);
  await Promise.all(buses.map((bus, at) => bus.on("shop:sold", ({ n }) => sold[at]!.push(n)).ready));
  for (let n = 0; n < 300; n++) {
    host.emit("shop:sold", { n });
    if (n % 100 === 50) proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const all = Array.from({ length: 300 }, (_, n) => n);
  await expect.poll(() => sold, { timeout: 15_000 }).toEqual([all, all]);
  expect(links.map(({ state }) => state)).toMatchObject([
    { at: "open", resumed: true },
    { at: "open", resumed: true },
  ]);
  await expect.poll(() => served.inspect().connections).toBe(1);
});

test("[E-WS-26] a shared connection without a channel is closed after 10 s", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const [near, far] = memoryPair();
    const channels: Transport[] = [];
    acceptTrunk({ ...far, open: (events) => far.open(events) }, (channel) => channels.push(channel), console.error);
    const peer = hear(near);
    await peer.opened;
    vi.advanceTimersByTime(9_999);
    await Promise.resolve();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await peer.closed).toMatchObject({ kind: "gone", reason: "nobody speaks over this connection" });
    expect([channels, vi.getTimerCount()]).toEqual([[], 0]);
  } finally {
    vi.useRealTimers();
  }
});

test("[E-WS-26] channels of one socket are bounded, and what breaks the rules of a shared socket ends that one alone", async () => {
  const { server, port } = await listen();
  const arrived: Transport[] = [];
  const faults: unknown[] = [];
  const sockets = webSocketServer({
    token: "secret",
    onError: (fault) => faults.push(fault),
    onConnection(transport) {
      if (arrived.push(transport) === 2) throw new Error("a fault of the program");
    },
  });
  sockets.attach(server);
  open.push(async () => {
    await sockets.close();
    server.close();
    await once(server, "close");
  });
  const dial = async () => {
    const token = `atomiton.token.${Buffer.from("secret").toString("base64url")}`;
    const socket = new WsClient(`ws://127.0.0.1:${port}/bus`, ["atomiton.v1", "atomiton.shared.v1", token]);
    const units: Uint8Array[] = [];
    socket.on("message", (bytes: Buffer) => units.push(new Uint8Array(bytes)));
    await once(socket, "open");
    const send = (kind: number, channel: number, ...rest: number[]): void =>
      socket.send(Uint8Array.of(kind, channel, 0, 0, 0, ...rest));
    return { socket, units, send };
  };
  const good = await dial();
  for (let channel = 1; channel <= 66; channel++) good.send(1, channel);
  await expect.poll(() => good.units.length).toBe(2);
  // The second was closed by a fault, so that one more found room.
  expect(good.units.map(([kind, channel]) => [kind, channel])).toEqual([
    [2, 2],
    [2, 66],
  ]);
  expect([arrived.length, faults.length, sockets.inspect()]).toMatchObject([
    65,
    1,
    { connections: 1, refused: { failed: 1 } },
  ]);
  // What arrives before a session listens waits for it; what waits is bounded.
  const heard = hear(arrived[0]!);
  good.send(0, 1, 7);
  expect(await heard.framesUntil(1)).toEqual([Uint8Array.of(7)]);
  for (let n = 0; n < 65; n++) good.send(0, 3, n);
  await expect.poll(() => good.units.at(-1)?.slice(0, 2)).toEqual(Uint8Array.of(2, 3));

  for (const [kind, channel] of [
    [3, 1],
    [0, 0],
    [1, 1],
  ] as const) {
    const bad = await dial();
    if (kind === 1) bad.send(1, 1);
    const closed = once(bad.socket, "close");
    bad.send(kind, channel);
    await closed;
  }
  good.send(0, 1, 8);
  expect(await heard.framesUntil(2)).toHaveLength(2);
  good.socket.terminate();
  expect(await heard.closed).toMatchObject({ kind: "gone" });
});
