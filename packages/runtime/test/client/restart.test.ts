import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { EventBus } from "@atomiton/events";
import { serveBus, webSocketTransport } from "@atomiton/events/node";
import { expect, onTestFinished, test } from "vitest";

import { RuntimeClient, type ExecutionMessage } from "../../src/client.ts";
import { libraryContract, runtimeContract, type RuntimeBus } from "../../src/contract.ts";
import { RuntimeIPC } from "../../src/host.ts";
import type { Runtime } from "../../src/runtime.ts";
import { sides } from "../host/pair.ts";

const contracts = [runtimeContract, libraryContract] as const;
const timeout = 30_000;

/** Serves a runtime on a real port. `crash` cuts every connection without a word and forgets all sessions. */
async function serve(runtime: Runtime, port: number): Promise<{ port: number; crash: () => Promise<void> }> {
  const bus: RuntimeBus = new EventBus({ contracts, role: "host", connect: false, onError: () => {} });
  const ipc = new RuntimeIPC({ runtime, bus });
  ipc.initialize();
  const server = createServer();
  const open = new Set<Duplex>();
  server.on("upgrade", (_request, socket: Duplex) => open.add(socket));
  const sockets = serveBus(bus, server, { token: "t" });
  const listening = await new Promise<number>((ready) => {
    server.listen(port, "127.0.0.1", () => ready((server.address() as AddressInfo).port));
  });
  const crash = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await ipc.close();
    await sockets.close();
    await bus.close();
    await new Promise((closed) => server.close(closed));
  };
  return { port: listening, crash };
}

async function joinTo(port: number): Promise<RuntimeClient> {
  const bus: RuntimeBus = new EventBus({ contracts, role: "ui", connect: false, onError: () => {} });
  onTestFinished(() => bus.close());
  await bus.connect(webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "t" })).ready;
  return new RuntimeClient(bus);
}

test("[R-IPC-17] a host that comes back without its executions ends the waits for them", { timeout }, async () => {
  const first = await sides();
  const second = await sides();
  onTestFinished(async () => {
    await first.close();
    await second.close();
  });
  const server = await serve(first.runtime, 0);
  const client = await joinTo(server.port);
  const execution = client.execute({ blueprintId: "one", input: { word: "w" } });
  await first.gates.reached("w");
  await server.crash();
  const again = await serve(second.runtime, server.port);
  onTestFinished(again.crash);
  await expect(execution).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
});

test(
  "[R-IPC-16] after a break in which all sessions were lost, the past is told again and the end arrives",
  { timeout },
  async () => {
    const { runtime, gates, close } = await sides();
    onTestFinished(close);
    const server = await serve(runtime, 0);
    const client = await joinTo(server.port);
    const execution = client.execute({ blueprintId: "two", input: { word: "x" } });
    const heard: ExecutionMessage[] = [];
    execution.on((message) => heard.push(message));
    gates.open("a:x");
    await gates.reached("b:x");
    await server.crash();
    // It ends while nobody is connected.
    gates.open("b:x");
    await runtime.waitForCompletion(execution.executionId);
    const again = await serve(runtime, server.port);
    onTestFinished(again.crash);
    expect(await execution).toEqual({ word: "x" });
    await execution.closed;
    expect(heard.at(-1)).toMatchObject({ type: "runtime:completed", snapshot: true });
    expect(heard.filter(({ type }) => type === "runtime:completed")).toHaveLength(1);
  },
);
