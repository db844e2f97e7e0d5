import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";
import { z } from "zod";

import { defineNode, port } from "../../src/blueprint/define-node.ts";
import { systemClock } from "../../src/engine/clock.ts";
import { bench, blueprint } from "../engine/kit.ts";
import { badProcess, badThread, double, every, live } from "./nodes.ts";

// Real threads and processes, started from sources: their start takes a moment.
const timeout = 30_000;
const out = (from: string) => ({ outputs: { out: { type: "any", from } } });
/** A process that has ended and that nobody has waited for is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
const start = () =>
  bench([every, double, live, badThread, badProcess], { clock: systemClock, workers: 2, secrets: { token: "hush" } });

test("[R-POOL-1] gives a node in a thread the whole context of its host", { timeout }, async () => {
  const { runtime, run, of } = start();
  const given = new Map([["k", new Date(0)]]);
  const result: any = await run(
    { a: { uses: "test/give@1" }, b: { uses: "pool/every@1", in: { in: "$inputs.m" }, with: { name: "n" } } },
    { ...out("b.out"), inputs: { m: { type: "any" } }, secrets: ["token"] },
    { m: given },
  );
  expect(result.out).toMatchObject({
    read: "one two three",
    code: 3,
    lines: ["from the program"],
    steps: [1, 1, 1],
    path: "b",
    attempt: 1,
    config: { name: "n" },
    hasIds: true,
    secret: 4,
    local: true,
    map: true,
  });
  expect(result.out.threadId).toBeGreaterThan(0);
  expect(of("runtime:log").map(({ message }) => message)).toEqual(["begun"]);
  expect(of("runtime:output")).toContainEqual(expect.objectContaining({ port: "items", items: 200 }));
  await runtime.close();
  expect(runtime.gauge()).toMatchObject({ workers: 0, running: 0 });
});

test("[R-POOL-2] streams through nodes in threads, more of them than the pool has places", { timeout }, async () => {
  const { runtime, run } = start();
  const list = Array.from({ length: 1_000 }, (_, at) => at);
  const nodes: Record<string, unknown> = {
    first: { uses: "pool/double@1", in: { items: "$inputs.list" } },
  };
  for (let at = 0; at < 3; at++) {
    nodes[`d${at}`] = { uses: "pool/double@1", in: { items: at === 0 ? "first.items" : `d${at - 1}.items` } };
  }
  const result: any = await run(nodes, { ...out("d2.items"), inputs: { list: { type: "list<any>" } } }, { list });
  expect(result.out).toEqual(list.map((value) => value * 16));
  await runtime.close();
});

for (const [kind, how, code] of [
  ["thread", "exit", "WORKER_EXITED"],
  ["thread", "memory", "OUT_OF_MEMORY"],
  ["thread", "uncaught", "WORKER_CRASHED"],
  ["thread", "throw", "WANTED"],
  ["process", "exit", "WORKER_EXITED"],
  ["process", "crash", "WORKER_EXITED"],
  ["process", "memory", "WORKER_EXITED"],
  ["process", "throw", "WANTED"],
] as const) {
  test(
    `[R-POOL-3] a node in a ${kind} that ends by "${how}" fails with ${code}; the host goes on`,
    { timeout },
    async () => {
      const { runtime, start: begin, run } = start();
      const id = await begin({ a: { uses: `pool/${kind}@1`, with: { how } } });
      await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
        code: "EXECUTION_FAILED",
        details: { error: { code, path: "a" } },
      });
      expect(await run({ a: { uses: `pool/${kind}@1`, with: { how: "well" } } }, out("a.out"))).toEqual({
        out: "well",
      });
      await runtime.close();
      expect(runtime.gauge()).toMatchObject({ workers: 0, running: 0 });
    },
  );
}

test("[R-POOL-3] tries again what ended with its thread", { timeout }, async () => {
  const { runtime, run } = start();
  const retry = { attempts: 3, initial: "1ms" };
  expect(await run({ a: { uses: "pool/thread@1", with: { how: "exit", until: 2 }, retry } }, out("a.out"))).toEqual({
    out: 3,
  });
  await runtime.close();
});

for (const [kind, how] of [
  ["thread", "loop"],
  ["thread", "microtasks"],
  ["process", "loop"],
  ["process", "microtasks"],
  ["thread", "obey"],
  ["process", "obey"],
] as const) {
  test(`[R-POOL-4] cancels a ${kind} in "${how}", and nothing of it runs then`, { timeout }, async () => {
    const { runtime, start: begin, of } = start();
    const id = await begin({ a: { uses: `pool/${kind}@1`, with: { how } } });
    while (of("runtime:log").length === 0 && of("runtime:error").length === 0) await sleep(5);
    await sleep(50);
    expect(await runtime.cancel(id, { graceMs: 100 })).toBe("cancelled");
    // Who obeys keeps its place for the next run; who does not is gone.
    expect(runtime.gauge().workers, "workers left").toBe(how === "obey" ? 1 : 0);
    await runtime.close();
    expect(runtime.gauge().workers).toBe(0);
  });
}

test("[R-CFG-2] a node in a thread hears of its configuration while it runs", { timeout }, async () => {
  const { runtime, start: begin, of } = start();
  const id = await begin({ a: { uses: "pool/live@1" } }, out("a.out"));
  const control = runtime.control(id);
  while (of("runtime:log").length === 0) await sleep(5);
  for (const value of [1, 2]) {
    const { applied } = await control.configure({ path: "a", patch: [{ op: "replace", path: "/level", value }] });
    expect(applied).toBe("live");
  }
  expect(await runtime.waitForCompletion(id)).toEqual({
    out: {
      heard: [
        [1, ["level"]],
        [2, ["level"]],
      ],
      level: 2,
    },
  });
  expect(of("runtime:log").map(({ message }) => message)).toContain("onConfig: a listener's own fault");
  await runtime.close();
});

for (const kind of ["thread", "process"] as const) {
  test(
    `[R-ENG-11] an attempt in a ${kind} that never ends is ended at its timeout, and may be tried again`,
    { timeout },
    async () => {
      const { runtime, run, of } = start();
      const act = {
        uses: `pool/${kind}@1`,
        with: { how: "loop", until: 1 },
        timeout: "2s",
        retry: { attempts: 2, on: ["timeout"], initial: "1ms" },
      };
      expect(await run({ a: act }, out("a.out"))).toEqual({ out: 2 });
      expect(of("runtime:error")).toMatchObject([{ code: "TIMEOUT", path: "a", handled: true }]);
      await runtime.close();
    },
  );
}

test("[R-ENG-32] the policy's timeout ends what runs in threads and processes", { timeout }, async () => {
  const { runtime, start: begin } = start();
  const nodes = {
    a: { uses: "pool/thread@1", with: { how: "obey" } },
    b: { uses: "pool/process@1", with: { how: "obey" } },
  };
  const id = await begin(nodes, { policy: { timeout: "1s" } });
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({ code: "TIMEOUT" });
  await runtime.close();
  expect(runtime.gauge()).toMatchObject({ workers: 0, running: 0 });
});

test("[R-POOL-7] a process that never lets go ends when its host is killed", { timeout }, async () => {
  const host = spawn(
    process.execPath,
    ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", `${import.meta.dirname}/orphan-host.ts`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = (await once(host.stdout.setEncoding("utf8"), "data")) as [string];
  const pid = Number(line);
  const wasAlive = isAlive(pid);
  // It loops by now: nothing else would end it.
  await sleep(200);
  host.kill("SIGKILL");
  await once(host, "exit");
  for (const end = performance.now() + 10_000; isAlive(pid) && performance.now() < end;) await sleep(50);
  expect([wasAlive, isAlive(pid)]).toEqual([true, false]);
});

test("[R-POOL-5] starts no more members than it has places, and uses them again", { timeout }, async () => {
  const { runtime, run } = start();
  const nodes = Object.fromEntries(
    Array.from({ length: 8 }, (_, at) => [`n${at}`, { uses: "pool/thread@1", with: { how: "print" } }]),
  );
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, runtime.gauge().workers)), 5); // real time: threads are watched
  await run(nodes, { policy: { concurrency: 8 } });
  clearInterval(watch);
  expect(most).toBe(2);
  await runtime.close();
});

test("[R-POOL-5] logs what a node prints, and prints nothing itself", { timeout }, async () => {
  const { runtime, run, of } = start();
  await run({ a: { uses: "pool/thread@1", with: { how: "print" } } });
  expect(of("runtime:log")).toContainEqual(
    expect.objectContaining({ message: "printed", stream: "stdout", path: "a" }),
  );
  await runtime.close();
});

test("[R-CODE-4] cancels code in a thread, whatever it does", { timeout }, async () => {
  const { runtime, start: begin, of } = start();
  for (const trusted of [false, true]) {
    const text = "console.log('begun'); await null; while (true);";
    const id = await begin({ a: { uses: "core/code@1", with: { code: text, trusted, timeMs: 60_000 } } });
    while (runtime.gauge().workers === 0) await sleep(5);
    // Threads start from sources here: by now it loops.
    await sleep(1_500);
    expect(await runtime.cancel(id, { graceMs: 100 })).toBe("cancelled");
    expect(of("runtime:error", id)).toMatchObject([{ terminal: true, state: "cancelled" }]);
    expect(runtime.gauge()).toMatchObject({ workers: 0, running: 0 });
  }
  await runtime.close();
});

test("[R-POOL-6] refuses a node that does not say where it stands", async () => {
  const lost = defineNode({
    type: "test/lost",
    version: "1.0.0",
    title: "Lost",
    category: "test",
    effect: "pure",
    runsOn: "thread",
    inputs: {},
    outputs: { out: port.value(z.any()) },
    config: z.object({}),
    run: async () => ({ out: 1 }),
  });
  const { runtime } = bench([lost]);
  const id = await runtime.execute({ inline: blueprint({ a: { uses: "test/lost@1" } }) });
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({ details: { error: { code: "CONFIG" } } });
  await runtime.close();
});
