/** Pools of real threads and processes. */
import { fork, type ChildProcess } from "node:child_process";
import { Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { childTransport, workerTransport } from "../../src/node.ts";
import { pool, type PoolMember } from "../../src/pool/pool.ts";
import { jobs } from "./jobs.ts";

const script = new URL("./fixtures/hand.ts", import.meta.url);
const processes: ChildProcess[] = [];

function thread(): PoolMember {
  const worker = new Worker(script);
  return { transport: workerTransport(worker), terminate: () => worker.terminate() };
}

function child(): PoolMember {
  const forked = fork(script, [], { execArgv: [], serialization: "advanced" });
  processes.push(forked);
  const ended = new Promise((resolve) => forked.once("exit", resolve));
  return {
    transport: childTransport(forked),
    async terminate() {
      forked.kill("SIGKILL");
      await ended;
    },
  };
}

test.each([
  ["threads", thread],
  ["child processes", child],
])("[E-POOL-10] %s work in a pool, and one that ends is replaced", async (_name, start) => {
  const workers = pool(start, { contract: jobs, role: "boss", size: 2, onError() {} });
  const meet = async (): Promise<Set<string>> => {
    const both = [workers.request("job:hold", {}), workers.request("job:hold", {})];
    await expect
      .poll(() => workers.inspect().members.map(({ openRequests }) => openRequests), { timeout: 20_000 })
      .toEqual([1, 1]);
    // Until both have heard it: a thread hears `free` when it listens.
    const freeing = setInterval(() => workers.emit("job:free", {}), 50); // real time: threads and processes take theirs.
    const by = (await Promise.all(both)).map((reply) => reply.by);
    clearInterval(freeing);
    return new Set(by);
  };
  const before = await meet();
  expect(before.size).toBe(2);
  const sums = await Promise.all(Array.from({ length: 200 }, (_, n) => workers.request("job:sum", { to: n })));
  expect(sums.map(({ sum }) => sum)).toEqual(Array.from({ length: 200 }, (_, n) => (n * (n + 1)) / 2));

  await expect(workers.request("job:die", {})).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  const after = await meet();
  expect([...after].filter((by) => before.has(by))).toHaveLength(1);
  expect(workers.inspect().members.map(({ starts }) => starts)).toEqual(expect.arrayContaining([1, 2]));
  await workers.close();
  expect(processes.splice(0).every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null)).toBe(true);
});
