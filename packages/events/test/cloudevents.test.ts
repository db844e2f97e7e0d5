import { expect, test } from "vitest";

import { fromCloudEvent, toCloudEvent } from "../src/cloudevents.ts";

const meta = { name: "order:placed", origin: { busId: "b1", role: "host" } };

test("[E-CE-1] a message becomes a CloudEvent 1.0 and back, with its id, time and trace; bytes become base64", () => {
  const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const envelope = toCloudEvent(
    { n: 1, of: [null, { a: undefined }] },
    { ...meta, id: "b1-7", ts: 1_700_000_000_000, trace },
  );
  expect(envelope).toEqual({
    specversion: "1.0",
    id: "b1-7",
    source: "urn:atomiton:host:b1",
    type: "order:placed",
    time: "2023-11-14T22:13:20.000Z",
    traceparent: trace,
    datacontenttype: "application/json",
    data: { n: 1, of: [null, {}] },
  });
  expect(fromCloudEvent(JSON.parse(JSON.stringify(envelope)))).toEqual({
    name: "order:placed",
    data: { n: 1, of: [null, {}] },
    id: "b1-7",
    source: "urn:atomiton:host:b1",
    ts: 1_700_000_000_000,
    trace,
  });
  const bytes = Uint8Array.from({ length: 300 }, (_, n) => n % 256);
  const back = fromCloudEvent(JSON.parse(JSON.stringify(toCloudEvent(bytes, meta, { source: "/mine" }))));
  expect(back).toMatchObject({ data: bytes, source: "/mine" });
  expect(fromCloudEvent(toCloudEvent(undefined, meta)).data).toBeUndefined();
  expect(toCloudEvent(1, meta).id).not.toBe(toCloudEvent(1, meta).id);
});

const cycle: { self?: unknown } = {};
cycle.self = cycle;
let deep: unknown = 0;
for (let level = 0; level < 70; level++) deep = [deep];

test.each([
  ["at[0]", { at: [new Date(0)] }],
  ["n", { n: 1n }],
  ["x", { x: Number.NaN }],
  ["z", { z: -0 }],
  ["list[1]", { list: [1, undefined] }],
  // oxlint-disable-next-line no-sparse-arrays
  ["holes[1]", { holes: [1, , 2] }],
  ["of", { of: new Map() }],
  ["bytes", { bytes: new Uint8Array(1) }],
  ["self", cycle],
  ["[0]".repeat(64), deep],
])("[E-CE-2] what JSON would drop or change is refused with its path: %s", (path, data) => {
  expect(() => toCloudEvent(data, meta)).toThrow(
    expect.objectContaining({ code: "UNCLONEABLE", details: { name: "order:placed", path } }),
  );
});

const good = { specversion: "1.0", id: "1", source: "/s", type: "t" };

test.each([
  [null],
  ["text"],
  [{ ...good, specversion: "0.3" }],
  [{ ...good, id: "" }],
  [{ ...good, source: undefined }],
  [{ ...good, type: 5 }],
  [{ ...good, time: "yesterday" }],
  [{ ...good, time: "2023-13-99T99:99:99Z" }],
  [{ ...good, traceparent: 7 }],
  [{ ...good, data_base64: "*" }],
  [{ ...good, data_base64: "AA==", data: 1 }],
])("[E-CE-3] what is no CloudEvent 1.0 is INVALID_PAYLOAD: %j", (envelope) => {
  expect(() => fromCloudEvent(envelope)).toThrow(expect.objectContaining({ code: "INVALID_PAYLOAD" }));
});
