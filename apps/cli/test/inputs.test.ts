import type { InputDecl, PortType } from "@atomiton/runtime";
import { expect, test } from "vitest";

import { readInputFile, readPairs, valueOf } from "../src/inputs.ts";

const decl = (name: string, type: PortType): [string, InputDecl] => [
  name,
  { name, type, required: true, schema: {}, at: { line: 1, column: 1 } },
];
const declared = new Map([
  decl("name", { t: "string" }),
  decl("limit", { t: "integer" }),
  decl("ratio", { t: "number" }),
  decl("strict", { t: "boolean" }),
  decl("rows", { t: "list", of: { t: "any" } }),
  decl("more", { t: "any" }),
  decl("table", { t: "file" }),
  decl("size", { t: "schema", schema: { enum: ["s", "m"] } }),
]);

test("[R-CLI-1] --input is read by the type of the Blueprint's input", () => {
  const pairs = ["name=42", "limit=7", "ratio=-1.5", "strict=false", 'rows=[{"a":1}]', "more=plain = text", "size=m"];
  expect(readPairs(pairs, declared)).toEqual({
    name: "42",
    limit: 7,
    ratio: -1.5,
    strict: false,
    rows: [{ a: 1 }],
    more: "plain = text",
    size: "m",
  });
  expect(valueOf("more", "[1]", { t: "any" })).toEqual([1]);
});

test.each([
  ["limit=1.5", /"1.5": it is not a whole number/],
  ["limit=", /it is not a number/],
  ["ratio=Infinity", /it is not a number/],
  ["strict=yes", /it is not true or false/],
  ["rows=1,2", /it is not JSON/],
  ["name", /it names no value; write --input name=VALUE/],
  ["=x", /it names no input; write --input NAME=x/],
  ["nope=1", /no such input; its inputs are name, limit/],
  ["__proto__=1", /no such input/],
])("[R-CLI-2] --input %s is refused with the way out", (pair, message) => {
  expect(() => readPairs([pair], declared)).toThrow(message);
});

test("[R-CLI-2] everything that is wrong is said at once", () => {
  expect(() => readPairs(["limit=x", "name=ok", "nope=1", "strict=2", "nope=1"], declared)).toThrow(
    /^Cannot use --input limit[^\n]*\n +Cannot set input "nope"[^\n]*\n +Cannot use --input strict[^\n]*$/,
  );
});

test("[R-CLI-2] a Blueprint without inputs says so", () => {
  expect(() => readPairs(["a=1"], new Map())).toThrow("leave --input out");
});

test("[R-CLI-3] --input-file holds one JSON object", () => {
  const read = (text: string) => readInputFile(text, "in.json", declared);
  expect(read('{"limit": 3, "table": "a.csv"}')).toEqual({ limit: 3, table: "a.csv" });
  const ref = { $blob: `sha256:${"0".repeat(64)}`, size: 1, type: "text/csv" };
  expect(read(JSON.stringify({ table: ref }))).toEqual({ table: ref });
  expect(() => read("[1]")).toThrow('Cannot read inputs from "in.json": it holds no object');
  expect(() => read("{")).toThrow(/Cannot read inputs from "in.json": .*; write one JSON object/);
  expect(() => read('{"table": 3, "nope": 1}')).toThrow(
    /^Cannot use 3 as the input "table" of "in.json": it is not a file; give a path, or a file reference\n.*"nope"/,
  );
});
