/** Pools of real threads and processes. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { compiledCodec } from "../../src/codec/compiled-codec.ts";
import { EventBus } from "../../src/index.ts";
import { childTransport, deflate, serveBus, webSocketTransport, workerTransport } from "../../src/node.ts";
import { pool, type PoolMember } from "../../src/pool/pool.ts";
import { listen } from "../transports/listen.ts";
import { tcpProxy } from "../transports/tcp-proxy.ts";
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

test("[E-POOL-10] a host that is away for a moment keeps its requests, and gets no new ones until it is back", async () => {
  const codecs = [compiledCodec(jobs)];
  const host = new EventBus({ contract: jobs, role: "hand", codecs, compression: deflate(), onError() {} });
  let asked = 0;
  let answer = (): void => {};
  host.handle("job:hold", () => {
    asked++;
    return new Promise((resolve) => (answer = () => resolve({ by: "host" })));
  });
  const { server, port } = await listen();
  const proxy = await tcpProxy(port);
  const allowedHosts = [`127.0.0.1:${proxy.port}`];
  const served = serveBus(host, server, { token: "t", allowedHosts, admits: { role: "boss", grants: [] } });
  const start = (): PoolMember => ({
    transport: webSocketTransport(`ws://127.0.0.1:${proxy.port}/bus`, { token: "t" }),
  });
  const coding = { codecs, compression: deflate() };
  const hosts = pool(start, { contract: jobs, role: "boss", size: 1, requestsPerMember: 2, ...coding, onError() {} });
  const first = hosts.request("job:hold", {});
  await expect.poll(() => asked).toBe(1);
  const spoken = host.inspect().links[0]?.session;
  expect([spoken?.codec, spoken?.compression]).toEqual([codecs[0]!.name, "deflate-raw"]);

  proxy.setDown(true);
  proxy.cut();
  await expect.poll(() => hosts.inspect().members[0]!.state).toBe("away");
  const second = hosts.request("job:hold", {});
  expect(hosts.inspect()).toMatchObject({ waiting: 1, members: [{ openRequests: 1, starts: 1 }] });
  answer();
  proxy.setDown(false);
  expect(await first).toEqual({ by: "host" });
  await expect.poll(() => asked).toBe(2);
  answer();
  expect(await second).toEqual({ by: "host" });
  expect(hosts.inspect()).toMatchObject({ waiting: 0, members: [{ state: "ready", served: 2, starts: 1 }] });
  await hosts.close();
  await served.close();
  await host.close();
  await proxy.close();
  server.close();
  await once(server, "close");
});
