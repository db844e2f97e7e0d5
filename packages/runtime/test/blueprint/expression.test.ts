import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import jsonata from "jsonata";
import { expect, test } from "vitest";

import { JSONATA_FUNCTIONS } from "../../src/blueprint/expression-names.ts";
import { compileExpression, type Scope } from "../../src/blueprint/index.ts";
import { RuntimeError } from "../../src/errors.ts";

const scope: Scope = {
  in: {
    decision: { ok: true },
    list: ["a", "in", "c"],
    rows: [
      { sku: "a", price: 1, in: { limit: 0 } },
      { sku: "b", price: 5, in: { limit: 9 } },
    ],
    limit: 3,
    text: "in x",
    in: { in: 7 },
    nothing: null,
    empty: [],
    one: [1],
  },
  item: { sku: "sku-1", in: { x: 5 } },
  index: 2,
  key: "k",
  run: { id: "run-1" },
  secrets: { token: "s3cret" },
};
const value = (text: string, options?: Parameters<ReturnType<typeof compileExpression>["evaluate"]>[1]) =>
  compileExpression(text).evaluate(scope, options);

const failure = async (work: () => unknown): Promise<RuntimeError> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof RuntimeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

test.each([
  ["in.decision.ok", true],
  ["'x' & secrets.token", "xs3cret"],
  ["item.sku", "sku-1"],
  ["index + 1", 3],
  ["run.id & '/' & key", "run-1/k"],
  ["'in' in in.list", true],
  ["in.text in in.list", false],
  ["in.in.in", 7],
  ["in in in", true],
  ["item.in.x", 5],
  ["/* in */ in.limit /* in.x */", 3],
  ["$match(in.text, /in /).match", "in "],
  ["in.limit/in.limit", 1],
  ["-in.limit", -3],
  ["in ? 'yes' : 'no'", "yes"],
  ["in.missing ?? 'none'", "none"],
  ["in.limit ?: 'none'", 3],
  ["[in.limit, in.text]", [3, "in x"]],
  ["{ 'in': in.limit, \"b\": in.text }", { in: 3, b: "in x" }],
  ["(in; $x := in.limit; $x * 2)", 6],
  ["in.rows.sku", ["a", "b"]],
  ["in.rows[0].sku", "a"],
  ["in[0].limit", 3],
  ["in.`limit`", 3],
  ["$sum(in.rows.price)", 6],
  ["$map(in.rows, function($row) { $row.price + in.limit })", [4, 8]],
  ["in.rows ~> $count", 2],
  ["in.limit in [1, 2, 3] and in.decision.ok", true],
  ["in.text = \"in x\" and 'in' = 'in'", true],
  ["in\n.\nlimit", 3],
])(
  "[R-EXP-1] `in` is a name where a value stands and JSONata's operator between values: %s",
  async (text, expected) => {
    expect(await value(text)).toEqual(expected);
  },
);

test("[R-EXP-2] inside a filter a bare name is the item's field; $in and $$.in are the scope everywhere", async () => {
  expect(await value("in.rows[price > in.limit].sku")).toBe("a");
  expect(await value("in.rows[price > $in.limit].sku")).toBe("b");
  expect(await value("in.rows[price > $$.in.limit].sku")).toBe("b");
  expect(await value("in.rows.(price * $index + $number($item.in.x))")).toEqual([7, 15]);
});

test("[R-EXP-3] names what an expression reads, and what it reads from an item at hand", () => {
  const names = (text: string) => compileExpression(text).names;
  const heads = (text: string) =>
    names(text)
      .heads.map(({ name, next, nested }) => `${nested ? "~" : ""}${name}${next === undefined ? "" : `.${next}`}`)
      .sort();
  expect(heads("in.item.url")).toEqual(["in.item"]);
  expect(heads("in.rows[price > in.limit].(sku & $in.text)")).toEqual([
    "in.rows",
    "in.text",
    "~in.limit",
    "~price",
    "~sku",
  ]);
  expect(heads("$$.secrets.token & $run.id")).toEqual(["run.id", "secrets.token"]);
  expect(heads("in.a^(>b, in.c){ d: $sum(e) }")).toEqual(["in.a", "~b", "~d", "~e", "~in.c"]);
  expect(heads("in ~> | x | { 'y': z } |")).toEqual(["in", "~x", "~z"]);
  expect(heads("(in.a; read.rows; [b, { 'k': c }]; d ? e : f; $f(g); -h)")).toEqual(
    ["b", "c", "d", "e", "f", "g", "h", "in.a", "read.rows"].sort(),
  );
  expect(heads("'in.x'")).toEqual([]);
  expect(
    names("$uppercas(in.x) & $y & ($z := 1; $z) & $map(in.x, function($v, $i) { $v & $i })")
      .unbound.map(({ name }) => name)
      .sort(),
  ).toEqual(["uppercas", "y"]);
  expect(names("in.rows@$r#$i.(price + $i + $r.price)").unbound).toEqual([]);
});

test("[R-EXP-3] knows JSONata's own functions, all of them", () => {
  const source = readFileSync(createRequire(import.meta.url).resolve("jsonata"), "utf8");
  const bound = [...source.matchAll(/(?:staticFrame|environment)\.bind\('(\w+)'/g)].map(([, name]) => name);
  expect([...JSONATA_FUNCTIONS].sort()).toEqual([...new Set(bound)].map(String).sort());
});

test("[R-EXP-4] walks a plain path without JSONata, to the same value", async () => {
  const paths = [
    "in",
    "item",
    "index",
    "missing",
    "in.decision",
    "in.decision.ok",
    "in.list",
    "in.rows",
    "in.rows.sku",
    "in.rows.price.x",
    "in.nothing",
    "in.nothing.x",
    "in.text.length",
    "in.empty",
    "in.empty.x",
    "in.one",
    "in.one.x",
    "in.limit.toFixed",
    "in.rows.in.limit",
    "vars.x",
    "run.id",
    "in.list.length",
  ];
  for (const path of paths) {
    const peer: unknown = await jsonata(path).evaluate(scope);
    expect([path, await value(path)]).toEqual([
      path,
      peer === undefined ? undefined : JSON.parse(JSON.stringify(peer)),
    ]);
  }
  const quick = compileExpression("in.decision.ok");
  expect(quick.quick?.(scope)).toEqual({ value: true });
  expect(compileExpression("in.rows.sku").quick?.(scope)).toBeUndefined();
  expect(() => compileExpression("in.true")).toThrow("cannot be used as a step");
});

test.each([
  "in.constructor",
  "in.__proto__",
  "in.list.constructor",
  "in.text.constructor",
  "in.toString",
  "item.hasOwnProperty",
  "in.rows.constructor.name",
  "in.decision.__proto__.polluted",
  "$lookup(in, 'constructor')",
  "in.`__proto__`",
])("[R-EXP-5] reads own properties only: %s is undefined", async (text) => {
  expect(await value(text)).toBeUndefined();
});

test("[R-EXP-6] gives plain data: no marks of JSONata's sequences, no functions, at any depth", async () => {
  const nested = (await value(
    "{ 'a': in.rows.sku, 'b': [in.rows.price], 'c': { 'd': in.rows[price > 0] }, 'f': $sum, 'g': function($x) { $x } }",
  )) as Record<string, unknown[]>;
  expect(nested).toStrictEqual({ a: ["a", "b"], b: [1, 5], c: { d: [...(scope.in as { rows: unknown[] }).rows] } });
  expect(Object.keys(nested["a"]!)).toEqual(["0", "1"]);
  expect(Object.getOwnPropertyNames(await value("in.rows.sku"))).toEqual(["0", "1", "length"]);
  expect(await value("$sum")).toBeUndefined();
  expect(await value("[$sum, 1]")).toEqual([null, 1]);
  // What passes through unchanged is not copied.
  expect(await value("in[0].rows")).toBe((scope.in as { rows: unknown }).rows);
});

const frozen = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
};

test.each([
  "in.list[]",
  "[in.list[]]",
  "in.rows[]",
  "in.rows[price > 4][]",
  "in.rows[price > 4][].sku",
  "in.limit[]",
  "in.one[]",
  "in.empty[]",
  "in.missing[]",
  "in.rows.sku[]",
  "(in.rows[price > 4])[]",
  "in.rows.[sku, price][]",
  "in.[limit, text][]",
  "[1, 2][]",
  "$count(in.one[])",
  "in.rows[price > 4][] ~> $count",
  "in.rows^(>price)[]",
  "in.rows[price > 4][]{ sku: price }",
  "$map(in.rows[price > 4][], function($row) { $row.sku })",
  "in ~> | rows | { 'z': 1 } |",
  "$append(in.list, 1)",
  "$sort(in.list)",
])("[R-EXP-15] leaves its inputs as they are, frozen ones too: %s", async (text) => {
  const before = JSON.stringify(scope.in);
  const peer: unknown = await jsonata(text).evaluate(JSON.parse(JSON.stringify(scope)));
  expect(await compileExpression(text).evaluate(frozen(structuredClone(scope)) as Scope)).toEqual(
    peer === undefined ? undefined : JSON.parse(JSON.stringify(peer)),
  );
  await value(text);
  expect(JSON.stringify(scope.in)).toBe(before);
  expect(Object.keys((scope.in as { list: string[] }).list)).toEqual(["0", "1", "2"]);
});

test("[R-EXP-6] says so when a result contains itself", async () => {
  const ring: Record<string, unknown> = {};
  ring["self"] = ring;
  const error = await failure(() => compileExpression("in[0]").evaluate({ in: ring }));
  expect(error).toMatchObject({ code: "EXPRESSION" });
  expect(error.message).toContain("contains itself");
});

test("[R-EXP-7] ends an endless evaluation by its budget", async () => {
  let now = 0;
  const error = await failure(() =>
    value("($f := function($x) { $f($x + 1) }; $f(0))", { budgetMs: 50, now: () => (now += 0.01) }),
  );
  expect(error).toMatchObject({ code: "EXPRESSION" });
  expect(error.message).toContain("it takes longer than 50 ms; does it end?");
});

test("[R-EXP-7] ends an evaluation that only recurses, by the parts under way", async () => {
  const error = await failure(() => value("($f := function($x) { 1 + $f($x + 1) }; $f(0))", { maxOpen: 200 }));
  expect(error.message).toContain("more than 200 of its parts are under way at once");
  expect(await value("($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(100))")).toBe(100);
  expect(
    Object.keys((await value("[1..5000]{ $string($): $sum([$, 1]) }", { budgetMs: 60_000 })) as object),
  ).toHaveLength(5000);
  expect((await failure(() => value("($f := function($x) { 1 + $f($x + 1) }; $f(0))"))).code).toBe("EXPRESSION");
}, 60_000);

test("[R-EXP-7] keeps the limits of evaluations that run beside each other apart", async () => {
  const endless = compileExpression("($f := function($x) { $f($x + 1) }; $f(in.start))");
  const sum = compileExpression("$sum([1..200].($ * 2))");
  let now = 0;
  const [bad, good] = await Promise.all([
    failure(() => endless.evaluate({ in: { start: 0 } }, { budgetMs: 5, now: () => (now += 0.01) })),
    sum.evaluate({}),
  ]);
  expect(bad.code).toBe("EXPRESSION");
  expect(good).toBe(40_200);
});

test("[R-EXP-8] ends by its signal, with the signal's reason", async () => {
  const aborted = AbortSignal.abort(new Error("cancelled"));
  await expect(value("in.limit + 1", { signal: aborted })).rejects.toThrow("cancelled");
  await expect(value("in.limit", { signal: aborted })).rejects.toThrow("cancelled");
  const control = new AbortController();
  const running = value("($f := function($x) { $f($x + 1) }; $f(0))", { signal: control.signal, budgetMs: 60_000 });
  setTimeout(() => control.abort(new Error("enough")), 5); // real time: it fires only because the evaluation gives others turns
  await expect(running).rejects.toThrow("enough");
});

test.each([
  ["", "it is empty"],
  ["in.x +", "Unexpected end of expression"],
  ["in.x ]", "Syntax error"],
  ["'open", "String literal must be terminated"],
  ["/* open", "Comment has no closing tag"],
  ["$f(", "before end of expression"],
  ["(".repeat(50_000), "nested too deep"],
  ["1 +".repeat(30_000), "the limit is 65536"],
])("[R-EXP-9] refuses %j when it is compiled, and says why", async (text, why) => {
  const error = await failure(() => compileExpression(text));
  expect(error.code).toBe("EXPRESSION");
  expect(error.message).toContain(why);
  expect(error.message.length).toBeLessThan(400);
  expect(typeof error.details["position"]).toBe("number");
});

test("[R-EXP-9] says what failed while it ran", async () => {
  const error = await failure(() => value("in.text * 2"));
  expect(error).toMatchObject({ code: "EXPRESSION", details: { text: "in.text * 2" } });
  expect(error.message).toBe(
    'Cannot evaluate "in.text * 2": The left side of the "*" operator must evaluate to a number',
  );
  expect((await failure(() => value("$error('my own words')"))).message).toContain("my own words");
});
