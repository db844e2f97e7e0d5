/** Pages in Chromium on a bus whose host is a process of its own: they are reloaded, and they stand still, in the middle of a flow. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, type Browser, type Page } from "playwright";
import { build } from "rolldown";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { startHost, type Host } from "../packages/events/test/real/child.ts";
import type { FlowPage } from "../packages/events/test/real/fixtures/page.ts";
import { dial, flowBus, TOKEN } from "../packages/events/test/real/stand.ts";
import { Tally } from "../packages/events/test/real/tally.ts";
import { launchOptions } from "./chromium.ts";

const MIB = 1024 * 1024;
const within = { timeout: 30_000 };

let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-bus-"));
  await build({
    input: new URL("../packages/events/test/real/fixtures/page.ts", import.meta.url).pathname,
    platform: "browser",
    output: { file: join(folder, "page.js"), format: "esm" },
  });
  browser = await chromium.launch(launchOptions);
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const pages: Page[] = [];
afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.context().close()));
});

async function openPage(host: Host): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  pages.push(page);
  await page.goto(`http://127.0.0.1:${host.port}/`);
  return page;
}

declare const flowPage: FlowPage;
const reportOf = (page: Page) => page.evaluate(() => flowPage.report());

test("[E-REAL-9] a page that is reloaded again and again in a flow of 100,000 has the sender's state, without hole or double", async () => {
  // A window of 60 s is 6 s here: what reloaded pages left is let go while the test looks.
  const host = await startHost({ port: 0, token: TOKEN, times: 10, page: join(folder, "page.js") });
  const page = await openPage(host);
  await host.call({ do: "change", count: 1_000, perTurn: 100 });
  await expect.poll(async () => (await reportOf(page)).state.n, within).toBe(1_000);
  const before = await host.report();

  let isOver = false;
  const flowing = (async () => {
    for (let n = 1_000; n < 100_000 || !isOver;)
      n = (await host.call({ do: "change", count: 9_000, perTurn: 50 })) as number;
  })();
  const reloads = 8;
  for (let round = 0; round < reloads; round += 1) {
    // In the middle of the tail of its own snapshot.
    await expect.poll(async () => (await reportOf(page)).state.n, within).toBeGreaterThan(0);
    const { n } = (await reportOf(page)).state;
    await expect.poll(async () => (await reportOf(page)).state.n, within).toBeGreaterThan(n);
    expect((await reportOf(page)).state).toMatchObject({ snapshots: 1, gaps: [], faults: [] });
    await page.reload();
  }
  isOver = true;
  await flowing;
  const { n, sum } = await host.report();
  expect(n).toBeGreaterThanOrEqual(100_000);
  await expect.poll(async () => (await reportOf(page)).state.n, within).toBe(n);
  const { state, faults } = await reportOf(page);
  expect([state, faults]).toEqual([{ n, sum, snapshots: 1, gaps: [], faults: [] }, []]);

  await expect
    .poll(async () => [(await host.report()).links, (await host.report()).connections], within)
    .toEqual([1, 1]);
  const after = await host.report();
  expect(after).toMatchObject({ deadlines: before.deadlines });
  expect(after.accepted).toBeGreaterThan(reloads);
  // Each page left up to 8 MiB of what it had not taken.
  expect(after.bytes - before.bytes).toBeLessThan(2 * MIB);
});

test("[E-REAL-10] a page that stands still: the host's memory is bounded, others go on, and it wakes to the exact number that it missed", async () => {
  const host = await startHost({ port: 0, token: TOKEN, page: join(folder, "page.js") });
  const page = await openPage(host);
  const other = flowBus("ui");
  await dial(other, host.url);
  const tally = new Tally("flow:down");
  await other.on("flow:down", tally.hear, { onGap: tally.gap }).ready;
  await expect.poll(async () => (await reportOf(page)).state.snapshots, within).toBe(1);
  /** The other client takes each part before the next is sent. */
  const emit = async (count: number): Promise<void> => {
    const sent = await host.call({ do: "emit", count, padBytes: 1_500, perTurn: 20 });
    await expect.poll(() => tally.next, { ...within, interval: 5 }).toBe(sent);
  };
  await emit(2_000);
  await expect.poll(async () => (await reportOf(page)).tally.next, within).toBe(2_000);
  const before = await host.report();

  const awake = page.evaluate(() => flowPage.standStill());
  await expect.poll(async () => (await host.report()).held, within).toBe(1);
  const tookMs: number[] = [];
  for (let part = 0; part < 20; part += 1) {
    await emit(2_000);
    const asked = performance.now();
    await other.request("flow:ask", { n: part });
    tookMs.push(performance.now() - asked);
  }
  const during = await host.report();
  await host.call({ do: "release" });
  await awake;

  const total = during.down;
  await emit(100);
  await expect.poll(async () => (await reportOf(page)).tally.next, within).toBe(total + 100);
  const seen = (await reportOf(page)).tally;
  const missed = seen.missing.reduce((sum, { by }) => sum + by, 0);
  expect(seen.faults).toEqual([]);
  expect(missed).toBeGreaterThan(10_000);
  expect(seen.missing.map(({ told }) => told)).toEqual(seen.missing.map(({ by }) => by));
  expect(seen.heard + missed).toBe(total + 100);
  // 60 MB were sent meanwhile.
  expect(during.bytes - before.bytes).toBeLessThan(24 * MIB);
  expect(tookMs.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
  expect([tally.heard, tally.missing, tally.faults]).toEqual([total + 100, [], []]);
  const after = await host.report();
  expect(after).toMatchObject({ links: 2, connections: 2, accepted: 2, deadlines: before.deadlines });
  expect(after.bytes - before.bytes).toBeLessThan(2 * MIB);
});

test("[E-REAL-10] a page that stands still for longer than its session lives comes back by itself: one gap, and the state of now", async () => {
  // Dead after 2.5 s and forgotten after 6 s more, instead of 25 s and 60 s.
  const host = await startHost({ port: 0, token: TOKEN, times: 10, page: join(folder, "page.js") });
  const page = await openPage(host);
  await host.call({ do: "change", count: 1_000, perTurn: 100 });
  await expect.poll(async () => (await reportOf(page)).state.n, within).toBe(1_000);
  const awake = page.evaluate(() => flowPage.standStill());
  await expect.poll(async () => (await host.report()).held, within).toBe(1);
  await host.call({ do: "change", count: 10_000, perTurn: 100 });
  await expect.poll(async () => (await host.report()).links, within).toBe(0);
  await host.call({ do: "release" });
  await awake;
  await expect.poll(async () => (await reportOf(page)).state.snapshots, within).toBe(2);
  await host.call({ do: "change", count: 1_000, perTurn: 100 });
  const { n, sum, links } = await host.report();
  await expect.poll(async () => (await reportOf(page)).state.n, within).toBe(n);
  expect([links, (await reportOf(page)).state]).toEqual([
    1,
    { n, sum, snapshots: 2, gaps: [expect.any(String)], faults: [] },
  ]);
});
