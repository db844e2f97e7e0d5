// Uses the packed packages as a user would, in plain JavaScript: a bus over a worker and over a socket, a journal in a
// file, a Blueprint run and watched by a client. Started where scripts/install-packed.sh installed them.
import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { EventBus } from "@atomiton/events";
import { fileJournal, markedWorker, serveBus, webSocketTransport, workerTransport } from "@atomiton/events/node";
import { Runtime, RuntimeIPC } from "@atomiton/runtime";
import { RuntimeClient } from "@atomiton/runtime/client";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";

import { shop } from "./contract.mjs";

const worker = new Worker(new URL("./worker.mjs", import.meta.url), markedWorker());
const customer = new EventBus({ contract: shop, role: "ui" });
customer.connect(workerTransport(worker), { peer: { role: "host" } });
const sold = customer.next("shop:sold");
assert.deepEqual(await customer.request("shop:order", { item: "bread" }), { total: 5 });
assert.deepEqual(await sold, { item: "bread" });
await customer.close();
await worker.terminate();

const dir = await mkdtemp(join(tmpdir(), "atomiton-packages-"));
await writeFile(
  join(dir, "sum.blueprint.yaml"),
  `apiVersion: atomiton.dev/v1
kind: Blueprint
id: sum
name: Sum
inputs: { numbers: { type: "list<number>" } }
outputs: { sum: { type: number, from: add.value } }
nodes:
  add: { uses: core/transform@1, in: { numbers: $inputs.numbers }, with: { expression: $sum(in.numbers) } }
`,
);

const contracts = [runtimeContract, libraryContract];
const bus = new EventBus({ contracts, role: "host" });
const runtime = new Runtime({ dir });
const host = new RuntimeIPC({ runtime, bus });
host.initialize();
const server = createServer();
const served = serveBus(bus, server, { token: "smoke" });
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const page = new EventBus({ contracts, role: "ui" });
const link = page.connect(webSocketTransport(`ws://127.0.0.1:${server.address().port}/bus`, { token: "smoke" }));
await link.ready;
const client = new RuntimeClient(page);
const result = await client.executeBlueprint("sum", { numbers: [1, 2, 3.5] });
assert.deepEqual(result, { sum: 6.5 });

const journal = await fileJournal(join(dir, "journal.atj"));
journal.append({ hello: "world" });
await journal.flush();
await journal.close();
const again = await fileJournal(join(dir, "journal.atj"));
for await (const entry of again.read()) assert.deepEqual(entry.value, { hello: "world" });
await again.close();

await page.close();
await host.close();
await runtime.close();
await served.close();
await bus.close();
server.close();
console.log(`ok on node ${process.version}`);
