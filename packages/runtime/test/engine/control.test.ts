/** Pause, resume and step: what runs, what is held, and what is said of it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";
import { z } from "zod";

import { port } from "../../src/blueprint/define-node.ts";
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

const gate = { uses: "test/gate@1" };
const after = (name: string): object => ({ ...gate, in: { in: `${name}.out` } });

/** The states that the execution was in, as told. */
const told = (all: Bench, id: string): string[] =>
  all.of("runtime:state", id).flatMap((data) => (data.state === undefined ? [] : [data.state]));

test("[R-CTL-1] pause lets running attempts end, holds what they enable, and says paused once nothing runs", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await all.start({ a: gate, b: after("a"), c: gate });
  await settled();
  const control = all.runtime.control(id);
  expect(control.pause("drain").toSorted()).toEqual(["a", "c"]);
  expect(control.state).toBe("pausing");
  expect(control.pause("drain")).toHaveLength(2);
  gates.at("a").open();
  await settled();
  expect(all.of("runtime:output", id).map(({ path }) => path)).toEqual(["a"]);
  expect(all.states(id)["b"]).toBe("held");
  expect(control.state).toBe("pausing");
  gates.at("c").open();
  await settled();
  expect(control.state).toBe("paused");
  expect(all.runtime.gauge()).toMatchObject({ running: 0, waitingForSlot: 0 });
  control.resume();
  control.resume();
  await settled();
  expect(gates.paths).toEqual(["b"]);
  gates.at("b").open();
  await all.runtime.waitForCompletion(id);
  expect(told(all, id)).toEqual(["running", "pausing", "paused", "running", "completed"]);
});

test("[R-CTL-1] resume while it is pausing goes on as if nothing had been", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await all.start({ a: gate, b: after("a") });
  await settled();
  const control = all.runtime.control(id);
  control.pause();
  control.resume();
  expect(control.state).toBe("running");
  gates.at("a").open();
  await settled();
  gates.at("b").open();
  await all.runtime.waitForCompletion(id);
  expect(told(all, id)).toEqual(["running", "pausing", "running", "completed"]);
});

test("[R-CTL-1] an execution whose last attempt ends while it is pausing is paused, and completes on resume", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await all.start({ a: gate });
  await settled();
  const control = all.runtime.control(id);
  control.pause();
  gates.at("a").open();
  await settled();
  expect(control.state).toBe("paused");
  expect(all.of("runtime:completed", id)).toEqual([]);
  control.resume();
  await all.runtime.waitForCompletion(id);
});

test("[R-CTL-2] pause now ends what may be repeated, without using up a retry, and leaves writes to their end", async () => {
  const gates = new Gate();
  const writes = new Gate("writes");
  const all = benchOf([gates.def, { ...writes.def, effect: "write" }]);
  const id = await all.start({
    a: { ...gate, retry: { attempts: 2, on: ["internal"], initial: "1s" } },
    w: { uses: "test/writes@1" },
  });
  await settled();
  const control = all.runtime.control(id);
  control.pause("drain");
  expect(gates.aborted).toEqual([]);
  control.pause("now");
  await settled();
  expect(gates.aborted).toEqual(["a"]);
  expect(writes.aborted).toEqual([]);
  expect(all.states(id)).toMatchObject({ a: "held", w: "running" });
  writes.at("w").open();
  await settled();
  expect(control.state).toBe("paused");
  control.resume();
  await settled();
  expect(gates.at("a").attempt).toBe(1);
  gates.at("a").fail(new Error("first"));
  await all.clock.move(2_000);
  expect(gates.at("a").attempt).toBe(2);
  gates.at("a").open();
  await all.runtime.waitForCompletion(id);
  expect(writes.begun).toEqual(["w"]);
});

test("[R-CTL-2] what left its stop and waits for a slot is not lost by pause now", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const nodes = { a: gate, b: gate };
  const more = { policy: { concurrency: 1 } };
  const stop = { id: "b1", at: "before" as const, path: "a", suspend: "scope" as const, enabled: true };
  const id = await all.runtime.execute({ inline: blueprint(nodes, more) }, {}, { breakpoints: [stop] });
  await settled();
  const control = all.runtime.control(id);
  // It stands still, and `b` has the only slot.
  expect(gates.paths).toEqual(["b"]);
  control.resume(all.of("runtime:breakpoint", id).find((data) => data.op === "hit")!.stop.stopId);
  control.pause("now");
  await settled();
  control.resume();
  await settled();
  for (let at = 0; at < 2; at++) {
    for (const { open: end } of gates.waiting.slice()) end();
    await settled();
  }
  await all.clock.move(60_000);
  expect(all.states(id)).toEqual({ a: "completed", b: "completed" });
});

test("[R-CTL-3] backoffs run on while it is paused and make the node ready, no more", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await all.start({ a: { ...gate, retry: { attempts: 2, on: ["internal"], initial: "10s" } } });
  await settled();
  gates.at("a").fail(new Error("x"));
  await settled();
  const control = all.runtime.control(id);
  control.pause();
  await settled();
  expect(control.state).toBe("paused");
  expect(all.states(id)["a"]).toBe("backoff");
  await all.clock.move(60_000);
  expect(all.states(id)["a"]).toBe("held");
  expect(gates.begun).toEqual(["a"]);
  control.resume();
  await settled();
  gates.at("a").open();
  await all.runtime.waitForCompletion(id);
});

test("[R-CTL-3] the policy's timeout stands still while it is paused; attempts' timeouts and the deadline do not", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const policy = { policy: { timeout: "10s" } };
  const id = await all.start({ a: gate, b: after("a") }, policy);
  await all.clock.move(6_000);
  const control = all.runtime.control(id);
  control.pause();
  gates.at("a").open();
  await all.clock.move(60_000);
  expect(control.state).toBe("paused");
  control.resume();
  await all.clock.move(3_000);
  expect(control.state).toBe("running");
  await all.clock.move(2_000);
  await expect(all.runtime.waitForCompletion(id)).rejects.toMatchObject({ code: "TIMEOUT" });

  const timed = await all.start({ a: { ...gate, timeout: "5s" } });
  await settled();
  all.runtime.control(timed).pause();
  await all.clock.move(6_000);
  expect(all.states(timed)["a"]).toBe("failed");
  await expect(all.runtime.waitForCompletion(timed)).rejects.toMatchObject({ code: "EXECUTION_FAILED" });
});

test("[R-CTL-3] what completed tells how long it was active, pauses left out", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await all.start({ a: gate, b: after("a") });
  await all.clock.move(1_000);
  const control = all.runtime.control(id);
  control.pause();
  gates.at("a").open();
  await all.clock.move(5_000);
  control.resume();
  await all.clock.move(500);
  gates.at("b").open();
  await all.runtime.waitForCompletion(id);
  expect(all.of("runtime:completed", id)).toMatchObject([{ durationMs: 6_500, activeMs: 1_500 }]);
});

test("[R-CTL-4] cancel while it is pausing or paused leaves nothing, and is its end", async () => {
  for (const running of [true, false]) {
    const gates = new Gate();
    const all = benchOf([gates.def]);
    const id = await all.start({
      a: gate,
      b: after("a"),
      each: { uses: "core/forEach@1", in: { items: "a.out" }, body: { nodes: { x: gate } } },
    });
    await settled();
    const control = all.runtime.control(id);
    control.pause();
    if (!running) gates.at("a").open({ out: [1, 2] });
    await settled();
    expect(control.state).toBe(running ? "pausing" : "paused");
    expect(await all.runtime.cancel(id)).toBe("cancelled");
    expect(told(all, id).slice(-2)).toEqual(["cancelling", "cancelled"]);
    expect(all.runtime.gauge()).toMatchObject({ running: 0, waitingForSlot: 0, locks: 0 });
    expect(all.clock.waiting).toBe(0);
    for (const steer of [() => control.pause(), () => control.resume(), () => control.step("over")]) {
      expect(steer).toThrow(expect.objectContaining({ code: "E_STATE" }));
    }
    expect(control.state).toBe("cancelled");
  }
});

test("[R-CTL-4] what is queued is neither paused nor resumed, and runs", async () => {
  const all = benchOf();
  const id = await all.start({ a: { uses: "test/give@1" } });
  const control = all.runtime.control(id);
  expect(() => control.pause()).toThrow(expect.objectContaining({ code: "E_STATE" }));
  expect(() => control.resume()).toThrow(expect.objectContaining({ code: "E_STATE" }));
  await all.runtime.waitForCompletion(id);
});

/** Paused before anything but `a` has begun, `a` being over. */
async function pausedAfterA(all: Bench, gates: Gate, graph: Record<string, unknown>, more = {}): Promise<string> {
  const id = await all.start({ a: gate, ...graph }, more);
  await settled();
  all.runtime.control(id).pause();
  gates.at("a").open({ out: [1, 2] });
  await settled();
  expect(all.runtime.control(id).state).toBe("paused");
  return id;
}
const stopsOf = (all: Bench, id: string): string[] =>
  (all.runtime.snapshot(id) as { stops: { path: string }[] }).stops.map(({ path }) => path);

test("[R-CTL-5] step over runs one instance and stops before each that it made ready: one ready, one joining, one skipped", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await pausedAfterA(all, gates, {
    b: after("a"),
    other: after("a"),
    ready: after("b"),
    joining: { uses: "test/give@1", in: { many: ["b.out", "other.out"] } },
    skipped: { uses: "test/take@1", in: { need: "b.other" } },
    behind: { ...gate, in: { in: "skipped.out" } },
  });
  const control = all.runtime.control(id);
  control.step("over");
  await settled();
  expect(gates.paths).toEqual(["b"]);
  expect(control.state).toBe("running");
  gates.at("b").open();
  await settled();
  expect(control.state).toBe("paused");
  expect(all.states(id)).toMatchObject({ ready: "held", skipped: "skipped", behind: "held", other: "held" });
  expect(stopsOf(all, id).toSorted()).toEqual(["behind", "ready"]);
  expect(all.of("runtime:breakpoint", id)[0]).toMatchObject({ op: "hit", stop: { reason: "step", attempt: 1 } });
  expect(gates.begun).toEqual(["a", "b"]);
  expect(all.states(id)["joining"]).toBeUndefined();
  control.resume();
  await settled();
  expect(gates.paths.toSorted()).toEqual(["behind", "other", "ready"]);
  for (const path of gates.paths) gates.at(path).open();
  await all.runtime.waitForCompletion(id);
  expect(told(all, id)).toEqual([
    "running",
    "pausing",
    "paused",
    "running",
    "pausing",
    "paused",
    "running",
    "completed",
  ]);
});

test("[R-CTL-5] step over walks a chain; with nothing left it completes", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await pausedAfterA(all, gates, { b: after("a"), c: after("b") });
  const control = all.runtime.control(id);
  for (const path of ["b", "c"]) {
    control.step("over");
    await settled();
    gates.at(path).open();
    await settled();
  }
  await all.runtime.waitForCompletion(id);
  expect(gates.begun).toEqual(["a", "b", "c"]);
});

const loop = { uses: "core/forEach@1", in: { items: "a.out" }, with: { concurrency: 1 } };

test("[R-CTL-6] step into a loop stops before the first instance of the first item, out of it before the next item's", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await pausedAfterA(all, gates, {
    each: { ...loop, body: { nodes: { x: gate, y: { ...gate, in: { in: "x.out" } } } } },
    end: { ...gate, in: { in: "each.results" } },
  });
  const control = all.runtime.control(id);
  control.step("into");
  await settled();
  expect(stopsOf(all, id)).toEqual(["each[0]/x"]);
  expect(control.state).toBe("paused");
  control.step("over");
  await settled();
  gates.at("each[0]/x").open();
  await settled();
  expect(stopsOf(all, id)).toEqual(["each[0]/y"]);
  control.step("over");
  await settled();
  gates.at("each[0]/y").open();
  await settled();
  expect(stopsOf(all, id)).toEqual(["each[1]/x"]);
  control.step("out");
  await settled();
  gates.at("each[1]/x").open();
  await settled();
  gates.at("each[1]/y").open();
  await settled();
  expect(stopsOf(all, id)).toEqual(["end"]);
  control.resume();
  await settled();
  gates.at("end").open();
  await all.runtime.waitForCompletion(id);
});

test("[R-CTL-6] step over a loop runs all of it, and stops after it", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await pausedAfterA(all, gates, {
    each: { ...loop, body: { nodes: { x: { uses: "test/give@1" }, y: { uses: "test/give@1", in: { in: "x.out" } } } } },
    end: { ...gate, in: { in: "each.results" } },
  });
  all.runtime.control(id).step("over");
  await settled();
  expect(stopsOf(all, id)).toEqual(["end"]);
  expect(all.states(id)).toMatchObject({ each: "completed", "each[1]/y": "completed", end: "held" });
});

test("[R-CTL-6] step out of the root runs to the end", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await pausedAfterA(all, gates, { b: { uses: "test/give@1", in: { in: "a.out" } } });
  all.runtime.control(id).step("out");
  expect(await all.runtime.waitForCompletion(id)).toEqual({});
});

test("[R-CTL-6] a step waits for its instance's backoff, and a pause ends the step", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const id = await pausedAfterA(all, gates, {
    b: { ...gate, in: { in: "a.out" }, retry: { attempts: 2, on: ["internal"], initial: "10s" } },
    c: after("b"),
  });
  const control = all.runtime.control(id);
  control.step("over");
  await settled();
  gates.at("b").fail(new Error("x"));
  await settled();
  expect(control.state).toBe("running");
  control.pause();
  await settled();
  expect(control.state).toBe("paused");
  await all.clock.move(20_000);
  expect(all.states(id)["b"]).toBe("held");
  expect(() => control.resume("stop-7")).toThrow(expect.objectContaining({ code: "E_STATE" }));
});

test("[R-CTL-7] attempts that are being prepared when it is paused do not begin", async () => {
  const gates = new Gate();
  const slow = node("slow", () => ({ out: 1 }));
  const all = benchOf([gates.def, slow]);
  const id = await all.start({
    a: gate,
    b: { uses: "test/slow@1", in: { in: "a.out" }, when: "${ $count([1..20000].($ * 2)) > 0 }" },
  });
  await settled();
  gates.at("a").open();
  await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  await Promise.resolve();
  const control = all.runtime.control(id);
  control.pause();
  // A real wait: the condition takes as long as JSONata takes.
  await expect.poll(() => control.state, { timeout: 10_000 }).toBe("paused");
  expect(all.states(id)["b"]).toBe("held");
  control.resume();
  await all.runtime.waitForCompletion(id);
});

test("[R-CTL-6] step out of a nested loop in a Blueprint used as a node leaves one scope at a time", async () => {
  const dir = await mkdtemp(join(tmpdir(), "atomiton-step-"));
  const inner = { uses: "core/forEach@1", in: { items: "list.out" }, with: { concurrency: 1 } };
  const list = (value: unknown): object => ({ uses: "test/give@1", with: { value } });
  const nodes = {
    list: list([1]),
    outer: {
      ...inner,
      body: {
        nodes: {
          list: list([1]),
          inner: { ...inner, body: { nodes: { x: gate, y: after("x") } } },
          z: { ...gate, in: { in: "inner.results" } },
        },
      },
    },
    last: { ...gate, in: { in: "outer.results" } },
  };
  await writeFile(join(dir, "sub.blueprint.json"), JSON.stringify(blueprint(nodes, { id: "sub" })));
  await writeFile(
    join(dir, "main.blueprint.json"),
    JSON.stringify(
      blueprint({ sub: { uses: "./sub.blueprint.json" }, end: { ...gate, after: ["sub"] } }, { id: "main" }),
    ),
  );
  const gates = new Gate();
  const all = benchOf([gates.def], { dir });
  const id = await all.runtime.execute(
    "main",
    {},
    {
      breakpoints: [{ id: "b", at: "before", path: "sub/outer/inner/x", suspend: "all", enabled: true }],
    },
  );
  await settled();
  await settled();
  const control = all.runtime.control(id);
  expect(stopsOf(all, id)).toEqual(["sub/outer[0]/inner[0]/x"]);
  for (const [opened, stop] of [
    [["sub/outer[0]/inner[0]/x", "sub/outer[0]/inner[0]/y"], "sub/outer[0]/z"],
    [["sub/outer[0]/z"], "sub/last"],
    [["sub/last"], "end"],
  ] as const) {
    control.step("out");
    for (const path of opened) {
      await settled();
      gates.at(path).open();
    }
    await settled();
    expect(stopsOf(all, id)).toEqual([stop]);
    expect(control.state).toBe("paused");
  }
  control.resume();
  await settled();
  gates.at("end").open();
  expect(await all.runtime.waitForCompletion(id)).toEqual({});
  await rm(dir, { recursive: true });
});

test("[R-CTL-1] an attempt that waits for a reader of its stream does not keep the execution from being paused", async () => {
  let emitted = 0;
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const writer = node(
    "writer",
    async (ctx) => {
      await begun;
      for (; emitted < 500; emitted++) await ctx.emit("items", emitted);
      return {};
    },
    { outputs: { items: port.stream(z.any()) } },
  );
  const reader = node(
    "reader",
    async (ctx) => {
      let sum = 0;
      for await (const item of ctx.in.items as AsyncIterable<number>) sum += item;
      return { out: sum };
    },
    { inputs: { items: port.stream(z.any()) } },
  );
  const all = benchOf([writer, reader]);
  const id = await all.start(
    { w: { uses: "test/writer@1" }, r: { uses: "test/reader@1", in: { items: "w.items" } } },
    { outputs: { sum: { type: "any", from: "r.out" } } },
  );
  await settled();
  const control = all.runtime.control(id);
  control.pause();
  expect(control.state).toBe("pausing");
  begin();
  await settled();
  await settled();
  expect(control.state).toBe("paused");
  expect(emitted).toBeLessThan(500);
  expect(all.states(id)).toMatchObject({ w: "running", r: "held" });
  const before = emitted;
  await settled();
  expect(emitted).toBe(before);
  control.resume();
  expect(await all.runtime.waitForCompletion(id)).toEqual({ sum: (500 * 499) / 2 });
});

test("[R-CTL-8] one instance is cancelled alone, with what is inside of it; what needs it is skipped, the rest goes on", async () => {
  const gates = new Gate();
  const all = benchOf([gates.def]);
  const needs = (name: string): object => ({ uses: "test/take@1", in: { need: `${name}.out` } });
  const each = {
    uses: "core/forEach@1",
    in: { items: "list.out" },
    with: { key: "${ item }" },
    body: { nodes: { x: gate, y: needs("x") }, outputs: { y: "y.out" } },
  };
  const list = { uses: "test/give@1", with: { value: ["p", "q"] } };
  const id = await all.start({ a: gate, b: after("a"), c: needs("b"), list, each, d: gate });
  await settled();
  const control = all.runtime.control(id);
  control.cancel("each[p]/x", "not this one");
  control.cancel("b");
  control.pause();
  control.cancel("each[q]/y");
  control.resume();
  await settled();
  expect(gates.aborted).toEqual(["each[p]/x"]);
  expect(all.states(id)).toMatchObject({
    a: "running",
    b: "cancelled",
    c: "skipped",
    "each[p]/x": "cancelled",
    "each[p]/y": "skipped",
    "each[q]/y": "cancelled",
  });
  control.cancel("each");
  await settled();
  expect(all.states(id)).toMatchObject({ each: "cancelled", "each[q]/x": "cancelled", d: "running" });
  for (const [path, code] of [
    ["b", "E_STATE"],
    ["each[p]/x", "E_STATE"],
    ["nope", "INVALID_INPUT"],
  ] as const) {
    expect(() => control.cancel(path)).toThrow(expect.objectContaining({ code }));
  }
  gates.at("a").open();
  gates.at("d").open();
  expect(await all.runtime.waitForCompletion(id)).toEqual({});
});
