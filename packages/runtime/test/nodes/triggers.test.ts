import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { RunNodeResult } from "../../src/testing.ts";
import { run } from "./core.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "triggers-test-"));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(cwd, { recursive: true, force: true });
});

const handles = (): number => process.getActiveResourcesInfo().filter((name) => /TCP|FSEvent/i.test(name)).length;

test("[R-NODE-82] core/file.list lists what matches, sorted, without what is hidden, ignored, too deep or behind a link", async () => {
  for (const path of ["b.csv", "a.csv", "sub/c.csv", "sub/deep/d.csv", "skip/e.csv", ".hidden/f.csv", "note.txt"]) {
    await mkdir(join(cwd, path, ".."), { recursive: true });
    await writeFile(join(cwd, path), path);
  }
  await symlink("..", join(cwd, "sub", "loop"));
  const list = async (config: Record<string, unknown>) =>
    (await run("file.list", { cwd, config })).items["files"] as { path: string; size: number; isFolder: boolean }[];
  const paths = async (config: Record<string, unknown>) => (await list(config)).map(({ path }) => path);
  expect(await paths({ match: "**/*.csv", ignore: ["skip"] })).toEqual([
    "a.csv",
    "b.csv",
    "sub/c.csv",
    "sub/deep/d.csv",
  ]);
  expect(await paths({ match: ["*.csv", "*.txt"] })).toEqual(["a.csv", "b.csv", "note.txt"]);
  expect(await paths({ hidden: true, depth: 2, match: "**/*.csv", ignore: ["s*"] })).toEqual([
    "a.csv",
    "b.csv",
    ".hidden/f.csv",
  ]);
  expect(await paths({ folders: true, match: "sub/**" })).toEqual(["sub", "sub/c.csv", "sub/deep", "sub/deep/d.csv"]);
  expect((await list({ match: "a.csv" }))[0]).toMatchObject({ name: "a.csv", folder: cwd, size: 5, isFolder: false });
  await expect(list({ path: "none" })).rejects.toMatchObject({
    message: expect.stringContaining(`Cannot list the folder "${join(cwd, "none")}"`),
    error: { code: "ENOENT" },
  });
});

test("[R-NODE-83] core/file.watch tells files that are added, changed and removed, once whole, and gives its watchers back", async () => {
  const before = handles();
  await writeFile(join(cwd, "old.csv"), "1");
  const first = run("file.watch", { cwd, config: { match: "*.csv", existing: true, count: 1 } });
  expect((await first).items["changes"]).toEqual([{ kind: "added", path: "old.csv", folder: cwd }]);

  const controller = new AbortController();
  const seen: unknown[] = [];
  let heard: (() => void) | undefined;
  const until = async (count: number): Promise<void> => {
    while (seen.length < count) await new Promise<void>((resolve) => (heard = resolve));
  };
  const watching = run("file.watch", {
    cwd,
    config: { match: "**/*.csv", settleMs: 60 },
    signal: controller.signal,
    onItem: (_port, { kind, path }: { kind: string; path: string }) => {
      seen.push(`${kind} ${path}`);
      heard?.();
    },
    onLog: () => heard?.(),
  });
  await new Promise<void>((resolve) => (heard = resolve));
  await writeFile(join(cwd, "new.csv"), "a");
  await appendFile(join(cwd, "new.csv"), "b");
  await writeFile(join(cwd, "other.txt"), "no");
  await until(1);
  await appendFile(join(cwd, "old.csv"), "2");
  await until(2);
  await rm(join(cwd, "old.csv"));
  await until(3);
  expect(seen).toEqual(["added new.csv", "changed old.csv", "removed old.csv"]);
  controller.abort(new Error("enough"));
  await expect(watching).rejects.toThrow("enough");
  await vi.waitFor(() => expect(handles()).toBeLessThanOrEqual(before), 10_000);
  await expect(run("file.watch", { cwd, config: { path: "new.csv" } })).rejects.toMatchObject({
    error: { code: "ENOTDIR" },
  });
});

test("[R-NODE-84] core/schedule gives an item at each time of its cron expression, across the change to summer time, without a timer left", async () => {
  vi.useFakeTimers({ now: Date.parse("2026-03-28T12:00:00Z") });
  const timers = vi.getTimerCount();
  const config = { cron: "30 8 * * *", timezone: "Europe/Berlin", count: 2 };
  const running = run("schedule", { config });
  await vi.advanceTimersByTimeAsync(48 * 3_600_000);
  const { items } = await running;
  expect(items["ticks"]).toEqual([
    // 08:30 in summer time, which began that night: 20.5 hours later, not 21.5.
    { time: "2026-03-29T06:30:00.000Z", index: 0, missed: 0 },
    { time: "2026-03-30T06:30:00.000Z", index: 1, missed: 0 },
  ]);
  const controller = new AbortController();
  const waiting = run("schedule", { config: { cron: "0 0 1 1 *" }, signal: controller.signal }).catch(
    (e: unknown) => e,
  );
  await vi.advanceTimersByTimeAsync(40 * 86_400_000);
  controller.abort("cancelled");
  expect(await waiting).toBe("cancelled");
  expect(vi.getTimerCount()).toBe(timers);
  for (const bad of [{ cron: "61 * * * *" }, { cron: "* * * * *", timezone: "Mars/Base" }]) {
    await expect(run("schedule", { config: bad })).rejects.toMatchObject({
      error: { code: "CONFIG", class: "config" },
    });
  }
});

test("[R-NODE-84] core/schedule counts the times that passed while the last item was not taken", async () => {
  vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:30Z") });
  const running = run("schedule", {
    config: { cron: "* * * * *", count: 2 },
    onItem: () => new Promise<void>((resolve) => void setTimeout(resolve, 210_000)), // real time: none, the clock is held
  });
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect((await running).items["ticks"]).toEqual([
    { time: "2026-01-01T00:01:00.000Z", index: 0, missed: 0 },
    { time: "2026-01-01T00:04:00.000Z", index: 1, missed: 2 },
  ]);
});

const TOKEN = "sixteen characters";
/** Starts the node; resolves with its address once it listens. */
async function listening(config: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const { promise, heard } = ((): { promise: Promise<string>; heard: (line: string) => void } => {
    let resolve: (line: string) => void;
    const promised = new Promise<string>((done) => (resolve = done));
    return { promise: promised, heard: (line) => resolve(line) };
  })();
  const running: Promise<RunNodeResult> = run("webhook", {
    config: { token: TOKEN, ...config },
    onLog: ({ message }) => heard(message.replace("listens on ", "")),
    ...more,
  });
  running.catch(() => undefined);
  return { running, url: await promise };
}

test("[R-NODE-85] core/webhook gives authorised requests as items and refuses the others with what is wrong", async () => {
  const { running, url } = await listening({ path: "/hook", limitBytes: 100, count: 2 });
  const authorization = `Bearer ${TOKEN}`;
  const ask = async (path: string, init: RequestInit): Promise<number> =>
    (await fetch(new URL(path, url), init)).status;
  expect(await ask("/hook", { method: "POST" })).toBe(401);
  expect(await ask("/hook", { method: "POST", headers: { authorization: "Bearer wrong" } })).toBe(401);
  const headers = { authorization, "content-type": "application/json" };
  expect(await ask("/other", { method: "POST", headers })).toBe(404);
  expect(await ask("/hook", { headers })).toBe(405);
  expect(await ask("/hook", { method: "POST", headers, body: "{" })).toBe(400);
  expect(await ask("/hook", { method: "POST", headers, body: "x".repeat(101) })).toBe(413);
  expect(await ask("/hook?a=1", { method: "POST", headers, body: '{"n":[1]}' })).toBe(202);
  expect(await ask("/hook", { method: "POST", headers: { authorization }, body: "größe" })).toBe(202);
  const { items } = await running;
  expect(items["requests"]).toMatchObject([
    { method: "POST", path: "/hook", query: { a: "1" }, body: { n: [1] } },
    { body: "größe" },
  ]);
  expect(JSON.stringify(items)).not.toContain(TOKEN);
  await expect(fetch(url)).rejects.toThrow("fetch failed");
});

test("[R-NODE-85] core/webhook bounds what waits, and gives its port and sockets back on abort", async () => {
  const controller = new AbortController();
  const before = handles();
  const { running, url } = await listening(
    {},
    {
      signal: controller.signal,
      onItem: () =>
        new Promise((_, reject) =>
          controller.signal.addEventListener("abort", () => reject(controller.signal.reason as Error)),
        ),
    },
  );
  const statuses: number[] = [];
  for (let at = 0; at < 103; at += 1) {
    const { status } = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${TOKEN}` }, body: "x" });
    statuses.push(status);
  }
  // One is being taken, 100 wait.
  expect(statuses.filter((status) => status === 202)).toHaveLength(101);
  expect(statuses.slice(101)).toEqual([503, 503]);

  const taken = run("webhook", { config: { token: TOKEN, port: Number(new URL(url).port) } });
  await expect(taken).rejects.toMatchObject({ error: { code: "EADDRINUSE", class: "resource" } });
  const idle = connect(Number(new URL(url).port), "127.0.0.1");
  const closed = new Promise((resolve) => idle.once("close", resolve));
  idle.on("error", () => undefined);
  await new Promise((resolve) => idle.once("connect", resolve));
  controller.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
  await closed;
  await vi.waitFor(() => expect(handles()).toBeLessThanOrEqual(before + 1), 10_000);
});
