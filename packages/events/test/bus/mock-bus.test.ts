import { expect, test } from "vitest";

import { throttle } from "../../src/index.ts";
import { MockEventBus } from "../../src/testing/mock-bus.ts";

test("[E-BUS-80] the mock records emits and requests with their time, and listeners hear what is emitted", async () => {
  const bus = new MockEventBus();
  const heard: unknown[] = [];
  bus.on("run:*", (data, { name }) => heard.push([name, data]));
  bus.emit("run:one", 1);
  bus.advance(50);
  bus.batch([{ type: "run:two", data: 2 }]);
  bus.answer("run:ask", (n: number) => n + 1);
  expect(await bus.request("run:ask", 3)).toBe(4);
  expect(bus.recorded).toEqual([
    { kind: "emit", name: "run:one", data: 1, at: 0 },
    { kind: "emit", name: "run:two", data: 2, at: 50 },
    { kind: "request", name: "run:ask", data: 3, at: 50 },
  ]);
  expect([bus.emitted("run:one"), bus.requested("run:ask")]).toEqual([[1], [3]]);
  expect(heard).toEqual([
    ["run:one", 1],
    ["run:two", 2],
  ]);
});

test("[E-BUS-81] receive plays a peer: heard, not recorded", () => {
  const bus = new MockEventBus();
  const heard: unknown[] = [];
  bus.once("run:one", (n) => heard.push(n), { where: { n: 2 } });
  for (const n of [1, 2, 2]) bus.receive("run:one", { n });
  expect(heard).toEqual([{ n: 2 }]);
  expect(bus.recorded).toEqual([]);
});

test("[E-BUS-81] its clock drives what takes a clock", () => {
  const bus = new MockEventBus();
  const slow = throttle((n: number) => bus.emit("run:one", n), 100, bus.clock);
  for (const n of [1, 2, 3]) slow(n);
  bus.advance(100);
  expect(bus.emitted("run:one")).toEqual([1, 3]);
  slow.cancel();
  expect(bus.clock.pendingTimers).toBe(0);
});

test("[E-BUS-82] it fails as the bus does: no handler, a second handler, closed; faults are kept", async () => {
  const bus = new MockEventBus();
  await expect(bus.request("run:ask", 1)).rejects.toMatchObject({ code: "NO_HANDLER" });
  const off = bus.handle("run:ask", () => 1);
  expect(() => bus.handle("run:ask", () => 2)).toThrow(/has a handler/);
  off();
  bus.handle("run:ask", () => 2);
  expect(await bus.request("run:ask", 1)).toBe(2);
  const fault = new Error("of the listener");
  const hear = (): never => {
    throw fault;
  };
  bus.on("run:one", hear);
  bus.emit("run:one", 1);
  bus.off("run:one", hear);
  bus.emit("run:one", 2);
  expect(bus.faults).toEqual([fault]);
  await bus.close();
  expect(() => bus.emit("run:one", 3)).toThrow(/closed/);
});
