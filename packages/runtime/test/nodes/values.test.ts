import { expect, test } from "vitest";

import { settled } from "../engine/fake-clock.ts";
import { bench } from "../engine/kit.ts";
import { run } from "./core.ts";

test("[R-NODE-1] core/set puts each value on the output of its name", async () => {
  const { outputs } = await run("set", { config: { values: { rate: 1.2, list: [1, { a: null }], none: null } } });
  expect(outputs).toEqual({ rate: 1.2, list: [1, { a: null }], none: null });
  await expect(run("set", { config: { values: { "not a port": 1 } } })).rejects.toMatchObject({
    error: { class: "config" },
  });
  await expect(run("set", { config: { values: { error: 1 } } })).rejects.toMatchObject({ error: { class: "config" } });
});

test("[R-NODE-2] core/transform evaluates one expression over its inputs", async () => {
  const rows = [
    { item: "a", price: 2 },
    { item: "b", price: 3.5 },
  ];
  const { outputs } = await run("transform", {
    in: { rows, rate: 2 },
    config: { expression: "$sum(in.rows.price) * in.rate" },
  });
  expect(outputs).toEqual({ value: 11 });
  const wrapped = await run("transform", { in: { rows }, config: { expression: "${ in.rows[price > 3].item }" } });
  expect(wrapped.outputs).toEqual({ value: "b" });
  expect((await run("transform", { config: { expression: "in.nothing" } })).outputs).toEqual({});
});

test("[R-NODE-3] core/transform with `each` gives one result per item, in order", async () => {
  const { items } = await run("transform", {
    in: { items: [1, 2, 3], rate: 10 },
    config: { each: true, expression: "item = 2 ? in.nothing : item * in.rate + index" },
  });
  expect(items).toEqual({ items: [10, null, 32] });
});

test("[R-NODE-4] an expression that fails names the setting and the item", async () => {
  const failing = run("transform", { in: { items: [1, "x"] }, config: { each: true, expression: "item * 2" } });
  await expect(failing).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot evaluate "expression" for item 1: /),
    error: { code: "EXPRESSION", class: "user", retryable: false },
  });
  await expect(run("filter", { in: { items: [1] }, config: { condition: "item >" } })).rejects.toMatchObject({
    code: "EXPRESSION",
  });
});

test("[R-NODE-5] core/switch takes the first case that is true, else otherwise", async () => {
  const cases = { none: "false", small: "in.value < 10", alsoSmall: "in.value < 100", always: true };
  expect((await run("switch", { in: { value: 5 }, config: { cases } })).outputs).toEqual({ small: 5 });
  expect((await run("switch", { in: { value: 50 }, config: { cases } })).outputs).toEqual({ alsoSmall: 50 });
  expect((await run("switch", { in: { value: 500 }, config: { cases: { small: "in.value < 10" } } })).outputs).toEqual({
    otherwise: 500,
  });
  await expect(run("switch", { in: { value: 1 }, config: { cases: { otherwise: "true" } } })).rejects.toMatchObject({
    error: { class: "config" },
  });
});

test("[R-NODE-6] core/filter loses nothing: every item is kept or rejected, in order", async () => {
  const items = [0, 1, "", "a", null, [], [0], [0, 2], {}, { a: 1 }, false, true];
  const { items: out } = await run("filter", { in: { items }, config: { condition: "${ item }" } });
  expect(out["kept"]).toEqual([1, "a", [0, 2], { a: 1 }, true]);
  expect(out["rejected"]).toEqual([0, "", null, [], [0], {}, false]);
  const strange = await run("filter", {
    in: { items: [{ ["__proto__"]: 1 }, { constructor: 2 }] },
    config: { condition: "item.constructor" },
  });
  expect(strange.items).toEqual({ kept: [{ constructor: 2 }], rejected: [{ ["__proto__"]: 1 }] });
});

test("[R-NODE-7] per-item nodes stop at once on abort and leave turns to others", async () => {
  const controller = new AbortController();
  let seen = 0;
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 0); // real time: counts real turns of the event loop
  const items = (function* () {
    for (; seen < 1_000_000; seen += 1) {
      if (seen === 5_000) controller.abort("enough");
      yield seen;
    }
  })();
  await expect(
    run("filter", { in: { items }, config: { condition: "item > 5" }, signal: controller.signal }),
  ).rejects.toBe("enough");
  clearInterval(ticking);
  expect(seen).toBeLessThan(5_200);
  expect(turns).toBeGreaterThan(3);
});

test("[R-NODE-8] core/merge joins what the join rule let through", async () => {
  const items = ["first", "second"];
  expect((await run("merge", { in: { items } })).outputs).toEqual({ value: ["first", "second"] });
  expect((await run("merge", { in: { items }, config: { mode: "any" } })).outputs).toEqual({ value: "first" });
  expect((await run("merge", { in: { items: ["fast"] }, config: { mode: "race" } })).outputs).toEqual({
    value: "fast",
  });
  const lists = [
    [1, 2],
    ["a", "b"],
  ];
  expect((await run("merge", { in: { items: lists }, config: { mode: "zip" } })).outputs).toEqual({
    value: [
      [1, "a"],
      [2, "b"],
    ],
  });
  await expect(run("merge", { in: { items: [[1], []] }, config: { mode: "zip" } })).rejects.toMatchObject({
    message: "Cannot zip the items: the lists have 1, 0 items; make them equally long before, nothing is dropped here",
    error: { code: "ZIP" },
  });
  await expect(run("merge", { in: { items: [1] }, config: { mode: "zip" } })).rejects.toThrow("wire 1 carries no list");
});

test("[R-NODE-9] core/delay passes its value on after the duration, and ends on abort without a timer left", async () => {
  const { runtime, clock, start, of } = bench();
  const graph = {
    a: { uses: "core/set@1", with: { values: { x: "x" } } },
    b: { uses: "core/delay@1", in: { value: "a.x" }, with: { duration: "20s" } },
  };
  const id = await start(graph, { outputs: { out: { type: "any", from: "b.value" } } });
  await settled();
  const idle = clock.waiting;
  await clock.move(19_999);
  expect(of("runtime:completed")).toEqual([]);
  await clock.move(1);
  expect(await runtime.waitForCompletion(id)).toEqual({ out: "x" });

  const cancelled = await start({ b: { uses: "core/delay@1", with: { duration: "1h" } } });
  await settled();
  expect(await runtime.cancel(cancelled)).toBe("cancelled");
  expect(clock.waiting).toBeLessThan(idle);
  for (const duration of ["soon", "30d", "-5s", "5"]) {
    await expect(run("delay", { config: { duration } })).rejects.toMatchObject({ error: { code: "CONFIG" } });
  }
  await runtime.close();
});

test("[R-NODE-10] core/log writes its line at its level, with data", async () => {
  const { logs, outputs } = await run("log", { config: { level: "warn", message: "odd", data: { rows: 3 } } });
  expect(logs).toEqual([{ level: "warn", message: "odd", data: { rows: 3 } }]);
  expect(outputs).toEqual({});
});

test("[R-NODE-11] core/fail fails with its own message and code, not retryable", async () => {
  await expect(run("fail", { config: { message: "No rows today", code: "NO_ROWS" } })).rejects.toMatchObject({
    message: "No rows today",
    error: { code: "NO_ROWS", class: "user", retryable: false },
  });
});

test("[R-NODE-12] core/template fills Liquid text from its inputs", async () => {
  const filled = await run("template", {
    in: { name: "Ada <b>", rows: [{ n: 1 }, { n: 2 }] },
    config: {
      template:
        "Hi {{ in.name | upcase }}:{% for row in in.rows %} {{ row.n }}{% endfor %}{% if in.rows.size > 5 %}!{% endif %}",
    },
  });
  expect(filled.outputs).toEqual({ text: "Hi ADA <B>: 1 2" });
  const html = await run("template", {
    in: { name: "<b>" },
    config: { template: "{{ in.name }}{{ in.name | raw }}", escape: "html" },
  });
  expect(html.outputs).toEqual({ text: "&lt;b&gt;<b>" });
});

test.each([
  ["an unknown name", "{{ in.nmae }}", "nmae"],
  ["an unknown filter", "{{ in.name | shout }}", "shout"],
  ["a tag that is not closed", "{% for x in in.rows %}", "not closed"],
  ["a file of the host", "{% include '/etc/passwd' %}", "/etc/passwd"],
  ["a file by render", "{% render '../package.json' %}", "package.json"],
  ["a layout", "{% layout 'x' %}", "x"],
  ["a prototype", "{{ in.constructor }}", "constructor"],
  ["a loop without end", "{% for i in (1..100000000) %}{{ i }}{% endfor %}", "limit"],
])("[R-NODE-13] core/template refuses %s and says so", async (_, template, says) => {
  await expect(run("template", { in: { name: "x" }, config: { template } })).rejects.toMatchObject({
    message: expect.stringMatching(new RegExp(`^Cannot fill the template: .*${says.replace(/[/.]/g, "\\$&")}`)),
    error: { code: "TEMPLATE", class: "user" },
  });
});
