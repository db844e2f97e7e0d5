import * as v from "valibot";
import { expect, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus } from "../../src/index.ts";

const Progress = z.object({ executionId: z.string(), percent: z.number() });
const Done = z.object({ executionId: z.string(), result: z.unknown() });

test("[E-CON-1] equal definitions have one hash, whatever the order of rows and of roles", () => {
  const one = defineContract("run@1", {
    a: event(Progress, { from: ["host", "ui"] }),
    b: command(Done, Progress),
  });
  const two = defineContract("run@1", {
    b: command(Done, Progress),
    a: event(Progress, { from: ["ui", "host"] }),
  });
  expect(two.hash).toBe(one.hash);
  expect(one.hash).toMatch(/^[0-9a-f]{16}$/);
});

test.each([
  ["name", { b: event(Progress) }],
  ["direction", { a: event(Progress, { from: ["host"] }) }],
  ["right", { a: event(Progress, { needs: "read:it" }) }],
  ["delivery", { a: event(Progress, { delivery: "volatile" }) }],
  ["lane", { a: event(Progress, { lane: "bulk" }) }],
  ["kind", { a: command(Progress, Progress) }],
  ["schema", { a: event(z.object({ executionId: z.string(), percent: z.string() })) }],
])("[E-CON-1] the hash changes with the %s", (_what, table) => {
  expect(defineContract("run@1", table).hash).not.toBe(defineContract("run@1", { a: event(Progress) }).hash);
});

test("[E-CON-2] descriptions may differ, fields that are called like one may not", () => {
  const plain = defineContract("run@1", { a: event(z.object({ title: z.string() })) });
  const described = defineContract("run@1", { a: event(z.object({ title: z.string().describe("A title") })) });
  const other = defineContract("run@1", { a: event(z.object({ description: z.string() })) });
  expect(described.hash).toBe(plain.hash);
  expect(other.hash).not.toBe(plain.hash);
});

test("[E-CON-3] a schema that validates asynchronously is refused when the contract is defined", () => {
  const later = v.objectAsync({
    name: v.pipeAsync(
      v.string(),
      v.checkAsync(async () => true),
    ),
  });
  expect(() => defineContract("run@1", { a: event(later) })).toThrow(/"a".*asynchronously/);
  const hidden = z.string().refine(async () => true);
  expect(() => defineContract("run@1", { b: command(z.string(), hidden) })).toThrow(/"b".*asynchronously/);
});

test.each([
  ["an unknown option", { a: event(Progress, { devlivery: "latest" } as object) }, /"devlivery" does not exist/],
  ["an unknown delivery", { a: event(Progress, { delivery: "lasting" as "latest" }) }, /"lasting" does not exist/],
  ["an unknown lane", { a: event(Progress, { lane: "fast" as "bulk" }) }, /"fast" does not exist/],
  ["an empty list of roles", { a: event(Progress, { from: [] }) }, /"from" is a list/],
  ["key without latest", { a: event(Progress, { key: "percent" }) }, /"key" works with delivery "latest"/],
  ["a key that is no field", { a: event(Progress, { delivery: "latest", key: "id" }) }, /"id".*executionId, percent/],
  ["everyMs below 1", { a: event(Progress, { delivery: "latest", everyMs: 0 }) }, /"everyMs" is 0/],
  ["endsWith of nothing", { a: event(Progress, { delivery: "latest", endsWith: ["b"] }) }, /"endsWith" names "b"/],
  [
    "endsWith of an event without the key",
    {
      a: event(Progress, { delivery: "latest", key: "percent", endsWith: ["b"] }),
      b: event(Done),
    },
    /"percent".*"b"/,
  ],
  ["a queue without room", { a: event(Progress, { queue: { max: 0, whenFull: "close" } }) }, /"queue.max" is 0/],
  ["a timeout below 1", { a: command(Progress, Done, { timeoutMs: -1 }) }, /"timeoutMs" is -1/],
  ["a name that is a pattern", { "a:*": event(Progress) }, /does not end in \*/],
  ["a schema without event or command", { a: Progress as never }, /no event\(…\) and no command/],
  ["a payload that is no schema", { a: event({ a: 1 } as never) }, /no Standard Schema/],
  ["an empty name", { "": event(Progress) }, /not empty/],
  ["a pair that roles cannot tell apart", { a: [command(Progress, Done), event(Progress)] as const }, /may send both/],
])("[E-CON-4] %s is refused when the contract is defined", (_what, table, text) => {
  expect(() => defineContract("run@1", table)).toThrow(TypeError);
  expect(() => defineContract("run@1", table)).toThrow(text);
});

test.each(["run", "run@", "@1", "run@one", "1run@1"])("[E-CON-5] %j is no contract id", (id) => {
  expect(() => defineContract(id, { a: event(Progress) })).toThrow(/name@major/);
});

test("[E-CON-6] any Standard Schema validator works, with or without JSON Schema", () => {
  const contract = defineContract("run@1", { a: event(v.object({ n: v.number() })), b: event(z.date()) });
  expect(contract.hash).toMatch(/^[0-9a-f]{16}$/);
});

test("[E-CON-3] a schema that hides that it is asynchronous until it is used is INVALID_PAYLOAD", () => {
  const sly = z.object({ n: z.number().refine(async () => true) });
  const contract = defineContract("run@1", { a: event(sly) });
  const bus = new EventBus({ contract });
  bus.on("a", () => expect.unreachable());
  expect(() => bus.emit("a", { n: 1 })).toThrow(expect.objectContaining({ code: "INVALID_PAYLOAD" }));
  expect(() => bus.emit("a", { n: 1 })).toThrow(/asynchronously/);
});
