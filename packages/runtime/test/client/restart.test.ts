import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { EventBus } from "@atomiton/events";
import { serveBus, webSocketTransport } from "@atomiton/events/node";
import { expect, onTestFinished, test } from "vitest";

import { RuntimeClient } from "../../src/client.ts";
import { libraryContract, runtimeContract, type RuntimeBus } from "../../src/contract.ts";
import { sides } from "../host/pair.ts";

const contracts = [runtimeContract, libraryContract] as const;

/** A host on a real port; `stop` ends it as a crash would: its executions and sessions are forgotten. */
async function serve(port: number) {
  const all = await sides();
  const server: Server = createServer();
  const listening = await new Promise<number>((ready) => {
    server.listen(port, "127.0.0.1", () => ready((server.address() as AddressInfo).port));
  });
  const sockets = serveBus(all.host, server, { token: "t" });
  return {
    ...all,
    port: listening,
    stop: async () => {
      await all.close();
      await sockets.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

test(
  "[R-IPC-17] a host that came back without its executions ends the waits for them",
  { timeout: 30_000 },
  async () => {
    const first = await serve(0);
    const bus: RuntimeBus = new EventBus({ contracts, role: "ui", connect: false, onError: () => {} });
    const client = new RuntimeClient(bus);
    const link = bus.connect(webSocketTransport(`ws://127.0.0.1:${first.port}/bus`, { token: "t" }));
    onTestFinished(() => bus.close());
    await link.ready;
    const execution = client.execute({ blueprintId: "one", input: { word: "w" } });
    await first.gates.reached("w");
    // The server dies without a word: closing the runtime first would tell the end.
    await first.ipc.close();
    await first.stop();
    const second = await serve(first.port);
    onTestFinished(() => second.stop());
    await expect(execution).rejects.toMatchObject({ code: expect.stringMatching(/^(UNKNOWN_EXECUTION|CLOSED)$/) });
  },
);
