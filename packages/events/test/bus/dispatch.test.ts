import { expect, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus, EventsError } from "../../src/index.ts";
import { settle } from "./join.ts";

interface Events {
  one: { n: number };
  two: { n: number };
}

const contract = defineContract("test@1", {
  "run:ask": command(z.object({ n: z.number() }), z.object({ n: z.number() }), { from: ["ui"], to: ["host"] }),
  "run:told": event(z.object({ n: z.number() }), { from: ["host"], to: ["ui"] }),
  "run:log": event(z.object({ n: z.number() })),
});

function code(run: () => unknown): string {
  try {
    run();
  } catch (fault) {
    if (fault instanceof EventsError) return fault.code;
    throw fault;
  }
  return "nothing";
}

test("[E-BUS-1] listeners hear synchronously, in subscription order, names and patterns mixed", () => {
  const bus = new EventBus();
  const heard: string[] = [];
  bus.on("*", () => heard.push("all"));
  bus.on("run:one", () => heard.push("exact"));
  bus.on("run:*", () => heard.push("area"));
  bus.on("other:*", () => heard.push("other"));
  bus.emit("run:one", {});
  expect(heard).toEqual(["all", "exact", "area"]);
});

test("[E-BUS-1] a pattern that comes or goes changes who hears the next emit", () => {
  const bus = new EventBus();
  const heard: number[] = [];
  bus.emit("run:one", 0);
  const off = bus.on("run:*", (n) => heard.push(n));
  bus.emit("run:one", 1);
  off();
  off();
  bus.emit("run:one", 2);
  expect(heard).toEqual([1]);
});

test.each(["__proto__", "constructor", "toString", "*", "hasOwnProperty", ""])(
  "[E-BUS-2] %j is a name like any other",
  (name) => {
    const bus = new EventBus();
    const heard: unknown[] = [];
    bus.emit(name, 0);
    bus.on(name, (n: unknown) => heard.push(n));
    bus.emit(name, 1);
    expect(heard).toEqual([1]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  },
);

test("[E-BUS-3] a listener that throws or rejects changes nothing for the others; onError hears of it", async () => {
  const faults: unknown[] = [];
  const bus = new EventBus<Events>({ onError: (fault, { name }) => faults.push([fault, name]) });
  const heard: number[] = [];
  bus.on("one", () => {
    throw new Error("thrown");
  });
  bus.on("one", async () => {
    await Promise.reject(new Error("rejected"));
  });
  bus.on("one", ({ n }) => heard.push(n));
  bus.emit("one", { n: 1 });
  expect(heard).toEqual([1]);
  await settle();
  expect(faults).toEqual([
    [new Error("thrown"), "one"],
    [new Error("rejected"), "one"],
  ]);
});

test("[E-BUS-3] an onError that throws does not reach the emitter", () => {
  const error = console.error;
  const printed: unknown[] = [];
  console.error = (...parts: unknown[]) => printed.push(parts);
  try {
    const bus = new EventBus<Events>({
      onError: () => {
        throw new Error("of the hook");
      },
    });
    bus.on("one", () => {
      throw new Error("of the listener");
    });
    bus.emit("one", { n: 1 });
    expect(printed).toHaveLength(1);
  } finally {
    console.error = error;
  }
});

test("[E-BUS-4] who is stopped in the middle of a dispatch hears no more; who is added hears the next emit", () => {
  const bus = new EventBus<Events>();
  const heard: string[] = [];
  bus.on("one", () => {
    heard.push("first");
    second();
    bus.on("one", () => heard.push("added"));
  });
  const second = bus.on("one", () => heard.push("second"));
  bus.on("one", () => heard.push("third"));
  bus.emit("one", { n: 1 });
  expect(heard).toEqual(["first", "third"]);
});

test("[E-BUS-4] an emit inside a listener is heard at once, by everybody", () => {
  const bus = new EventBus<Events>();
  const heard: string[] = [];
  bus.on("one", ({ n }) => {
    heard.push(`a${n}`);
    if (n === 1) bus.emit("one", { n: 2 });
  });
  bus.on("one", ({ n }) => heard.push(`b${n}`));
  bus.emit("one", { n: 1 });
  expect(heard).toEqual(["a1", "a2", "b2", "b1"]);
});

test("[E-BUS-5] one function on two events, and twice on one, are subscriptions of their own", () => {
  const bus = new EventBus<Events>();
  const heard: number[] = [];
  const hear = ({ n }: { n: number }): void => void heard.push(n);
  bus.on("one", hear);
  const again = bus.on("one", hear);
  bus.on("two", hear);
  again();
  bus.emit("one", { n: 1 });
  bus.off("one", hear);
  bus.emit("one", { n: 2 });
  bus.emit("two", { n: 3 });
  expect(heard).toEqual([1, 3]);
  expect(bus.inspect().listeners).toBe(1);
});

test("[E-BUS-6] once hears the first message that fits, and leaves nothing behind", () => {
  const bus = new EventBus<Events>();
  const heard: number[] = [];
  bus.once("one", ({ n }) => heard.push(n), { where: { n: 2 } });
  for (const n of [1, 2, 2]) bus.emit("one", { n });
  expect(heard).toEqual([2]);
  expect(bus.inspect().listeners).toBe(0);
});

test("[E-BUS-6] off takes a once back", () => {
  const bus = new EventBus<Events>();
  const hear = (): void => expect.unreachable();
  bus.once("one", hear);
  bus.off("one", hear);
  bus.emit("one", { n: 1 });
});

test("[E-BUS-7] where compares own top-level fields alone", () => {
  const bus = new EventBus();
  const heard: unknown[] = [];
  bus.on("a", (data) => heard.push(data), { where: { n: 1 } });
  bus.on("a", () => expect.unreachable(), { where: { toString: undefined, constructor: "x" } });
  for (const data of [{ n: 1 }, { n: "1" }, { m: 1 }, null, 1, Object.create({ n: 1 })]) bus.emit("a", data);
  expect(heard).toEqual([{ n: 1 }]);
  expect(() => bus.on("a", () => undefined, { where: { n: {} } })).toThrow(TypeError);
});

test("[E-BUS-8] a signal ends a subscription and keeps no listener; one that is aborted begins none", () => {
  const bus = new EventBus<Events>();
  const controller = new AbortController();
  const heard: number[] = [];
  bus.on("one", ({ n }) => heard.push(n), { signal: controller.signal });
  bus.emit("one", { n: 1 });
  controller.abort();
  bus.on("one", ({ n }) => heard.push(n), { signal: controller.signal });
  bus.emit("one", { n: 2 });
  expect(heard).toEqual([1]);
  expect(bus.inspect().listeners).toBe(0);
});

test("[E-BUS-9] a subscription is disposable and ready at once where nobody is linked", async () => {
  const bus = new EventBus<Events>();
  const subscription = bus.on("one", () => undefined);
  await subscription.ready;
  subscription[Symbol.dispose]();
  expect(bus.inspect().listeners).toBe(0);
});

test("[E-BUS-10] own mistakes are thrown at the emitter, and nobody hears them", () => {
  const ui = new EventBus({ contract, role: "ui" });
  ui.on("*", () => expect.unreachable());
  expect(code(() => ui.emit("run:tell" as "run:log", { n: 1 }))).toBe("UNKNOWN_EVENT");
  expect(code(() => ui.emit("run:told", { n: 1 }))).toBe("WRONG_DIRECTION");
  expect(code(() => ui.emit("run:log", { n: "1" } as never))).toBe("INVALID_PAYLOAD");
  expect(code(() => ui.on("run:tell" as "run:log", () => undefined))).toBe("UNKNOWN_EVENT");
});

test("[E-BUS-10] an invalid payload names the field", () => {
  const ui = new EventBus({ contract, role: "ui" });
  expect(() => ui.emit("run:log", { n: "1" } as never)).toThrow(/"run:log": n: /);
});

test("[E-BUS-11] validate: in leaves own payloads unchecked", () => {
  const ui = new EventBus({ contract, role: "ui", validate: "in" });
  const heard: unknown[] = [];
  ui.on("run:log", (data) => heard.push(data));
  ui.emit("run:log", { n: "1" } as never);
  expect(heard).toEqual([{ n: "1" }]);
});

test("[E-BUS-12] a role that no contract names is refused when the bus is made", () => {
  expect(() => new EventBus({ contract, role: "hots" })).toThrow(/"hots".*host/);
  expect(() => new EventBus({ contract })).toThrow(TypeError);
});

test("[E-BUS-12] two contracts that define one name are refused", () => {
  const other = defineContract("other@1", { "run:log": event(z.string()) });
  expect(() => new EventBus({ contracts: [contract, other], role: "ui" })).toThrow(/"test@1" and "other@1"/);
});

test("[E-BUS-13] an invalid item of a batch fails alone", () => {
  const ui = new EventBus({ contract, role: "ui" });
  const heard: number[] = [];
  ui.on("run:log", ({ n }) => heard.push(n));
  const items = [1, "2", 3].map((n) => ({ type: "run:log" as const, data: { n } as { n: number } }));
  expect(() => ui.batch(items)).toThrow(/item 1 of the batch; the other 2 were emitted/);
  expect(heard).toEqual([1, 3]);
});

test("[E-BUS-14] after close nothing is heard, everything that waits ends, and using it says so", async () => {
  const ui = new EventBus({ contract, role: "ui" });
  ui.on("run:log", () => expect.unreachable());
  const next = ui.next("run:log");
  const stream = ui.stream("run:log");
  const item = stream.next();
  await ui.close();
  await ui.close();
  await expect(next).rejects.toMatchObject({ code: "CLOSED" });
  expect(await item).toEqual({ value: undefined, done: true });
  expect(code(() => ui.emit("run:log", { n: 1 }))).toBe("CLOSED");
  expect(code(() => ui.on("run:log", () => undefined))).toBe("CLOSED");
  await expect(ui.request("run:ask", { n: 1 })).rejects.toMatchObject({ code: "CLOSED" });
  expect(ui.inspect()).toMatchObject({ listeners: 0, deadlines: 0, links: [], parkedRequests: 0 });
});
