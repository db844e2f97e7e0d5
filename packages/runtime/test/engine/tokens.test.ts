import { expect, test } from "vitest";

import { createCatalog } from "../../src/blueprint/catalog.ts";
import { parseBlueprint } from "../../src/blueprint/parse.ts";
import { compile } from "../../src/engine/plan/compile.ts";
import { collectInputs, whyNotReady } from "../../src/engine/run/inputs.ts";
import { makeScope } from "../../src/engine/run/scope.ts";
import { CANCELLED, COMPLETED, FAILED, SKIPPED } from "../../src/engine/run/states.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { bench, blueprint, fail, Gate, give, node, take } from "./kit.ts";

const WAYS = ["completed", "skipped", "failed", "cancelled"] as const;
type Way = (typeof WAYS)[number];
const combinations: Way[][] = WAYS.flatMap((a) => WAYS.flatMap((b) => WAYS.map((c) => [a, b, c])));
const names = ["a", "b", "c"];

/** What a join gets, or undefined when it is skipped. */
function expected(mode: string, values: string[]): unknown {
  if (mode === "all") return values.map((value) => [value]);
  if (mode === "any") return values.length > 0 ? [[values[0]]] : undefined;
  return values.length === 3 ? values.map((value) => [value]) : undefined;
}

for (const mode of ["all", "any", "zip"]) {
  test(`[R-ENG-2] joins "${mode}" over every combination of completed, skipped, failed and cancelled inputs (4^3)`, () => {
    const nodes = {
      ...Object.fromEntries(names.map((name) => [name, { uses: "test/give@1" }])),
      join: { uses: "core/merge@1", in: { items: names.map((name) => `${name}.out`) }, with: { mode } },
    };
    const parsed = parseBlueprint(JSON.stringify(blueprint(nodes)), "x.blueprint.json");
    const { root } = compile(parsed.blueprint!, { catalog: createCatalog([...coreNodes, give]) });
    const state = { completed: COMPLETED, skipped: SKIPPED, failed: FAILED, cancelled: CANCELLED };
    for (const ways of combinations) {
      const scope = makeScope(0, { template: root, prefix: "", inputs: {}, onEnd: () => undefined });
      ways.forEach((way, at) => {
        scope.state[at] = state[way];
        if (way === "completed") scope.outputs[at] = { out: [names[at]] };
        if (way === "failed") scope.outputs[at] = { error: { code: "BROKEN" } };
      });
      const wanted = expected(
        mode,
        names.filter((_, at) => ways[at] === "completed"),
      );
      const join = root.nodes[3]!;
      const got = whyNotReady(scope, join) === undefined ? collectInputs(scope, join)["items"] : undefined;
      // Of the values that came, the node takes the first: see core/merge.
      const shown = mode === "any" && Array.isArray(got) ? got.slice(0, 1) : got;
      expect([ways, shown]).toEqual([ways, wanted]);
    }
  });

  test(`[R-ENG-2] runs "${mode}" joins over inputs that completed, were skipped or failed, inside and outside a loop`, async () => {
    const { runtime, run, states } = bench();
    for (const ways of combinations.filter((some) => !some.includes("cancelled"))) {
      const nodes: Record<string, object> = {
        join: { uses: "core/merge@1", in: { items: names.map((name) => `${name}.out`) }, with: { mode } },
      };
      ways.forEach((way, at) => {
        const name = names[at]!;
        if (way === "failed") {
          nodes[name] = { uses: "test/fail@1" };
          nodes[`${name}Handled`] = { uses: "test/take@1", in: { need: `${name}.error` } };
        } else {
          nodes[name] = {
            uses: "test/give@1",
            with: { value: [name] },
            ...(way === "skipped" ? { when: "${ false }" } : {}),
          };
        }
      });
      const values = names.filter((_, at) => ways[at] === "completed");
      const wanted =
        mode === "all"
          ? values.map((value) => [value])
          : mode === "any"
            ? values.slice(0, 1).map(String)
            : values.length === 3
              ? [values]
              : undefined;
      const value = mode === "any" && values.length === 0 ? undefined : wanted;
      const outside = await run(nodes, { outputs: { out: { type: "any", from: "join.value" } } });
      const state = value === undefined ? "skipped" : "completed";
      expect([ways, outside["out"], states()["join"]]).toEqual([ways, value, state]);
      const loop = {
        uses: "core/forEach@1",
        in: { items: "$inputs.items" },
        body: { nodes, outputs: { out: "join.value" } },
      };
      const inside = await run(
        { loop },
        { inputs: { items: { type: "list<any>" } }, outputs: { out: { type: "any", from: "loop.results" } } },
        { items: [1, 2] },
      );
      const item = value === undefined ? {} : { out: value };
      expect([ways, inside["out"]]).toEqual([ways, [item, item]]);
    }
    await runtime.close();
  });
}

test("[R-ENG-3] skips what hangs on an empty token, with the reason, to the end of the path", async () => {
  const { runtime, run, of, states } = bench();
  await run({
    a: { uses: "test/give@1", when: "${ 1 = 2 }" },
    b: { uses: "test/take@1", in: { need: "a.out" } },
    c: { uses: "test/take@1", in: { need: "b.out" } },
    // Optional: runs without it.
    d: { uses: "test/give@1", in: { in: "b.out" } },
    // Declared, never set.
    e: { uses: "test/take@1", in: { need: "d.other" } },
  });
  expect(states()).toEqual({ a: "skipped", b: "skipped", c: "skipped", d: "completed", e: "skipped" });
  const why = Object.fromEntries(
    of("runtime:state").flatMap((data) => (data.nodes ?? []).map(({ path, why: reason }) => [path, reason] as const)),
  );
  expect(why).toMatchObject({
    a: "when: is false",
    b: "input need is empty",
    c: "input need is empty",
    e: "input need is empty",
  });
  await runtime.close();
});

test("[R-ENG-4] takes nothing, empty, zero and false of `when` for no, and lets a failing `when` fail its node", async () => {
  const { runtime, run, start, states } = bench();
  const nodes: Record<string, object> = {};
  const no = ["false", "0", '""', "[]", "{}", "in.in.missing"];
  const yes = ["true", "1", '"x"', "[0]", '{"a": 1}', 'in.in = "nothing"'];
  [...no, ...yes].forEach((when, at) => {
    nodes[`n${at}`] = { uses: "test/give@1", in: { in: "first.out" }, when: `\${ ${when} }` };
  });
  nodes["first"] = { uses: "test/give@1" };
  await run(nodes);
  const seen = states();
  expect(no.map((when, at) => [when, seen[`n${at}`]])).toEqual(no.map((when) => [when, "skipped"]));
  expect(yes.map((when, at) => [when, seen[`n${at + no.length}`]])).toEqual(yes.map((when) => [when, "completed"]));
  const id = await start({ bad: { uses: "test/give@1", when: '${ $error("no way") }' } });
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
    code: "EXECUTION_FAILED",
    details: { error: { code: "EXPRESSION", path: "bad" } },
  });
  await runtime.close();
});

test("[R-ENG-5] lets `after` a node run when that completed, and `after` a port when that has a value", async () => {
  const { runtime, run, states } = bench();
  await run({
    good: { uses: "test/give@1" },
    never: { uses: "test/give@1", when: "${ false }" },
    bad: { uses: "test/fail@1" },
    afterGood: { uses: "test/give@1", after: ["good"] },
    afterNever: { uses: "test/give@1", after: ["never"] },
    afterBoth: { uses: "test/give@1", after: ["good", "never"] },
    onError: { uses: "test/give@1", after: ["bad.error"] },
    afterBad: { uses: "test/give@1", after: ["bad"] },
    noError: { uses: "test/give@1", after: ["good.error"] },
  });
  expect(states()).toMatchObject({
    afterGood: "completed",
    afterNever: "skipped",
    afterBoth: "skipped",
    bad: "failed",
    onError: "completed",
    afterBad: "skipped",
    noError: "skipped",
  });
  await runtime.close();
});

test("[R-ENG-6] gives a failure to whoever takes the error port, and goes on", async () => {
  const { runtime, run, of } = bench();
  const result = await run(
    {
      bad: { uses: "test/fail@1", with: { code: "ODD", message: "no luck" } },
      handler: { uses: "test/take@1", in: { need: "bad.error" } },
      rest: { uses: "test/take@1", in: { need: "bad.out" } },
    },
    { outputs: { error: { type: "any", from: "handler.out" } } },
  );
  expect(result["error"]).toEqual({
    code: "ODD",
    class: "user",
    message: "no luck",
    retryable: false,
    path: "bad",
    attempt: 1,
  });
  expect(of("runtime:error")).toMatchObject([
    { scope: "node", path: "bad", code: "ODD", handled: true, terminal: false },
  ]);
  expect(of("runtime:completed")[0]).toMatchObject({
    handledErrors: 1,
    counts: { completed: 1, failed: 1, skipped: 1 },
  });
  await runtime.close();
});

test("[R-ENG-7] ends the rest when a failure is not handled, or lets it run to its end with `drain`", async () => {
  for (const onFailure of ["cancel", "drain"]) {
    const gate = new Gate();
    const { runtime, start, states, of, clock } = bench([gate.def]);
    const id = await start(
      {
        slow: { uses: "test/gate@1" },
        next: { uses: "test/take@1", in: { need: "slow.out" } },
        bad: { uses: "test/fail@1" },
      },
      { policy: { onFailure } },
    );
    const end = runtime.waitForCompletion(id).catch((error: unknown) => error);
    await clock.move(0);
    if (onFailure === "drain") gate.at("slow").open();
    expect(await end).toMatchObject({ code: "EXECUTION_FAILED", details: { error: { code: "BROKEN", path: "bad" } } });
    expect(states()).toEqual(
      onFailure === "cancel"
        ? { slow: "cancelled", next: "cancelled", bad: "failed" }
        : { slow: "completed", next: "completed", bad: "failed" },
    );
    expect(of("runtime:error").at(-1)).toMatchObject({ terminal: true, state: "failed", scope: "execution" });
    await runtime.close();
  }
});

test("[R-ENG-8] gives a race its first value and cancels what only it wanted", async () => {
  const gate = new Gate();
  const { runtime, start, states, clock } = bench([gate.def]);
  const id = await start(
    {
      before: { uses: "test/gate@1" },
      slow: { uses: "test/gate@1", in: { in: "before.out" } },
      shared: { uses: "test/gate@1" },
      fast: { uses: "test/gate@1" },
      other: { uses: "test/take@1", in: { need: "shared.out" } },
      first: { uses: "core/merge@1", in: { items: ["slow.out", "shared.out", "fast.out"] }, with: { mode: "race" } },
    },
    { outputs: { out: { type: "any", from: "first.value" } } },
  );
  await clock.move(0);
  gate.at("fast").open({ out: "won" });
  await clock.move(0);
  expect(states()).toMatchObject({
    first: "completed",
    fast: "completed",
    before: "cancelled",
    slow: "cancelled",
    shared: "running",
  });
  expect(gate.aborted).toEqual(["before"]);
  gate.at("shared").open();
  expect(await runtime.waitForCompletion(id)).toEqual({ out: "won" });
  await runtime.close();
});

test("[R-ENG-8] skips a race in which nobody has a value", async () => {
  const { runtime, run, states } = bench();
  await run({
    a: { uses: "test/give@1", when: "${ false }" },
    b: { uses: "test/give@1", when: "${ false }" },
    first: { uses: "core/merge@1", in: { items: ["a.out", "b.out"] }, with: { mode: "race" } },
  });
  expect(states()["first"]).toBe("skipped");
  await runtime.close();
});

test("[R-ENG-9] refuses values that a port's schema does not take, naming the port", async () => {
  const { z } = await import("zod");
  const { port } = await import("../../src/blueprint/define-node.ts");
  const typed = node("typed", (ctx) => ({ out: ctx.in.n }), {
    inputs: { n: port.value(z.number(), { type: "any" }) },
    outputs: { out: port.value(z.number().max(10), { type: "any" }) },
  });
  const { runtime, start } = bench([typed, take, fail].slice(0, 1));
  const end = async (value: unknown): Promise<any> => {
    const id = await start({
      a: { uses: "test/give@1", with: { value } },
      b: { uses: "test/typed@1", in: { n: "a.out" } },
    });
    return await runtime.waitForCompletion(id).catch((error: unknown) => error);
  };
  expect(await end("seven")).toMatchObject({
    details: {
      error: {
        code: "INVALID_INPUT",
        class: "user",
        path: "b",
        message: expect.stringContaining('input "n" of "b"') as string,
      },
    },
  });
  expect(await end(11)).toMatchObject({
    details: {
      error: { code: "INVALID_OUTPUT", path: "b", message: expect.stringContaining('output "out" of "b"') as string },
    },
  });
  expect(await end(7)).toEqual({});
  await runtime.close();
});
