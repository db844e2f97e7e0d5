import { setImmediate } from "node:timers/promises";

import { expect, test } from "vitest";

import { Runtime } from "../../src/runtime.ts";
import { run } from "./core.ts";

test("[R-NODE-70] core/pick-fields keeps, orders and renames fields, and names the item that lacks one", async () => {
  const items = [{ a: 1, b: 2, ["__proto__"]: 3 }, { b: 4 }];
  const pick = async (config: Record<string, unknown>) =>
    (await run("pick-fields", { in: { items }, config })).items["items"];
  expect(await pick({ fields: ["b"] })).toEqual([{ b: 2 }, { b: 4 }]);
  expect(await pick({ fields: { price: "b", note: "a" }, missing: "null" })).toEqual([
    { price: 2, note: 1 },
    { price: 4, note: null },
  ]);
  expect(await pick({ fields: ["__proto__"], missing: "omit" })).toEqual([{ ["__proto__"]: 3 }, {}]);
  await expect(pick({ fields: ["a"] })).rejects.toMatchObject({
    message: 'Cannot pick the field "a" of item 1: it has b; correct the name, or set missing',
    error: { code: "FIELD", retryable: false },
  });
});

test("[R-NODE-71] core/split makes items of lists, texts and objects, core/batch lists of items", async () => {
  const split = async (value: unknown, config = {}) => (await run("split", { in: { value }, config })).items["items"];
  expect(await split([1, [2], null])).toEqual([1, [2], null]);
  expect(await split("a\n\n b")).toEqual(["a", "", " b"]);
  expect(await split("a, b,, ", { separator: ",", trim: true })).toEqual(["a", "b"]);
  expect(await split({ x: 1, y: [2] })).toEqual([
    { key: "x", value: 1 },
    { key: "y", value: [2] },
  ]);
  await expect(split(5)).rejects.toMatchObject({ error: { code: "INVALID_INPUT" } });

  const batches = async (items: unknown[], size: number) =>
    (await run("batch", { in: { items }, config: { size } })).items["batches"];
  expect(await batches([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(await batches([1, 2], 2)).toEqual([[1, 2]]);
  expect(await batches([], 2)).toEqual([]);
});

test("[R-NODE-72] core/dedupe passes the first of equal items on, and core/sort sorts stably, both within their limits", async () => {
  const dedupe = async (items: unknown[], config = {}) => (await run("dedupe", { in: { items }, config })).items;
  expect(await dedupe([{ a: 1, b: 2 }, 1, "1", { b: 2, a: 1 }, 1, null, [2, 1], [1, 2]])).toEqual({
    items: [{ a: 1, b: 2 }, 1, "1", null, [2, 1], [1, 2]],
    duplicates: [{ b: 2, a: 1 }, 1],
  });
  const rows = [
    { name: "b", n: 2 },
    { name: "B", n: 1 },
    { name: "c10", n: 1 },
    { name: "c9", n: null },
  ];
  expect((await dedupe(rows, { by: "$lowercase(item.name)" }))["duplicates"]).toEqual([rows[1]]);
  await expect(dedupe([1, 2, 3], { limit: 2 })).rejects.toMatchObject({ error: { code: "LIMIT", class: "resource" } });

  const sort = async (items: unknown[], config = {}) => (await run("sort", { in: { items }, config })).items["items"];
  expect(await sort([10, 9, -1, 2.5])).toEqual([-1, 2.5, 9, 10]);
  const names = async (config: Record<string, unknown>) =>
    ((await sort(rows, config)) as typeof rows).map(({ name }) => name);
  expect(await names({ by: "item.name" })).toEqual(["b", "B", "c9", "c10"]);
  expect(await names({ by: "item.n", order: "descending" })).toEqual(["b", "B", "c10", "c9"]);
  expect(await names({ by: "[item.n, $lowercase(item.name)]" })).toEqual(["B", "c10", "b", "c9"]);
  await expect(sort([1, "a"])).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot sort item \d beside item \d: their keys are .*; let `by` give/),
    error: { code: "SORT" },
  });
  await expect(sort([1, 2, 3], { limit: 2 })).rejects.toMatchObject({ error: { code: "LIMIT" } });
  await expect(sort([], { locale: "no language" })).rejects.toMatchObject({ error: { code: "CONFIG" } });
});

test("[R-NODE-73] core/validate divides items by a JSON Schema and says which field is wrong and how", async () => {
  const schema = {
    type: "object",
    required: ["sku"],
    additionalProperties: false,
    properties: { sku: { type: "string" }, url: { type: "string", format: "uri" } },
  };
  const items = [{ sku: "a", url: "https://example.org/" }, { url: "no address", more: 1 }, 5];
  const { items: out } = await run("validate", { in: { items }, config: { schema } });
  expect(out["valid"]).toEqual([items[0]]);
  expect(out["invalid"]).toEqual([
    {
      index: 1,
      item: items[1],
      faults: [
        { path: "/sku", message: "is missing" },
        { path: "/more", message: "is not allowed" },
        { path: "/url", message: 'must match format "uri"' },
      ],
    },
    { index: 2, item: 5, faults: [{ path: "", message: "must be object" }] },
  ]);
  await expect(run("validate", { in: { items }, config: { schema, onInvalid: "fail" } })).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot pass item 1 on: \/sku is missing; /),
    error: { code: "INVALID_ITEM" },
  });
  await expect(run("validate", { in: { items }, config: { schema: { type: "row" } } })).rejects.toMatchObject({
    error: { code: "CONFIG", class: "config" },
  });
});

test("[R-NODE-73] core/validate takes a type of its Blueprint by name", async () => {
  const runtime = new Runtime();
  const inline = {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    id: "v",
    name: "V",
    types: { row: { type: "object", properties: { tag: { $ref: "#tag" } } }, tag: { type: "string" } },
    inputs: { rows: { type: "list<any>" } },
    outputs: { good: { type: "any", from: "good.items" } },
    nodes: {
      check: { uses: "core/validate@1", in: { items: "$inputs.rows" }, with: { schema: "#row" } },
      good: { uses: "core/collect@1", in: { items: ["check.valid"] } },
    },
  };
  const id = await runtime.execute({ inline }, { rows: [{ tag: "x" }, { tag: 5 }, {}] });
  expect(await runtime.waitForCompletion(id)).toEqual({ good: [{ tag: "x" }, {}] });
  await runtime.close();
});

test("[R-NODE-74] core/assert passes its value on where the condition is true, and fails with its message", async () => {
  const config = { condition: "in.value > 2 and in.limit > in.value" };
  expect((await run("assert", { in: { value: 3, limit: 4 }, config })).outputs).toEqual({ value: 3 });
  await expect(run("assert", { in: { value: 1, limit: 4 }, config })).rejects.toMatchObject({
    message: `Cannot go on: "${config.condition}" is not true; look at what its inputs are`,
    error: { code: "ASSERT", retryable: false },
  });
  await expect(run("assert", { config: { condition: "in.none", message: "No rows" } })).rejects.toThrow("No rows");
});

test("[R-NODE-75] nodes that go through items stop on abort", async () => {
  const endless = async function* (): AsyncGenerator<unknown> {
    for (let at = 0; ; at += 1) yield { at, text: `row ${at}` };
  };
  const types: [string, Record<string, unknown>][] = [
    ["pick-fields", { fields: ["at"] }],
    ["dedupe", { by: "item.at" }],
    ["sort", { by: "item.at" }],
    ["validate", { schema: { type: "object" } }],
  ];
  for (const [type, config] of types) {
    const controller = new AbortController();
    const running = run(type, { in: { items: endless() }, config, signal: controller.signal });
    await setImmediate();
    controller.abort(new Error("enough"));
    await expect(running, type).rejects.toThrow("enough");
  }
});
