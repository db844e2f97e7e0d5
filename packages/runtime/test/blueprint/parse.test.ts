import { expect, test } from "vitest";

import { parseBlueprint, parseDuration, parseRef } from "../../src/blueprint/index.ts";
import type { Problem, Ref } from "../../src/blueprint/model.ts";
import { badJson, badYaml } from "./bad-files.ts";
import { HEAD } from "./catalog.ts";
import { feed } from "./feed.ts";

const line = (problem: Problem): string =>
  `${problem.line}:${problem.column} ${problem.severity === "warning" ? "warning " : ""}${problem.code} [${problem.where}] ${problem.message}`;

const ok = (text: string, file?: string) => {
  const { blueprint, problems } = parseBlueprint(text, file);
  expect(problems).toEqual([]);
  return blueprint!;
};

test("[R-BP-1] reads the product feed: every part of a Blueprint file", () => {
  const blueprint = ok(feed, "feed.blueprint.yaml");
  expect([...blueprint.nodes.keys()]).toEqual(["read", "check", "each", "bad", "book", "approve", "publish", "alert"]);
  expect(blueprint.inputs.get("maxWidth")).toMatchObject({
    required: false,
    default: 640,
    type: { t: "integer" },
    schema: { type: "integer", minimum: 16, maximum: 8192 },
  });
  expect(blueprint.outputs.get("rejected")).toMatchObject({
    type: { t: "list", of: { t: "schema" } },
    from: { from: "node", node: "bad", port: "items" },
  });
  expect(blueprint.policy).toEqual({ timeoutMs: 1_800_000, concurrency: 8, onFailure: "cancel", durability: "group" });
  expect(blueprint.secrets).toEqual(["cdnToken"]);
  expect(blueprint.ui.get("alert")).toEqual([1440, 120]);
  const fetch = blueprint.nodes.get("each")!.body!.nodes.get("fetch")!;
  expect(fetch.uses).toEqual({ type: "core/http.request", major: 1 });
  expect(fetch.in.get("item")).toMatchObject({ from: "item", text: "$item" });
  expect(fetch.timeoutMs).toBe(20_000);
  expect(fetch.retry).toEqual({
    attempts: 5,
    backoff: "exponential",
    initialMs: 500,
    factor: 2,
    maxMs: 30_000,
    jitter: "full",
    on: ["network", "timeout", "http.429", "http.5xx"],
  });
  expect(blueprint.nodes.get("each")!.body!.nodes.get("thumb")!.uses).toEqual({ path: "./thumbnail.blueprint.yaml" });
  expect(blueprint.nodes.get("publish")).toMatchObject({
    when: "${ in.decision.ok }",
    effect: "write",
    idempotencyKey: "${ run.id & '/publish' }",
    onUnknown: "ask",
  });
});

test("[R-BP-1] reads the same Blueprint from JSON, byte order mark or not", () => {
  const json = JSON.stringify({
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    name: "x",
    nodes: { a: { uses: "test/text@1", in: { text: "b.text" } } },
  });
  for (const text of [json, `\ufeff${json}`])
    expect(ok(text, "x.blueprint.json").nodes.get("a")?.in.get("text")).toMatchObject({
      from: "node",
      node: "b",
      port: "text",
    });
});

test.each(badYaml)(
  "[R-BP-2, R-BP-17] says what is wrong with $name, where, and what would work",
  ({ text, problems }) => {
    expect(parseBlueprint(text, "bad.blueprint.yaml").problems.map(line)).toEqual(problems);
  },
);

test.each(badJson)(
  "[R-BP-2, R-BP-17] says what is wrong with $name, where, and what would work",
  ({ text, problems }) => {
    expect(parseBlueprint(text, "bad.blueprint.json").problems.map(line)).toEqual(problems);
  },
);

test("[R-BP-2] gives no Blueprint beside an error, and one beside a warning", () => {
  expect(parseBlueprint(`${HEAD}nodes: { a: { uses: test/text } }`).blueprint).toBeUndefined();
  const warned = parseBlueprint(`${HEAD}nodes: {}\nui: { a: [0, 0] }`);
  expect(warned.problems).toHaveLength(1);
  expect(warned.blueprint).toBeDefined();
});

test("[R-BP-2] counts the problems past the two hundredth instead of listing them", () => {
  const nodes = Array.from({ length: 500 }, (_, i) => `  n${i}: { uses: nonsense }`).join("\n");
  const { problems } = parseBlueprint(`${HEAD}nodes:\n${nodes}\n`);
  expect(problems).toHaveLength(201);
  expect(problems.at(-1)?.message).toContain("300 more");
});

test("[R-BP-3] takes a key that stands twice for an error, in YAML and in JSON", () => {
  const yaml = parseBlueprint(`${HEAD}nodes:\n  a: { uses: test/text@1 }\n  a: { uses: test/text@1 }\n`);
  expect(yaml.problems.map(({ line: at, column, code }) => [at, column, code])).toEqual([[6, 3, "SYNTAX"]]);
  const json = parseBlueprint(
    '{ "apiVersion": "atomiton.dev/v1", "kind": "Blueprint", "name": "a", "name": "b", "nodes": {} }',
    "x.json",
  );
  expect(json.problems.map(({ line: at, column, code }) => [at, column, code])).toEqual([[1, 70, "SYNTAX"]]);
});

test("[R-BP-4] refuses a version that is a number and takes it in quotes", () => {
  expect(parseBlueprint(`${HEAD}version: 1.10\nnodes: {}\n`).problems[0]?.message).toContain(
    "put the version in quotes",
  );
  expect(ok(`${HEAD}version: "1.10"\nnodes: {}\n`).version).toBe("1.10");
  expect(ok(`${HEAD}version: 3.2.0\nnodes: {}\n`).version).toBe("3.2.0");
});

test("[R-BP-5] reads durations with their unit, and refuses what no timer can wait", () => {
  expect(["500ms", "20s", "30m", "24h", "7d", "1.5s", "0s"].map(parseDuration)).toEqual([
    500, 20_000, 1_800_000, 86_400_000, 604_800_000, 1500, 0,
  ]);
  expect(["", "20", "20 s", "-1s", "1e3s", "20sec"].map(parseDuration)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(parseBlueprint(`${HEAD}nodes:\n  a: { uses: test/text@1, timeout: 30d }\n`).problems[0]).toMatchObject({
    line: 5,
    column: 36,
    message: "Cannot wait 30d: the longest duration is 24d; use a shorter one",
  });
});

test("[R-BP-6] reads references, and nothing that only looks like one", () => {
  expect(parseRef("read.rows")).toMatchObject({ from: "node", node: "read", port: "rows" });
  expect(parseRef("my-node.out")).toMatchObject({ from: "node", node: "my-node", port: "out" });
  expect(parseRef("$inputs.csv")).toMatchObject({ from: "inputs", port: "csv" });
  expect(["$item", "$index", "$key"].map((text) => parseRef(text)?.from)).toEqual(["item", "index", "key"]);
  for (const text of ["", "a", "a.b.c", ".a", "a.", "$inputs", "$inputs.", "$item.x", "a.b[0]", "__proto__.x", " a.b"])
    expect([text, parseRef(text)]).toEqual([text, undefined]);
});

test("[R-BP-7] refuses files that are built to hurt: deep, large, multiplying", () => {
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  for (const [text, file] of [
    [deep, "x.yaml"],
    [deep, "x.json"],
    [`a: ${deep}`, "x.yaml"],
    [`${HEAD}nodes: {}\ndescription: ${"x".repeat(9_000_000)}`, "x.yaml"],
  ] as const) {
    const { blueprint, problems } = parseBlueprint(text, file);
    expect(blueprint).toBeUndefined();
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["SYNTAX"]));
  }
}, 60_000);

test("[R-BP-8] sets the defaults that the documentation names", () => {
  const blueprint = ok(
    `${HEAD}inputs:\n  a: { type: string }\n  b: { type: string, default: x }\n  c: { type: string, required: false }\nnodes:\n  n: { uses: test/text@1, retry: { attempts: 2 } }\n`,
    "jobs/nightly.blueprint.yaml",
  );
  expect(blueprint).toMatchObject({
    id: "nightly",
    version: "0.0.0",
    policy: { onFailure: "cancel", durability: "group" },
    secrets: [],
  });
  expect([...blueprint.inputs.values()].map(({ required }) => required)).toEqual([true, false, false]);
  expect(blueprint.nodes.get("n")?.retry).toEqual({
    attempts: 2,
    backoff: "exponential",
    initialMs: 1000,
    factor: 2,
    maxMs: 60_000,
    jitter: "full",
  });
});

test("[R-BP-9] takes only types that the file declares", () => {
  const { problems } = parseBlueprint(
    `${HEAD}inputs:\n  rows: { type: "list<#rwo>" }\ntypes:\n  row: { type: object }\nnodes: {}\n`,
  );
  expect(problems.map(line)).toEqual([
    '5:17 SCHEMA [inputs.rows.type] Cannot use the type "#rwo": `types` does not declare it; did you mean "row"?',
  ]);
});

test("[R-BP-10] keeps the position of every node, wire and configured value", () => {
  const text = `${HEAD}nodes:\n  first:\n    uses: test/text@1\n  second:\n    uses: test/merge@1\n    in:\n      items: [first.text,\n        first.length]\n    with:\n      headers:\n        - { name: a, value: "\${ in.x }" }\n`;
  const second = ok(text).nodes.get("second")!;
  expect(second.at).toEqual({ line: 7, column: 3 });
  expect((second.in.get("items") as readonly Ref[]).map(({ at }) => at)).toEqual([
    { line: 10, column: 15 },
    { line: 11, column: 9 },
  ]);
  expect(second.positions.get("in.items")).toEqual({ line: 10, column: 7 });
  expect(second.positions.get("with.headers[0].value")).toEqual({ line: 14, column: 29 });
  const json = `{ "apiVersion": "atomiton.dev/v1", "kind": "Blueprint", "name": "x", "nodes": {\n  "a": { "uses": "test/text@1",\n    "with": { "prefix": "p" } } } }`;
  const a = ok(json, "x.json").nodes.get("a")!;
  expect([a.at, a.positions.get("uses"), a.positions.get("with.prefix")]).toEqual([
    { line: 2, column: 3 },
    { line: 2, column: 18 },
    { line: 3, column: 25 },
  ]);
});

test("[R-BP-18] a setting `schema` may name one of the types, which has to be there", () => {
  const types = `types:\n  row: { type: object, properties: { tag: { $ref: "#tag" } } }\n  tag: { type: string }\n`;
  const nodes = (name: string): string => `nodes:\n  a: { uses: core/validate@1, with: { schema: "${name}" } }\n`;
  const { schema } = ok(`${HEAD}${types}${nodes("#row")}`).nodes.get("a")!.with;
  expect(schema).toMatchObject({ type: "object", $defs: { tag: { type: "string" } } });
  const { problems } = parseBlueprint(`${HEAD}${types}${nodes("#rwo")}`);
  expect(problems.map(({ code, where, message }) => [code, where, message])).toEqual([
    ["SCHEMA", "nodes.a.with.schema", expect.stringContaining('did you mean "row"?')],
  ]);
});

test("[R-BP-11] repeats a value by an alias", () => {
  const blueprint = ok(
    `${HEAD}nodes:\n  a: { uses: test/text@1, with: &w { prefix: x, deep: { label: y } } }\n  b: { uses: test/text@1, with: *w }\n`,
  );
  expect(blueprint.nodes.get("b")?.with).toEqual({ prefix: "x", deep: { label: "y" } });
});
