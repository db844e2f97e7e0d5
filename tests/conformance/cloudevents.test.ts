import { fromCloudEvent, CLOUDEVENT_TYPE, toCloudEvent } from "@atomiton/events/cloudevents";
import { CloudEvent, HTTP, type CloudEventV1 } from "cloudevents";
import { expect, test } from "vitest";

const meta = { name: "order:placed", origin: { busId: "b1", role: "host" }, id: "b1-7", ts: 1_700_000_000_000 };

test.each([[{ n: 1, of: ["a", null] }], ["text"], [[1, 2]]])(
  "[E-CE-4] the official SDK reads %j as it was sent",
  (data) => {
    const body = JSON.stringify(toCloudEvent(data, meta));
    const read = HTTP.toEvent({ headers: { "content-type": CLOUDEVENT_TYPE }, body }) as CloudEventV1<unknown>;
    expect(new CloudEvent(read).validate()).toBe(true);
    expect(read).toMatchObject({ id: "b1-7", type: "order:placed", source: "urn:atomiton:host:b1", data });
  },
);

test("[E-CE-4] the official SDK reads bytes", () => {
  const bytes = Uint8Array.from([0, 255, 7]);
  const body = JSON.stringify(toCloudEvent(bytes, meta));
  const read = HTTP.toEvent({ headers: { "content-type": CLOUDEVENT_TYPE }, body }) as CloudEventV1<Uint8Array>;
  expect([...(read.data ?? [])]).toEqual([...bytes]);
});

test("[E-CE-4] what the official SDK writes is read here", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const written = new CloudEvent({ type: "order:placed", source: "/shop", data: { n: 1 }, traceparent });
  const { body } = HTTP.structured(written);
  expect(fromCloudEvent(JSON.parse(body as string))).toEqual({
    name: "order:placed",
    source: "/shop",
    id: written.id,
    ts: Date.parse(written.time!),
    data: { n: 1 },
    trace: traceparent,
  });
});
