import { expect, test } from "vitest";

import { bench, Gate, node } from "./kit.ts";

const wanted = {
  outputs: { results: { type: "any", from: "each.results" }, errors: { type: "any", from: "each.errors" } },
};
const items = { inputs: { items: { type: "list<any>" } }, ...wanted };
const each = (
  config: object,
  body: object = { a: { uses: "test/give@1", in: { in: "$item" } } },
  outputs: object = { v: "a.out" },
): object => ({
  each: { uses: "core/forEach@1", in: { items: "$inputs.items" }, with: config, body: { nodes: body, outputs } },
});

test("[R-ENG-20] runs its body for none, one and many items, results in their order", async () => {
  const { runtime, run, of } = bench();
  expect(await run(each({}), items, { items: [] })).toEqual({ results: [], errors: [] });
  expect(await run(each({}), items, { items: ["one"] })).toEqual({ results: [{ v: "one" }], errors: [] });
  const many = Array.from({ length: 100 }, (_, at) => at);
  expect(await run(each({ concurrency: 7 }), items, { items: many })).toEqual({
    results: many.map((v) => ({ v })),
    errors: [],
  });
  expect(of("runtime:completed").at(-1)).toMatchObject({ counts: { completed: 101 } });
  await runtime.close();
});

test("[R-ENG-20] completes with a body that has no nodes", async () => {
  const { runtime, run } = bench();
  const outputs = { i: "$index", k: "$key", v: "$item" };
  expect(await run(each({}, {}, outputs), items, { items: ["x", "y"] })).toMatchObject({
    results: [
      { i: 0, k: "0", v: "x" },
      { i: 1, k: "1", v: "y" },
    ],
  });
  await runtime.close();
});

test("[R-ENG-21] runs `concurrency` items at once, and keeps or follows the order in which they end", async () => {
  for (const order of ["preserve", "completion"]) {
    const gate = new Gate();
    const { runtime, start, clock } = bench([gate.def]);
    const body = { a: { uses: "test/gate@1", in: { in: "$item" } } };
    const id = await start(each({ concurrency: 2, order }, body), items, { items: ["x", "y", "z"] });
    await clock.move(0);
    expect(gate.paths).toEqual(["each[0]/a", "each[1]/a"]);
    gate.at("each[1]/a").open({ out: "y" });
    await clock.move(0);
    expect(gate.paths).toEqual(["each[0]/a", "each[2]/a"]);
    gate.at("each[2]/a").open({ out: "z" });
    await clock.move(0);
    gate.at("each[0]/a").open({ out: "x" });
    const { results } = await runtime.waitForCompletion(id);
    expect(results).toEqual((order === "preserve" ? ["x", "y", "z"] : ["y", "z", "x"]).map((v) => ({ v })));
    await runtime.close();
  }
});

const picky = node("picky", (ctx) => {
  if (String(ctx.in.in).startsWith("bad")) throw new Error(`no ${ctx.in.in}`);
  return { out: ctx.in.in };
});
const pickyBody = { a: { uses: "test/picky@1", in: { in: "$item" } } };

test("[R-ENG-22] ends at a failing item, leaves it out, or collects it, as `onItemError` says", async () => {
  const { runtime, run, start, of } = bench([picky]);
  const given = { items: ["x", "bad1", "y", "bad2"] };
  expect(await run(each({ onItemError: "skip" }, pickyBody), items, given)).toEqual({
    results: [{ v: "x" }, { v: "y" }],
    errors: [],
  });
  expect(of("runtime:log").map(({ level, message }) => `${level} ${message}`)).toEqual([
    'warn Left out item 1 ("1"): no bad1',
    'warn Left out item 3 ("3"): no bad2',
  ]);
  const collected = await run(each({ onItemError: "collect" }, pickyBody), items, given);
  expect(collected).toMatchObject({
    results: [{ v: "x" }, { v: "y" }],
    errors: [
      { index: 1, key: "1", item: "bad1", error: { message: "no bad1", path: "each[1]/a" } },
      { index: 3, key: "3", item: "bad2" },
    ],
  });
  expect(of("runtime:error").every(({ handled }) => handled)).toBe(true);
  const id = await start(each({ onItemError: "fail" }, pickyBody), items, given);
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
    details: {
      error: {
        path: "each",
        message: expect.stringContaining('"each" failed at item 1 ("1"): no bad1') as string,
        cause: { path: "each[1]/a" },
      },
    },
  });
  await runtime.close();
});

test("[R-ENG-22] cancels the items that are under way when one fails, and opens no more", async () => {
  const gate = new Gate();
  const { runtime, start, clock, states } = bench([gate.def]);
  const body = { a: { uses: "test/gate@1", in: { in: "$item" } } };
  const id = await start(each({ concurrency: 3 }, body), items, { items: [0, 1, 2, 3, 4] });
  const end = runtime.waitForCompletion(id).catch((error: unknown) => error);
  await clock.move(0);
  gate.at("each[1]/a").fail(new Error("broken"));
  expect(await end).toMatchObject({ code: "EXECUTION_FAILED" });
  expect(gate.begun).toEqual(["each[0]/a", "each[1]/a", "each[2]/a"]);
  expect(states()).toEqual({
    each: "failed",
    "each[0]/a": "cancelled",
    "each[1]/a": "failed",
    "each[2]/a": "cancelled",
  });
  await runtime.close();
});

test("[R-ENG-23] names items by `key`, numbers equal names, and fails an item that has none", async () => {
  const { runtime, run, of, states } = bench();
  const given = { items: [{ sku: "a/1" }, { sku: "b" }, { sku: "b" }, { sku: "b" }, { sku: "b#2" }, {}] };
  const { results, errors } = await run(
    each({ key: "${ item.sku }", onItemError: "collect" }, {}, { k: "$key" }),
    items,
    given,
  );
  expect(results).toEqual(["a%2f1", "b", "b#2", "b#3", "b#2#2"].map((k) => ({ k })));
  expect(errors).toMatchObject([{ index: 5, error: { code: "INVALID_KEY" } }]);
  expect(of("runtime:log").filter(({ level }) => level === "warn")).toHaveLength(3);
  await run(each({ key: "${ item.sku }" }), items, { items: [{ sku: "p" }] });
  expect(Object.keys(states())).toContain("each[p]/a");
  await runtime.close();
});

test("[R-ENG-24] shows a body its item and the loop's inputs, and nothing else", async () => {
  const { runtime, run } = bench();
  const nodes = {
    width: { uses: "test/give@1", with: { value: 640 } },
    each: {
      uses: "core/forEach@1",
      in: { items: "$inputs.items", width: "width.out" },
      body: {
        nodes: {
          a: {
            uses: "core/set@1",
            in: { item: "$item", w: "$inputs.width" },
            with: { values: { v: "${ index & ':' & key & ':' & in.item & ':' & in.w & ':' & item }" } },
          },
        },
        outputs: { v: "a.v" },
      },
    },
  };
  expect(await run(nodes, items, { items: ["x"] })).toMatchObject({ results: [{ v: "0:0:x:640:x" }] });
  await expect(
    run(
      { other: { uses: "test/give@1" }, ...each({}, { a: { uses: "test/give@1", in: { in: "other.out" } } }) },
      items,
      { items: [] },
    ),
  ).rejects.toMatchObject({ code: "INVALID_BLUEPRINT" });
  await runtime.close();
});

test("[R-ENG-20] takes its items once: a body that changes the list changes nothing", async () => {
  const list = [1, 2, 3];
  const grow = node("grow", (ctx) => {
    if (list.length < 10) list.push(99);
    return { out: ctx.in.in };
  });
  const source = node("list", () => ({ out: list }));
  const { runtime, run } = bench([grow, source]);
  const nodes = {
    list: { uses: "test/list@1" },
    each: {
      uses: "core/forEach@1",
      in: { items: "list.out" },
      with: { concurrency: 1 },
      body: { nodes: { a: { uses: "test/grow@1", in: { in: "$item" } } }, outputs: { v: "a.out" } },
    },
  };
  expect(await run(nodes, wanted)).toMatchObject({ results: [{ v: 1 }, { v: 2 }, { v: 3 }] });
  await runtime.close();
});

test("[R-ENG-25] runs loops in loops, three deep, with one limit of attempts for all", async () => {
  let running = 0;
  let most = 0;
  const count = node("count", async (ctx) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    return { out: ctx.in.in };
  });
  const { runtime, run } = bench([count]);
  const loop = (from: string, nodes: object, outputs: object): object => ({
    uses: "core/forEach@1",
    in: { items: from },
    with: { concurrency: 5 },
    body: { nodes, outputs },
  });
  const nodes = {
    each: loop(
      "$inputs.items",
      {
        x: loop(
          "$item",
          { y: loop("$item", { z: { uses: "test/count@1", in: { in: "$item" } } }, { v: "z.out" }) },
          { v: "y.results" },
        ),
      },
      { v: "x.results" },
    ),
  };
  const cube = Array.from({ length: 4 }, (_, a) =>
    Array.from({ length: 4 }, (__, b) => Array.from({ length: 4 }, (___, c) => a * 16 + b * 4 + c)),
  );
  const { results } = await run(nodes, { ...items, policy: { concurrency: 3 } }, { items: cube });
  expect(results).toEqual(cube.map((a) => ({ v: a.map((b) => ({ v: b.map((v) => ({ v })) })) })));
  expect(most).toBe(3);
  await runtime.close();
});

test("[R-ENG-26] runs 100,000 items in linear time, with no more scopes than `concurrency`", async () => {
  let most = 0;
  let id = "";
  const watch = node("watch", (ctx) => {
    most = Math.max(most, runtime.execution(id).scopes);
    return { out: ctx.in.in };
  });
  const { runtime, start } = bench([watch]);
  const time = async (count: number): Promise<number> => {
    const from = performance.now();
    id = await start(each({ concurrency: 16 }, { a: { uses: "test/watch@1", in: { in: "$item" } } }), items, {
      items: Array.from({ length: count }, (_, at) => at),
    });
    const { results } = (await runtime.waitForCompletion(id)) as { results: { v: number }[] };
    expect(results).toHaveLength(count);
    expect(results.at(-1)).toEqual({ v: count - 1 });
    return performance.now() - from;
  };
  await time(1_000);
  const small = await time(10_000);
  const large = await time(100_000);
  expect(most).toBe(17);
  // Ten times the items: far from the hundred times of anything quadratic.
  expect(large / small).toBeLessThan(40);
  await runtime.close();
}, 60_000);
