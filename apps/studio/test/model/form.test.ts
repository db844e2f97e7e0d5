import { expect, test } from "vitest";

import { fieldsOf, initialOf, readForm, type BlueprintInput } from "../../src/model/form.ts";

const input = (name: string, type: string, rest: Partial<BlueprintInput> = {}): BlueprintInput => ({
  name,
  type,
  required: true,
  schema: {},
  ...rest,
});
const read = (inputs: readonly BlueprintInput[], typed: Record<string, string>) => {
  const fields = fieldsOf(inputs);
  return readForm(fields, { ...initialOf(fields), ...typed });
};

test("[ST-30] each type has its field, and starts with its default", () => {
  const fields = fieldsOf([
    input("text", "string", { default: "hi", title: "A text" }),
    input("count", "integer", { default: 3 }),
    input("share", "number"),
    input("loud", "boolean", { default: true }),
    input("mode", "string", { schema: { enum: ["a", "b"] } }),
    input("csv", "file", { default: "data.csv" }),
    input("tags", "list<string>", { default: ["x"] }),
    input("free", "#row"),
    input("typed", "#row", { schema: { type: "string" } }),
  ]);
  expect(fields.map(({ kind }) => kind)).toEqual([
    "text",
    "integer",
    "number",
    "boolean",
    "enum",
    "file",
    "json",
    "json",
    "text",
  ]);
  expect(fields[0]?.label).toBe("A text");
  expect(initialOf(fields)).toMatchObject({ text: "hi", count: "3", share: "", loud: "true", csv: "data.csv" });
  expect(JSON.parse(initialOf(fields)["tags"] ?? "")).toEqual(["x"]);
});

test("[ST-31] what is typed is read by type; what is left empty and may be, is left out", () => {
  expect(
    read(
      [
        input("text", "string"),
        input("count", "integer"),
        input("loud", "boolean"),
        input("level", "integer", { schema: { enum: [1, 2] } }),
        input("rows", "list<object>"),
        input("note", "string", { required: false }),
      ],
      { text: " as it is ", count: "12", loud: "true", level: "2", rows: '[{"a":1}]' },
    ),
  ).toEqual({ ok: true, input: { text: " as it is ", count: 12, loud: true, level: 2, rows: [{ a: 1 }] } });
});

test("[ST-32] all that is wrong is said at once, at its field", () => {
  const result = read(
    [
      input("none", "string"),
      input("word", "number"),
      input("half", "integer"),
      input("low", "number", { schema: { minimum: 2 } }),
      input("high", "number", { schema: { exclusiveMaximum: 2 } }),
      input("step", "number", { schema: { multipleOf: 0.1 } }),
      input("long", "string", { schema: { maxLength: 2 } }),
      input("shape", "string", { schema: { pattern: "^a+$" } }),
      input("json", "json"),
      input("list", "list<string>"),
      input("object", "#row", { schema: { type: "object" } }),
    ],
    {
      word: "ten",
      half: "1.5",
      low: "1",
      high: "2",
      step: "0.25",
      long: "abc",
      shape: "b",
      json: "{",
      list: "{}",
      object: "[]",
    },
  );
  expect(result).toMatchObject({
    ok: false,
    messages: {
      none: "Needed",
      word: 'Not a number: "ten"',
      half: "A whole number is needed",
      low: "At least 2",
      high: "Less than 2",
      step: "A multiple of 0.1",
      long: "At most 2 characters",
      shape: "Must match ^a+$",
      json: expect.stringContaining("Not JSON"),
      list: "A list is needed: [ … ]",
      object: "An object is needed: { … }",
    },
  });
});
