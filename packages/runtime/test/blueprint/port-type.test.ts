import { expect, test } from "vitest";

import { assignable, formatPortType, itemOf, parsePortType, schemaOfType } from "../../src/blueprint/index.ts";

const types = new Map<string, Record<string, unknown>>([
  ["row", { type: "object", required: ["sku"], properties: { sku: { type: "string" }, price: { type: "number" } } }],
  ["nested", { type: "object", properties: { row: { $ref: "#row" }, next: { $ref: "#nested" } } }],
  ["word", { type: "string" }],
]);
const type = (text: unknown) => parsePortType(text)!;
const fits = (from: unknown, to: unknown): boolean => assignable(type(from), type(to), types);

test("[R-CHK-10] reads port types and writes them as they were", () => {
  for (const text of [
    "string",
    "number",
    "integer",
    "boolean",
    "json",
    "file",
    "bytes",
    "any",
    "object",
    "list<string>",
    "stream<list<#row>>",
    "#row",
  ]) {
    expect(formatPortType(type(text))).toBe(text);
  }
  expect(formatPortType(type(" list < string > "))).toBe("list<string>");
  expect(formatPortType(type({ type: "array" }))).toBe("array");
  expect(formatPortType(type({ anyOf: [] }))).toBe("schema");
  for (const text of [
    "",
    "strin",
    "list",
    "list<>",
    "list<string",
    "list<string>>",
    "map<string>",
    "#",
    "#1",
    3,
    null,
    [],
    `${"list<".repeat(40)}any${">".repeat(40)}`,
  ])
    expect([text, parsePortType(text)]).toEqual([text, undefined]);
});

test.each([
  ["string", "string", true],
  ["integer", "number", true],
  ["number", "integer", false],
  ["string", "number", false],
  ["boolean", "string", false],
  ["string", "any", true],
  ["any", "string", true],
  ["json", "string", true],
  ["string", "json", true],
  ["file", "json", true],
  ["file", "string", false],
  ["string", "file", false],
  ["bytes", "bytes", true],
  ["string", "bytes", false],
  ["bytes", "json", false],
  ["list<integer>", "list<number>", true],
  ["list<number>", "list<integer>", false],
  ["list<string>", "stream<string>", true],
  ["list<string>", "stream<number>", false],
  ["stream<string>", "list<string>", false],
  ["stream<string>", "any", true],
  ["stream<string>", "json", false],
  ["stream<integer>", "stream<number>", true],
  ["string", "stream<string>", false],
  ["any", "stream<string>", true],
  ["#row", "#row", true],
  ["#row", "object", true],
  ["object", "#row", true],
  ["#row", "#word", false],
  ["#word", "string", true],
  ["list<#row>", "list<object>", true],
  ["list<object>", "list<string>", false],
  ["list<string>", { type: "array", items: { type: "string" } }, true],
  ["list<string>", { type: "array", items: { type: "number" } }, false],
  [{ type: "array" }, "stream<any>", true],
  [{ type: ["string", "null"] }, "string", true],
  [{ type: "object", additionalProperties: false, properties: { a: {} } }, "#row", false],
  [{ type: "object", properties: { sku: { type: "number" } } }, "#row", false],
  ["#nested", "#nested", true],
  [
    { type: "object", required: ["row"], properties: { row: { $ref: "#row" } } },
    { type: "object", required: ["row"], properties: { row: { type: "string" } } },
    false,
  ],
] as const)("[R-CHK-11] a wire from %j to %j stands: %j", (from, to, expected) => {
  expect(fits(from, to)).toBe(expected);
});

test("[R-CHK-12] says the JSON Schema of a type, whole in itself", () => {
  expect(schemaOfType(type("integer"), types)).toEqual({ type: "integer" });
  expect(schemaOfType(type("list<#word>"), types)).toEqual({ type: "array", items: { type: "string" } });
  expect(schemaOfType(type("any"), types)).toEqual({});
  expect(schemaOfType(type("file"), types)).toMatchObject({ required: ["$blob", "size", "type"] });
  expect(schemaOfType(type("#nested"), types)).toMatchObject({
    properties: { row: { $ref: "#/$defs/row" }, next: { $ref: "#/$defs/nested" } },
    $defs: { row: types.get("row"), nested: { properties: { row: { $ref: "#/$defs/row" } } } },
  });
  expect(itemOf(type("stream<#row>"), types)).toEqual({ t: "named", name: "row" });
  expect(itemOf(type({ type: "array", items: { type: "string" } }), types)).toEqual({
    t: "schema",
    schema: { type: "string" },
  });
  expect(itemOf(type("any"), types)).toEqual({ t: "any" });
});
