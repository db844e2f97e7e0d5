import { Worker } from "node:worker_threads";

import { afterEach, expect, test } from "vitest";

import { transportContract, type TransportPair } from "../../src/testing/index.ts";
import { portTransport } from "../../src/transports/port.ts";
import { makeRing, RingReader, RingWriter } from "../../src/transports/ring-buffer.ts";
import { ringTransport } from "../../src/transports/ring.ts";
import { workerTransport } from "../../src/transports/worker.ts";
import type { Transport } from "../../src/wire/transport.ts";
import { hear } from "./hear.ts";
import { remoteEnd } from "./remote-end.ts";

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const plain = (inner: Transport): Transport => ({ ...inner, shares: false });

function threads(): TransportPair & { readonly worker: Worker } {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("./fixtures/ring-end.ts", import.meta.url), {
    workerData: { control: port2 },
    transferList: [port2 as never],
  });
  return {
    worker,
    a: ringTransport(workerTransport(worker)),
    b: { ...remoteEnd(port1), medium: "bytes" },
    async close() {
      port1.close();
      await worker.terminate();
    },
  };
}

function beside(over: (inner: Transport) => Transport = (inner) => inner): TransportPair {
  const { port1, port2 } = new MessageChannel();
  const [a, b] = [port1, port2].map((port) => ringTransport(over(portTransport(port)), { ringBytes: 4_096 }));
  return { a: a!, b: b! };
}

transportContract("ring between threads", threads, test);
transportContract("ring of 4 KiB", () => beside(), test);
transportContract("ring without shared memory", () => beside(plain), test);

test("[E-RING-1] it says whether memory is shared", () => {
  const { port1, port2 } = new MessageChannel();
  expect(ringTransport(portTransport(port1)).name).toBe("ring");
  expect(ringTransport(plain(portTransport(port2))).name).toBe("ring (copies)");
  port1.close();
  expect(() => ringTransport(portTransport(port1), { ringBytes: 5_000 })).toThrow(RangeError);
});

test("[E-RING-2] a sender that finds no room is told so, and loses nothing", async () => {
  const { a, b } = beside();
  const [near, far] = [hear(a), hear(b)];
  await Promise.all([near.opened, far.opened]);
  const frames = Array.from({ length: 20 }, (_, n) => new Uint8Array(3_000).fill(n));
  const results = frames.map((frame) => near.connection.send(frame));
  expect(results.slice(0, 2)).toEqual([true, false]);
  expect((await far.framesUntil(20)).map((frame) => frame[2_999])).toEqual(frames.map((frame) => frame[0]));
  expect(near.drains()).toBeGreaterThan(0);
  near.connection.close();
  await far.closed;
});

test("[E-RING-3] a thread that is terminated ends the link, after what it had sent", async () => {
  const pair = threads();
  const { a, b, worker } = pair;
  open.push(() => pair.close?.());
  const [near, far] = [hear(a), hear(b)];
  await Promise.all([near.opened, far.opened]);
  for (let n = 0; n < 100; n++) far.connection.send(Uint8Array.of(n));
  await near.framesUntil(100);
  await worker.terminate();
  expect(await near.closed).toMatchObject({ kind: "gone", mayRetry: false });
  expect(near.frames).toHaveLength(100);
});

test.each([
  ["a word of its own", [9, 1]],
  ["what cannot be read", null],
  ["memory that is no ring", [2, new SharedArrayBuffer(100)]],
  ["a length beyond all limits", [3, Uint8Array.of(255, 255, 255, 255)]],
])("[E-RING-4] a peer that sends %s is given up", async (_, word) => {
  const { port1, port2 } = new MessageChannel();
  const near = hear(ringTransport(portTransport(port1)));
  port2.postMessage(word);
  port2.start();
  expect(await near.closed).toMatchObject({ kind: "local" });
  port2.close();
});

test("[E-RING-4] positions that no pair makes are refused", () => {
  const memory = makeRing(4_096);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  expect(writer.write(new Uint8Array(5_000))).toBe(4_096);
  expect([writer.write(Uint8Array.of(1)), reader.read(() => undefined), reader.read(() => undefined)]).toEqual([
    0, 4_096, 0,
  ]);
  new Int32Array(memory)[0] = 100_000;
  expect(() => reader.read(() => undefined)).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
});

test("[E-RING-2] positions pass 2^32, and pieces wrap around the end", () => {
  const memory = makeRing(4_096);
  const words = new Int32Array(memory);
  words[0] = words[16] = -1_000;
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  const sent = Uint8Array.from({ length: 3_000 }, (_, n) => n % 251);
  for (let round = 0; round < 5; round++) {
    expect(writer.write(sent)).toBe(3_000);
    const got: number[] = [];
    reader.read((piece) => got.push(...piece));
    expect(got).toEqual([...sent]);
  }
});
