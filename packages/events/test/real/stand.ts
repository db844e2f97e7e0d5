/** What the tests stand on: buses, servers and roads that are given back when a test is over. */
import { once } from "node:events";
import { createServer } from "node:http";

import { afterEach } from "vitest";

import { EventBus, type BusOptions, type Clock, type Link, type LinkState } from "../../src/index.ts";
import { serveBus, webSocketTransport, type WebSocketOptions } from "../../src/node.ts";
import { listen } from "../transports/listen.ts";
import { tcpProxy } from "../transports/tcp-proxy.ts";
import { flow } from "./fixtures/flow.ts";
import { Tally } from "./tally.ts";

export const TOKEN = "a token of the flow";

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});
/** Ends what a test opened, also when the test fails. The last opened goes first. */
export const atEnd = (close: () => Promise<unknown> | void): void => void open.push(close);

export function flowBus(role: "host" | "ui", options: Omit<BusOptions, "role"> = {}) {
  const faults: unknown[] = [];
  const bus = new EventBus({ contract: flow, role, onError: (fault) => faults.push(fault), ...options });
  atEnd(() => bus.close());
  return Object.assign(bus, { faults });
}
export type FlowBus = ReturnType<typeof flowBus>;

/** A host behind a real server, and a road to it that can be broken. */
export async function served(options: { clock?: Clock; delayMs?: number; pingEveryMs?: number } = {}) {
  const { clock, delayMs = 0, pingEveryMs = 10_000 } = options;
  const host = flowBus("host", clock && { clock });
  /** Questions in the order in which their handler began. */
  const starts: number[] = [];
  host.handle("flow:ask", ({ n }) => {
    starts.push(n);
    return { n };
  });
  const allowedHosts: string[] = [];
  const { server, port } = await listen(createServer());
  const sockets = serveBus(host, server, { token: TOKEN, allowedHosts, pingEveryMs });
  const proxy = await tcpProxy(port, { delayMs });
  allowedHosts.push(`127.0.0.1:${proxy.port}`);
  atEnd(async () => {
    await proxy.close();
    await sockets.close();
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  return { host, starts, sockets, proxy, url: `ws://127.0.0.1:${proxy.port}/bus` };
}

/** A client of it. `states` is the history of its link. */
export async function dial(ui: FlowBus, url: string, options: WebSocketOptions = {}) {
  const link = ui.connect(webSocketTransport(url, { token: TOKEN, ...options }));
  await link.ready;
  const states: LinkState[] = [];
  link.onState((state) => void states.push(state));
  return { link, states };
}

/** Resolves when the link is open (again), after the state that it is in. */
export function reopened(link: Link): Promise<Extract<LinkState, { at: "open" }>> {
  return new Promise((resolve, reject) => {
    const stop = link.onState((state) => {
      if (state.at === "open") resolve(state);
      else if (state.at === "closed") reject(state.why);
      else return;
      stop();
    });
  });
}

/** What both sides hear of each other's numbers. */
export async function tallies(host: FlowBus, ui: FlowBus) {
  const down = new Tally("flow:down");
  const up = new Tally("flow:up");
  await ui.on("flow:down", down.hear, { onGap: down.gap }).ready;
  await host.on("flow:up", up.hear, { onGap: up.gap }).ready;
  return { down, up };
}

/** One turn of the loop: sockets are read and written. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
