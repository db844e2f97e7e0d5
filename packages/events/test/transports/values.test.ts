/** What crosses, and what is refused, is the same on every medium: the table goes there and back on each. */
import { fork, spawn } from "node:child_process";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { afterEach, expect, test } from "vitest";

import { EventBus, type BusOptions, memoryPair, portTransport, type EventsError } from "../../src/index.ts";
import {
  childTransport,
  markedChild,
  serveBus,
  stdioTransport,
  webSocketTransport,
  workerTransport,
} from "../../src/node.ts";
import type { Transport } from "../../src/wire/transport.ts";
import { compiled, echo, echoHost } from "./fixtures/echo.ts";
import { listen } from "./listen.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const path = fileURLToPath(new URL("./fixtures/echo-host.ts", import.meta.url));
const peer = { peer: { role: "ui" } };

async function socket(options?: MediumRow["options"]): Promise<Transport> {
  const server = createServer();
  const host = echoHost(options);
  const { port } = await listen(server);
  const served = serveBus(host, server, { token: "secret", admits: { role: "ui", grants: [] } });
  open.push(
    () => server.close(),
    () => Promise.all([served.close(), host.close()]),
  );
  return webSocketTransport(`http://127.0.0.1:${port}/bus`, { token: "secret" });
}

interface MediumRow {
  readonly name: string;
  readonly make: () => Transport | Promise<Transport>;
  readonly options?: Pick<BusOptions, "codecs" | "compression">;
}

const media: readonly MediumRow[] = [
  {
    name: "memory",
    make() {
      const [near, far] = memoryPair();
      echoHost().connect(far, peer);
      return near;
    },
  },
  {
    name: "MessagePort",
    make() {
      const { port1, port2 } = new MessageChannel();
      echoHost().connect(portTransport(port2), peer);
      return portTransport(port1);
    },
  },
  {
    name: "worker",
    make() {
      const worker = new Worker(path);
      open.push(() => worker.terminate());
      return workerTransport(worker);
    },
  },
  {
    name: "a child's channel",
    make() {
      const child = fork(path, ["ipc"], markedChild({ execArgv: [] }));
      open.push(() => child.kill());
      return childTransport(child);
    },
  },
  {
    name: "a child's stdio",
    make() {
      const child = spawn(process.execPath, [path, "stdio"], { stdio: ["pipe", "pipe", "inherit"] });
      open.push(() => child.kill());
      return stdioTransport(child);
    },
  },
  { name: "WebSocket", make: () => socket() },
  { name: "WebSocket, compiled and compressed", make: () => socket(compiled), options: compiled },
];

const views = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
].map((View) => View.from([1, 2, 127]));

const error = Object.assign(new RangeError("outer", { cause: new Error("inner") }), { code: "E_OUTER" });

const values: readonly (readonly [string, unknown])[] = [
  ["undefined, null and booleans", [undefined, null, true, false, { there: undefined }]],
  ["numbers", [0, -0, NaN, Infinity, -Infinity, 1.5, -(2 ** 31), 2 ** 53, 1.7e12, 5e-324]],
  ["text", ["", "plain", "Füße 你好 🎉", "\u0000\u0001", "x".repeat(3_000)]],
  ["bigint", [0n, -1n, 2n ** 200n]],
  ["dates", [new Date(0), new Date(-5), new Date(NaN)]],
  [
    "maps and sets",
    [
      new Map<unknown, unknown>([
        [{ k: 1 }, new Set([NaN, new Map([["a", 1n]])])],
        [undefined, -0],
      ]),
    ],
  ],
  ["views", [...views, new BigInt64Array([-5n]), new BigUint64Array([5n]), new DataView(new ArrayBuffer(3))]],
  ["buffers", [new Uint8Array([4, 5]).buffer, new ArrayBuffer(0)]],
  ["odd names", JSON.parse('{"__proto__": {"x": 1}, "constructor": 2, "\\u0001": [1, 2]}')],
  ["a table", Array.from({ length: 50 }, (_, n) => ({ n, name: `row ${n}`, even: n % 2 === 0 ? null : undefined }))],
  ["long data", { text: "0123456789".repeat(20_000), at: new Date(3) }],
];

const refused: readonly (readonly [string, unknown, string])[] = [
  ["a function", { rows: [{}, { onClick: () => 1 }] }, "value.rows[1].onClick"],
  ["a symbol", [Symbol("s")], "value[0]"],
  ["a WeakMap", { cache: new WeakMap() }, "value.cache"],
  ["a promise", { later: Promise.resolve() }, "value.later"],
  [
    "a getter that throws",
    {
      get now(): never {
        throw new Error("no");
      },
    },
    "value.now",
  ],
];

test.each(media)(
  "[E-WIRE-12] every kind of value crosses alike, and what cannot is refused with its path: $name",
  async ({ make, options }) => {
    const faults: unknown[] = [];
    const ui = new EventBus({
      contract: echo,
      role: "ui",
      validate: "in",
      onError: (fault) => faults.push(fault),
      ...options,
    });
    open.push(() => ui.close());
    const transport = await make();
    const link = ui.connect(transport, { peer: { role: "host" } });
    await link.ready;
    const heard: unknown[] = [];
    await ui.on("echo:back", ({ value }) => heard.push(value)).ready;
    for (const [, value] of values) {
      ui.emit("echo:say", { value });
      const { value: answer } = await ui.request("echo:ask", { value });
      expect(answer).toStrictEqual(value);
    }
    ui.emit("echo:say", { value: error });
    ui.emit("echo:say", { value: "last" });
    await expect.poll(() => heard.at(-1), { timeout: 10_000 }).toBe("last");
    expect(heard.slice(0, -2)).toStrictEqual(values.map(([, value]) => value));
    expect(Object.is((heard[1] as number[])[1], -0)).toBe(true);
    const back = heard.at(-2) as typeof error & { cause: Error };
    expect([back instanceof RangeError, back.name, back.message, back.code, back.cause.message]).toEqual([
      true,
      "RangeError",
      "outer",
      "E_OUTER",
      "inner",
    ]);
    for (const [, value, path] of refused) {
      await expect(ui.request("echo:ask", { value })).rejects.toMatchObject({ code: "UNCLONEABLE", details: { path } });
      ui.emit("echo:say", { value });
    }
    expect(faults.map((fault) => (fault as EventsError).code)).toEqual(refused.map(() => "UNCLONEABLE"));
    expect(link.state.at).toBe("open");
  },
);
