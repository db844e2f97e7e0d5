import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { afterEach, expect, test } from "vitest";

import { workerTransport } from "../../src/transports/worker.ts";
import { hear } from "./hear.ts";

const workers: Worker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

function start(workerData: object = {}): Worker {
  const worker = new Worker(new URL("./fixtures/echo-worker.ts", import.meta.url), { workerData });
  workers.push(worker);
  return worker;
}

test("[E-WRK-1] frames cross both ways in order, also those sent before the worker runs", async () => {
  const heard = hear(workerTransport(start()));
  const sent = Array.from({ length: 1000 }, (_, n) => [n, { deep: ["x", n] }, new Uint8Array([n % 256])]);
  for (const frame of sent) expect(heard.connection.send(frame)).toBe(true);
  expect(await heard.framesUntil(1000)).toEqual(sent);
});

test("[E-WRK-2] what the program posts on the worker's own channel goes its own way", async () => {
  const worker = start({ posts: true });
  const heard = hear(workerTransport(worker));
  heard.connection.send([1]);
  worker.postMessage("for the program");
  const answers: unknown[] = [];
  worker.on("message", (value) => answers.push(value));
  await heard.framesUntil(1);
  while (answers.length < 1) await once(worker, "message");
  expect(answers).toEqual([["mine", "for the program"]]);
  expect(heard.frames).toEqual([[1]]);
});

test("[E-WRK-3] a worker that was not asked to speak hears one invitation and says nothing", async () => {
  const worker = start({ uninvited: true, posts: true });
  const said: unknown[] = [];
  worker.on("message", (value) => said.push(value));
  const heard = hear(workerTransport(worker));
  heard.connection.send([1]);
  worker.postMessage("ping");
  while (said.length < 1) await once(worker, "message");
  expect(said).toEqual([["mine", "ping"]]);
  expect(heard.frames).toEqual([]);
  heard.connection.close();
  expect((await heard.closed).kind).toBe("local");
});

test.each([
  ["exits", ["exit", 3], []],
  ["throws", ["throw"], ["a fault of the worker"]],
])("[E-WRK-4] when the worker %s, its last frames come first, then one close", async (_name, frame, expected) => {
  const worker = start();
  const faults: string[] = [];
  worker.on("error", (fault: Error) => faults.push(fault.message));
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  const heard = hear(workerTransport(worker));
  heard.connection.send(frame);
  expect(await heard.closed).toMatchObject({ kind: "gone", mayRetry: false });
  expect(heard.frames).toEqual([frame, ["last", 0], ["last", 1], ["last", 2]]);
  await exited;
  expect(faults).toEqual(expected);
});

test("[E-WRK-4] when the worker closes, its last frames come first, and it lives on", async () => {
  const worker = start();
  const last = once(worker, "message");
  const heard = hear(workerTransport(worker));
  heard.connection.send(["close"]);
  expect(await heard.closed).toEqual({ kind: "gone", reason: "enough", mayRetry: false });
  expect(heard.frames).toEqual([["close"], ["last", 0], ["last", 1], ["last", 2]]);
  expect(await last).toEqual(["closed, and I live on"]);
});

test("[E-WRK-4] a crash stays visible to the program: the transport takes no `error` for itself", () => {
  const worker = start();
  const heard = hear(workerTransport(worker));
  expect(worker.listenerCount("error")).toBe(0);
  heard.connection.close();
});

test("[E-WRK-5] a terminated worker, and one that was dead before, close the connection as gone", async () => {
  const worker = start();
  const heard = hear(workerTransport(worker));
  heard.connection.send([1]);
  await heard.framesUntil(1);
  const before = worker.listenerCount("exit");
  await worker.terminate();
  expect(await heard.closed).toEqual({
    kind: "gone",
    reason: "The worker ended with exit code 1; start another one and connect it",
    mayRetry: false,
  });
  expect(worker.listenerCount("exit")).toBe(before - 1);
  expect(heard.connection.send([2])).toBe(true);

  const late = hear(workerTransport(worker));
  expect(await late.closed).toMatchObject({ kind: "gone", reason: "The worker has ended already" });

  const early = start();
  const during = hear(workerTransport(early));
  await early.terminate();
  expect((await during.closed).kind).toBe("gone");
});

test("[E-WRK-6] closing gives every listener back, and does not end the worker", async () => {
  const worker = start();
  const before = worker.eventNames().map((name) => [name, worker.listenerCount(name)]);
  const heard = hear(workerTransport(worker));
  heard.connection.send([1]);
  await heard.framesUntil(1);
  const last = once(worker, "message");
  heard.connection.close("done");
  heard.connection.close("again");
  expect(await heard.closed).toEqual({ kind: "local", reason: "done", mayRetry: false });
  expect(await last).toEqual(["closed, and I live on"]);
  expect(worker.eventNames().map((name) => [name, worker.listenerCount(name)])).toEqual(before);
  expect(worker.threadId).toBeGreaterThan(0);
});

test("[E-WRK-7] each call is one connection, and `parentTransport` belongs in a worker", async () => {
  const transport = workerTransport(start());
  const heard = hear(transport);
  expect(() => hear(transport)).toThrow(TypeError);
  heard.connection.close();
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     import(${JSON.stringify(new URL("../../src/transports/worker.ts", import.meta.url).href)}).then(({ parentTransport }) => {
       const before = parentPort.listenerCount("message");
       const events = { onOpen() {}, onFrame() {}, onDrain() {}, onClose: (cause) => parentPort.postMessage([cause.kind, parentPort.listenerCount("message") - before]) };
       parentTransport().open(events).close();
     });`,
    { eval: true },
  );
  workers.push(worker);
  expect(await once(worker, "message")).toEqual([["local", 0]]);
});
