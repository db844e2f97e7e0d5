/** Pins and mocks. */
import { afterEach, expect, test } from "vitest";

import { settled } from "./fake-clock.ts";
import { bench, blueprint, Gate, node, type Bench } from "./kit.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
function benchOf(...args: Parameters<typeof bench>): Bench {
  const made = bench(...args);
  open.push(made.runtime);
  return made;
}
const start = (all: Bench, graph: object, options: object, more: object = {}): Promise<string> =>
  all.runtime.execute({ inline: blueprint(graph, more) }, {}, options);
const pass = (from: string): object => ({ uses: "test/give@1", in: { in: from } });
const out = { outputs: { out: { type: "any", from: "b.out" } } };
const error = { code: "NOPE", class: "network" as const, message: "mocked away", retryable: true };

test("[R-PIN-1] a pinned node does not run and gives what was pinned", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def]);
  const id = await start(
    all,
    { a: { uses: "test/gate@1", when: "${ false }" }, b: pass("a.out") },
    { pins: { a: { out: 5 } } },
    out,
  );
  expect(await all.runtime.waitForCompletion(id)).toEqual({ out: 5 });
  expect(gate.begun).toEqual([]);
  expect(all.of("runtime:output", id)).toMatchObject([
    { path: "a", via: "pin", value: { v: 5 } },
    { path: "b", via: "run" },
  ]);
});

test("[R-PIN-1] pins hold for every item, for loops, and for streams", async () => {
  const all = benchOf();
  const graph = {
    rows: { uses: "core/csv.read@1", with: { path: "no-such-file.csv" }, when: "${ false }" },
    each: {
      uses: "core/forEach@1",
      in: { items: "rows.rows" },
      body: { nodes: { x: { uses: "test/fail@1", in: { in: "$item" } } }, outputs: { x: "x.out" } },
    },
    b: pass("each.results"),
  };
  const rows = [{ n: "1" }, { n: "2" }];
  const one = await start(all, graph, { pins: { rows: { rows }, "each/x": { out: "p" } } }, out);
  expect(await all.runtime.waitForCompletion(one)).toEqual({ out: [{ x: "p" }, { x: "p" }] });
  const two = await start(
    all,
    graph,
    { pins: { rows: { rows }, "each[0]/x": { out: "first" }, "each/x": { out: "p" } } },
    out,
  );
  expect(await all.runtime.waitForCompletion(two)).toEqual({ out: [{ x: "first" }, { x: "p" }] });
  const three = await start(all, graph, { pins: { rows: { rows }, each: { results: [{ x: 9 }] } } }, out);
  expect(await all.runtime.waitForCompletion(three)).toEqual({ out: [{ x: 9 }] });
  const four = await start(
    all,
    { ...graph, rows: { ...graph.rows, when: "${ true }" } },
    { mocks: { rows: { outputs: { rows } }, "each/x": { outputs: { out: "m" } } } },
    out,
  );
  expect(await all.runtime.waitForCompletion(four)).toEqual({ out: [{ x: "m" }, { x: "m" }] });
});

test("[R-PIN-2] a mock fails so many attempts, with its delay, then the node itself runs", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def]);
  const a = { uses: "test/gate@1", retry: { attempts: 3, on: ["network"], initial: "1s", backoff: "fixed" } };
  const id = await start(all, { a, b: pass("a.out") }, { mocks: { a: { error, delayMs: 500, times: 2 } } }, out);
  await all.clock.move(499);
  expect(all.of("runtime:error", id)).toEqual([]);
  await all.clock.move(1);
  expect(all.of("runtime:error", id)).toMatchObject([{ code: "NOPE", path: "a", willRetryAt: expect.any(Number) }]);
  await all.clock.move(2_000);
  expect(all.of("runtime:error", id)).toHaveLength(2);
  await all.clock.move(2_000);
  expect(gate.paths).toEqual(["a"]);
  gate.at("a").open({ out: "real" });
  expect(await all.runtime.waitForCompletion(id)).toEqual({ out: "real" });
});

test("[R-PIN-2] a mock's error takes the error path; a cancel ends its delay", async () => {
  const all = benchOf();
  const graph = { a: { uses: "test/give@1" }, b: pass("a.error") };
  const id = await start(all, graph, { mocks: { a: { error } } }, out);
  expect(await all.runtime.waitForCompletion(id)).toMatchObject({ out: { code: "NOPE" } });
  const slow = await start(all, graph, { mocks: { a: { outputs: { out: 1 }, delayMs: 60_000 } } }, out);
  await settled();
  expect(all.states(slow)["a"]).toBe("running");
  expect(await all.runtime.cancel(slow)).toBe("cancelled");
  expect(all.clock.waiting).toBe(0);
});

test("[R-PIN-3] what does not fit is refused before anything runs", async () => {
  const all = benchOf();
  for (const options of [
    { pins: { nowhere: { out: 1 } } },
    { pins: { a: { nope: 1 } } },
    { pins: { t: { text: 1 } } },
    { mocks: { nowhere: {} } },
    { mocks: { a: { outputs: { out: 1 }, error } } },
  ]) {
    const graph = { a: { uses: "test/give@1" }, t: { uses: "core/template@1", with: { template: "x" } } };
    await expect(start(all, graph, options)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  }
  expect(all.runtime.executions()).toEqual([]);
});

test("[R-PIN-4] a dry run skips what acts outside, unless a mock stands in; everything else runs", async () => {
  const runs: string[] = [];
  const noted = (type: string, effect: "write" | "idempotent" | "read") =>
    node(type, (ctx) => (runs.push(ctx.path), { out: ctx.path }), { effect });
  const all = benchOf([noted("write", "write"), noted("sure", "idempotent"), noted("read", "read")]);
  const graph = {
    read: { uses: "test/read@1" },
    write: { uses: "test/write@1", in: { in: "read.out" } },
    sure: { uses: "test/sure@1" },
    mocked: { uses: "test/write@1" },
    after: pass("mocked.out"),
    harmless: { uses: "test/sure@1", effect: "write" },
  };
  const id = await start(
    all,
    graph,
    { mode: "dry", mocks: { mocked: { outputs: { out: "mock" } } } },
    {
      outputs: { out: { type: "any", from: "after.out" } },
    },
  );
  expect(await all.runtime.waitForCompletion(id)).toEqual({ out: "mock" });
  expect(runs).toEqual(["read"]);
  expect(all.states(id)).toMatchObject({ write: "skipped", sure: "skipped", mocked: "completed", harmless: "skipped" });
});
