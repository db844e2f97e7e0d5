import { Worker } from "node:worker_threads";

import { expect, onTestFinished, test } from "vitest";

import { EventBus, markedWorker, workerTransport } from "../../src/index.ts";

const script = new URL("./fixtures/marked.ts", import.meta.url);

test("[E-EL-22] a marked worker's bus connects to the one who started it", async () => {
  const worker = new Worker(script, markedWorker({ workerData: { own: 1 } }));
  onTestFinished(async () => void (await worker.terminate()));
  const bus = new EventBus({ connect: false, onError: () => {} });
  onTestFinished(() => bus.close());
  const answer = bus.next("answer");
  const link = bus.connect(workerTransport(worker));
  bus.emit("ask", "itself");
  expect(await answer).toBe("the worker heard itself");
  expect(link.state.at).toBe("open");
});

test("[E-EL-22] a worker without the mark leaves its channel alone: nothing keeps it alive", async () => {
  const worker = new Worker(script);
  expect(await new Promise((resolve) => worker.once("exit", resolve))).toBe(0);
});

test("[E-EL-22] the mark keeps the options, and needs an object for its data", () => {
  expect(markedWorker({ name: "images", type: "module", workerData: { own: 1 } })).toEqual({
    name: "atomiton:bus images",
    type: "module",
    workerData: { own: 1, "atomiton:bus": true },
  });
  expect(() => markedWorker({ workerData: [1] })).toThrow(TypeError);
});
