import { expectTypeOf, test } from "vitest";
import { z } from "zod";

import {
  command,
  defineContract,
  event,
  EventBus,
  type CommandsOf,
  type EventsOf,
  type IEventBus,
  type Meta,
  type Payload,
  type Reply,
} from "../../src/index.ts";
import { MockEventBus } from "../../src/testing/mock-bus.ts";

const contract = defineContract("types@1", {
  "run:ask": command(z.object({ id: z.string() }), z.object({ started: z.boolean() }), { from: ["ui"], to: ["host"] }),
  "run:told": event(z.object({ percent: z.number() }), { from: ["host"], to: ["ui"] }),
  "run:log": event(z.object({ text: z.string() })),
  "run:both": [
    command(z.object({ set: z.string() }), z.object({ ok: z.boolean() }), { from: ["ui"] }),
    event(z.object({ hit: z.string() }), { from: ["host"] }),
  ],
});
const other = defineContract("other@1", {
  "lib:list": command(z.object({}), z.object({ names: z.array(z.string()) })),
  "lib:changed": event(z.object({ name: z.string() })),
});

/** As in the specification. */
interface RuntimeEvents {
  "runtime:execute": { blueprintId: string };
  "runtime:progress": { percent: number; message: string };
}

test("[E-BUS-90] payloads and replies come from the contract", () => {
  const bus = new EventBus({ contract, role: "ui" });
  bus.on("run:told", (data, meta) => {
    expectTypeOf(data).toEqualTypeOf<{ percent: number }>();
    expectTypeOf(meta).toEqualTypeOf<Meta>();
  });
  bus.on("run:both", (data) => expectTypeOf(data).toEqualTypeOf<{ set: string } | { hit: string }>());
  expectTypeOf(() => bus.request("run:ask", { id: "1" })).returns.toEqualTypeOf<Promise<{ started: boolean }>>();
  expectTypeOf(() => bus.request("run:both", { set: "1" })).returns.toEqualTypeOf<Promise<{ ok: boolean }>>();
  expectTypeOf(() => bus.next("run:told")).returns.toEqualTypeOf<Promise<{ percent: number }>>();
  expectTypeOf<EventsOf<typeof contract>["run:ask"]>().toEqualTypeOf<{ id: string }>();
  expectTypeOf<keyof CommandsOf<typeof contract>>().toEqualTypeOf<"run:ask" | "run:both">();
  expectTypeOf<Payload<EventsOf<typeof contract>, "run:log">>().toEqualTypeOf<{ text: string }>();
  expectTypeOf<Reply<CommandsOf<typeof contract>, "run:ask">>().toEqualTypeOf<{ started: boolean }>();

  const wrong = (): void => {
    // @ts-expect-error no such event
    bus.emit("run:tell", { percent: 1 });
    // @ts-expect-error no such field
    bus.emit("run:told", { procent: 1 });
    // @ts-expect-error wrong input
    void bus.request("run:ask", { id: 1 });
    // @ts-expect-error an event is not requested
    void bus.request("run:told", { percent: 1 });
    // @ts-expect-error the handler owes a reply
    bus.handle("run:ask", () => undefined);
    // @ts-expect-error an item of a batch is typed by its own name
    bus.batch([{ type: "run:told", data: { text: "" } }]);
  };
  expectTypeOf(wrong).returns.toBeVoid();
});

test("[E-BUS-90] a pattern gives the payloads of the names that begin like it", () => {
  const bus = new EventBus({ contracts: [contract, other], role: "ui" });
  bus.on("lib:*", (data) => expectTypeOf(data).toEqualTypeOf<Record<string, never> | { name: string }>());
  bus.on("lib:changed", (data) => expectTypeOf(data).toEqualTypeOf<{ name: string }>());
  expectTypeOf(() => bus.request("lib:list", {})).returns.toEqualTypeOf<Promise<{ names: string[] }>>();
  expectTypeOf(() => bus.request("run:ask", { id: "1" })).returns.toEqualTypeOf<Promise<{ started: boolean }>>();
});

test("[E-BUS-91] the specification's forms: an interface of events, or any payload", () => {
  const typed = new EventBus<RuntimeEvents>();
  typed.on("runtime:progress", ({ percent, message }) => {
    expectTypeOf(percent).toBeNumber();
    expectTypeOf(message).toBeString();
  });
  typed.emit("runtime:execute", { blueprintId: "123" });
  const wrong = (): void => {
    // @ts-expect-error wrong payload
    typed.emit("runtime:execute", { blueprintId: 123 });
    // @ts-expect-error no such event
    typed.emit("runtime:stop", {});
  };
  expectTypeOf(wrong).returns.toBeVoid();
  const any = new EventBus();
  any.on("runtime:execute", async ({ blueprintId, input }) => void [blueprintId, input]);
  any.emit("runtime:result", 1);
  expectTypeOf(any).toExtend<IEventBus>();
  expectTypeOf(() => typed.stream("runtime:progress")).returns.toExtend<AsyncIterable<unknown>>();
});

test("[E-BUS-92] IEventBus requires emit alone, and the bus and the mock are one", () => {
  class MinimalBus implements IEventBus {
    emit(event: string, data: any): void {
      void [event, data];
    }
  }
  const buses: IEventBus[] = [new MinimalBus(), new MockEventBus(), new EventBus()];
  for (const bus of buses) bus.emit("a", 1);
  expectTypeOf(buses).toEqualTypeOf<IEventBus[]>();
});
