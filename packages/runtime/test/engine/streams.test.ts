import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";
import { z } from "zod";

import { port } from "../../src/blueprint/define-node.ts";
import { QUEUE_BYTES, QUEUE_ITEMS, StreamQueue } from "../../src/engine/streams/stream-queue.ts";
import { NodeError } from "../../src/errors.ts";
import { bench, Gate, node } from "./kit.ts";

const items = { items: port.stream(z.any()) };

/** Emits numbers from 0, tells how far it got, and ends at `n`. */
function counter(type = "count", more: object = {}) {
  const seen = { emitted: 0, ended: "" };
  const def = node(
    type,
    async (ctx) => {
      try {
        for (let at = 0; at < ctx.config.n; at++) {
          if (at === ctx.config.breaksAt) throw new Error("broken source");
          await ctx.emit("items", at);
          seen.emitted = at + 1;
        }
        seen.ended = "well";
        return { n: ctx.config.n };
      } catch (error) {
        seen.ended = String((error as Error).message);
        throw error;
      }
    },
    { inputs: {}, outputs: { ...items, n: port.value(z.any()) }, ...more },
  );
  return { def, seen };
}

/** Reads all, or `take`; breaks at `breaksAt`. */
const reader = (type = "read", gate?: Promise<void>) =>
  node(
    type,
    async (ctx) => {
      await gate;
      let sum = 0;
      let count = 0;
      if (ctx.config.take === 0) return { out: 0 };
      for await (const item of ctx.in.items) {
        if (item === ctx.config.breaksAt) throw new Error("broken reader");
        sum += item;
        if (++count === ctx.config.take) break;
      }
      return { out: sum };
    },
    { inputs: { ...items, side: port.value(z.any(), { required: false }) }, outputs: { out: port.value(z.any()) } },
  );

const out = (from: string) => ({ outputs: { out: { type: "any", from } } });
const sumTo = (n: number): number => (n * Math.max(0, n - 1)) / 2;

test("[R-STR-1] lets a writer run ahead of its slowest reader by 64 items, and wakes it when half is read", async () => {
  let open!: () => void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const { def, seen } = counter();
  const { runtime, start } = bench([def, reader(), reader("slow", gate)]);
  const id = await start(
    {
      a: { uses: "test/count@1", with: { n: 1_000 } },
      fast: { uses: "test/read@1", in: { items: "a.items" } },
      stuck: { uses: "test/slow@1", in: { items: "a.items" } },
    },
    { outputs: { fast: { type: "any", from: "fast.out" }, stuck: { type: "any", from: "stuck.out" } } },
  );
  await sleep(30);
  expect(seen.emitted).toBe(QUEUE_ITEMS);
  open();
  expect(await runtime.waitForCompletion(id)).toEqual({ fast: sumTo(1_000), stuck: sumTo(1_000) });
  await runtime.close();
});

test("[R-STR-1] holds at most 8 MiB on a wire; a larger item waits alone", () => {
  const queue = new StreamQueue();
  const item = new Uint8Array(3 * 1024 * 1024);
  let pushed = 0;
  while (!queue.isFull) {
    queue.push(item);
    pushed++;
  }
  expect(pushed).toBe(3);
  expect(queue.bytes).toBeGreaterThanOrEqual(QUEUE_BYTES);
  while (queue.take());
  expect(queue.bytes).toBe(0);
  queue.push(new Uint8Array(2 * QUEUE_BYTES));
  expect(queue.isFull).toBe(true);
});

test("[R-STR-1] refuses a node that does not wait for its emits, instead of holding its items", async () => {
  const flood = node(
    "flood",
    async (ctx) => {
      await Promise.all(Array.from({ length: 5_000 }, (_, at) => ctx.emit("items", at)));
      return {};
    },
    { inputs: {}, outputs: items },
  );
  const { runtime, start } = bench([
    flood,
    reader(
      "slow",
      sleep(20).then(() => undefined),
    ),
  ]);
  const id = await start({ a: { uses: "test/flood@1" }, b: { uses: "test/slow@1", in: { items: "a.items" } } });
  await expect(runtime.waitForCompletion(id)).rejects.toThrow("await each one");
  await runtime.close();
});

test("[R-STR-1] ends a stream that was over before its reader began, and one without items", async () => {
  const { def } = counter();
  const { runtime, run } = bench([def, reader()], { concurrency: 1 });
  for (const n of [0, 1, 64, 65, 200]) {
    expect(
      await run(
        { a: { uses: "test/count@1", with: { n } }, b: { uses: "test/read@1", in: { items: "a.items" } } },
        out("b.out"),
      ),
    ).toEqual({ out: sumTo(n) });
  }
  expect(runtime.gauge()).toMatchObject({ running: 0, waitingForSlot: 0 });
  await runtime.close();
});

test("[R-STR-2] aborts the writer when its reader fails, and the readers when their writer fails after partial output", async () => {
  const { def, seen } = counter();
  const { runtime, start, states, of } = bench([def, reader()]);
  const died = await start({
    a: { uses: "test/count@1", with: { n: 1e9 } },
    b: { uses: "test/read@1", in: { items: "a.items" }, with: { breaksAt: 100 } },
    c: { uses: "test/read@1", in: { items: "a.items" } },
    seen: { uses: "test/give@1", in: { in: "b.error" } },
  });
  await runtime.waitForCompletion(died);
  expect(states(died)).toMatchObject({ a: "cancelled", b: "failed", c: "cancelled", seen: "completed" });
  expect(seen.emitted).toBeLessThan(400);
  expect(seen.ended).toContain("its stream ended: b failed");

  const broke = await start({
    a: { uses: "test/count@1", with: { n: 1_000, breaksAt: 500 } },
    b: { uses: "test/read@1", in: { items: "a.items" } },
    after: { uses: "test/take@1", in: { need: "b.out" } },
    seen: { uses: "test/give@1", in: { in: "a.error" } },
  });
  await runtime.waitForCompletion(broke);
  expect(states(broke)).toMatchObject({ a: "failed", b: "cancelled", after: "skipped", seen: "completed" });
  expect(of("runtime:error", broke).map(({ path }) => path)).toEqual(["a"]);
  await runtime.close();
});

test("[R-STR-2] goes on without a reader that has enough, and skips readers of a writer that failed before its first item", async () => {
  const { def, seen } = counter();
  const { runtime, run, start, states } = bench([def, reader()]);
  expect(
    await run(
      {
        a: { uses: "test/count@1", with: { n: 5_000 } },
        few: { uses: "test/read@1", in: { items: "a.items" }, with: { take: 3 } },
        none: { uses: "test/read@1", in: { items: "a.items" }, with: { take: 0 } },
      },
      out("few.out"),
    ),
  ).toEqual({ out: 3 });
  expect(seen).toEqual({ emitted: 5_000, ended: "well" });
  const early = await start({
    a: { uses: "test/count@1", with: { n: 5, breaksAt: 0 } },
    b: { uses: "test/read@1", in: { items: "a.items" } },
    seen: { uses: "test/give@1", in: { in: "a.error" } },
  });
  await runtime.waitForCompletion(early);
  expect(states(early)).toMatchObject({ a: "failed", b: "skipped" });
  await runtime.close();
});

test("[R-STR-3] hands a stream on as a list where nodes would wait for each other for ever", async () => {
  const { def } = counter();
  const pass = node(
    "pass",
    async (ctx) => {
      for await (const item of ctx.in.items) await ctx.emit(item % 2 === 0 ? "even" : "odd", item);
      return {};
    },
    { inputs: items, outputs: { even: port.stream(z.any()), odd: port.stream(z.any()) } },
  );
  const both = node(
    "both",
    async (ctx) => {
      const seen: number[] = [];
      for (const stream of ctx.in.items) for await (const item of stream) seen.push(item);
      return { out: seen.length };
    },
    { inputs: { items: port.stream(z.any(), { multi: true }), side: port.value(z.any(), { required: false }) } },
  );
  const { runtime, run } = bench([def, pass, both, reader()]);
  const n = 1_000;
  const a = { uses: "test/count@1", with: { n } };
  // The reader takes all of one side before the other.
  const ring = { a, p: { uses: "test/pass@1", in: { items: "a.items" } } };
  expect(await run({ ...ring, b: { uses: "test/both@1", in: { items: ["p.even", "p.odd"] } } }, out("b.out"))).toEqual({
    out: n,
  });
  // The reader needs a value that is there only when the writer has ended, directly or through others.
  const late = { uses: "test/read@1", in: { items: "a.items", side: "a.n" } };
  expect(await run({ a, b: late }, out("b.out"))).toEqual({ out: sumTo(n) });
  const through = { uses: "test/give@1", in: { in: "a.n" } };
  expect(
    await run({ a, x: through, b: { uses: "test/read@1", in: { items: "a.items", side: "x.out" } } }, out("b.out")),
  ).toEqual({ out: sumTo(n) });
  expect(await run({ a, b: { uses: "test/read@1", in: { items: "a.items" }, after: ["a"] } }, out("b.out"))).toEqual({
    out: sumTo(n),
  });
  // An expression that counts the items wants all of them.
  expect(
    await run(
      { a, b: { uses: "test/read@1", in: { items: "a.items" }, when: "${ $count(in.items) = 1000 }" } },
      out("b.out"),
    ),
  ).toEqual({ out: sumTo(n) });
  await runtime.close();
});

test("[R-STR-4] does not try again what has given or taken an item; before that it does", async () => {
  let tries = 0;
  const flaky = node(
    "flaky",
    async (ctx) => {
      tries++;
      for (let at = 0; at < 10; at++) {
        if (at === ctx.config.breaksAt && tries < 3)
          throw new NodeError("flaky", { code: "FLAKY", class: "network", retryable: true });
        await ctx.emit("items", at);
      }
      return {};
    },
    { inputs: {}, outputs: items },
  );
  const { runtime, start, clock } = bench([flaky, reader()]);
  const retry = { attempts: 3, initial: "1ms" };
  const nodes = (breaksAt: number) => ({
    a: { uses: "test/flaky@1", with: { breaksAt }, retry },
    b: { uses: "test/read@1", in: { items: "a.items" } },
  });
  const early = await start(nodes(0), out("b.out"));
  const ended = runtime.waitForCompletion(early);
  for (let at = 0; at < 5; at++) await clock.move(1_000);
  expect(await ended).toEqual({ out: sumTo(10) });
  expect(tries).toBe(3);
  tries = 0;
  const late = await start(nodes(5), out("b.out"));
  await expect(runtime.waitForCompletion(late)).rejects.toThrow("flaky");
  expect(tries).toBe(1);
  await runtime.close();
});

test("[R-STR-5] never waits for a slot that only a waiting writer could give", async () => {
  const { def } = counter();
  const { runtime, run } = bench([def, reader()], { concurrency: 1 });
  const nodes: Record<string, unknown> = {};
  for (let at = 0; at < 5; at++) {
    nodes[`a${at}`] = { uses: "test/count@1", with: { n: 300 } };
    nodes[`each${at}`] = {
      uses: "core/forEach@1",
      in: { items: `a${at}.items` },
      body: { nodes: { g: { uses: "test/give@1", in: { in: "$item" } } }, outputs: { v: "g.out" } },
    };
  }
  const results = await run(nodes, {
    policy: { concurrency: 1 },
    outputs: { out: { type: "any", from: "each4.results" } },
  });
  expect(results["out"]).toHaveLength(300);
  expect(runtime.gauge()).toMatchObject({ running: 0, waitingForSlot: 0, locks: 0 });
  await runtime.close();
});

test("[R-STR-5] gives everything back when an execution is cancelled while writers and readers wait", async () => {
  const { def, seen } = counter();
  const gate = new Gate();
  const { runtime, start, states } = bench([def, reader(), gate.def]);
  const id = await start({
    a: { uses: "test/count@1", with: { n: 1e9 } },
    each: {
      uses: "core/forEach@1",
      in: { items: "a.items" },
      body: { nodes: { g: { uses: "test/gate@1" } }, outputs: {} },
    },
    tail: { uses: "test/read@1", in: { items: "each.results" } },
  });
  await sleep(20);
  expect(gate.waiting).toHaveLength(4);
  expect(await runtime.cancel(id)).toBe("cancelled");
  expect(states(id)).toMatchObject({ a: "cancelled", each: "cancelled" });
  expect(seen.ended).toContain("cancelled");
  expect(runtime.gauge()).toMatchObject({ running: 0, waitingForSlot: 0 });
  await runtime.close();
});

test("[R-STR-6] loops over a stream with no more than `concurrency` items open, and streams the results in order", async () => {
  const { def, seen } = counter();
  let open = 0;
  let most = 0;
  const work = node("work", async (ctx) => {
    most = Math.max(most, ++open);
    await sleep(ctx.in.in === 0 ? 30 : 0);
    open--;
    return { out: ctx.in.in };
  });
  const ahead: number[] = [];
  const inOrder = node(
    "inOrder",
    async (ctx) => {
      let next = 0;
      for await (const { v } of ctx.in.items) {
        if (v !== next++) throw new Error(`got ${v}, not ${next - 1}`);
        ahead.push(seen.emitted - v);
      }
      return { out: next };
    },
    { inputs: items, outputs: { out: port.value(z.any()) } },
  );
  const { runtime, run } = bench([def, work, inOrder]);
  expect(
    await run(
      {
        a: { uses: "test/count@1", with: { n: 1_000 } },
        each: {
          uses: "core/forEach@1",
          in: { items: "a.items" },
          with: { concurrency: 8 },
          body: { nodes: { w: { uses: "test/work@1", in: { in: "$item" } } }, outputs: { v: "w.out" } },
        },
        end: { uses: "test/inOrder@1", in: { items: "each.results" } },
      },
      out("end.out"),
    ),
  ).toEqual({ out: 1_000 });
  expect(most).toBe(8);
  // Two queues, what is open, and what waits for the slow first item.
  expect(Math.max(...ahead)).toBeLessThanOrEqual(4 * QUEUE_ITEMS);
  await runtime.close();
});

test("[R-STR-8] collects streams and lists into one list, up to a limit", async () => {
  const { def } = counter();
  const { runtime, run, start } = bench([def]);
  const nodes = (limit: number) => ({
    a: { uses: "test/count@1", with: { n: 300 } },
    b: { uses: "test/count@1", with: { n: 2 } },
    c: {
      uses: "core/collect@1",
      in: { items: ["a.items", "$inputs.list", "b.items"] },
      with: { limit },
    },
  });
  const more = { ...out("c.items"), inputs: { list: { type: "list<any>" } } };
  const result = await run(nodes(400), more, { list: ["x"] });
  expect(result["out"]).toEqual([...Array.from({ length: 300 }, (_, at) => at), "x", 0, 1]);
  const id = await start(nodes(10), more, { list: [] });
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({ details: { error: { code: "LIMIT" } } });
  await runtime.close();
});

test("[R-STR-9] is paused once what streams waits, and not before; goes on where it stopped", async () => {
  let open!: () => void;
  let gate = new Promise<void>((resolve) => (open = resolve));
  const { def, seen } = counter();
  const taken: number[] = [];
  const slow = node(
    "slow",
    async (ctx) => {
      for await (const item of ctx.in.items) {
        await gate;
        taken.push(item);
      }
      return { out: taken.length };
    },
    { inputs: items, outputs: { out: port.value(z.any()) } },
  );
  const { runtime, start, states } = bench([def, slow]);
  const n = 500;
  const nodes = {
    a: { uses: "test/count@1", with: { n } },
    b: { uses: "test/slow@1", in: { items: "a.items" } },
    c: { uses: "test/take@1", in: { need: "b.out" } },
  };
  const id = await start(nodes, out("c.out"));
  await sleep(10);
  // The writer waits for room, the reader for the test: it runs.
  const control = runtime.control(id);
  control.pause("drain");
  await sleep(10);
  expect(control.state).toBe("pausing");
  expect(seen.emitted).toBe(QUEUE_ITEMS + 1);
  open();
  gate = Promise.resolve();
  await sleep(30);
  expect(control.state).toBe("paused");
  expect([taken.length, states(id)["c"]]).toEqual([n, "held"]);
  control.resume();
  expect(await runtime.waitForCompletion(id)).toEqual({ out: n });

  // A loop is held: its writer has no room, its reader nothing to read.
  const loop = {
    a: { uses: "test/count@1", with: { n } },
    each: {
      uses: "core/forEach@1",
      in: { items: "a.items" },
      body: { nodes: { g: { uses: "test/give@1", in: { in: "$item" } } }, outputs: { v: "g.out" } },
    },
    tail: { uses: "test/slow@1", in: { items: "each.results" } },
  };
  taken.length = 0;
  const held = await start(loop, out("tail.out"));
  const holding = runtime.control(held);
  while (taken.length === 0) await sleep(0);
  holding.pause("drain");
  await sleep(30);
  expect(holding.state).toBe("paused");
  const before = taken.length;
  await sleep(10);
  expect(taken).toHaveLength(before);
  holding.resume();
  expect(await runtime.waitForCompletion(held)).toEqual({ out: n });
  await runtime.close();
});
