/** Breakpoints, stops, values at them, edits. */
import { afterEach, expect, test } from "vitest";

import type { Breakpoint, StopInfo } from "../../src/contract.ts";
import type { ExecutionControl } from "../../src/engine/control/execution-control.ts";
import { settled } from "./fake-clock.ts";
import { bench, blueprint, Gate, node, type Bench } from "./kit.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const at = (path: string, more: Partial<Breakpoint> = {}): Breakpoint => ({
  id: "b1",
  at: "before",
  path,
  suspend: "all",
  enabled: true,
  ...more,
});

interface Debugged extends Bench {
  readonly id: string;
  readonly control: ExecutionControl;
  readonly stops: () => StopInfo[];
}

/** An execution with breakpoints from its start, as far as it goes by itself. */
async function debug(
  graph: unknown,
  breakpoints: Breakpoint[],
  nodes: Parameters<typeof bench>[0] = [],
): Promise<Debugged> {
  const all = bench(nodes);
  open.push(all.runtime);
  const id = await all.runtime.execute({ inline: blueprint(graph) }, {}, { breakpoints });
  await rest();
  const stops = (): StopInfo[] => (all.runtime.snapshot(id) as { stops: StopInfo[] }).stops;
  return { ...all, id, control: all.runtime.control(id), stops };
}
/** Conditions are evaluated by JSONata, and a busy machine makes the engine give more turns to others: many of the event loop. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await settled();
}

const give = (value: unknown, more: object = {}): object => ({ uses: "test/give@1", with: { value }, ...more });
const pass = (from: string): object => ({ uses: "test/give@1", in: { in: from } });
const hits = (all: Debugged): string[] =>
  all.of("runtime:breakpoint", all.id).flatMap((data) => (data.op === "hit" ? [data.stop.path] : []));

test("[R-DBG-1] before: inputs and configuration are there, nothing ran; both are told; resume goes on and does not hit again", async () => {
  const gates = new Gate();
  const all = await debug(
    { a: give(7), b: { uses: "test/gate@1", in: { in: "a.out" }, with: { x: "${ in.in + 1 }" } } },
    [at("b")],
    [gates.def],
  );
  expect(all.control.state).toBe("paused");
  expect(gates.begun).toEqual([]);
  expect(all.stops()).toEqual([
    { stopId: "stop-1", reason: "breakpoint", breakpointIds: ["b1"], path: "b", attempt: 1, allStopped: true },
  ]);
  expect(all.of("runtime:inspect", all.id)).toMatchObject([
    { stopId: "stop-1", path: "b", values: { "in.in": { t: "json", v: 7 }, config: { t: "json", v: { x: 8 } } } },
  ]);
  all.control.resume("stop-1");
  all.control.resume("stop-1");
  await rest();
  expect(gates.paths).toEqual(["b"]);
  expect(hits(all)).toEqual(["b"]);
  expect(all.stops()).toEqual([]);
  gates.at("b").open();
  await all.runtime.waitForCompletion(all.id);
  expect(all.of("runtime:breakpoint", all.id).map(({ op }) => op)).toEqual(["hit", "cleared"]);
});

test("[R-DBG-1] a new attempt hits again; the same one does not", async () => {
  const gates = new Gate();
  const all = await debug(
    { a: { uses: "test/gate@1", retry: { attempts: 2, on: ["internal"], initial: "1s" } } },
    [at("a")],
    [gates.def],
  );
  all.control.resume();
  await rest();
  gates.at("a").fail(new Error("x"));
  await all.clock.move(2_000);
  await rest();
  expect(all.stops()).toMatchObject([{ path: "a", attempt: 2 }]);
  all.control.resume();
  await rest();
  gates.at("a").open();
  await all.runtime.waitForCompletion(all.id);
  expect(hits(all)).toEqual(["a", "a"]);
});

test("[R-DBG-2] after: the outputs are there and nobody got them; an edited one is told as such", async () => {
  const all = await debug({ a: give(1), b: pass("a.out") }, [at("a", { at: "after" })]);
  expect(all.states(all.id)).toMatchObject({ a: "held" });
  expect(all.of("runtime:output", all.id)).toEqual([]);
  expect(() => all.control.override("stop-1", "nope", 1)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  all.control.override("stop-1", "out", 42);
  all.control.resume();
  await all.runtime.waitForCompletion(all.id);
  expect(all.of("runtime:output", all.id)).toMatchObject([
    { path: "a", value: { v: 42 }, via: "edited" },
    { path: "b", value: { v: 42 }, via: "run" },
  ]);
});

test("[R-DBG-2] before: an edited input is what the node gets", async () => {
  const all = await debug({ a: give(1), b: pass("a.out") }, [at("b")]);
  all.control.override("stop-1", "in", "edited");
  expect(all.of("runtime:inspect", all.id).at(-1)).toMatchObject({ values: { "in.in": { v: "edited" } } });
  all.control.resume();
  await all.runtime.waitForCompletion(all.id);
  expect(all.of("runtime:output", all.id).at(-1)).toMatchObject({ path: "b", value: { v: "edited" } });
});

test("[R-DBG-3] error: resume is normal error handling, an edited output lets it have worked", async () => {
  for (const pretend of [false, true]) {
    const all = await debug({ a: { uses: "test/fail@1" }, b: pass("a.out") }, [at("*", { at: "error" })]);
    expect(all.stops()).toMatchObject([{ reason: "error", path: "a" }]);
    expect(all.states(all.id)["a"]).toBe("held");
    if (pretend) all.control.override("stop-1", "out", "fine");
    all.control.resume();
    const end = all.runtime.waitForCompletion(all.id).then(
      () => "completed",
      (failure: { code?: string }) => failure.code,
    );
    expect(await end).toBe(pretend ? "completed" : "EXECUTION_FAILED");
  }
});

test("[R-DBG-3] uncaught errors are those that nobody handles and that are not tried again", async () => {
  const graph = {
    a: { uses: "test/fail@1", retry: { attempts: 2, on: ["user"], initial: "1s" } },
    handler: { uses: "test/give@1", in: { in: "a.error" } },
    b: { uses: "test/fail@1", after: ["handler"], retry: { attempts: 2, on: ["user"], initial: "1s" } },
  };
  const all = await debug(graph, [at("*", { at: "error", errors: "uncaught" })]);
  await all.clock.move(5_000);
  await rest();
  await all.clock.move(5_000);
  await rest();
  expect(all.stops()).toMatchObject([{ path: "b", attempt: 2 }]);
});

test("[R-DBG-4] edge: stops where a value is about to enter a port", async () => {
  const all = await debug({ a: give(3), b: pass("a.out"), c: pass("a.out") }, [
    at("b", { at: "edge", port: "in", when: "in.in = 3", suspend: "scope" }),
  ]);
  expect(all.stops()).toMatchObject([{ path: "b", attempt: 0, allStopped: false }]);
  expect(all.states(all.id)).toMatchObject({ a: "completed", c: "completed" });
  expect(all.states(all.id)["b"]).toBeUndefined();
  expect(() => all.control.override("stop-1", "in", 4)).toThrow(expect.objectContaining({ code: "E_STATE" }));
  all.control.resume("stop-1");
  await all.runtime.waitForCompletion(all.id);
  expect(all.states(all.id)["b"]).toBe("completed");
});

test("[R-DBG-5] on item 37 of a loop of eight at once, one item alone stops; it does not hit again; the others go on", async () => {
  const all = await debug(
    {
      each: {
        uses: "core/forEach@1",
        in: { items: "list.out" },
        with: { concurrency: 8 },
        body: { nodes: { x: { uses: "test/give@1", in: { in: "$item" } } }, outputs: { x: "x.out" } },
      },
      list: give(Array.from({ length: 100 }, (_, index) => index)),
    },
    [at("each/x", { when: "index = 37", suspend: "scope" })],
  );
  expect(all.control.state).toBe("running");
  expect(all.stops()).toMatchObject([{ path: "each[37]/x", allStopped: false }]);
  expect(all.states(all.id)["each[99]/x"]).toBe("completed");
  all.control.resume("stop-1");
  await all.runtime.waitForCompletion(all.id);
  expect(hits(all)).toEqual(["each[37]/x"]);
});

test("[R-DBG-5] a breakpoint that is removed while it stops is left by resume, and stops nobody else", async () => {
  const all = await debug({ a: give(1), b: pass("a.out"), c: pass("b.out") }, [at("b"), at("c", { id: "b2" })]);
  expect(all.control.setBreakpoints([])).toEqual([]);
  expect(all.stops()).toHaveLength(1);
  all.control.resume();
  await all.runtime.waitForCompletion(all.id);
  expect(hits(all)).toEqual(["b"]);
});

test("[R-DBG-6] a condition that throws, or takes longer than its 50 ms, stops and says so", async () => {
  for (const when of ["$error('bad luck')", "$f := function($n) { $f($n + 1) }; $f(0)"]) {
    const all = await debug({ a: give(1) }, [at("a", { when: `(${when})` })]);
    await expect.poll(() => all.stops().length).toBe(1);
    expect(all.stops()[0]!.conditionError).toMatch(/bad luck|longer than 50 ms|nested too deep/);
    all.control.resume();
    await all.runtime.waitForCompletion(all.id);
  }
});

test.each([
  ["3", [2]],
  [">=8", [7, 8, 9]],
  ["%4", [3, 7]],
])("[R-DBG-6] hit count %s counts matches of the condition, per execution", async (hit, expected) => {
  const all = await debug(
    {
      list: give(Array.from({ length: 10 }, (_, index) => index)),
      each: {
        uses: "core/forEach@1",
        in: { items: "list.out" },
        with: { concurrency: 1 },
        body: { nodes: { x: { uses: "test/give@1", in: { in: "$item" } } } },
      },
    },
    [at("each/x", { hit })],
  );
  for (let left = expected.length; left > 0; left--) {
    await rest();
    all.control.resume();
  }
  await all.runtime.waitForCompletion(all.id);
  expect(hits(all)).toEqual(expected.map((index) => `each[${index}]/x`));
});

test("[R-DBG-6] a log point says its line and does not stop", async () => {
  const all = await debug({ a: give(4), b: pass("a.out") }, [
    at("b", { log: "b gets ${ in.in } of ${ $string(attempt) }" }),
  ]);
  await all.runtime.waitForCompletion(all.id);
  expect(all.of("runtime:breakpoint", all.id)).toMatchObject([
    { op: "logpoint", id: "b1", path: "b", message: "b gets 4 of 1" },
  ]);
});

test("[R-DBG-7] a list of breakpoints replaces the one before, and says of each whether it stands", async () => {
  const gates = new Gate();
  const all = await debug(
    { a: { uses: "test/gate@1" }, b: { uses: "test/give@1", in: { in: "a.out" } } },
    [at("b")],
    [gates.def],
  );
  const found = all.control.setBreakpoints([
    at("a"),
    at("nowhere", { id: "b2" }),
    at("b", { id: "b3", when: "in in" }),
    at("b", { id: "b4", hit: "often" }),
    at("b", { id: "b5", at: "edge", port: "nope" }),
    at("b", { id: "b6", enabled: false }),
  ]);
  expect(found.map(({ id, verified }) => [id, verified])).toEqual([
    ["b1", true],
    ["b2", false],
    ["b3", false],
    ["b4", false],
    ["b5", false],
    ["b6", true],
  ]);
  expect(found[0]!.message).toBe("already running");
  gates.at("a").open();
  await all.runtime.waitForCompletion(all.id);
  expect(hits(all)).toEqual([]);
});

test("[R-DBG-8] values are read in pages, by path, by expression at a stop and by reference; large ones are cut", async () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => ({ index, text: "x".repeat(20) }));
  const all = await debug({ a: give(rows), b: pass("a.out"), c: pass("b.out") }, [at("b")]);
  const { control } = all;
  expect(
    await control.inspect({ target: { path: "b", what: "in", port: "in" }, range: { start: 4_998, count: 10 } }),
  ).toEqual({
    value: { t: "json", v: rows.slice(4_998) },
    total: 5_000,
  });
  expect(
    await control.inspect({ target: { path: "a", what: "out", port: "out" }, range: { start: 0, count: 2 } }),
  ).toEqual({
    value: { t: "json", v: rows.slice(0, 2) },
    total: 5_000,
    nextStart: 2,
  });
  expect((await control.inspect({ target: { path: "a", what: "out" }, depth: 1 })).value).toMatchObject({ t: "trunc" });
  expect(await control.inspect({ target: { eval: "$count(in.in)", stopId: "stop-1" } })).toMatchObject({
    value: { v: 5_000 },
  });
  const whole = await control.inspect({ target: { path: "b", what: "in", port: "in" }, maxBytes: 1_000 });
  expect(whole).toMatchObject({ value: { t: "trunc" }, total: 5_000 });
  const told = all.of("runtime:output", all.id)[0]!.value as { t: "trunc"; ref: string };
  expect(told.t).toBe("trunc");
  expect(await control.inspect({ target: { ref: told.ref }, range: { start: 7, count: 1 } })).toMatchObject({
    value: { v: [rows[7]] },
  });
  const seen = all.of("runtime:inspect", all.id)[0]!.values["in.in"] as { ref: string };
  expect(await control.inspect({ target: { ref: seen.ref }, range: { start: 9, count: 1 } })).toMatchObject({
    value: { v: [rows[9]] },
  });
  expect(await control.inspect({ target: { path: "b", what: "timeline" } })).toMatchObject({
    value: { v: { s: "held", a: 1 } },
  });
  for (const target of [
    { ref: "no" },
    { path: "zz", what: "in" as const },
    { path: "a", what: "in" as const, port: "x" },
  ]) {
    await expect(control.inspect({ target })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  }
  await expect(control.inspect({ target: { eval: "1", stopId: "stop-9" } })).rejects.toMatchObject({ code: "E_STATE" });
});

test("[R-DBG-8] secrets do not show at a stop", async () => {
  const all = bench([], { secrets: { token: "hunter22" } });
  open.push(all.runtime);
  const graph = { a: { uses: "test/give@1", with: { value: "${ 'Bearer ' & secrets.token }" } } };
  const id = await all.runtime.execute(
    { inline: blueprint(graph, { secrets: ["token"] }) },
    {},
    { breakpoints: [at("a"), at("a", { id: "b2", at: "after", log: "${ out.out }" })] },
  );
  await rest();
  const control = all.runtime.control(id);
  const shown = [
    await control.inspect({ target: { path: "a", what: "config" } }),
    await control.inspect({ target: { eval: "config", stopId: "stop-1" } }),
  ];
  control.resume();
  await all.runtime.waitForCompletion(id);
  expect(JSON.stringify([shown, all.heard])).not.toContain("hunter22");
  expect(JSON.stringify(shown)).toContain("[secret]");
});

test("[R-DBG-9] cancel ends an execution at every kind of stop, at once, and takes the stop away", async () => {
  for (const kind of ["before", "after", "error", "edge"] as const) {
    const all = await debug(
      { a: give(1), b: { uses: kind === "error" ? "test/fail@1" : "test/give@1", in: { in: "a.out" } } },
      [at("b", { at: kind })],
    );
    expect(all.control.state).toBe("paused");
    expect(all.stops()).toHaveLength(1);
    expect(await all.runtime.cancel(all.id)).toBe("cancelled");
    expect(all.stops()).toEqual([]);
    expect(all.states(all.id)["b"]).toBe("cancelled");
    expect(all.runtime.gauge()).toMatchObject({ running: 0, waitingForSlot: 0 });
    expect(all.clock.waiting).toBe(0);
  }
});

test("[R-DBG-9] an instance at a stop holds neither slot nor lock", async () => {
  const locked = node("locked", () => ({ out: 1 }), { resources: { exclusive: "gpu:0" } });
  const all = await debug(
    { a: { uses: "test/locked@1" }, b: { uses: "test/locked@1" } },
    [at("a", { suspend: "scope" })],
    [locked],
  );
  expect(all.states(all.id)).toMatchObject({ a: "held", b: "completed" });
  expect(all.runtime.gauge()).toMatchObject({ running: 0, locks: 0 });
  all.control.resume();
  await all.runtime.waitForCompletion(all.id);
});

test("[R-DBG-10] mode debug stops before the first instance", async () => {
  const all = bench();
  open.push(all.runtime);
  const id = await all.runtime.execute({ inline: blueprint({ a: give(1), b: pass("a.out") }) }, {}, { mode: "debug" });
  await rest();
  const control = all.runtime.control(id);
  expect(control.state).toBe("paused");
  expect(all.runtime.snapshot(id)).toMatchObject({ stops: [{ reason: "entry", path: "a" }] });
  control.step("over");
  await rest();
  expect(all.runtime.snapshot(id)).toMatchObject({ stops: [{ reason: "step", path: "b" }] });
  control.resume();
  await all.runtime.waitForCompletion(id);
});
