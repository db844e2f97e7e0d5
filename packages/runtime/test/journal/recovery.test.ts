import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { AnyNodeDef } from "../../src/blueprint/define-node.ts";
import { steerStored, storedExecutions } from "../../src/engine/at-rest.ts";
import { placesIn, journalIn } from "../../src/journal/data-folder.ts";
import { FakeClock, settled } from "../engine/fake-clock.ts";
import { Gate, node } from "../engine/kit.ts";
import { codes, dataDir, host, kill, until } from "./hosts.ts";

const any = (from: string) => ({ type: "any", from });

test("[R-DUR-10] what had settled is not run again; what was running is, by its effect, with its number, key and steps", async () => {
  const runs: string[] = [];
  const seen: { path: string; attempt: number; recovery: number; key: string; fence: number }[] = [];
  const note = (ctx: any): void => {
    const { path, attempt, recovery, idempotencyKey: key, fence } = ctx;
    runs.push(path);
    seen.push({ path, attempt, recovery, key, fence });
  };
  const counted = node("counted", (ctx) => (note(ctx), { out: `${ctx.path}!` }));
  const gate = new Gate("slow");
  let isStepDone = false;
  const stepped = node(
    "stepped",
    async (ctx) => {
      const first = await ctx.step("one", async () => (note(ctx), 42));
      isStepDone = true;
      await new Promise((resolve, reject) => {
        if (ctx.recovery > 0) resolve(undefined);
        else ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      });
      return { out: first };
    },
    { effect: "write" },
  );
  const sure = { ...gate.def, type: "test/sure", effect: "idempotent" } as AnyNodeDef;
  const graph = {
    a: { uses: "test/counted@1" },
    each: {
      uses: "core/forEach@1",
      in: { items: "list.out" },
      with: { key: "${ item }", concurrency: 1 },
      body: { nodes: { x: { uses: "test/counted@1", in: { in: "$item" } } }, outputs: { x: "x.out" } },
    },
    list: { uses: "test/give@1", with: { value: ["p", "q"] } },
    slow: { uses: "test/slow@1", in: { in: "a.out" } },
    sure: { uses: "test/sure@1", in: { in: "a.out" } },
    steps: { uses: "test/stepped@1", in: { in: "a.out" } },
  };
  const outputs = {
    outputs: {
      slow: { type: "any", from: "slow.out" },
      steps: { type: "any", from: "steps.out" },
      each: { type: "any", from: "each.results" },
    },
  };
  const first = host([counted, gate.def, stepped, sure]);
  const id = await first.start(graph, outputs);
  await until(() => gate.waiting.length === 2 && isStepDone && runs.includes("each[q]/x"));
  await settled();
  const keys = gate.waiting.map(({ ctx }) => ctx.idempotencyKey as string);
  await kill(first);

  const gate2 = new Gate("slow");
  const second = host([
    counted,
    gate2.def,
    stepped,
    { ...gate2.def, type: "test/sure", effect: "idempotent" } as AnyNodeDef,
  ]);
  runs.length = 0;
  expect(await second.runtime.recover()).toEqual([{ executionId: id }]);
  await until(() => gate2.waiting.length === 2);
  expect(gate2.waiting.map(({ ctx }) => ctx.idempotencyKey)).toEqual(keys);
  expect(gate2.waiting.map(({ ctx }) => [ctx.attempt, ctx.recovery, ctx.fence])).toEqual([
    [1, 1, 2],
    [1, 1, 2],
  ]);
  for (const { open: finish } of gate2.waiting.slice()) finish();
  expect(await second.runtime.waitForCompletion(id)).toEqual({
    slow: "slow",
    steps: 42,
    each: [{ x: "each[p]/x!" }, { x: "each[q]/x!" }],
  });
  expect(runs).toEqual([]);
  expect(second.heard.find(({ type }) => type === "runtime:started")!.data).toMatchObject({
    resumed: true,
    recovery: 1,
    epoch: 2,
  });
});

/** A host that dies while `act` runs, and the next one. */
async function dieIn(act: Gate, graph: object, more: object = {}, times = 1) {
  const first = host([act.def]);
  const id = await first.start(graph, more);
  await until(() => act.waiting.length > 0);
  await kill(first);
  for (let death = 1; death < times; death++) {
    act.waiting.length = 0;
    const next = host([act.def]);
    await next.runtime.recover();
    await until(() => act.waiting.length > 0);
    await kill(next);
  }
  return id;
}

test.for([
  ["fail", undefined, "OUTCOME_UNKNOWN", 0],
  ["rerun", undefined, { act: "act", after: "done" }, 1],
  ["fail", "rerun", { act: "act", after: "done" }, 1],
  ["rerun", "assumeDone", { after: "done" }, 0],
] as const)(
  "[R-DUR-11] of a write whose host died nobody knows whether it was done: host says %s, file %s",
  async ([onUnknown, inFile, outcome, runs]) => {
    const act = new Gate("act");
    const write = { ...act.def, effect: "write" } as AnyNodeDef;
    const graph = {
      act: { uses: "test/act@1", ...(inFile ? { onUnknown: inFile } : {}) },
      after: { uses: "test/give@1", after: ["act"], with: { value: "done" } },
    };
    const first = host([write]);
    const id = await first.start(graph, { outputs: { act: any("act.out"), after: any("after.out") } });
    await until(() => act.waiting.length > 0);
    await kill(first);
    act.begun.length = 0;
    act.waiting.length = 0;
    const second = host([write], { onUnknown });
    await second.runtime.recover();
    await until(() => act.waiting.length === runs);
    for (const { open } of act.waiting.slice()) open();
    const end = await second.runtime.waitForCompletion(id).catch((error) => error.details.error.code);
    expect(end).toEqual(outcome);
    expect(act.begun).toHaveLength(runs);
  },
);

test("[R-DUR-12] an attempt that is to be tried again keeps its deadline over a crash; one that is past comes now", async () => {
  const graph = {
    bad: {
      uses: "test/fail@1",
      with: { retryable: true },
      retry: { attempts: 2, backoff: "fixed", initial: "60s", jitter: "none" },
    },
  };
  const first = host();
  const id = await first.start(graph);
  await until(() => codes(first.heard).length === 1, first.clock);
  const failure = first.heard.find(({ type }) => type === "runtime:error")!.data as { willRetryAt?: number };
  const at = failure.willRetryAt!;
  await kill(first);
  const early = new FakeClock();
  await early.move(at - early.now() - 40_000);
  const second = host([], { clock: early });
  await second.runtime.recover();
  await until(() => second.runtime.snapshot(id).nodes![0]?.s === "backoff");
  await early.move(39_000);
  expect(second.runtime.execution(id).state).toBe("running");
  await kill(second);

  const late = new FakeClock();
  await late.move(at - late.now() + 20_000);
  const third = host([], { clock: late });
  await third.runtime.recover();
  await late.move(1);
  await expect(third.runtime.waitForCompletion(id)).rejects.toMatchObject({ code: "EXECUTION_FAILED" });
  expect(codes(third.heard).filter((code) => code === "BROKEN")).toHaveLength(2);
});

test("[R-DUR-10] core/while goes on in the iteration in which its host died", async () => {
  const act = new Gate("act");
  const again = {
    uses: "core/while@1",
    with: { condition: "index < 2" },
    body: {
      nodes: {
        first: { uses: "test/give@1", with: { value: "${ index }" } },
        act: { uses: "test/act@1", after: ["first"] },
      },
      outputs: { n: "first.out", at: "$index" },
    },
  };
  const first = host([act.def]);
  const id = await first.start({ again }, { outputs: { value: any("again.value") } });
  await until(() => act.waiting.length > 0);
  act.waiting[0]!.open();
  await until(() => act.begun.length > 1);
  await kill(first);
  act.waiting.length = 0;
  const second = host([act.def]);
  await second.runtime.recover();
  await until(() => act.waiting.length > 0);
  act.waiting[0]!.open();
  expect(await second.runtime.waitForCompletion(id)).toEqual({ value: { n: 1, at: 1 } });
  expect(act.begun).toEqual(["again[0]/act", "again[1]/act", "again[1]/act"]);
});

test("[R-DUR-13] an instance with which three hosts died fails as POISON, and its error path runs", async () => {
  const act = new Gate("act");
  const graph = {
    act: { uses: "test/act@1" },
    mend: { uses: "test/give@1", in: { in: "act.error" } },
  };
  const id = await dieIn(act, graph, { outputs: { mend: any("mend.out") } }, 3);
  act.begun.length = 0;
  const last = host([act.def]);
  await last.runtime.recover();
  expect(await last.runtime.waitForCompletion(id)).toMatchObject({ mend: { code: "POISON", path: "act" } });
  expect(act.begun).toEqual([]);
});

test("[R-DUR-14] a write runs when its start is on the disk, and an event leaves when what it tells is", async () => {
  const act = new Gate("act");
  const write = { ...act.def, effect: "write" } as AnyNodeDef;
  const { runtime, clock, disk, heard, start } = host([write]);
  let letGo!: () => void;
  const id = await start(
    { act: { uses: "test/act@1" }, pure: { uses: "test/give@1" } },
    { outputs: { act: any("act.out") } },
  );
  disk.pause = new Promise((resolve) => (letGo = resolve));
  for (let turn = 0; turn < 50; turn++) await settled();
  expect(act.begun).toEqual([]);
  expect(heard.filter(({ type }) => type === "runtime:output")).toEqual([]);
  disk.pause = undefined;
  letGo();
  await until(() => act.waiting.length === 1);
  await until(() => heard.filter(({ type }) => type === "runtime:output").length === 1, clock);
  disk.pause = new Promise((resolve) => (letGo = resolve));
  act.at("act").open();
  let isDone = false;
  const done = runtime.waitForCompletion(id).then(() => (isDone = true));
  for (let turn = 0; turn < 50; turn++) await settled();
  expect([isDone, heard.some(({ type }) => type === "runtime:completed")]).toEqual([false, false]);
  disk.pause = undefined;
  letGo();
  await done;
  expect(heard.at(-1)!.type).toBe("runtime:completed");
});

test("[R-DUR-15] a full disk holds the execution, with STORAGE as the reason; resumed when there is room, nothing is lost or done twice", async () => {
  const act = new Gate("act");
  const write = { ...act.def, effect: "write" } as AnyNodeDef;
  const { runtime, clock, disk, heard, start } = host([write]);
  const graph = { a: { uses: "test/act@1" }, b: { uses: "test/act@1", in: { in: "a.out" } } };
  const id = await start(graph, { outputs: { b: any("b.out") } });
  await until(() => act.waiting.length === 1);
  disk.isFull = true;
  act.at("a").open();
  await clock.move(10);
  await until(() => runtime.execution(id).state === "paused" || runtime.execution(id).state === "pausing");
  expect(codes(heard)).toContain("STORAGE");
  expect(act.begun).toEqual(["a"]);
  runtime.control(id).resume();
  for (let turn = 0; turn < 20; turn++) await settled();
  expect(act.begun).toEqual(["a"]);
  disk.isFull = false;
  runtime.control(id).resume();
  await until(() => act.waiting.length === 1);
  act.at("b").open();
  expect(await runtime.waitForCompletion(id)).toEqual({ b: "b" });
  expect(act.begun).toEqual(["a", "b"]);
});

test("[R-DUR-16] several executions go on side by side; one whose Blueprint has changed, or whose journal is damaged, is refused and stays", async () => {
  const act = new Gate("act");
  const first = host([act.def]);
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) {
    ids.push(
      await first.start({ act: { uses: "test/act@1" } }, { outputs: { act: any("act.out") }, version: `1.0.${n}` }),
    );
  }
  await until(() => act.waiting.length === 4);
  await kill(first);
  act.waiting.length = 0;
  const places = await placesIn(dataDir);
  const damaged = places.find(({ name }) => name === ids[3])!;
  await writeFile(journalIn(damaged.path), "this is no journal at all");

  const changed = { ...act.def, version: "1.1.0" } as AnyNodeDef;
  const other = host([changed]);
  expect(
    (await other.runtime.recover()).map(({ error }) => String((error as { code?: string }).code)).toSorted(),
  ).toEqual(["JOURNAL", "PLAN_CHANGED", "PLAN_CHANGED", "PLAN_CHANGED"]);
  expect(other.runtime.execution(ids[0]!)).toMatchObject({ state: "paused", error: { code: "PLAN_CHANGED" } });
  await kill(other);

  const second = host([act.def]);
  const recovered = await second.runtime.recover();
  expect(
    recovered
      .filter(({ error }) => error === undefined)
      .map(({ executionId }) => executionId)
      .toSorted(),
  ).toEqual(ids.slice(0, 3).toSorted());
  await until(() => act.waiting.length === 3);
  for (const { open } of act.waiting.slice()) open();
  for (const id of ids.slice(0, 3)) expect(await second.runtime.waitForCompletion(id)).toEqual({ act: "act" });
  await expect(host([act.def]).runtime.recover()).rejects.toMatchObject({ code: "LOCKED" });
});

test.for([
  ["pure", { big: "2".repeat(50_000) }, 2],
  ["write", "BLOB_LOST", 1],
] as const)(
  "[R-DUR-17] what settled and cannot be read back runs again where it may, and fails as BLOB_LOST where not: %s",
  async ([effect, outcome, times]) => {
    let runs = 0;
    const large = node("large", () => ({ out: `${++runs}`.repeat(50_000) }), { effect });
    const act = new Gate("act");
    const graph = { big: { uses: "test/large@1" }, act: { uses: "test/act@1", in: { in: "big.out" } } };
    const first = host([large, act.def]);
    const id = await first.start(graph, { outputs: { big: any("big.out") } });
    await until(() => act.waiting.length === 1);
    await until(() => first.heard.some(({ type }) => type === "runtime:output"), first.clock);
    await kill(first);
    const blobs = join(dataDir, "blobs");
    for (const shard of await readdir(blobs)) await rm(join(blobs, shard), { recursive: true });
    act.waiting.length = 0;
    const second = host([large, act.def]);
    await second.runtime.recover();
    const end = second.runtime.waitForCompletion(id).catch((error) => error.details.error.code);
    await until(() => act.waiting.length > 0 || second.runtime.execution(id).state === "failed");
    for (const { open } of act.waiting.slice()) open();
    expect(await end).toEqual(outcome);
    expect(runs).toBe(times);
  },
);

test("[R-DUR-18] after a restart finished executions are listed with their results, states and events; old ones are let go", async () => {
  const first = host();
  const graph = { a: { uses: "test/give@1", with: { value: Array.from({ length: 20_000 }, () => "x") } } };
  const done = await first.start(graph, { outputs: { a: any("a.out") } });
  await first.runtime.waitForCompletion(done);
  const failed = await first.start({ bad: { uses: "test/fail@1" } });
  await first.runtime.waitForCompletion(failed).catch(() => {});
  const seq = first.runtime.execution(done).seq;
  await first.runtime.close();

  const second = host();
  await second.runtime.recover();
  expect(second.runtime.executions().map(({ executionId, state }) => [executionId, state])).toEqual([
    [done, "completed"],
    [failed, "failed"],
  ]);
  expect(await second.runtime.waitForCompletion(done)).toEqual({ a: Array.from({ length: 20_000 }, () => "x") });
  await expect(second.runtime.waitForCompletion(failed)).rejects.toMatchObject({ code: "EXECUTION_FAILED" });
  expect(second.runtime.snapshot(done)).toMatchObject({ seq, nodes: [{ path: "a", s: "completed" }] });
  expect(second.runtime.history(done).terminal).toMatchObject({ seq });
  await expect(second.runtime.execute({ inline: "" }, {}, { executionId: done })).rejects.toMatchObject({
    code: "E_STATE",
  });
  await second.runtime.close();

  const third = host([], { retention: { executions: 1 } });
  await third.runtime.recover();
  expect(third.runtime.executions()).toHaveLength(1);
  expect(await placesIn(dataDir)).toHaveLength(1);
});

test("[R-DUR-19] a host that is closed leaves its executions to the next, without counting as dead; pause and cancel last", async () => {
  const act = new Gate("act");
  const graph = { act: { uses: "test/act@1" }, next: { uses: "test/give@1", in: { in: "act.out" } } };
  const first = host([act.def]);
  const running = await first.start(graph);
  const paused = await first.start(graph);
  const cancelled = await first.start(graph);
  await until(() => act.waiting.length === 3);
  first.runtime.control(paused).pause();
  await first.runtime.cancel(cancelled);
  await first.runtime.close();
  act.waiting.length = 0;

  const second = host([act.def]);
  await second.runtime.recover();
  await until(() => act.waiting.length === 1);
  expect(act.waiting[0]!.ctx).toMatchObject({ executionId: running, recovery: 0, fence: 2 });
  await until(() => second.runtime.execution(paused).state === "paused");
  expect(second.runtime.execution(cancelled).state).toBe("cancelled");
  second.runtime.control(paused).resume();
  await until(() => act.waiting.length === 2);
  for (const { open } of act.waiting.slice()) open();
  await second.runtime.waitForCompletion(paused);
});

test("[R-DUR-20] what waits for a person waits on under the same id; an answer that was taken is not asked for again", async () => {
  const gate = new Gate("act");
  const wait = { uses: "core/input.wait@1", with: { prompt: "Go on?", schema: { type: "boolean" }, timeout: "24h" } };
  const graph = {
    open: wait,
    answered: wait,
    act: { uses: "test/act@1", in: { in: "answered.value" } },
  };
  const more = { outputs: { open: any("open.value"), answered: any("answered.value") } };
  const first = host([gate.def]);
  const id = await first.start(graph, more);
  const waits = (of: typeof first) =>
    (of.runtime.snapshot(id) as { waits?: { path: string; waitId: string; until?: number }[] }).waits ?? [];
  await until(() => waits(first).length === 2, first.clock);
  const before = waits(first);
  first.runtime.control(id).answer(before.find(({ path }) => path === "answered")!.waitId, true);
  await until(() => gate.waiting.length === 1, first.clock);
  await first.clock.move(5);
  await kill(first);

  const second = host([gate.def]);
  await second.runtime.recover();
  await until(() => gate.waiting.length === 1, second.clock);
  expect(waits(second)).toEqual(before.filter(({ path }) => path === "open"));
  second.runtime.control(id).answer(waits(second)[0]!.waitId, false);
  gate.waiting[0]!.open();
  expect(await second.runtime.waitForCompletion(id)).toEqual({ open: false, answered: true });
});

test.for([
  ["done", "completed", 0],
  ["rerun", "completed", 1],
  ["fail", "failed", 0],
] as const)(
  "[R-DUR-20] with onUnknown ask a person says whether a write was done: %s",
  async ([answer, state, runs]) => {
    const act = new Gate("act");
    const write = { ...act.def, effect: "write" } as AnyNodeDef;
    const first = host([write]);
    const id = await first.start({ act: { uses: "test/act@1", onUnknown: "ask" } });
    await until(() => act.waiting.length === 1);
    await kill(first);
    act.waiting.length = 0;
    const second = host([write]);
    await second.runtime.recover();
    const waits = () => (second.runtime.snapshot(id) as { waits?: { waitId: string }[] }).waits ?? [];
    await until(() => waits().length === 1);
    expect(act.waiting).toEqual([]);
    second.runtime.control(id).answer(waits()[0]!.waitId, answer);
    await until(() => act.waiting.length === runs);
    for (const { open } of act.waiting.slice()) open();
    await second.runtime.waitForCompletion(id).catch(() => {});
    expect(second.runtime.execution(id).state).toBe(state);
  },
);

test("[R-DUR-24] without its host a data folder tells its executions, and takes a pause and a cancel for those that are not over", async () => {
  const act = new Gate("act");
  const first = host([act.def]);
  const begin = async (graph: object): Promise<string> => {
    await first.clock.move(1);
    return await first.start(graph);
  };
  const [paused, cancelled, over] = [
    await begin({ act: { uses: "test/act@1" } }),
    await begin({ act: { uses: "test/act@1" }, a: { uses: "test/give@1" } }),
    await begin({ a: { uses: "test/give@1" } }),
  ];
  await first.runtime.waitForCompletion(over);
  await until(() => act.waiting.length === 2);
  await expect(steerStored(dataDir, paused, { do: "pause" })).rejects.toMatchObject({ code: "LOCKED" });
  await kill(first);
  expect((await storedExecutions(dataDir)).map(({ executionId, state }) => [executionId, state])).toEqual([
    [paused, "running"],
    [cancelled, "running"],
    [over, "completed"],
  ]);
  await steerStored(dataDir, paused, { do: "pause" });
  expect(await steerStored(dataDir, cancelled, { do: "cancel", reason: "no more" })).toMatchObject({
    state: "cancelled",
  });
  await expect(steerStored(dataDir, over, { do: "pause" })).rejects.toMatchObject({ code: "E_STATE" });
  await expect(steerStored(dataDir, "nobody", { do: "pause" })).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });

  const second = host([act.def]);
  expect(await second.runtime.recover()).toEqual([{ executionId: paused }]);
  await until(() => second.runtime.execution(paused).state === "paused");
  await expect(second.runtime.waitForCompletion(cancelled)).rejects.toMatchObject({ code: "CANCELLED" });
});

test("[R-DUR-26] no secret reaches the data folder: not in outputs, steps, errors, logs or summaries", async () => {
  const secret = "s3cr3t-of-the-test";
  const leak = node("leak", async (ctx) => {
    const value = await ctx.secret("key");
    await ctx.step("one", async () => ({ value }));
    ctx.heartbeat(value);
    ctx.log.info(`it is ${value}`);
    return { out: { deep: [value] } };
  });
  const breaks = node("breaks", async (ctx) => {
    throw new Error(`refused ${await ctx.secret("key")}`);
  });
  const first = host([leak, breaks], { secrets: { key: secret } });
  const more = { secrets: ["key"], outputs: { out: any("a.out") } };
  const done = await first.start({ a: { uses: "test/leak@1" } }, more);
  expect(await first.runtime.waitForCompletion(done)).toEqual({ out: { deep: [secret] } });
  const failed = await first.start({ a: { uses: "test/breaks@1" } }, { secrets: ["key"] });
  await first.runtime.waitForCompletion(failed).catch(() => {});
  await first.runtime.close();
  const names = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile()).map((name) => join(name.parentPath, name.name));
  expect(files.length).toBeGreaterThanOrEqual(4);
  for (const file of files) expect((await readFile(file)).includes(secret), file).toBe(false);
});
