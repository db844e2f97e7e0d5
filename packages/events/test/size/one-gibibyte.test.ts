/** One gibibyte over a real thread and a real socket. Both ends are in this process: its memory is that of both. */
import { once } from "node:events";
import { createServer } from "node:http";
import { Worker } from "node:worker_threads";

import { afterEach, expect, test } from "vitest";

import { EventBus, type Transport } from "../../src/index.ts";
import { serveBus, webSocketTransport, workerTransport } from "../../src/node.ts";
import { listen } from "../transports/listen.ts";
import { flood, parts } from "./fixtures/flood.ts";

const MIB = 1_048_576;
const PART = MIB / 2;
const COUNT = 2_048;
/** A fortieth of what crosses: windows, outboxes, and what the collector has not come to. */
const GROWTH = 256 * MIB;

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

function worker(): Transport {
  const thread = new Worker(new URL("./fixtures/flood-worker.ts", import.meta.url));
  open.push(() => thread.terminate());
  return workerTransport(thread);
}

async function socket(): Promise<Transport> {
  const host = new EventBus({ contract: flood, role: "host" });
  host.handle("flood:read", ({ parts: count, bytes }) => ({ parts: parts(count, bytes) }));
  host.handle("flood:echo", (n) => n);
  const { server, port } = await listen(createServer());
  const sockets = serveBus(host, server, { token: "flood" });
  open.push(async () => {
    await host.close();
    await sockets.close();
    server.close();
    await once(server, "close");
  });
  return webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "flood" });
}

test.each([
  ["a worker", worker],
  ["a WebSocket", socket],
])("[E-BIG-1] 1 GiB goes through %s with memory flat, and commands pass it", async (_, dial) => {
  const ui = new EventBus({ contract: flood, role: "ui" });
  const link = ui.connect(await dial(), { peer: { role: "host" } });
  open.push(() => ui.close());
  await link.ready;
  const { parts: read } = await ui.request("flood:read", { parts: COUNT, bytes: PART });
  const before = process.memoryUsage.rss();
  let peak = 0;
  let bytes = 0;
  let count = 0;
  let echoes = 0;
  for await (const part of read) {
    expect(new DataView(part.buffer, part.byteOffset).getUint32(0)).toBe(count);
    bytes += part.byteLength;
    count += 1;
    if (count % 256 !== 0) continue;
    peak = Math.max(peak, process.memoryUsage.rss());
    expect(await ui.request("flood:echo", count)).toBe(count);
    echoes += 1;
  }
  expect([bytes, echoes]).toEqual([1_024 * MIB, COUNT / 256]);
  expect((peak - before) / MIB).toBeLessThan(GROWTH / MIB);
  expect(link.state.at).toBe("open");
});
