import { once } from "node:events";
import { createServer } from "node:http";
import { Worker } from "node:worker_threads";

import { afterEach, expect, test } from "vitest";

import { EventBus, memoryPair, portTransport, type Transport } from "../../src/index.ts";
import { SharedBytes, transfer } from "../../src/large/index.ts";
import { serveBus, webSocketTransport, workerTransport } from "../../src/node.ts";
import { electronPort } from "../../src/transports/electron-port.ts";
import { listen } from "../transports/listen.ts";
import { answer, memory } from "./fixtures/memory.ts";

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

function make(role: string) {
  const faults: { code?: string; message: string }[] = [];
  const bus = new EventBus({ contract: memory, role, onError: (fault) => faults.push(fault as never) });
  open.push(() => bus.close());
  return Object.assign(bus, { faults });
}

async function ask(transport: Transport) {
  const ui = make("ui");
  await ui.connect(transport, { peer: { role: "host" } }).ready;
  const figures = () => {
    const { movedBytes, sharedBytes, copiedBytes } = ui.inspect().links[0]!.session!;
    return { movedBytes, sharedBytes, copiedBytes };
  };
  return Object.assign(ui, { figures });
}

/** A host in this process, at the other end of what `join` makes. */
async function beside(join: () => readonly [Transport, Transport]) {
  const [near, far] = join();
  const host = make("host");
  answer(host);
  host.connect(far, { peer: { role: "ui" } });
  return ask(near);
}

function inThread() {
  const thread = new Worker(new URL("./fixtures/memory-worker.ts", import.meta.url));
  open.push(() => thread.terminate());
  return ask(workerTransport(thread));
}

async function behindSocket() {
  const host = make("host");
  answer(host);
  const { server, port } = await listen(createServer());
  const sockets = serveBus(host, server, { token: "memory" });
  open.push(async () => {
    await sockets.close();
    server.close();
    await once(server, "close");
  });
  return ask(webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "memory" }));
}

const ports = () => {
  const { port1, port2 } = new MessageChannel();
  return [portTransport(port1), portTransport(port2)] as const;
};
const electron = () => {
  const { port1, port2 } = new MessageChannel();
  return [electronPort(port1), electronPort(port2)] as const;
};

const MIB = 1_048_576;

test.each([
  ["a worker", inThread],
  ["a port", () => beside(ports)],
  ["memory", () => beside(memoryPair)],
])("[E-MEM-1] transferred bytes move over %s: whole there, empty here, nothing copied", async (_, dial) => {
  const ui = await dial();
  const sent = Float64Array.from({ length: MIB / 8 }, (__, n) => n);
  expect(await ui.request("memory:sum", { data: transfer(sent) })).toEqual({ sum: ((MIB / 8) * (MIB / 8 - 1)) / 2 });
  expect(sent.byteLength).toBe(0);
  expect(ui.figures()).toEqual({ movedBytes: MIB, sharedBytes: 0, copiedBytes: 0 });
});

test.each([
  ["over a socket", behindSocket, () => new Float64Array(1_000), 8_000],
  ["over Electron's ports", () => beside(electron), () => new Float64Array(1_000), 8_000],
  ["as a part of its buffer", () => beside(ports), () => new Float64Array(1_000).subarray(500), 4_000],
])("[E-MEM-2] transferred bytes are copied, stay, and are counted %s", async (_, dial, bytes, copiedBytes) => {
  const ui = await dial();
  const sent = bytes().fill(2);
  expect(await ui.request("memory:sum", { data: transfer(sent) })).toEqual({ sum: sent.length * 2 });
  expect(sent.byteLength).toBe(copiedBytes);
  expect(ui.figures()).toEqual({ movedBytes: 0, sharedBytes: 0, copiedBytes });
});

test("[E-MEM-2] an event to two peers is copied to both; what moved away is refused, never sent empty", async () => {
  const host = make("host");
  const heard: number[] = [];
  for (let n = 0; n < 2; n++) {
    const [near, far] = memoryPair();
    host.connect(near, { peer: { role: "ui" } });
    const ui = make("ui");
    await ui.connect(far, { peer: { role: "host" } }).ready;
    await ui.on("memory:told", ({ data }) => void heard.push(data.length)).ready;
  }
  const data = transfer(new Float64Array(10));
  host.emit("memory:told", { data });
  await host.flush();
  expect([heard, data.length]).toEqual([[10, 10], 10]);
  host.inspect();
  const one = await beside(memoryPair);
  await one.request("memory:sum", { data });
  await expect(one.request("memory:sum", { data })).rejects.toMatchObject({
    code: "UNCLONEABLE",
    details: { path: "data" },
  });
  // A fault beside it takes nothing away.
  const kept = transfer(new Float64Array(10));
  await expect(one.request("memory:any", { kept, bad: () => undefined })).rejects.toMatchObject({
    code: "UNCLONEABLE",
  });
  expect(kept.length).toBe(10);
});

test.each([
  ["a worker", inThread],
  ["a port", () => beside(ports)],
])(
  "[E-MEM-5] long bytes cross over %s in one frame, as a copy that moves; the sender keeps its own",
  async (_, dial) => {
    const ui = await dial();
    const units = ui.inspect().links[0]!.session!.sentUnits;
    const sent = new Float64Array(MIB / 8).fill(1);
    const asked = ui.request("memory:sum", { data: sent });
    sent.fill(2);
    expect(await asked).toEqual({ sum: MIB / 8 });
    expect(sent.byteLength).toBe(MIB);
    expect(ui.inspect().links[0]!.session!.sentUnits - units).toBeLessThan(4);
    expect(ui.figures()).toEqual({ movedBytes: 0, sharedBytes: 0, copiedBytes: 0 });
  },
);

test.each([
  ["a worker", inThread],
  ["a port", () => beside(ports)],
  ["memory", () => beside(memoryPair)],
])("[E-MEM-3] SharedBytes are the same memory over %s, both ways, through the contract's schema", async (_, dial) => {
  const ui = await dial();
  const data = SharedBytes.from(new Uint8Array(4 * MIB));
  const reply = await ui.request("memory:write", { data, at: 7, value: 42 });
  expect([reply.shared, reply.data.shared, data.bytes[7]]).toEqual([true, true, 42]);
  reply.data.bytes[8] = 43;
  expect(data.bytes[8]).toBe(43);
  expect(ui.figures()).toEqual({ movedBytes: 0, sharedBytes: 4 * MIB, copiedBytes: 0 });
});

test("[E-MEM-4] SharedBytes are a copy over a socket, and say so", async () => {
  const ui = await behindSocket();
  const data = SharedBytes.from(Uint8Array.of(1, 2, 3));
  const reply = await ui.request("memory:write", { data, at: 1, value: 42 });
  expect([reply.shared, reply.data.shared, [...reply.data.bytes], [...data.bytes]]).toEqual([
    false,
    false,
    [1, 42, 3],
    [1, 2, 3],
  ]);
  expect(ui.figures()).toEqual({ movedBytes: 0, sharedBytes: 0, copiedBytes: 3 });
});

test("[E-MEM-4] shared memory stands in SharedBytes alone: raw, a payload with it is copied or refused", async () => {
  const ui = await beside(ports);
  await expect(ui.request("memory:any", { raw: new SharedArrayBuffer(8) })).rejects.toMatchObject({
    code: "UNCLONEABLE",
  });
  const view = new Uint8Array(new SharedArrayBuffer(8));
  const back = (await ui.request("memory:any", { view })) as { view: Uint8Array };
  expect(back.view.buffer).toBeInstanceOf(ArrayBuffer);
});
