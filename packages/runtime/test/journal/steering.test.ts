/** Breakpoints, stops, edits, pins and mocks outlive the host, and so does what was counted of them. */
import { expect, test } from "vitest";

import type { AnyNodeDef } from "../../src/blueprint/define-node.ts";
import type { Breakpoint, StopInfo } from "../../src/contract.ts";
import type { ExecuteOptions } from "../../src/runtime.ts";
import { settled } from "../engine/fake-clock.ts";
import { blueprint, Gate, node } from "../engine/kit.ts";
import { host, kill, until, type Host } from "./hosts.ts";

const at = (path: string, more: Partial<Breakpoint> = {}): Breakpoint => ({
  id: "b1",
  at: "before",
  path,
  suspend: "all",
  enabled: true,
  ...more,
});
const any = (from: string): object => ({ type: "any", from });
const give = (value: unknown, more: object = {}): object => ({ uses: "test/give@1", with: { value }, ...more });
const pass = (from: string, more: object = {}): object => ({ uses: "test/give@1", in: { in: from }, ...more });
const stopsOf = ({ runtime }: Host, id: string): StopInfo[] => (runtime.snapshot(id) as { stops: StopInfo[] }).stops;
const begin = ({ runtime }: Host, graph: object, more: object, options: ExecuteOptions): Promise<string> =>
  runtime.execute({ inline: blueprint(graph, more) }, {}, options);

/** The host dies, and the next one takes everything up. */
async function next(first: Host, nodes: readonly AnyNodeDef[] = []): Promise<Host> {
  await kill(first);
  const second = host(nodes);
  expect((await second.runtime.recover()).flatMap(({ error }) => error ?? [])).toEqual([]);
  return second;
}
const isPaused =
  ({ runtime }: Host, id: string) =>
  (): boolean =>
    runtime.execution(id).state === "paused";

test("[R-DUR-30] what stood before its run stands there again, under the same id, with its edited input, and goes on once", async () => {
  const runs: unknown[] = [];
  const noted = node("noted", (ctx) => (runs.push(ctx.in.in), { out: ctx.in.in }), { effect: "write" });
  const graph = { a: give(1), b: { uses: "test/noted@1", in: { in: "a.out" } }, c: pass("b.out") };
  const first = host([noted]);
  const id = await begin(first, graph, { outputs: { c: any("c.out") } }, { breakpoints: [at("b")] });
  await until(isPaused(first, id));
  first.runtime.control(id).override("stop-1", "in", "edited");
  const before = stopsOf(first, id);
  await first.runtime.control(id).configure({ path: "c", patch: [{ op: "add", path: "/value", value: "other" }] });

  let second = await next(first, [noted]);
  await until(isPaused(second, id));
  expect(stopsOf(second, id)).toEqual(before);
  second = await next(second, [noted]);
  await until(isPaused(second, id));
  expect(stopsOf(second, id)).toEqual(before);
  expect(second.heard.findLast(({ type }) => type === "runtime:inspect")?.data).toMatchObject({
    values: { "in.in": { v: "edited" } },
  });
  expect(runs).toEqual([]);
  second.runtime.control(id).resume("stop-1");
  expect(await second.runtime.waitForCompletion(id)).toEqual({ c: "other" });
  expect(runs).toEqual(["edited"]);
});

test("[R-DUR-30] what stood after its run is not run again: its outputs are there, edited ones too; a write is no unknown outcome", async () => {
  const runs: string[] = [];
  const noted = node("noted", (ctx) => (runs.push(ctx.path), { out: "done" }), { effect: "write" });
  const first = host([noted]);
  const graph = { a: { uses: "test/noted@1" }, b: pass("a.out"), c: { uses: "test/noted@1" } };
  const id = await begin(
    first,
    graph,
    { outputs: { b: any("b.out"), c: any("c.out") } },
    { breakpoints: [at("a", { at: "after", suspend: "scope" }), at("c", { id: "b2", at: "after", suspend: "scope" })] },
  );
  await until(() => stopsOf(first, id).length === 2);
  const stop = stopsOf(first, id).find(({ path }) => path === "a")!;
  first.runtime.control(id).override(stop.stopId, "out", "edited");
  const second = await next(first, [noted]);
  await until(() => stopsOf(second, id).length === 2);
  second.runtime.control(id).resume();
  for (const { stopId } of stopsOf(second, id)) second.runtime.control(id).resume(stopId);
  expect(await second.runtime.waitForCompletion(id)).toEqual({ b: "edited", c: "done" });
  expect(runs.toSorted()).toEqual(["a", "c"]);
});

test("[R-DUR-30] a failure that stood still stands again, inside a loop, and is tried again as its policy says", async () => {
  let runs = 0;
  const flaky = node("flaky", (ctx) => {
    runs++;
    if (ctx.in.in === "q" && ctx.attempt === 1) throw new Error("once");
    return { out: ctx.in.in };
  });
  const graph = {
    list: give(["p", "q", "r"]),
    each: {
      uses: "core/forEach@1",
      in: { items: "list.out" },
      with: { key: "${ item }", concurrency: 1 },
      body: {
        nodes: {
          x: { uses: "test/flaky@1", in: { in: "$item" }, retry: { attempts: 2, on: ["internal"], initial: "1s" } },
        },
        outputs: { x: "x.out" },
      },
    },
  };
  const first = host([flaky]);
  const id = await begin(
    first,
    graph,
    { outputs: { each: any("each.results") } },
    { breakpoints: [at("each/x", { at: "error" })] },
  );
  await until(isPaused(first, id));
  const second = await next(first, [flaky]);
  await until(() => isPaused(second, id)() && stopsOf(second, id).length === 1);
  expect(stopsOf(second, id)).toMatchObject([{ stopId: "stop-1", reason: "error", path: "each[q]/x", attempt: 1 }]);
  expect(runs).toBe(2);
  second.runtime.control(id).resume();
  await until(() => second.runtime.execution(id).state === "completed", second.clock);
  expect(await second.runtime.waitForCompletion(id)).toEqual({ each: [{ x: "p" }, { x: "q" }, { x: "r" }] });
  expect(runs).toBe(4);
});

test("[R-DUR-31] breakpoints are in force again; what was left does not hit again, and hits are counted on", async () => {
  const gates = new Gate();
  const graph = {
    list: give(["p", "q", "r", "s"]),
    each: {
      uses: "core/forEach@1",
      in: { items: "list.out" },
      with: { key: "${ item }", concurrency: 1 },
      body: { nodes: { x: { uses: "test/gate@1", in: { in: "$item" } } }, outputs: { x: "x.out" } },
    },
  };
  const first = host([gates.def]);
  const id = await begin(first, graph, {}, { breakpoints: [at("each/x", { hit: "%2" })] });
  await until(() => gates.waiting.length === 1);
  gates.at("each[p]/x").open();
  await until(isPaused(first, id));
  first.runtime.control(id).resume();
  await until(() => gates.paths.includes("each[q]/x"));
  gates.waiting.length = 0;
  const second = await next(first, [gates.def]);
  for (const path of ["each[q]/x", "each[r]/x"]) {
    await until(() => gates.paths.includes(path));
    gates.at(path).open();
  }
  await until(isPaused(second, id));
  expect(stopsOf(second, id)).toMatchObject([{ stopId: "stop-2", path: "each[s]/x" }]);
  second.runtime.control(id).setBreakpoints([]);
  const third = await next(second, [gates.def]);
  await until(() => stopsOf(third, id).length === 1);
  third.runtime.control(id).resume();
  await until(() => gates.paths.includes("each[s]/x"));
  gates.at("each[s]/x").open();
  await third.runtime.waitForCompletion(id);
});

test("[R-DUR-31] a value that stood at an edge stands there again; one that had entered does not", async () => {
  const graph = { a: give(1), b: pass("a.out"), c: pass("b.out") };
  const edge = { at: "edge" as const, suspend: "scope" as const, port: "in" };
  const first = host();
  const id = await begin(
    first,
    graph,
    { outputs: { c: any("c.out") } },
    { breakpoints: [at("b", edge), at("c", { ...edge, id: "b2" })] },
  );
  await until(() => stopsOf(first, id).length === 1);
  first.runtime.control(id).resume("stop-1");
  await until(() => stopsOf(first, id)[0]?.path === "c");
  const second = await next(first);
  await until(() => stopsOf(second, id).length === 1);
  expect(stopsOf(second, id)).toMatchObject([{ stopId: "stop-2", path: "c" }]);
  second.runtime.control(id).resume("stop-2");
  expect(await second.runtime.waitForCompletion(id)).toEqual({ c: 1 });
});

test("[R-DUR-32] pins, mocks with what they were used, and edits of configuration are in force again", async () => {
  const gates = new Gate();
  const runs: string[] = [];
  const noted = node("noted", (ctx) => (runs.push(ctx.path), { out: ctx.config.value }));
  const graph = {
    slow: { uses: "test/gate@1" },
    pinned: { uses: "test/noted@1", after: ["slow"] },
    mocked: { uses: "test/noted@1", after: ["slow"], retry: { attempts: 3, on: ["internal"], initial: "1s" } },
    edited: { uses: "test/noted@1", after: ["slow"] },
  };
  const outputs = { pinned: any("pinned.out"), mocked: any("mocked.out"), edited: any("edited.out") };
  const first = host([gates.def, noted]);
  const error = { code: "X", class: "internal" as const, message: "mocked", retryable: true };
  const id = await begin(
    first,
    graph,
    { outputs },
    { pins: { pinned: { out: "pin" } }, mocks: { mocked: { error, times: 1 } } },
  );
  await until(() => gates.waiting.length === 1);
  const patch = [
    { op: "add", path: "/value", value: "${ run.blueprintName & '!' }" },
    { op: "replace", path: "/value", value: "${ run.blueprintName & '?' }" },
  ] as const;
  const { configHash } = await first.runtime.control(id).configure({ path: "edited", patch });
  gates.waiting.length = 0;
  const second = await next(first, [gates.def, noted]);
  await until(() => gates.waiting.length === 1);
  expect(await second.runtime.control(id).configure({ path: "edited", patch: [] })).toMatchObject({ configHash });
  gates.at("slow").open();
  await until(() => runs.includes("edited"));
  await settled();
  gates.waiting.length = 0;
  const third = await next(second, [gates.def, noted]);
  await until(() => third.runtime.execution(id).state === "completed", third.clock);
  expect(await third.runtime.waitForCompletion(id)).toEqual({ pinned: "pin", edited: "test?" });
  expect(runs.toSorted()).toEqual(["edited", "mocked"]);
});

test("[R-DUR-30] an execution that stops at its entry, and one that was paused, stand there again", async () => {
  const gates = new Gate();
  const first = host([gates.def]);
  const entry = await begin(first, { a: give(1) }, {}, { mode: "debug" });
  const paused = await begin(first, { a: { uses: "test/gate@1" }, b: pass("a.out") }, {}, {});
  await until(() => gates.waiting.length === 1 && stopsOf(first, entry).length === 1);
  first.runtime.control(paused).pause();
  gates.at("a").open();
  await until(isPaused(first, paused));
  const second = await next(first, [gates.def]);
  await until(() => isPaused(second, paused)() && stopsOf(second, entry).length === 1);
  expect(stopsOf(second, entry)).toMatchObject([{ reason: "entry", path: "a" }]);
  for (const id of [entry, paused]) {
    second.runtime.control(id).resume();
    await second.runtime.waitForCompletion(id);
  }
});

test("[R-DUR-33] an instance that was cancelled alone stays cancelled", async () => {
  const gates = new Gate("gate", { obeys: false });
  const first = host([gates.def]);
  const id = await begin(first, { a: { uses: "test/gate@1" }, b: pass("a.out"), c: { uses: "test/gate@1" } }, {}, {});
  await until(() => gates.waiting.length === 2);
  const control = first.runtime.control(id);
  control.cancel("a");
  await control.stored();
  gates.waiting.length = 0;
  // Its host dies before it has obeyed.
  const isDead = kill(first);
  await first.clock.move(10_000);
  await isDead;
  const second = host([gates.def]);
  expect(await second.runtime.recover()).toEqual([{ executionId: id }]);
  await until(() => gates.waiting.length === 1);
  gates.at("c").open();
  await second.runtime.waitForCompletion(id);
  expect(gates.begun).toEqual(["a", "c", "c"]);
});

test("[R-DUR-34] the past is read as it was at any record, of executions that run and that are over, and nothing changes", async () => {
  const gates = new Gate();
  const first = host([gates.def]);
  const graph = {
    a: give({ deep: [1, 2, 3] }),
    b: { uses: "test/gate@1", in: { in: "a.out" } },
    c: { uses: "test/fail@1" },
  };
  const more = { policy: { onFailure: "drain" } };
  const id = await begin(first, graph, more, {});
  await until(() => gates.waiting.length === 1);
  const { runtime } = first;
  const whole = { path: "", what: "timeline" } as const;
  const at = runtime.control(id).position;
  const now = await runtime.inspectPast(id, { at, target: whole });
  expect(now).toMatchObject({ at, value: { v: { state: "running" } } });
  expect((now.value as any).v.nodes).toContainEqual({ path: "b", s: "running", a: 1 });
  expect(await runtime.inspectPast(id, { at: 2, target: whole })).toMatchObject({
    value: { v: { state: "running", nodes: [] } },
  });
  expect(await runtime.inspectPast(id, { at: 1, target: whole })).toMatchObject({ value: { v: { state: "queued" } } });
  expect(await runtime.inspectPast(id, { at, target: { path: "c", what: "error" } })).toMatchObject({
    value: { v: { code: "BROKEN" } },
  });
  const seq = runtime.execution(id).seq;
  gates.at("b").open({ out: "x".repeat(50_000) });
  await runtime.waitForCompletion(id).catch(() => {});
  await runtime.close();

  const second = host([gates.def]);
  await second.runtime.recover();
  const past = (target: object, more: object = {}) =>
    second.runtime.inspectPast(id, { at, target: target as never, ...more });
  expect(await past({ path: "a", what: "out", port: "out" })).toMatchObject({ value: { v: { deep: [1, 2, 3] } } });
  expect(await past({ path: "b", what: "timeline" })).toMatchObject({ value: { v: { s: "running" } } });
  await expect(past({ path: "b", what: "out", port: "out" })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await expect(past({ path: "b", what: "in" })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  const end = await second.runtime.inspectPast(id, {
    at: 1_000_000,
    target: { path: "b", what: "out", port: "out" },
    range: { start: 49_990, count: 100 },
  });
  expect(end).toMatchObject({ value: { v: "x".repeat(10) }, total: 50_000 });
  expect(end.at).toBeGreaterThan(at);
  expect(second.runtime.execution(id)).toMatchObject({ state: "failed" });
  expect(second.runtime.execution(id).seq).toBeGreaterThan(seq);
  await expect(second.runtime.inspectPast("none", { at, target: whole })).rejects.toMatchObject({
    code: "UNKNOWN_EXECUTION",
  });
});

test("[R-DUR-35] answers before the question, twice, by two at once, late, not fitting, while paused, and while the host is dead", async () => {
  const first = host();
  const ask = (more: object): object => ({
    uses: "core/input.wait@1",
    with: { schema: { type: "boolean" }, ...more },
  });
  const graph = {
    soon: ask({ timeout: "1m", onTimeout: false }),
    open: { ...ask({}), after: ["soon"] },
    other: ask({}),
    value: pass("open.value"),
  };
  const outputs = { outputs: { value: any("value.out"), other: any("other.value") } };
  const id = await begin(first, graph, outputs, {});
  const waits = ({ runtime }: Host): string[] =>
    (runtime.snapshot(id) as { waits: { waitId: string }[] }).waits.map(({ waitId }) => waitId).toSorted();
  await until(() => waits(first).length === 2);
  const refused = (of: Host, waitId: string, value: unknown, code = "E_STATE"): void =>
    expect(() => of.runtime.control(id).answer(waitId, value)).toThrow(expect.objectContaining({ code }));
  refused(first, "open~1", true);
  await first.clock.move(60_000);
  await until(() => waits(first).includes("open~1"), first.clock);
  refused(first, "soon~1", true);
  refused(first, "open~1", "yes", "INVALID_INPUT");
  first.runtime.control(id).pause();
  await until(isPaused(first, id));
  first.runtime.control(id).answer("other~1", true);
  refused(first, "other~1", false);
  await first.runtime.control(id).stored();
  await kill(first);
  refused(first, "open~1", true);

  const second = host();
  await second.runtime.recover();
  await until(isPaused(second, id));
  expect(waits(second)).toEqual(["open~1"]);
  const both = [true, false].map((value) => {
    try {
      second.runtime.control(id).answer("open~1", value);
      return "taken";
    } catch ({ code }: any) {
      return code as string;
    }
  });
  expect(both).toEqual(["taken", "E_STATE"]);
  second.runtime.control(id).resume();
  expect(await second.runtime.waitForCompletion(id)).toEqual({ value: true, other: true });
});
