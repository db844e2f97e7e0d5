/** The packages as a user's TypeScript sees them; compiled where scripts/install-packed.sh installed them, and run. */
import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import {
  command,
  defineContract,
  event,
  EventBus,
  EventsError,
  memoryPair,
  type Link,
  type Meta,
} from "@atomiton/events";
import { acceptPages } from "@atomiton/events/electron/main";
import { pageTransport } from "@atomiton/events/electron/renderer";
import { fileJournal, markedWorker, serveBus, workerTransport } from "@atomiton/events/node";
import { fakeClock, MockEventBus } from "@atomiton/events/testing";
import { webSocketTransport } from "@atomiton/events/websocket";
import { defineNode, port, Runtime, RuntimeIPC } from "@atomiton/runtime";
import { RuntimeClient } from "@atomiton/runtime/client";
import { libraryContract, runtimeContract, type RuntimeEvents } from "@atomiton/runtime/contract";
import { z } from "zod";

const shop = defineContract("shop@1", {
  "shop:order": command(z.object({ item: z.string() }), z.object({ total: z.number() }), {
    from: ["ui"],
    to: ["host"],
  }),
  "shop:sold": event(z.object({ item: z.string() }), { from: ["host"], to: ["ui"] }),
});

const worker = new Worker(new URL("./worker.mjs", import.meta.url), markedWorker());
const customer = new EventBus({ contract: shop, role: "ui" });
const link: Link = customer.connect(workerTransport(worker), { peer: { role: "host" } });
await link.ready;
let heard: { item: string } | undefined;
customer.on("shop:sold", (data, meta: Meta) => {
  heard = data;
  // @ts-expect-error: a sale has no price
  void data.price;
  void meta.ts;
});
const { total }: { total: number } = await customer.request("shop:order", { item: "bread" });
// @ts-expect-error: an item is text
const wrong: unknown = await customer.request("shop:order", { item: 5 }).catch((error: unknown) => error);
assert.ok(wrong instanceof EventsError && wrong.code === "INVALID_PAYLOAD");
assert.deepEqual([total, heard], [5, { item: "bread" }]);
await customer.close();
await worker.terminate();

const half = defineNode({
  type: "acme/half",
  version: "1.0.0",
  title: "Half",
  category: "data",
  description: "Half of a number.",
  inputs: { value: port.value(z.number()) },
  outputs: { half: port.value(z.number()) },
  config: z.strictObject({}),
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  run: (ctx) => Promise.resolve({ half: ctx.in.value / 2 }),
});
const dir = await mkdtemp(join(tmpdir(), "atomiton-typed-"));
await writeFile(
  join(dir, "half.blueprint.yaml"),
  `apiVersion: atomiton.dev/v1
kind: Blueprint
id: half
name: Half
inputs: { number: { type: number } }
outputs: { half: { type: number, from: halve.half } }
nodes:
  halve: { uses: acme/half@1, in: { value: $inputs.number } }
`,
);
const host = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host" });
const page = new EventBus({ contracts: [runtimeContract, libraryContract], role: "ui" });
const runtime = new Runtime({ dir, nodes: [half] });
const ipc = new RuntimeIPC({ runtime, bus: host });
ipc.initialize();
const [there, here] = memoryPair();
host.connect(there, { peer: { role: "ui", grants: ["*"] } });
page.connect(here, { peer: { role: "host" } });
let completed: RuntimeEvents["runtime:completed"] | undefined;
page.on("runtime:completed", (data) => (completed = data));
assert.deepEqual(await new RuntimeClient(page).executeBlueprint("half", { number: 7 }), { half: 3.5 });
assert.deepEqual(completed?.result, { half: 3.5 });
await page.close();
await ipc.close();
await runtime.close();
await host.close();

// Doors of other environments: here for their types.
void [acceptPages, pageTransport, fileJournal, serveBus, fakeClock, MockEventBus, webSocketTransport];
console.log("ok");
