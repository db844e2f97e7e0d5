/** What joins make of every mixture of what can come to them. */
import { afterEach, expect, test } from "vitest";

import { settled } from "./fake-clock.ts";
import { bench, Gate, blueprint, type Bench } from "./kit.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
function benchOf(...args: Parameters<typeof bench>): Bench {
  const made = bench(...args);
  open.push(made.runtime);
  return made;
}

const KINDS = ["completed", "skipped", "failed", "pinned"] as const;
type Kind = (typeof KINDS)[number];

function source(kind: Kind, name: string): object {
  if (kind === "failed") return { uses: "test/fail@1" };
  return { uses: "test/give@1", with: { value: [name] }, ...(kind === "skipped" ? { when: "${ false }" } : {}) };
}

/** Three sources, each failure handled, and a merge of each mode. */
function graphOf(kinds: readonly Kind[]): { nodes: Record<string, object>; outputs: Record<string, string> } {
  const names = kinds.map((_, at) => `s${at}`);
  const nodes: Record<string, object> = {};
  kinds.forEach((kind, at) => {
    nodes[`s${at}`] = source(kind, `s${at}`);
    nodes[`h${at}`] = { uses: "test/give@1", in: { in: `s${at}.error` } };
  });
  for (const mode of ["all", "any", "zip", "race"]) {
    nodes[mode] = { uses: "core/merge@1", in: { items: names.map((name) => `${name}.out`) }, with: { mode } };
  }
  return { nodes, outputs: { all: "all.value", any: "any.value", zip: "zip.value", race: "race.value" } };
}

function wantedOf(kinds: readonly Kind[]): Record<string, unknown> {
  const values = kinds.flatMap((kind, at) => (kind === "completed" || kind === "pinned" ? [[`s${at}`]] : []));
  return {
    all: values,
    ...(values.length > 0 ? { any: values[0] } : {}),
    // Pins are there before anything runs; then the others come in their order.
    ...(values.length > 0
      ? { race: [`s${kinds.includes("pinned") ? kinds.indexOf("pinned") : kinds.indexOf("completed")}`] }
      : {}),
    ...(values.length === kinds.length ? { zip: [values.flat()] } : {}),
  };
}

const pinsOf = (kinds: readonly Kind[], prefix = ""): Record<string, Record<string, unknown>> =>
  Object.fromEntries(
    kinds.flatMap((kind, at) => (kind === "pinned" ? [[`${prefix}s${at}`, { out: [`s${at}`] }]] : [])),
  );

const combinations = KINDS.flatMap((a) => KINDS.flatMap((b) => KINDS.map((c) => [a, b, c] as const)));

test("[R-ENG-2] joins of skipped, failed, completed and pinned inputs, in all 64 combinations, outside and inside of loops", async () => {
  const all = benchOf();
  for (const kinds of combinations) {
    const { nodes, outputs } = graphOf(kinds);
    const declared = Object.fromEntries(Object.entries(outputs).map(([name, from]) => [name, { type: "any", from }]));
    const outside = await all.runtime.execute(
      { inline: blueprint(nodes, { outputs: declared }) },
      {},
      { pins: pinsOf(kinds) },
    );
    expect({ kinds, result: await all.runtime.waitForCompletion(outside) }).toEqual({ kinds, result: wantedOf(kinds) });
    const loop = {
      list: { uses: "test/give@1", with: { value: [1, 2] } },
      each: { uses: "core/forEach@1", in: { items: "list.out" }, body: { nodes, outputs } },
    };
    const inside = await all.runtime.execute(
      { inline: blueprint(loop, { outputs: { results: { type: "any", from: "each.results" } } }) },
      {},
      { pins: pinsOf(kinds, "each/") },
    );
    const { results } = await all.runtime.waitForCompletion(inside);
    expect({ kinds, results }).toEqual({ kinds, results: [wantedOf(kinds), wantedOf(kinds)] });
  }
});

test("[R-ENG-7] a handled error on one path does not save an execution whose other path fails unhandled, and the handler is cancelled", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def]);
  const id = await all.start(
    {
      bad: { uses: "test/fail@1" },
      handler: { uses: "test/gate@1", in: { in: "bad.error" } },
      sibling: { uses: "test/gate@1" },
    },
    { policy: { onFailure: "cancel" } },
  );
  await settled();
  expect(gate.paths.toSorted()).toEqual(["handler", "sibling"]);
  gate.at("sibling").fail(new Error("unhandled"));
  await expect(all.runtime.waitForCompletion(id)).rejects.toMatchObject({
    code: "EXECUTION_FAILED",
    details: { error: { path: "sibling" } },
  });
  expect(all.states(id)).toMatchObject({ bad: "failed", handler: "cancelled", sibling: "failed" });
  expect(all.of("runtime:error", id).map(({ path, handled, terminal }) => [path, handled, terminal])).toEqual([
    ["bad", true, false],
    ["sibling", false, false],
    ["sibling", false, true],
  ]);
});
