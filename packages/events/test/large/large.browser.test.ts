/** Runs in pages that are cross-origin isolated, and in pages that are not. */
import { expect, inject, test } from "vitest";

import { EventBus, workerTransport } from "../../src/index.ts";
import { SharedBytes, transfer } from "../../src/large/index.ts";
import { ringTransport } from "../../src/transports/ring.ts";
import { memory } from "./fixtures/memory.ts";

declare module "vitest" {
  interface ProvidedContext {
    isolated: boolean;
  }
}

async function ask(over: (inner: ReturnType<typeof workerTransport>) => typeof inner, script: URL) {
  const worker = new Worker(script, { type: "module" });
  const ui = new EventBus({ contract: memory, role: "ui", connect: false });
  await ui.connect(over(workerTransport(worker)), { peer: { role: "host" } }).ready;
  const figures = () => {
    const { transport, session } = ui.inspect().links[0]!;
    const { movedBytes, sharedBytes, copiedBytes } = session!;
    return { transport, movedBytes, sharedBytes, copiedBytes };
  };
  const close = async () => {
    await ui.close();
    worker.terminate();
  };
  return { ui, figures, close };
}

test("[E-MEM-1] bytes move to a Web Worker: whole there, empty here", async () => {
  const { ui, figures, close } = await ask((inner) => inner, new URL("./fixtures/memory-worker.ts", import.meta.url));
  const sent = new Float64Array(100_000).fill(1);
  expect(await ui.request("memory:sum", { data: transfer(sent) })).toEqual({ sum: 100_000 });
  expect(sent.byteLength).toBe(0);
  expect(figures()).toEqual({ transport: "worker", movedBytes: 800_000, sharedBytes: 0, copiedBytes: 0 });
  await close();
});

test("[E-MEM-4] SharedBytes are shared with a Web Worker where the page is isolated, else a copy that says so", async () => {
  const { ui, close } = await ask((inner) => inner, new URL("./fixtures/memory-worker.ts", import.meta.url));
  expect(crossOriginIsolated).toBe(inject("isolated"));
  const data = SharedBytes.from(Uint8Array.of(1, 2, 3));
  const { shared } = await ui.request("memory:write", { data, at: 0, value: 42 });
  expect([shared, data.shared, data.bytes[0]]).toEqual(crossOriginIsolated ? [true, true, 42] : [false, false, 1]);
  await close();
});

test("[E-RING-1] the ring speaks with a Web Worker, through shared memory or without, and its name says which", async () => {
  const { ui, figures, close } = await ask(ringTransport, new URL("./fixtures/ring-web-worker.ts", import.meta.url));
  expect(await ui.request("memory:sum", { data: new Float64Array(100_000).fill(1) })).toEqual({ sum: 100_000 });
  expect(figures().transport).toBe(crossOriginIsolated ? "ring" : "ring (copies)");
  await close();
});
