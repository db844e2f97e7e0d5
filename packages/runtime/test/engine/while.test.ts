import { expect, test } from "vitest";

import { settled } from "./fake-clock.ts";
import { bench, Gate, node } from "./kit.ts";

const wanted = {
  outputs: { value: { type: "any", from: "again.value" }, iterations: { type: "integer", from: "again.iterations" } },
};
const plusOne = node("plus-one", (ctx) => ({ out: (ctx.in.in ?? 0) + 1 }));
const again = (config: object, body: object, outputs: object, wires: object = {}): object => ({
  again: { uses: "core/while@1", in: wires, with: config, body: { nodes: body, outputs } },
});
const count = {
  pick: { uses: "core/transform@1", in: { item: "$item" }, with: { expression: "in.item.n" } },
  add: { uses: "test/plus-one@1", in: { in: "pick.value" } },
};

test("[R-ENG-27] goes on from what each iteration gave, while the condition holds, and gives the last", async () => {
  const { runtime, run, states } = bench([plusOne]);
  const start = { start: { uses: "test/give@1", with: { value: { n: 7 } } } };
  const loop = (condition: string): object => ({
    ...start,
    ...again({ condition }, count, { n: "add.out", at: "$index" }, { start: "start.out" }),
  });
  expect(await run(loop("item.n < 10"), wanted)).toEqual({ value: { n: 10, at: 2 }, iterations: 3 });
  expect(states()).toMatchObject({ "again[0]/add": "completed", "again[2]/add": "completed", again: "completed" });
  expect(await run(loop("${ item.n < 7 }"), wanted)).toEqual({ value: { n: 7 }, iterations: 0 });
  await runtime.close();
});

test("[R-ENG-27] fails when the condition still holds after maxIterations, and when it cannot be asked", async () => {
  const { runtime, start } = bench([plusOne]);
  const body = { add: { uses: "test/plus-one@1" } };
  const failing = async (config: object): Promise<unknown> => {
    const id = await start(again(config, body, { n: "add.out" }), wanted);
    return runtime.waitForCompletion(id).catch((error: { details: { error: unknown } }) => error.details.error);
  };
  expect(await failing({ condition: "true", maxIterations: 3 })).toMatchObject({
    code: "ITERATION_LIMIT",
    path: "again",
    message: expect.stringContaining("after 3 iterations") as string,
  });
  expect(await failing({ condition: "$error('no')" })).toMatchObject({ code: "EXPRESSION", path: "again" });
  await runtime.close();
});

test("[R-ENG-27] ends at a failure inside, which its error port handles", async () => {
  const { runtime, run, states } = bench([plusOne]);
  const nodes = {
    ...again(
      { condition: "true" },
      { ...count, stop: { uses: "test/fail@1", when: "${ index = 2 }" } },
      { n: "add.out" },
    ),
    caught: { uses: "test/give@1", in: { in: "again.error" } },
  };
  const { error } = (await run(nodes, { outputs: { error: { type: "any", from: "caught.out" } } })) as any;
  expect(error).toMatchObject({ path: "again", code: "BROKEN", cause: { path: "again[2]/stop" } });
  expect(states()).toMatchObject({ "again[1]/stop": "skipped", "again[2]/stop": "failed" });
  await runtime.close();
});

test("[R-ENG-25] loops of both kinds nest, three deep", async () => {
  const { runtime, run } = bench([plusOne]);
  const inner = again({ condition: "$not($exists(item)) or item.n < 2" }, count, { n: "add.out" });
  const nodes = again(
    { condition: "index < 2" },
    {
      list: { uses: "test/give@1", with: { value: ["a", "b"] } },
      each: {
        uses: "core/forEach@1",
        in: { items: "list.out" },
        body: { nodes: inner, outputs: { n: "again.value", of: "$item" } },
      },
    },
    { all: "each.results" },
  );
  expect(await run(nodes, wanted)).toEqual({
    value: { all: ["a", "b"].map((of) => ({ n: { n: 2 }, of })) },
    iterations: 2,
  });
  await runtime.close();
});

test("[R-ENG-27] a cancel ends the iteration under way, and a pause holds the next", async () => {
  const gate = new Gate();
  const { runtime, start, states } = bench([gate.def]);
  const id = await start(again({ condition: "true" }, { wait: { uses: "test/gate@1" } }, { n: "wait.out" }), wanted);
  await settled();
  const control = runtime.control(id);
  control.pause("drain");
  gate.at("again[0]/wait").open();
  await settled();
  expect(control.state).toBe("paused");
  expect(gate.begun).toEqual(["again[0]/wait"]);
  control.resume();
  await settled();
  expect(gate.paths).toEqual(["again[1]/wait"]);
  await runtime.cancel(id);
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({ code: "CANCELLED" });
  expect(gate.aborted).toEqual(["again[1]/wait"]);
  expect(states(id)).toMatchObject({ again: "cancelled", "again[1]/wait": "cancelled" });
  expect(runtime.execution(id).scopes).toBe(0);
  await runtime.close();
});

test("[R-ENG-27] 100,000 iterations use no recursion, and one scope at a time", async () => {
  let most = 0;
  let id = "";
  const watch = node("watch", (ctx) => {
    most = Math.max(most, runtime.execution(id).scopes);
    return { out: ctx.in.in };
  });
  const { runtime, start } = bench([watch]);
  const config = { condition: "index < 100000", maxIterations: 100_000 };
  id = await start(again(config, { a: { uses: "test/watch@1", in: { in: "$index" } } }, { n: "a.out" }), wanted);
  expect(await runtime.waitForCompletion(id)).toEqual({ value: { n: 99_999 }, iterations: 100_000 });
  expect(most).toBe(2);
  await runtime.close();
}, 60_000);
