import { expect, test } from "vitest";

import { parentTransport, workerTransport } from "../../src/transports/worker.ts";
import { hear } from "./hear.ts";

const start = (): Worker => new Worker(new URL("./fixtures/web-worker.ts", import.meta.url), { type: "module" });
const said = (worker: Worker): Promise<unknown> =>
  new Promise((resolve) => worker.addEventListener("message", (event) => resolve(event.data), { once: true }));

test("[E-WRK-1] frames cross both ways in order between a page and its worker", async () => {
  const worker = start();
  const heard = hear(workerTransport(worker));
  const sent = Array.from({ length: 1000 }, (_, n) => [n, { deep: ["x", n] }, new Uint8Array([n % 256])]);
  for (const frame of sent) heard.connection.send(frame);
  expect(await heard.framesUntil(1000)).toEqual(sent);
  worker.terminate();
});

test("[E-WRK-6] closing does not end the page's worker", async () => {
  const worker = start();
  const heard = hear(workerTransport(worker));
  heard.connection.send([1]);
  await heard.framesUntil(1);
  const last = said(worker);
  heard.connection.close("done");
  expect(await heard.closed).toEqual({ kind: "local", reason: "done", mayRetry: false });
  expect(await last).toBe("closed, and I live on");
  worker.terminate();
});

test("[E-WRK-4] a page's worker that closes the connection says why, and lives on", async () => {
  const worker = start();
  const last = said(worker);
  const heard = hear(workerTransport(worker));
  heard.connection.send(["close"]);
  expect(await heard.closed).toEqual({ kind: "gone", reason: "enough", mayRetry: false });
  expect(await last).toBe("closed, and I live on");
  worker.terminate();
});

test("[E-WRK-5] a page's worker that is terminated, ends itself or never starts is gone", async () => {
  const worker = start();
  const heard = hear(workerTransport(worker));
  heard.connection.send([1]);
  await heard.framesUntil(1);
  worker.terminate();
  expect((await heard.closed).kind).toBe("gone");

  const ending = hear(workerTransport(start()));
  ending.connection.send(["end"]);
  expect((await ending.closed).kind).toBe("gone");

  const missing = hear(workerTransport(new Worker("/there-is-no-such-script.js")));
  expect(await missing.closed).toMatchObject({ kind: "gone", mayRetry: false });
});

test("[E-WRK-7] a page is no worker", () => {
  expect(() => parentTransport()).toThrow(TypeError);
});
