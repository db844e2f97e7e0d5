import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { fakeClock } from "../../src/testing/fake-clock.ts";
import { faultyLink } from "../../src/testing/faulty-link.ts";
import { messagePackCodec } from "../../src/wire/codec.ts";
import { packFrame, unpackUnit } from "../../src/wire/frame.ts";
import { Side } from "../session/sides.ts";

interface Vector {
  readonly name: string;
  readonly header: readonly [type: number, flags: number, lane: number, seq: number, ack: number];
  readonly body: string;
  readonly bytes: Uint8Array;
}

const page = readFileSync(new URL("../../../../docs/protocol.md", import.meta.url), "utf8");
const vectors: readonly Vector[] = [...page.matchAll(/```vector\n(.*?)```/gs)].map(([, block]) => {
  const field = (name: string): string =>
    new RegExp(`^${name} +(.*?)(?=\\n\\w|\\s*$(?![\\s\\S]))`, "ms").exec(block!)![1]!;
  const header = [...field("header").matchAll(/\d+/g)].map(([digits]) => Number(digits));
  return {
    name: field("name"),
    header: header as unknown as Vector["header"],
    body: field("body"),
    bytes: Uint8Array.from(field("bytes").trim().split(/\s+/), (hex) => Number.parseInt(hex, 16)),
  };
});
const codec = messagePackCodec();

test("[E-WIRE-9] docs/protocol.md shows every frame type", () => {
  const types = new Set(vectors.map((vector) => vector.header[0]));
  expect([...types].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 23 }, (_, i) => i + 1));
});

test.each(vectors.map((vector) => [vector.name, vector] as const))(
  "[E-WIRE-10] the vector of %s in docs/protocol.md is made and read as it says",
  (_, vector) => {
    const [type, flags, lane, seq, ack] = vector.header;
    const frames = [...unpackUnit(vector.bytes)];
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatchObject({ type, flags, lane, seq, ack });
    const raw = frames[0]!.body as Uint8Array;
    const isJson = vector.body !== "raw" && vector.body !== "none";
    expect(isJson ? codec.decode(raw, 64) : vector.body).toEqual(isJson ? JSON.parse(vector.body) : vector.body);
    const made = packFrame(type, flags, lane, seq, ack, isJson ? codec.encode(JSON.parse(vector.body)) : raw);
    expect(made).toEqual(vector.bytes);
  },
);

test("[E-WIRE-11] a session takes the page's vectors as a peer's frames, in their order, with what they mean", () => {
  const clock = fakeClock({ manualTicks: true });
  let side: Side | undefined;
  const link = faultyLink({ accept: (transport) => (side = new Side("b", transport, clock)) });
  const raw = link.dialer.open({ onOpen() {}, onFrame() {}, onDrain() {}, onClose() {} });
  const other = new Set(["RESUME", "REJECT"]);
  const order = vectors.filter((vector) => !other.has(vector.name) && !vector.body.includes('"seen"'));
  const bare = order.filter(({ name }) => ["HELLO", "WELCOME"].includes(name));
  const last = order.filter(({ name }) => name === "BYE");
  const rest = order.filter((vector) => !bare.includes(vector) && !last.includes(vector));
  rest.sort((a, b) => a.header[2] - b.header[2] || a.header[3] - b.header[3]);
  const settle = (): void => {
    for (let moved = 1; moved > 0;) moved = clock.endTick() + link.flush();
  };
  for (const { bytes } of [...bare, ...rest, ...last]) {
    raw.send(bytes.slice());
    settle();
  }
  expect(side!.violations).toEqual([]);
  expect(side!.events).toEqual([
    { name: "runtime:progress", data: { percent: 50 }, extra: {} },
    {
      name: "runtime:progress",
      data: { percent: 100 },
      extra: { id: "e-2", origin: { busId: "worker-9", role: "host" }, ts: 1_700_000_000_000 },
    },
    { name: "a:name", data: true, extra: {} },
    {
      name: "runtime:progress",
      data: { at: new Date(1_700_000_000_000), zero: -0, of: new Map([["a", 255n]]) },
      extra: {},
    },
    {
      name: "runtime:progress",
      data: { percent: 1 },
      extra: { to: { role: "ui", one: true }, except: "page-2" },
    },
    { name: "runtime:progress", data: "two chunks", extra: {} },
  ]);
  expect(side!.messages.map((message) => message.t)).toEqual([
    "request",
    "reply",
    "error",
    "cancel",
    "progress",
    "flow",
    "sub",
    "sub",
    "unsub",
    "suback",
    "suback",
    "suback",
    "behind",
    "lost",
  ]);
  expect(side!.messages[0]).toEqual({
    t: "request",
    id: 3,
    name: "runtime:execute",
    data: { blueprintId: "b" },
    timeoutMs: 30_000,
    key: "key-1",
    to: { role: "host" },
  });
  expect(side!.gaps).toEqual([
    { from: 0, to: 0, lane: "bulk", reason: "over the limit", names: { "runtime:log": 12 } },
  ]);
  expect(side!.why?.message).toContain("the page closes");
});
