/** Run again from a node: what need not run is taken over from another execution of the data folder. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { AnyNodeDef } from "../../src/blueprint/define-node.ts";
import type { Runtime, RunFrom } from "../../src/runtime.ts";
import { bench, blueprint, node } from "../engine/kit.ts";
import { dataDir, host, kill, until } from "./hosts.ts";

const any = (from: string): object => ({ type: "any", from });
const step = (type: string, from: string | undefined, more: object = {}): object => ({
  uses: `test/${type}@1`,
  ...(from === undefined ? {} : { in: { in: from } }),
  ...more,
});

/** Nodes that note that they run; `fails` is what the test lets fail. */
function noting() {
  const runs: string[] = [];
  const fails = new Set<string>();
  const run = (ctx: any): unknown => {
    runs.push(ctx.path as string);
    if (fails.has(ctx.path as string)) throw new Error("broken");
    return { out: ctx.config.value ?? { got: ctx.in.in ?? null } };
  };
  const nodes: AnyNodeDef[] = [node("work", run), node("write", run, { effect: "write" })];
  const took = (): string[] => runs.splice(0).toSorted();
  return { nodes, fails, took };
}
const graph = (more: Record<string, object> = {}): object => ({
  a: step("work", "$inputs.x"),
  b: step("write", "a.out"),
  c: step("work", "b.out"),
  d: step("work", "c.out"),
  side: step("work", "a.out"),
  ...more,
});
const outer = { inputs: { x: { type: "any" } }, outputs: { d: any("d.out"), side: any("side.out") } };
const again = (
  runtime: Runtime,
  executionId: string,
  from: Omit<RunFrom, "executionId">,
  nodes: object = graph(),
  input?: Record<string, unknown>,
): Promise<string> => runtime.execute({ inline: blueprint(nodes, outer) }, input, { from: { executionId, ...from } });

test("[R-FROM-1] what leads there is taken over, writes too, and told as cache; the rest runs; inputs are those of before", async () => {
  const all = noting();
  const { runtime, heard } = host(all.nodes);
  const id = await runtime.execute({ inline: blueprint(graph(), outer) }, { x: { deep: [1, -0, "é"] } });
  const result = await runtime.waitForCompletion(id);
  expect(all.took()).toEqual(["a", "b", "c", "d", "side"]);
  const next = await again(runtime, id, { at: ["c"], reuse: "upstream" });
  expect(await runtime.waitForCompletion(next)).toEqual(result);
  expect(all.took()).toEqual(["c", "d", "side"]);
  const told = heard.flatMap(({ type, data }) =>
    type === "runtime:output" && data.executionId === next ? [`${data.path} ${data.via}`] : [],
  );
  expect(told.toSorted()).toEqual(["a cache", "b cache", "c run", "d run", "side run"]);
  expect(heard.findLast(({ type }) => type === "runtime:completed")?.data).toMatchObject({ cacheHits: 2 });
  // From what itself took over.
  const third = await again(runtime, next, { at: ["d"], reuse: "all-clean" });
  expect(await runtime.waitForCompletion(third)).toEqual(result);
  expect(all.took()).toEqual(["d"]);
});

test("[R-FROM-1] all-clean: what ran again to the same bytes does not make what follows run; a failed run goes on where it broke", async () => {
  const all = noting();
  const { runtime } = host(all.nodes);
  all.fails.add("d");
  const id = await runtime.execute(
    { inline: blueprint(graph(), { ...outer, policy: { onFailure: "drain" } }) },
    { x: 1 },
  );
  await runtime.waitForCompletion(id).catch(() => {});
  all.took();
  all.fails.clear();
  const fixed = await again(runtime, id, { at: [], reuse: "all-clean" });
  await runtime.waitForCompletion(fixed);
  expect(all.took()).toEqual(["d"]);
  const same = await again(runtime, fixed, { at: ["a"], reuse: "all-clean" });
  await runtime.waitForCompletion(same);
  expect(all.took()).toEqual(["a"]);
});

test("[R-FROM-2] another configuration, input or version of a type runs again, and what gets other bytes of it", async () => {
  const all = noting();
  const first = host(all.nodes);
  const id = await first.runtime.execute({ inline: blueprint(graph(), outer) }, { x: 1 });
  await first.runtime.waitForCompletion(id);
  all.took();
  const from = { at: ["d"], reuse: "all-clean" } as const;
  const configured = graph({ b: step("write", "a.out", { with: { value: "other" } }) });
  await first.runtime.waitForCompletion(await again(first.runtime, id, from, configured));
  expect(all.took()).toEqual(["b", "c", "d"]);
  await first.runtime.waitForCompletion(await again(first.runtime, id, from, graph(), { x: 2 }));
  expect(all.took()).toEqual(["a", "b", "c", "d", "side"]);
  await first.runtime.close();
  const newer = all.nodes.map((def) => ({ ...def, version: def.type === "test/write" ? "1.1.0" : "1.0.7" }));
  const second = host(newer as AnyNodeDef[]);
  await second.runtime.waitForCompletion(await again(second.runtime, id, from));
  expect(all.took()).toEqual(["b", "d"]);
});

test("[R-FROM-2] what a person edited, a mock gave, or a change of configuration touched while it ran, is not taken over", async () => {
  const all = noting();
  const { runtime } = host(all.nodes);
  const id = await runtime.execute(
    { inline: blueprint(graph(), outer) },
    { x: 1 },
    {
      mocks: { a: { outputs: { out: "mocked" } } },
      breakpoints: [{ id: "b", at: "after", path: "b", suspend: "all", enabled: true }],
    },
  );
  await until(() => runtime.execution(id).state === "paused");
  runtime.control(id).override("stop-1", "out", "edited");
  runtime.control(id).resume();
  await runtime.waitForCompletion(id);
  all.took();
  const next = await again(runtime, id, { at: ["d"], reuse: "all-clean" });
  expect(await runtime.waitForCompletion(next)).toMatchObject({ side: { got: { got: 1 } } });
  expect(all.took()).toEqual(["a", "b", "c", "d", "side"]);
});

test("[R-FROM-3] inside loops and Blueprints instances are taken over one by one, items by their keys", async () => {
  const all = noting();
  const { runtime } = host(all.nodes);
  const looped = {
    list: { uses: "test/give@1", in: { in: "$inputs.x" } },
    each: {
      uses: "core/forEach@1",
      in: { items: "list.out" },
      with: { key: "${ item }" },
      body: { nodes: { x: step("write", "$item"), y: step("work", "x.out") }, outputs: { y: "y.out" } },
    },
  };
  const more = { inputs: outer.inputs, outputs: { each: any("each.results") } };
  const run = (input: object, from?: RunFrom) =>
    runtime.execute({ inline: blueprint(looped, more) }, input as never, from ? { from } : {});
  const id = await run({ x: ["p", "q"] });
  await runtime.waitForCompletion(id);
  all.took();
  const one = await run({ x: ["q", "r", "p"] }, { executionId: id, at: ["each[q]/y"], reuse: "all-clean" });
  expect(await runtime.waitForCompletion(one)).toEqual({
    each: ["q", "r", "p"].map((got) => ({ y: { got: { got } } })),
  });
  expect(all.took()).toEqual(["each[q]/y", "each[r]/x", "each[r]/y"]);
  const every = await run({ x: ["p", "q"] }, { executionId: id, at: ["each/y"], reuse: "upstream" });
  await runtime.waitForCompletion(every);
  expect(all.took()).toEqual(["each[p]/y", "each[q]/y"]);
});

test("[R-FROM-4] it goes on after a crash and takes over the same; large outputs and files come whole, a lost one runs again", async () => {
  const all = noting();
  const big = "x".repeat(100_000);
  const nodes = graph({ b: step("write", "a.out", { with: { value: big } }) });
  const first = host(all.nodes);
  const id = await first.runtime.execute({ inline: blueprint(nodes, outer) }, { x: 1 });
  const result = await first.runtime.waitForCompletion(id);
  all.took();
  const next = await again(first.runtime, id, { at: ["c"], reuse: "upstream" }, nodes);
  await kill(first);
  const second = host(all.nodes);
  expect(await second.runtime.recover()).toEqual([{ executionId: next }]);
  expect(await second.runtime.waitForCompletion(next)).toEqual(result);
  expect(all.took()).not.toContain("b");
  const { placesIn, readRecords } = await import("../../src/journal/data-folder.ts");
  const blobs: string[] = [];
  for (const { path, name } of await placesIn(dataDir)) {
    if (name === id)
      await readRecords(path, {
        add: (record) =>
          void (record.k === "settled" && record.p === "b" && blobs.push((record.out as any).out.blob.$blob)),
      });
  }
  const hex = blobs[0]!.slice("sha256:".length);
  const { chmod } = await import("node:fs/promises");
  const file = join(dataDir, "blobs", hex.slice(0, 2), hex);
  await chmod(file, 0o600);
  await writeFile(file, "flipped");
  const third = await again(second.runtime, id, { at: ["c"], reuse: "upstream" }, nodes);
  await second.runtime.waitForCompletion(third).catch(() => {});
  expect(all.took()).toContain("b");
});

test("[R-FROM-4] without the execution, its data folder, or such a node, it is refused and nothing runs", async () => {
  const all = noting();
  const { runtime } = host(all.nodes);
  const id = await runtime.execute({ inline: blueprint(graph(), outer) }, { x: 1 });
  await runtime.waitForCompletion(id);
  all.took();
  const refused = async (code: string, from: RunFrom, at: Runtime = runtime): Promise<void> => {
    const asked = at.execute({ inline: blueprint(graph(), outer) }, { x: 1 }, { from });
    await expect(asked).rejects.toMatchObject({ code });
  };
  await refused("UNKNOWN_EXECUTION", { executionId: "none", at: ["a"], reuse: "upstream" });
  await refused("INVALID_INPUT", { executionId: id, at: ["nope"], reuse: "upstream" });
  await refused("INVALID_INPUT", { executionId: id, at: [], reuse: "upstream" });
  const other = bench(all.nodes);
  await refused("CONFIG", { executionId: id, at: ["a"], reuse: "upstream" }, other.runtime);
  await other.runtime.close();
  expect(all.took()).toEqual([]);
});
