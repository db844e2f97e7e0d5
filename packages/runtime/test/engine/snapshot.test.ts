import { afterEach, expect, test } from "vitest";

import { bench, node, type Bench } from "./kit.ts";

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});
function benchOf(...args: Parameters<typeof bench>): Bench {
  const made = bench(...args);
  undo.push(() => made.runtime.close());
  return made;
}

type Counts = Record<string, number>;

test("[R-RUN-8] instances of items that a snapshot no longer names are counted, by node and state", async () => {
  const picky = node("picky", ({ in: { in: value } }) => {
    if (value % 10 === 0) throw new Error("no");
    return { out: value };
  });
  const { runtime, start } = benchOf([picky]);
  const id = await start(
    {
      each: {
        uses: "core/forEach@1",
        in: { items: "$inputs.items" },
        with: { onItemError: "collect" },
        body: {
          nodes: { b: { uses: "test/picky@1", in: { in: "$item" } }, c: { uses: "test/give@1", in: { in: "b.out" } } },
          outputs: { v: "c.out" },
        },
      },
    },
    { inputs: { items: { type: "list<any>" } } },
    { items: Array.from({ length: 2_000 }, (_, at) => at) },
  );
  await runtime.waitForCompletion(id);
  const snapshot = runtime.snapshot(id) as any;
  expect(snapshot.nodes.length).toBeLessThan(1_100);
  expect(snapshot.counted.map(({ path }: { path: string }) => path).sort()).toEqual(["each/b", "each/c"]);
  const all = new Map<string, Counts>();
  for (const { path, counts } of snapshot.counted) all.set(path, { ...counts });
  for (const { path, s } of snapshot.nodes) {
    const key = path.replace(/\[[^\]]*\]/g, "");
    const counts = all.get(key) ?? {};
    all.set(key, { ...counts, [s]: (counts[s] ?? 0) + 1 });
  }
  expect(all.get("each/b")).toEqual({ completed: 1_800, failed: 200 });
  const c = all.get("each/c") ?? {};
  expect(c["completed"]).toBe(1_800);
  expect(Object.values(c).reduce((sum, count) => sum + count, 0)).toBe(2_000);
  for (const { t0, t1, a } of snapshot.counted) {
    expect(a).toBe(1);
    expect(t1).toBeGreaterThanOrEqual(t0);
  }
});
