import { Worker } from "node:worker_threads";

import { EventBus } from "@atomiton/events";
import { workerTransport } from "@atomiton/events/node";
import { RuntimeClient } from "@atomiton/runtime/client";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";
import { expect, onTestFinished, test } from "vitest";

const HELLO = "3f0e0d1a-6c55-4f0e-9c5f-6f8c1f8b9a01";
const SLOW = "3f0e0d1a-6c55-4f0e-9c5f-6f8c1f8b9a02";

function startHost(): Worker {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    execArgv: ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning"],
  });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

/** Threads that start from sources take a moment. */
const timeout = 30_000;

async function joinHost(): Promise<{ client: RuntimeClient; worker: Worker }> {
  const worker = startHost();
  // That the thread was ended is what these tests do, no fault.
  const contracts = [runtimeContract, libraryContract] as const;
  const bus = new EventBus({ contracts, role: "ui", connect: false, onError: () => {} });
  onTestFinished(() => bus.close());
  await bus.connect(workerTransport(worker)).ready;
  return { client: new RuntimeClient(bus), worker };
}

test("[R-IPC-22] a client in one thread runs a Blueprint of a host in another", { timeout }, async () => {
  const { client } = await joinHost();
  const seen: string[] = [];
  const execution = client.execute({ blueprintId: HELLO, input: { name: "thread" } });
  for await (const { type } of execution) seen.push(type);
  expect(await execution).toEqual({ greeting: "Hello, thread" });
  expect([seen[0], seen.at(-1)]).toEqual(["runtime:started", "runtime:completed"]);
});

test("[R-IPC-22] when the host's thread dies, what waits for it ends", { timeout }, async () => {
  const { client, worker } = await joinHost();
  const waiting = client.execute({ blueprintId: SLOW });
  await new Promise<void>((started) => waiting.on(({ type }) => type === "runtime:started" && started()));
  await worker.terminate();
  await expect(waiting).rejects.toMatchObject({ code: "CLOSED" });
  await expect(client.executeBlueprint(HELLO)).rejects.toMatchObject({
    code: expect.stringMatching(/^(CLOSED|LINK_LOST|NO_HANDLER|OUTCOME_UNKNOWN)$/),
  });
});
