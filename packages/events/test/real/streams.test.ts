/** A stream over a connection that breaks, again and again. */
import { once } from "node:events";
import { createServer } from "node:http";

import { expect, test } from "vitest";

import { EventBus } from "../../src/index.ts";
import { serveBus, webSocketTransport } from "../../src/node.ts";
import { flood, parts } from "../size/fixtures/flood.ts";
import { listen } from "../transports/listen.ts";
import { tcpProxy } from "../transports/tcp-proxy.ts";
import { atEnd } from "./stand.ts";

async function behindProxy() {
  const host = new EventBus({ contract: flood, role: "host", onError: () => undefined });
  const source = { left: false };
  host.handle("flood:read", ({ parts: count, bytes }) => ({
    parts: (async function* () {
      try {
        yield* parts(count, bytes);
      } finally {
        source.left = true;
      }
    })(),
  }));
  const { server, port } = await listen(createServer());
  const allowedHosts: string[] = [];
  const sockets = serveBus(host, server, { token: "flood", allowedHosts });
  const proxy = await tcpProxy(port, {});
  allowedHosts.push(`127.0.0.1:${proxy.port}`);
  const ui = new EventBus({ contract: flood, role: "ui", onError: () => undefined });
  atEnd(async () => {
    await Promise.all([ui.close(), host.close()]);
    await proxy.close();
    await sockets.close();
    server.close();
    await once(server, "close");
  });
  const link = ui.connect(webSocketTransport(`ws://127.0.0.1:${proxy.port}/bus`, { token: "flood" }), {
    peer: { role: "host" },
  });
  await link.ready;
  return { host, ui, link, proxy, source };
}

test("[E-STR-10] a connection that is cut and comes back loses nothing of a stream", async () => {
  const { ui, link, proxy } = await behindProxy();
  let resumed = 0;
  link.onState((state) => void (resumed += state.at === "open" && state.resumed ? 1 : 0));
  const { parts: read } = await ui.request("flood:read", { parts: 400, bytes: 100_000 });
  let count = 0;
  for await (const part of read) {
    expect([new DataView(part.buffer, part.byteOffset).getUint32(0), part.byteLength]).toEqual([count, 100_000]);
    count += 1;
    if (count % 100 === 50) proxy.cut();
  }
  expect(count).toBe(400);
  expect(resumed).toBeGreaterThanOrEqual(3);
});

test("[E-STR-5] a host that closes in the middle ends the stream at its reader, and the source", async () => {
  const { host, ui, source } = await behindProxy();
  const { parts: read } = await ui.request("flood:read", { parts: 1_000_000, bytes: 100_000 });
  let count = 0;
  const whole = async (): Promise<void> => {
    for await (const part of read) {
      count += part.byteLength > 0 ? 1 : 0;
      if (count === 20) void host.close();
    }
  };
  await expect(whole()).rejects.toMatchObject({ code: expect.stringMatching(/^(CLOSED|LINK_LOST)$/) });
  expect(count).toBeGreaterThanOrEqual(20);
  await expect.poll(() => source.left).toBe(true);
});
