import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { expect, test } from "vitest";
import { z } from "zod";

import { DICTIONARY_PLACES, mostCells } from "../../src/codec/columns.ts";
import { compiledCodec } from "../../src/codec/compiled-codec.ts";
import { command, defineContract, event } from "../../src/core/define-contract.ts";
import { EventBus } from "../../src/index.ts";
import { deflate, serveBus, webSocketTransport } from "../../src/node.ts";
import { openRoad, road } from "../session/sides.ts";
import { listen } from "../transports/listen.ts";

const row = z.object({ id: z.string(), n: z.number(), note: z.string().optional() });
const contract = defineContract("codec@1", { one: event(row), two: event(z.unknown()), log: event(row) });
const codec = compiledCodec(contract);

const id = (n: number): string => `an id of 24 letters, ${n % 5}`;
const data = (n: number) => ({ id: id(n), n, ...(n % 3 === 0 && { note: "again and again" }) });

test("[E-COD-3] frames that are sent again and sessions that resume decode, wherever the road is cut, volatile events between", () => {
  for (let behind = 1; behind <= 40; behind++) {
    const world = road({ session: { codecs: [codec] } });
    const sent: unknown[] = [];
    const emit = (n: number): void => {
      world.a.emit(data(n), n % 2 === 0 ? {} : { name: "log" });
      sent.push(data(n));
      world.a.emit({ id: `volatile ${n}`, n }, { name: "log", delivery: "volatile" });
    };
    for (let n = 0; n < 10; n++) emit(n);
    for (let i = 0; i < behind; i++) {
      world.clock.endTick();
      world.link.flush(1);
      if (i % 3 === 0) emit(10 + i);
    }
    world.link.cut();
    world.pass(30_000);
    emit(1_000);
    world.settle();
    const heard = world.accepted.flatMap((side) => side.data as { id: string }[]);
    expect(heard.filter((each) => !each.id.startsWith("volatile"))).toEqual(sent);
    expect(world.accepted.flatMap((side) => side.violations)).toEqual([]);
    expect(world.a.session.gauges().codec).toBe(codec.name);
  }
});

test("[E-COD-3] a new session on the same link begins with an empty dictionary", () => {
  const world = openRoad({ session: { codecs: [codec] }, forgets: true });
  world.a.emit(data(1));
  world.settle();
  world.link.cut();
  world.pass(90_000);
  world.a.emit(data(1));
  world.pass(1_000);
  expect(world.accepted.length).toBeGreaterThan(1);
  expect(world.accepted.at(-1)!.data).toEqual([data(1)]);
  expect(world.accepted.flatMap((side) => side.violations)).toEqual([]);
});

test("[E-COD-4] a text that was said crosses as a number from then on; the dictionary is bounded, and begins anew when full", () => {
  const encoder = codec.encoder(["one"]);
  const decoder = codec.decoder(["one"]);
  const cross = (value: unknown): number => {
    const bytes = encoder.encode([0, value], true)!;
    expect(decoder.decode(bytes, 200)).toEqual([0, value]);
    return bytes.byteLength;
  };
  expect(cross(data(1)) - cross(data(1))).toBeGreaterThan(20);
  for (let n = 0; n < DICTIONARY_PLACES * 3; n++) {
    const value = { id: `another id ${n}`, n };
    cross(value);
    cross(value);
  }
  // Texts that are never said again make it rest for a while.
  const sizes = Array.from({ length: 200 }, () => cross(data(1)));
  expect(sizes.at(-1)).toBeLessThan(15);
});

test("[E-COD-5] what would stand for more values than its bytes may goes as MessagePack, and the next frame decodes", () => {
  const many = Array.from({ length: 300_000 }, () => 0);
  const encoder = codec.encoder(["one"]);
  expect(encoder.encode([0, { id: "taken back", n: 1, many }], true)).toBeUndefined();
  const next = encoder.encode([0, { id: "taken back", n: 2 }], true)!;
  expect(codec.decoder(["one"]).decode(next, 200)).toEqual([0, { id: "taken back", n: 2 }]);

  const world = openRoad({ session: { codecs: [codec] } });
  world.a.emit({ many });
  world.pass(1_000);
  world.a.emit(data(2));
  world.settle();
  expect(world.b.data).toEqual([{ many }, data(2)]);
  const bomb = new Uint8Array([0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 2]);
  expect(() => codec.decoder(["one"]).decode(bomb, 200)).toThrow(/more values/);
  expect(mostCells(9)).toBeLessThan(5_000);
});

test("[E-COD-6] one name for what agrees, whatever the order of its fields; where names differ the link speaks MessagePack", () => {
  const turned = z.object({ note: z.string().optional(), n: z.number(), id: z.string() });
  const twin = defineContract("codec@1", { log: event(turned), two: event(z.unknown()), one: event(turned) });
  expect(compiledCodec(twin, { generate: false }).name).toBe(codec.name);
  const other = compiledCodec(defineContract("codec@1", { one: event(z.object({ id: z.string() })) }));
  expect(other.name).not.toBe(codec.name);

  const world = openRoad({ session: { codecs: [other, codec] }, acceptSession: { codecs: [codec] } });
  expect([world.a, world.b].map((side) => side.session.gauges().codec)).toEqual([codec.name, codec.name]);
  const strangers = openRoad({ session: { codecs: [other] }, acceptSession: { codecs: [codec] } });
  strangers.a.emit(data(1));
  strangers.settle();
  expect([strangers.a, strangers.b].map((side) => side.session.gauges().codec)).toEqual(["msgpack", "msgpack"]);
  expect(strangers.b.data).toEqual([data(1)]);
});

test("[E-COD-6] where code may not be made at run time, the codec works all the same", () => {
  const program = `
    import { z } from "zod";
    import { compiledCodec } from "./src/codec/compiled-codec.ts";
    import { defineContract, event } from "./src/core/define-contract.ts";
    z.config({ jitless: true });
    const codec = compiledCodec(defineContract("codec@1", { one: event(z.object({ id: z.string() })) }));
    const bytes = codec.encoder(["one"]).encode([0, { id: "x" }], true);
    console.log(JSON.stringify(codec.decoder(["one"]).decode(bytes, 64)));
  `;
  const flags = ["--disallow-code-generation-from-strings", "--input-type=module", "--eval", program];
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd, encoding: "utf8" });
  expect([stdout.trim(), stderr]).toEqual(['[0,{"id":"x"}]', ""]);
});

test("[E-COD-6] two buses over a WebSocket agree on it, and say so", async () => {
  const shop = defineContract("shop@1", {
    "shop:sold": event(row, { from: ["host"], to: ["ui"] }),
    "shop:ask": command(row, row, { from: ["ui"], to: ["host"] }),
  });
  const options = { contract: shop, codecs: [compiledCodec(shop)], compression: deflate() };
  const host = new EventBus({ ...options, role: "host" });
  const ui = new EventBus({ ...options, role: "ui" });
  host.handle("shop:ask", (asked) => asked);
  const server = createServer();
  const { port } = await listen(server);
  const served = serveBus(host, server, { token: "secret" });
  const link = ui.connect(webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: "secret" }));
  const heard: unknown[] = [];
  await ui.on("shop:sold", (sold) => heard.push(sold)).ready;
  await link.ready;
  const sold = Array.from({ length: 1_000 }, (_, n) => data(n));
  for (const each of sold) host.emit("shop:sold", each);
  expect(await ui.request("shop:ask", data(1))).toEqual(data(1));
  await host.flush();
  expect(heard).toEqual(sold);
  const { session } = host.inspect().links[0]!;
  expect([session?.codec, session?.compression]).toEqual([options.codecs[0]!.name, "deflate-raw"]);
  await Promise.all([ui.close(), host.close(), served.close()]);
  server.close();
});

test("[E-COD-4] what is remembered, or kept of a long frame, does not keep the frame in memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const kept: unknown[] = [];
  const encoder = codec.encoder(["two"]);
  const decoder = codec.decoder(["two"]);
  const before = heap();
  for (let n = 0; n < 60; n++) {
    const rows = [
      { name: `remembered, ${n}` },
      { text: `${n}`.padEnd(500_000, "x") },
      { held: `held by a program, ${n}` },
    ];
    const bytes = encoder.encode([0, rows], true)!;
    const [, back] = decoder.decode(bytes, 64) as [number, { held: string }[]];
    kept.push(back[2]!.held);
  }
  // Of 30 MB.
  expect(heap() - before).toBeLessThan(6_000_000);
  expect([kept.length, decoder.decode(encoder.encode([0, "x"], true)!, 64)]).toEqual([60, [0, "x"]]);
});

test("[E-COD-3] a long message that the other side refuses unread leaves later ones readable", () => {
  // The dialler measured it by its own limit: it was emitted before the other side told its own.
  const early = road({ session: { codecs: [codec] }, acceptLimits: { messageBytes: 100_000 } });
  const long = { rows: [{ name: "only in the long one" }, { name: "0123456789".repeat(20_000) }] };
  early.a.emit(long);
  early.pass(1_000);
  early.a.emit({ name: "only in the long one" });
  early.pass(1_000);
  expect(early.b.data).toEqual([{ name: "only in the long one" }]);
  expect(early.b.violations.map(({ kind }) => kind)).toEqual(["too-large"]);
});
