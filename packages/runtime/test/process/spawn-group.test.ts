import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import type { BlobStore } from "../../src/blobs/blob-store.ts";
import type { BlobRef } from "../../src/blueprint/define-node.ts";
import { spawnGroup } from "../../src/process/spawn-group.ts";

let blobs: BlobStore;
beforeAll(() => {
  blobs = openBlobStore();
});
afterAll(() => blobs.close());

async function text(ref: BlobRef): Promise<string> {
  let all = "";
  for await (const chunk of blobs.open(ref)) all += Buffer.from(chunk).toString("latin1");
  return all;
}
/** Live processes whose environment holds the entry. */
function carrying(entry: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const state = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)![0];
      return state !== "Z" && readFileSync(`/proc/${pid}/environ`, "latin1").includes(entry);
    } catch {
      return false;
    }
  });
}
const sh = (script: string, options: Partial<Parameters<typeof spawnGroup>[2]> = {}) =>
  spawnGroup("/bin/sh", ["-c", script], { blobs, ...options });
/** Aborts as soon as the script has said "ready". */
function abortWhenReady(reason: unknown) {
  const controller = new AbortController();
  const onOutput = (_: string, said: string): void => {
    if (said.includes("ready")) controller.abort(reason);
  };
  return { signal: controller.signal, onOutput };
}

test("[R-PROC-1] exit code, signal, stdout and stderr are reported, each apart", async () => {
  const result = await sh("echo out; echo err >&2; exit 3");
  expect(result).toMatchObject({ code: 3, signal: null });
  expect(await text(result.stdout)).toBe("out\n");
  expect(await text(result.stderr)).toBe("err\n");
  expect(await sh("kill -USR1 $$")).toMatchObject({ code: null, signal: "SIGUSR1" });
});

test("[R-PROC-2] output is told as it comes, without splitting characters", async () => {
  const said: string[] = [];
  // The two bytes of ä arrive one by one.
  await sh("printf '\\303'; sleep 0.05; printf '\\244\\n'; echo oops >&2", {
    onOutput: (stream, part) => said.push(`${stream}:${part}`),
  });
  expect(
    said
      .filter((line) => line.startsWith("stdout"))
      .map((line) => line.slice(7))
      .join(""),
  ).toBe("ä\n");
  expect(said).toContain("stderr:oops\n");
});

test("[R-PROC-3] abort ends the whole group, grandchildren included, before it rejects with the reason", async () => {
  const mark = `PROC_TEST=${randomUUID()}`;
  const reason = new Error("cancelled by the test");
  const run = sh("(sleep 300 & sleep 300) & sleep 300 & echo ready; wait", {
    env: { PROC_TEST: mark.slice(10) },
    ...abortWhenReady(reason),
  });
  await expect(run).rejects.toBe(reason);
  expect(carrying(mark)).toEqual([]);
});

test("[R-PROC-4] a group that ignores SIGTERM gets SIGKILL after graceMs", async () => {
  const mark = `PROC_TEST=${randomUUID()}`;
  const started = performance.now();
  const run = sh("trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo ready; while :; do sleep 1; done", {
    env: { PROC_TEST: mark.slice(10) },
    graceMs: 150,
    ...abortWhenReady("stop"),
  });
  await expect(run).rejects.toBe("stop");
  expect(performance.now() - started).toBeGreaterThanOrEqual(150);
  expect(carrying(mark)).toEqual([]);
});

test("[R-PROC-4] whoever aborts may say in the reason how long the grace is", async () => {
  const reason = Object.assign(new Error("cancelled"), { graceMs: 30 });
  const started = performance.now();
  const run = sh("trap '' TERM; echo ready; while :; do sleep 1; done", { graceMs: 60_000, ...abortWhenReady(reason) });
  await expect(run).rejects.toBe(reason);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("[R-PROC-5] what a program leaves running is ended with it, also what left the group", async () => {
  const mark = `PROC_TEST=${randomUUID()}`;
  const env = { PROC_TEST: mark.slice(10) };
  expect(await sh("sleep 300 & exit 0", { env })).toMatchObject({ code: 0 });
  expect(carrying(mark)).toEqual([]);
  const result = await sh("setsid sleep 300 & setsid sh -c 'trap \"\" TERM; sleep 300' & echo done", {
    env,
    graceMs: 100,
  });
  expect(await text(result.stdout)).toBe("done\n");
  expect(carrying(mark)).toEqual([]);
});

test("[R-PROC-6] a program that cannot start says why and what would help", async () => {
  const start = (command: string, args: string[] = [], more = {}) => spawnGroup(command, args, { blobs, ...more });
  await expect(start("no-such-program-here")).rejects.toMatchObject({
    message:
      'Cannot start "no-such-program-here": there is no such program; check its name and PATH, or give its full path',
    error: { code: "ENOENT", class: "process", retryable: false },
  });
  await expect(start("/etc/passwd")).rejects.toMatchObject({ error: { code: "EACCES", class: "process" } });
  await expect(start("true", [], { cwd: "/no/such/folder" })).rejects.toMatchObject({
    message: expect.stringContaining('"/no/such/folder": this folder does not exist'),
    error: { code: "ENOENT", class: "config" },
  });
  await expect(start("true", [], { cwd: "/etc/passwd" })).rejects.toMatchObject({
    error: { code: "ENOTDIR", class: "config" },
  });
  await expect(start("echo", ["a\0b"])).rejects.toMatchObject({ error: { class: "config" } });
  await expect(start("true", ["x".repeat(3_000_000)])).rejects.toMatchObject({
    error: { code: "E2BIG", class: "process" },
  });
});

test("[R-PROC-7] stdin is given whole, and a program that does not read it is no failure", async () => {
  const large = new Uint8Array(4_000_000).fill(97);
  expect((await sh("cat", { stdin: large })).stdout.size).toBe(large.byteLength);
  expect(await sh("exec 0<&-; exit 0", { stdin: large })).toMatchObject({ code: 0 });
  expect(await text((await sh("wc -c")).stdout)).toMatch(/^\s*0\n$/);
});

test("[R-PROC-8] past the output limit the group is ended and the call fails", async () => {
  const mark = `PROC_TEST=${randomUUID()}`;
  const run = sh("yes", { limits: { outputBytes: 1_000_000 }, env: { PROC_TEST: mark.slice(10) } });
  await expect(run).rejects.toMatchObject({ error: { code: "OUTPUT_LIMIT", class: "resource" } });
  expect(carrying(mark)).toEqual([]);
});

test("[R-PROC-9] a blob store that fails ends the group and is the failure", async () => {
  const small = openBlobStore({ memory: true, limitBytes: 100_000 });
  await expect(spawnGroup("yes", [], { blobs: small })).rejects.toMatchObject({ code: "LIMIT" });
  // At most what "yes" said of its broken pipe.
  expect(small.gauge().bytes).toBeLessThan(200);
  expect(small.gauge().writing).toBe(0);
});

test("[R-PROC-10] a large output is complete and does not grow memory", async () => {
  const before = process.memoryUsage().rss;
  const { stdout } = await sh("head -c 200000000 /dev/zero");
  expect(stdout.size).toBe(200_000_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
}, 30_000);

test("[R-PROC-11] nothing starts on a signal that has fired, and no listener stays on one that does not", async () => {
  const mark = `PROC_TEST=${randomUUID()}`;
  await expect(sh("sleep 300", { signal: AbortSignal.abort("no"), env: { PROC_TEST: mark.slice(10) } })).rejects.toBe(
    "no",
  );
  expect(carrying(mark)).toEqual([]);
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => (listeners++, add(...args))) as typeof add;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => (
    listeners--,
    remove(...args)
  )) as typeof remove;
  const processes = () => process.getActiveResourcesInfo().filter((kind) => kind === "ProcessWrap").length;
  await sh("true", { signal });
  await expect(spawnGroup("no-such-program-here", [], { blobs, signal })).rejects.toThrow("no such program");
  expect(listeners).toBe(0);
  // Node gives the handle of a process that never started back some turns later.
  await expect.poll(processes).toBe(0);
});
