import { expect, inject, test } from "vitest";

import {
  EventBus,
  markedWorker,
  workerTransport,
  type ConnectPolicy,
  type EventsError,
  type Transport,
} from "../../src/index.ts";
import { webSocketTransport } from "../../src/transports/websocket.ts";
import { shop } from "./fixtures/shop.ts";

/** What every page does: asks, hears in order, goes. */
async function shopping(transport: Transport, policy?: ConnectPolicy): Promise<number[]> {
  const ui = new EventBus({ contract: shop, role: "ui" });
  const sold: number[] = [];
  ui.on("shop:sold", ({ n }) => sold.push(n));
  await ui.connect(transport, policy).ready;
  expect(await ui.request("shop:order", { item: "bread" })).toEqual({ total: 5 });
  const last = ui.next("shop:sold", { where: { n: 499 } });
  ui.emit("shop:look", { at: "window" });
  await last;
  await ui.close();
  return sold;
}

const all = Array.from({ length: 500 }, (_, n) => n);

test("[E-WS-20] a page's bus meets a server's bus over a socket", async () => {
  const server = inject("socketServer");
  const { path, token } = (await (await fetch(`${server}/shop`)).json()) as { path: string; token: string };
  expect(await shopping(webSocketTransport(server + path, { token }))).toEqual(all);
});

test("[E-WRK-8] a page's bus meets the bus of its worker; a worker that ends closes the link", async () => {
  const worker = new Worker(new URL("./fixtures/shop-web-worker.ts", import.meta.url), { type: "module" });
  expect(await shopping(workerTransport(worker), { peer: { role: "host" } })).toEqual(all);
  worker.terminate();

  const other = new Worker(new URL("./fixtures/shop-web-worker.ts", import.meta.url), { type: "module" });
  const ui = new EventBus({ contract: shop, role: "ui", onError: () => {} });
  const link = ui.connect(workerTransport(other), { peer: { role: "host" } });
  await link.ready;
  other.terminate();
  await expect.poll(() => link.state.at).toBe("closed");
  await ui.close();
});

test.each([
  ["marked", markedWorker({ type: "module" } as const), { total: 5 }],
  ["named as bundlers want it", { type: "module", name: "atomiton:bus" }, { total: 5 }],
  ["unmarked", { type: "module" }, "TIMEOUT"],
] as const)(
  "[E-EL-22] in a page a worker's bus finds who started it only by its mark: %s",
  async (_, options, outcome) => {
    const worker = new Worker(new URL("./fixtures/marked-web-worker.ts", import.meta.url), /* @vite-ignore */ options);
    const ui = new EventBus({ contract: shop, role: "ui", onError: () => {} });
    ui.connect(workerTransport(worker), { peer: { role: "host" } });
    const asked = ui.request("shop:order", { item: "bread" }, { timeoutMs: outcome === "TIMEOUT" ? 1_000 : 10_000 });
    expect(await asked.catch((error: EventsError) => error.code)).toEqual(outcome);
    worker.terminate();
    await ui.close();
  },
);
