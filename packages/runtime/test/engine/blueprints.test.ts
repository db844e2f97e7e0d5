import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { Runtime } from "../../src/runtime.ts";
import { bench, blueprint, Gate, node, type Bench } from "./kit.ts";

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

/** A folder of Blueprints, and a runtime on it. */
async function folder(
  files: Record<string, unknown>,
  ...nodes: Parameters<typeof bench>[0] & object
): Promise<Bench & { dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), "atomiton-engine-"));
  undo.push(() => rm(dir, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(
      join(dir, `${name}.blueprint.json`),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }
  const made = bench(nodes, { dir });
  undo.push(() => made.runtime.close());
  return { ...made, dir };
}

const double = {
  ...blueprint(
    { a: { uses: "core/set@1", in: { n: "$inputs.n" }, with: { values: { v: "${ in.n * 2 }" } } } },
    {
      id: "double",
      name: "Double",
      inputs: { n: { type: "integer", default: 21, maximum: 1000 } },
      outputs: { v: { type: "any", from: "a.v" } },
    },
  ),
};

test("[R-ENG-40] runs a Blueprint as a node: its inputs with defaults, its outputs as ports, its nodes under its path", async () => {
  const { runtime, states } = await folder({ double });
  const outputs = { outputs: { v: { type: "any", from: "twice.v" }, d: { type: "any", from: "standard.v" } } };
  const nodes = {
    n: { uses: "test/give@1", with: { value: 5 } },
    once: { uses: "./double.blueprint.json", in: { n: "n.out" } },
    twice: { uses: "./double.blueprint.json", in: { n: "once.v" } },
    standard: { uses: "./double.blueprint.json" },
  };
  await writeFile(
    join(runtime.dir, "main.blueprint.json"),
    JSON.stringify(blueprint(nodes, { id: "main", ...outputs })),
  );
  const id = await runtime.execute("main");
  expect(await runtime.waitForCompletion(id)).toEqual({ v: 20, d: 42 });
  expect(states(id)).toMatchObject({
    once: "completed",
    "once/a": "completed",
    "twice/a": "completed",
    "standard/a": "completed",
  });
  expect((runtime.snapshot(id) as any).nodes.map((one: any) => one.path).sort()).toEqual([
    "n",
    "once",
    "once/a",
    "standard",
    "standard/a",
    "twice",
    "twice/a",
  ]);
});

test("[R-ENG-40] runs Blueprints inside loops inside Blueprints, each in a scope of its own", async () => {
  const loop = blueprint(
    {
      each: {
        uses: "core/forEach@1",
        in: { items: "$inputs.items" },
        with: { concurrency: 3 },
        body: { nodes: { d: { uses: "./double.blueprint.json", in: { n: "$item" } } }, outputs: { v: "d.v" } },
      },
    },
    { id: "loop", inputs: { items: { type: "list<any>" } }, outputs: { all: { type: "any", from: "each.results" } } },
  );
  const main = blueprint(
    { l: { uses: "./loop.blueprint.json", in: { items: "$inputs.items" } } },
    { id: "main", inputs: { items: { type: "list<any>" } }, outputs: { all: { type: "any", from: "l.all" } } },
  );
  const { runtime, states } = await folder({ double, loop, main });
  const id = await runtime.execute("main", { items: [1, 2, 3] });
  expect(await runtime.waitForCompletion(id)).toEqual({ all: [{ v: 2 }, { v: 4 }, { v: 6 }] });
  expect(states(id)["l/each[2]/d/a"]).toBe("completed");
});

test("[R-ENG-41] fails the node when something inside fails unhandled, and its error port handles it", async () => {
  const broken = blueprint({ bad: { uses: "test/fail@1" }, after: { uses: "test/gate@1" } }, { id: "broken" });
  const main = blueprint(
    { sub: { uses: "./broken.blueprint.json" }, saved: { uses: "test/take@1", in: { need: "sub.error" } } },
    { id: "main", outputs: { e: { type: "any", from: "saved.out" } } },
  );
  const gate = new Gate();
  const { runtime, of, states } = await folder({ broken, main }, gate.def);
  const id = await runtime.execute("main");
  expect(await runtime.waitForCompletion(id)).toMatchObject({
    e: { code: "BROKEN", path: "sub", cause: { path: "sub/bad" } },
  });
  expect(of("runtime:error", id).map(({ path, handled }) => [path, handled])).toEqual([
    ["sub/bad", true],
    ["sub", true],
  ]);
  expect(states(id)).toEqual({ sub: "failed", "sub/bad": "failed", "sub/after": "cancelled", saved: "completed" });
  const alone = await runtime.execute("broken");
  await expect(runtime.waitForCompletion(alone)).rejects.toMatchObject({ details: { error: { path: "bad" } } });
});

test("[R-ENG-41] refuses inputs that the inner Blueprint does not take, with the input's name", async () => {
  const main = blueprint(
    { n: { uses: "test/give@1", with: { value: 5000 } }, sub: { uses: "./double.blueprint.json", in: { n: "n.out" } } },
    { id: "main" },
  );
  const { runtime } = await folder({ double, main });
  const id = await runtime.execute("main");
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
    details: {
      error: {
        code: "INVALID_INPUT",
        path: "sub",
        message: expect.stringContaining('input "n" must be <= 1000') as string,
      },
    },
  });
});

test("[R-ENG-42] retries and times out loops and Blueprints as a whole", async () => {
  const gate = new Gate();
  const sub = blueprint({ g: { uses: "test/gate@1" } }, { id: "sub", outputs: { v: { type: "any", from: "g.out" } } });
  const main = blueprint(
    {
      s: {
        uses: "./sub.blueprint.json",
        timeout: "100ms",
        retry: { attempts: 2, initial: "10ms", backoff: "fixed", jitter: "none", on: ["timeout"] },
      },
    },
    { id: "main", outputs: { v: { type: "any", from: "s.v" } } },
  );
  const { runtime, clock, states } = await folder({ sub, main }, gate.def);
  const id = await runtime.execute("main");
  await clock.move(100);
  expect(gate.aborted).toEqual(["s/g"]);
  expect(states(id)).toEqual({ s: "backoff", "s/g": "cancelled" });
  await clock.move(10);
  gate.at("s/g").open({ out: "second" });
  expect(await runtime.waitForCompletion(id)).toEqual({ v: "second" });
  expect(clock.waiting).toBe(0);
});

test("[R-ENG-42] ends a Blueprint used as a node at the timeout of its own policy", async () => {
  const gate = new Gate();
  const sub = blueprint({ g: { uses: "test/gate@1" } }, { id: "sub", policy: { timeout: "100ms" } });
  const main = blueprint({ s: { uses: "./sub.blueprint.json", timeout: "1h" } }, { id: "main" });
  const { runtime, clock } = await folder({ sub, main }, gate.def);
  const id = await runtime.execute("main");
  await clock.move(100);
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
    details: { error: { code: "TIMEOUT", path: "s" } },
  });
});

test("[R-RUN-10] gives a Blueprint inside another the secrets that it lists itself, and no others", async () => {
  const seen = new Map<string, unknown>();
  const ask = (ctx: any, name: string): Promise<string> => ctx.secret(name).catch((error: any) => error.error.code);
  const look = node(
    "look",
    async (ctx) => void seen.set(ctx.path, [ctx.config.v, await ask(ctx, "a"), await ask(ctx, "b")]),
  );
  const sub = blueprint({ l: { uses: "test/look@1", with: { v: "${ secrets.a }" } } }, { id: "sub", secrets: ["a"] });
  const main = blueprint(
    { s: { uses: "./sub.blueprint.json" }, l: { uses: "test/look@1", with: { v: "${ secrets.b }" } } },
    { id: "main", secrets: ["b"] },
  );
  const { dir, runtime } = await folder({ sub, main }, look);
  const host = new Runtime({
    dir,
    catalog: runtime.catalog,
    secrets: { a: "A-value", b: "B-value" },
    blobs: runtime.blobs,
  });
  undo.push(() => host.close());
  await host.waitForCompletion(await host.execute("main"));
  expect(Object.fromEntries(seen)).toEqual({
    "s/l": ["A-value", "A-value", "UNKNOWN_SECRET"],
    l: ["B-value", "UNKNOWN_SECRET", "B-value"],
  });
  const poor = new Runtime({ dir, catalog: runtime.catalog, secrets: { b: "B-value" }, blobs: runtime.blobs });
  undo.push(() => poor.close());
  await expect(poor.execute("main")).rejects.toMatchObject({ code: "SECRET", details: { secrets: ["a"] } });
});

test("[R-ENG-43] refuses Blueprints that use themselves, directly and through others", async () => {
  const use = (id: string, other: string): object => blueprint({ s: { uses: `./${other}.blueprint.json` } }, { id });
  const { runtime } = await folder({ a: use("a", "a"), b: use("b", "c"), c: use("c", "b") });
  for (const id of ["a", "b", "c"])
    await expect(runtime.execute(id)).rejects.toMatchObject({ code: "INVALID_BLUEPRINT" });
  expect(runtime.executions()).toEqual([]);
});

test("[R-ENG-44] runs what was there when it was accepted: a file that changes later changes nothing", async () => {
  const gate = new Gate();
  const main = blueprint(
    { g: { uses: "test/gate@1" }, s: { uses: "./double.blueprint.json", in: { n: "g.out" } } },
    { id: "main", outputs: { v: { type: "any", from: "s.v" } } },
  );
  const { runtime, clock, dir } = await folder({ double, main }, gate.def);
  const id = await runtime.execute("main");
  await clock.move(0);
  const { planHash } = runtime.execution(id);
  await writeFile(join(dir, "double.blueprint.json"), JSON.stringify(double).replace("in.n * 2", "in.n * 100"));
  gate.at("g").open({ out: 4 });
  expect(await runtime.waitForCompletion(id)).toEqual({ v: 8 });
  const next = await runtime.execute("main");
  await clock.move(0);
  gate.at("g").open({ out: 4 });
  expect(await runtime.waitForCompletion(next)).toEqual({ v: 400 });
  expect(runtime.execution(next).planHash).not.toBe(planHash);
});

test("[R-ENG-45] never mixes executions that run at once", async () => {
  const slow = node("slow", async (ctx) => {
    await new Promise((resolve) => setImmediate(resolve));
    return { out: `${ctx.executionId}:${ctx.in.in}` };
  });
  const { runtime, start, heard } = bench([slow]);
  undo.push(() => runtime.close());
  const nodes = Object.fromEntries(
    Array.from({ length: 10 }, (_, at) => [`n${at}`, { uses: "test/slow@1", in: { in: "$inputs.who" } }]),
  );
  const more = {
    inputs: { who: { type: "string" } },
    outputs: Object.fromEntries(Object.keys(nodes).map((name) => [name, { type: "any", from: `${name}.out` }])),
  };
  const ids = await Promise.all(Array.from({ length: 50 }, (_, at) => start(nodes, more, { who: `w${at}` })));
  const results = await Promise.all(ids.map((id) => runtime.waitForCompletion(id)));
  results.forEach((result, at) => expect(new Set(Object.values(result))).toEqual(new Set([`${ids[at]}:w${at}`])));
  const seqs = new Map<string, number>();
  for (const { type, data } of heard) {
    if (type === "runtime:progress" || type === "runtime:log" || type === "runtime:result") continue;
    const { executionId, seq } = data as { executionId: string; seq: number };
    expect(seq).toBe((seqs.get(executionId) ?? 0) + 1);
    seqs.set(executionId, seq);
  }
  expect(seqs.size).toBe(50);
});

test("[R-ENG-46] shares the host's slots: higher priority first, equals in turn, and never more than its limit", async () => {
  const gate = new Gate();
  const { runtime, clock } = bench([gate.def], { concurrency: 2 });
  undo.push(() => runtime.close());
  const nodes = { a: { uses: "test/gate@1" }, b: { uses: "test/gate@1" }, c: { uses: "test/gate@1" } };
  for (const [name, priority] of [
    ["low1", 0],
    ["low2", 0],
    ["high", 5],
  ] as const) {
    await runtime.execute({ inline: blueprint(nodes) }, {}, { priority, executionId: name });
  }
  const order: string[] = [];
  await clock.move(0);
  while (gate.waiting.length > 0) {
    expect(gate.waiting.length).toBeLessThanOrEqual(2);
    const next = gate.waiting[0]!;
    order.push(next.ctx.executionId);
    next.open();
    await clock.move(0);
  }
  // low1 had both slots before the others came; then high goes first, then who waited longer.
  expect(order).toEqual(["low1", "low1", "high", "high", "high", "low1", "low2", "low2", "low2"]);
});

test("[R-ENG-46] a big execution does not keep a small one waiting, whether its nodes wait or not", async () => {
  const gate = new Gate();
  const { runtime, clock, of } = bench([gate.def], { concurrency: 4 });
  undo.push(() => runtime.close());
  const big = (uses: string, count: number): object => ({
    list: { uses: "core/transform@1", with: { expression: `[1..${count}]` } },
    each: {
      uses: "core/forEach@1",
      in: { items: "list.value" },
      with: { concurrency: 1_000 },
      body: { nodes: { a: { uses } }, outputs: {} },
    },
  });
  const wide = { policy: { concurrency: 1_000 } };
  const small = { a: { uses: "test/gate@1" }, b: { uses: "test/gate@1", after: ["a"] } };
  await runtime.execute({ inline: blueprint(big("test/gate@1", 500), wide) }, {}, { executionId: "big" });
  while (gate.waiting.length < 4) await clock.move(0);
  await runtime.execute({ inline: blueprint(small) }, {}, { executionId: "small" });
  const before = gate.begun.length;
  while (runtime.execution("small").state !== "completed") {
    (gate.waiting.find(({ ctx }) => ctx.executionId === "small") ?? gate.waiting[0]!).open();
    await clock.move(0);
  }
  // Its own two, and a few of the other: they share slots one by one, not by how much each could use.
  expect(gate.begun.length - before).toBeLessThanOrEqual(8);
  await runtime.cancel("big");

  // Nothing of it ever waits: the event loop is shared as well.
  await runtime.execute({ inline: blueprint(big("test/give@1", 10_000), wide) }, {}, { executionId: "busy" });
  while (of("runtime:state", "busy").length < 3) await new Promise((resolve) => setImmediate(resolve));
  const id = await runtime.execute({
    inline: blueprint({ a: { uses: "test/give@1" }, b: { uses: "test/give@1", after: ["a"] } }),
  });
  await runtime.waitForCompletion(id);
  expect(runtime.execution("busy").state).toBe("running");
  await runtime.waitForCompletion("busy");
});

test("[R-ENG-46] holds a named lock for one attempt at a time, over all executions", async () => {
  const gate = new Gate();
  const gpu = { ...gate.def, resources: { exclusive: "gpu:0" } };
  const { runtime, clock, start } = bench([gpu]);
  undo.push(() => runtime.close());
  const nodes = { a: { uses: "test/gate@1" }, b: { uses: "test/gate@1" } };
  const ids = [await start(nodes), await start(nodes)];
  for (let left = 4; left > 0; left--) {
    await clock.move(0);
    expect(gate.waiting).toHaveLength(1);
    gate.waiting[0]!.open();
  }
  await Promise.all(ids.map((id) => runtime.waitForCompletion(id)));
});
