import { expect, test } from "vitest";

import { compileTemplate, splitTemplate } from "../../src/blueprint/index.ts";

const scope = {
  in: { n: 7, list: [1, 2], text: "x", nothing: null, half: 0.1 + 0.2, row: { a: 1 } },
  secrets: { token: "t" },
};
const value = (template: unknown) => compileTemplate(template).evaluate(scope);

test("[R-EXP-10] gives the value of a text that is one expression, and a text for any other", async () => {
  expect(await value("${ in.n }")).toBe(7);
  expect(await value("${in.list}")).toEqual([1, 2]);
  expect(await value("${ in.nothing }")).toBeNull();
  expect(await value("${ in.missing }")).toBeUndefined();
  expect(await value(" ${ in.n }")).toBe(" 7");
  expect(await value("${ in.n }${ in.text }")).toBe("7x");
  expect(await value("a ${ in.missing } b ${ in.nothing } c ${ in.row } d ${ in.half } e ${ in.list }")).toBe(
    'a  b null c {"a":1} d 0.3 e [1,2]',
  );
});

test("[R-EXP-11] writes ${ for $${", async () => {
  expect(await value("$${ in.n }")).toBe("${ in.n }");
  expect(await value("$${a} ${ in.n } $${b}")).toBe("${a} 7 ${b}");
  expect(await value("cost: $5 and $$ and {x}")).toBe("cost: $5 and $$ and {x}");
  expect(compileTemplate("$${ in.n }")).toMatchObject({ isStatic: true, value: "${ in.n }" });
});

test("[R-EXP-12] walks lists and maps, leaves keys alone, and leaves out keys without a value", async () => {
  expect(await value({ a: ["${ in.n }", { b: "${ in.missing }", c: 1 }], "${ in.n }": true, d: null })).toStrictEqual({
    a: [7, { c: 1 }],
    "${ in.n }": true,
    d: null,
  });
  expect(
    compileTemplate({ a: "${ in.n }", b: ["x ${ in.text }"] }).expressions.map(({ where, expression }) => [
      where,
      expression.text,
    ]),
  ).toEqual([
    [".a", " in.n "],
    [".b[0]", " in.text "],
  ]);
});

test("[R-EXP-13] knows what holds no expression", async () => {
  const plain = { a: [1, "b", { c: null }], d: true };
  expect(compileTemplate(plain)).toMatchObject({ isStatic: true, value: plain, expressions: [] });
  expect(await compileTemplate(plain).evaluate({})).toEqual(plain);
  expect(compileTemplate("${ 1 }").isStatic).toBe(false);
});

test.each([
  ["${ '}' }", "}"],
  ["${ \"}\" & '{' }", "}{"],
  ["${ { 'a': { 'b': 1 } }.a.b }", 1],
  ['${ "it\'s } here" }', "it's } here"],
  ["${ /* } */ in.n }", 7],
  ["${ $match('a}b', /\\}/).index }", 1],
  ["${ `in`.n }", 7],
  ["x${ '${' }y", "x${y"],
  ["${ in.n }}", "7}"],
])("[R-EXP-14] closes an expression at the brace that matches: %s", async (template, expected) => {
  expect(await value(template)).toEqual(expected);
});

test("[R-EXP-14] refuses an expression that is not closed, by name, and goes on after it", () => {
  expect(() => compileTemplate("a ${ in.n")).toThrow("is not closed");
  expect(() => splitTemplate("${ 'open }")).toThrow("is not closed");
  const problems: string[] = [];
  const { expressions } = compileTemplate({ a: "${ in.", b: "${ in.n +}", c: "${ in.n }" }, ({ where }) =>
    problems.push(where),
  );
  expect(problems).toEqual([".a", ".b"]);
  expect(expressions.map(({ where }) => where)).toEqual([".c"]);
});
