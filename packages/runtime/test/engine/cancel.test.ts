import { readdir, readFile } from "node:fs/promises";

import { afterEach, expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { Runtime } from "../../src/runtime.ts";
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

/** What every cancelled execution must look like from outside. */
async function expectCancelled({ runtime, heard, clock }: Bench, id: string): Promise<void> {
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
    code: "CANCELLED",
    details: { error: { class: "cancelled" } },
  });
  const own = heard.filter((message) => message.data.executionId === id);
  const terminals = own.filter(
    ({ type, data }) => type === "runtime:completed" || (type === "runtime:error" && (data as any).terminal),
  );
  expect(terminals).toHaveLength(1);
  expect(own.at(-1)).toBe(terminals[0]);
  expect(terminals[0]!.data).toMatchObject({ state: "cancelled", terminal: true, scope: "execution" });
  expect(runtime.execution(id).state).toBe("cancelled");
  const nodes = (runtime.snapshot(id) as any).nodes as { s: string }[];
  expect(nodes.filter(({ s }) => !["completed", "failed", "skipped", "cancelled"].includes(s))).toEqual([]);
  const before = heard.length;
  await clock.move(100_000);
  expect(heard.length).toBe(before);
  expect(clock.waiting).toBe(0);
}

test("[R-ENG-30] cancels what is queued: nothing runs, and there is one end", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def]);
  const id = await all.start({ a: { uses: "test/gate@1" } });
  await all.runtime.cancel(id, { reason: "changed my mind" });
  await settled();
  expect(gate.begun).toEqual([]);
  expect(all.of("runtime:started", id)).toEqual([]);
  expect(all.of("runtime:error", id)).toMatchObject([{ error: "changed my mind", code: "CANCELLED" }]);
  await expectCancelled(all, id);
});

const points: [string, (gate: Gate, all: Bench) => Promise<string>][] = [
  [
    "while attempts run",
    async (_, all) => {
      const id = await all.start({
        a: { uses: "test/gate@1" },
        b: { uses: "test/gate@1" },
        c: { uses: "test/take@1", in: { need: "a.out" } },
      });
      await all.clock.move(0);
      return id;
    },
  ],
  [
    "during a backoff",
    async (gate, all) => {
      const id = await all.start({
        a: { uses: "test/gate@1", retry: { attempts: 2, initial: "10s", on: ["internal"] } },
      });
      await all.clock.move(0);
      gate.at("a").fail(new Error("x"));
      await all.clock.move(1_000);
      expect(all.states(id)["a"]).toBe("backoff");
      return id;
    },
  ],
  [
    "inside a loop",
    async (_, all) => {
      const body = { nodes: { x: { uses: "test/gate@1", in: { in: "$item" } } }, outputs: { x: "x.out" } };
      const id = await all.start(
        { each: { uses: "core/forEach@1", in: { items: "$inputs.items" }, with: { concurrency: 2 }, body } },
        { inputs: { items: { type: "list<any>" } } },
        { items: [1, 2, 3] },
      );
      await all.clock.move(0);
      return id;
    },
  ],
  [
    "while `when` and the configuration are evaluated",
    async (_, all) => {
      const id = await all.start({
        a: { uses: "test/gate@1", when: "${ $sum([1..3]) = 6 }", with: { v: "${ $sum([1..3]) }" } },
      });
      await new Promise((resolve) => setImmediate(resolve));
      return id;
    },
  ],
  [
    "while a plain path of `when` is read",
    async (_, all) => {
      const id = await all.start({ a: { uses: "test/gate@1", when: "${ run.id }", with: { v: "${ run.id }" } } });
      await new Promise<void>((resolve) => {
        const off = all.runtime.on(({ type }) => {
          if (type !== "runtime:started") return;
          off();
          resolve();
        });
      });
      return id;
    },
  ],
  [
    "while a loop names its items",
    async (_, all) => {
      const body = { nodes: { x: { uses: "test/gate@1" } }, outputs: {} };
      const id = await all.start(
        {
          each: {
            uses: "core/forEach@1",
            in: { items: "$inputs.items" },
            with: { key: "${ $string(item) & 'x' }" },
            body,
          },
        },
        { inputs: { items: { type: "list<any>" } } },
        { items: [1, 2, 3] },
      );
      await new Promise((resolve) => setImmediate(resolve));
      return id;
    },
  ],
];
for (const [when, reach] of points) {
  test(`[R-ENG-30] cancels ${when}: signals fire, everything becomes final, one end, nothing after it`, async () => {
    const gate = new Gate();
    const all = benchOf([gate.def]);
    const id = await reach(gate, all);
    const running = gate.paths;
    const cancelled = all.runtime.cancel(id);
    await cancelled;
    expect(gate.aborted).toEqual(running);
    expect(gate.waiting).toEqual([]);
    await expectCancelled(all, id);
  });
}

test("[R-ENG-30] waits for an attempt that needs time to end, and gives up one that never does when the grace is over", async () => {
  const gate = new Gate("deaf", { obeys: false });
  const all = benchOf([gate.def]);
  const slow = await all.start({ a: { uses: "test/deaf@1" } });
  await all.clock.move(0);
  let isOver = false;
  void all.runtime.cancel(slow).then(() => (isOver = true));
  await all.clock.move(1_000);
  expect([isOver, all.runtime.execution(slow).state]).toEqual([false, "cancelling"]);
  gate.at("a").open();
  await all.clock.move(0);
  expect(isOver).toBe(true);
  await expectCancelled(all, slow);
  const never = await all.start({ a: { uses: "test/deaf@1" } });
  await all.clock.move(0);
  const end = all.runtime.cancel(never, { graceMs: 50 });
  await all.clock.move(49);
  expect(all.runtime.execution(never).state).toBe("cancelling");
  await all.clock.move(1);
  expect(await end).toBe("cancelled");
  await expectCancelled(all, never);
});

test("[R-ENG-31] ends once when it is cancelled twice, or when it is over", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def]);
  const id = await all.start({ a: { uses: "test/gate@1" } });
  await all.clock.move(0);
  const ends = await Promise.all([
    all.runtime.cancel(id, { reason: "first" }),
    all.runtime.cancel(id, { reason: "second" }),
  ]);
  expect(ends).toEqual(["cancelled", "cancelled"]);
  expect(await all.runtime.cancel(id, { reason: "third" })).toBe("cancelled");
  expect(all.of("runtime:error", id).at(-1)).toMatchObject({ error: "first" });
  await expectCancelled(all, id);
  const done = await all.start({ a: { uses: "test/give@1" } });
  await all.runtime.waitForCompletion(done);
  expect(await all.runtime.cancel(done)).toBe("completed");
  expect(all.of("runtime:completed", done)).toHaveLength(1);
  expect(all.of("runtime:error", done)).toEqual([]);
});

test("[R-ENG-31] decides by order when it is completed and cancelled in one tick: one end", async () => {
  for (const first of ["cancel", "open"]) {
    const gate = new Gate();
    const all = benchOf([gate.def]);
    const id = await all.start({ a: { uses: "test/gate@1" } });
    await all.clock.move(0);
    const waiting = gate.at("a");
    const end = all.runtime.waitForCompletion(id).then(
      () => "completed",
      () => "cancelled",
    );
    if (first === "open") waiting.open();
    const cancelled = all.runtime.cancel(id);
    if (first === "cancel") waiting.open();
    await cancelled;
    // The cancel was recorded before any outcome reached the engine.
    expect(await end).toBe("cancelled");
    const terminals = all.heard.filter(
      ({ type, data }) => type === "runtime:completed" || (type === "runtime:error" && (data as any).terminal),
    );
    expect(terminals).toHaveLength(1);
  }
});

test("[R-ENG-31] ends once when a listener cancels from inside an event", async () => {
  for (const type of ["runtime:started", "runtime:state", "runtime:output", "runtime:completed"] as const) {
    const both = node("both", () => ({ out: 1, other: 2 }));
    const all = benchOf([both]);
    let done: Promise<unknown> | undefined;
    const off = all.runtime.on((message) => {
      if (message.type === type) done ??= all.runtime.cancel(message.data.executionId);
    });
    const id = await all.start({ a: { uses: "test/both@1" }, b: { uses: "test/take@1", in: { need: "a.out" } } });
    await all.runtime.waitForCompletion(id).catch(() => undefined);
    await done;
    off();
    const own = all.heard.map(({ type: name, data }) =>
      name === "runtime:completed" || (name === "runtime:error" && (data as any).terminal) ? "end" : name,
    );
    expect([type, own.filter((name) => name === "end"), own.at(-1)]).toEqual([type, ["end"], "end"]);
  }
});

test("[R-ENG-32] ends an execution at its policy's timeout and at its deadline", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def]);
  const byPolicy = await all.start({ a: { uses: "test/gate@1" } }, { policy: { timeout: "1m" } });
  const byDeadline = await all.runtime.execute(
    { inline: blueprint({ a: { uses: "test/gate@1" } }) },
    {},
    { deadline: all.clock.now() + 30_000 },
  );
  await all.clock.move(29_999);
  expect([byPolicy, byDeadline].map((id) => all.runtime.execution(id).state)).toEqual(["running", "running"]);
  await all.clock.move(1);
  await expect(all.runtime.waitForCompletion(byDeadline)).rejects.toMatchObject({ code: "TIMEOUT" });
  await all.clock.move(30_000);
  await expect(all.runtime.waitForCompletion(byPolicy)).rejects.toMatchObject({
    code: "TIMEOUT",
    details: { error: { code: "TIMEOUT", class: "timeout" } },
  });
  expect(all.of("runtime:error", byPolicy).at(-1)).toMatchObject({
    terminal: true,
    state: "cancelled",
    code: "TIMEOUT",
  });
  expect(all.clock.waiting).toBe(0);
});

/** Pids of what an execution started and still runs. */
async function alive(executionId: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.includes(`ATOMITON_EXEC=${executionId}`)) found.push(pid);
  }
  return found;
}

const isLinux = process.platform === "linux";
/** They log `up` when their children run. */
const scripts: [string, string][] = [
  ["with grandchildren", "sleep 300 & (sleep 300 & sleep 300 & echo up; wait)"],
  ["that ignores SIGTERM", 'trap "" TERM; (trap "" TERM; sleep 300) & echo up; while true; do sleep 1; done'],
];
for (const [what, script] of scripts) {
  test.runIf(isLinux)(`[R-ENG-33] leaves no process alive when it has said cancelled: a program ${what}`, async () => {
    const runtime = new Runtime({ blobs: openBlobStore({ memory: true }) });
    open.push(runtime);
    const up = new Promise<void>((resolve) => {
      runtime.on(({ type, data }) => type === "runtime:log" && (data as any).message === "up" && resolve());
    });
    let aliveAtEnd: Promise<string[]> | undefined;
    runtime.on(({ type, data }) => {
      if (type === "runtime:error" && (data as any).terminal) aliveAtEnd = alive(data.executionId);
    });
    const id = await runtime.execute({
      inline: blueprint({
        a: { uses: "core/shell@1", with: { script } },
        b: { uses: "core/delay@1", with: { duration: "1h" } },
      }),
    });
    await up;
    expect((await alive(id)).length).toBeGreaterThanOrEqual(2);
    expect(await runtime.cancel(id, { graceMs: 300 })).toBe("cancelled");
    expect(await aliveAtEnd).toEqual([]);
  });
}

test.runIf(isLinux)(
  "[R-ENG-33] ends what a node started and left behind before the node counts as completed",
  async () => {
    const leaves = node("leaves", (ctx) => {
      void ctx.spawn("sleep", ["300"]).catch(() => undefined);
      const begin = (resolve: (outputs: object) => void): unknown => setTimeout(resolve, 50, { out: 1 }); // real time: a process needs it
      return new Promise(begin);
    });
    const { createCatalog } = await import("../../src/blueprint/catalog.ts");
    const runtime = new Runtime({ catalog: createCatalog([leaves]), blobs: openBlobStore({ memory: true }) });
    open.push(runtime);
    const id = await runtime.execute({ inline: blueprint({ a: { uses: "test/leaves@1" } }) });
    await runtime.waitForCompletion(id);
    expect(await alive(id)).toEqual([]);
  },
);
