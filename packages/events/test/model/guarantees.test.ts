import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { DEFAULT_LIMITS, LOCAL_LIMITS } from "../../src/wire/limits.ts";
import { pages, transcript } from "../peers/pages.ts";

const page = readFileSync(new URL("../../../../docs/guarantees.md", import.meta.url), "utf8");

test("[E-MOD-5] docs/guarantees.md shows the limits as they are", () => {
  const rows = page.matchAll(/^\| `(\w+)` +\| ([\d,]+) +\|/gm);
  const shown = Object.fromEntries([...rows].map(([, name, value]) => [name!, Number(value!.replaceAll(",", ""))]));
  const { windowBytes, backoffMs, ...plain } = DEFAULT_LIMITS;
  expect(shown).toEqual(plain);
  // In words.
  expect([windowBytes, LOCAL_LIMITS.windowBytes]).toEqual([
    [2 ** 20, 2 ** 20, 2 ** 18],
    [2 ** 20, 2 ** 20, 2 ** 17],
  ]);
  expect(LOCAL_LIMITS.framesPerSecond).toBe(200_000);
  expect(backoffMs).toEqual([100, 10_000]);
});

test("[E-MOD-6] a link that closes tells its state and its reason, and no gap", async () => {
  const { host, all, settle } = pages();
  const { ui, road, link } = all[0]!;
  const told = transcript();
  ui.on("told", told.hear, { onGap: told.onGap });
  await settle();
  host.emit("told", { n: 1 });
  await settle();
  road.stall();
  host.emit("told", { n: 2 });
  link.close("the test ends it");
  await settle();
  expect(told.heard).toEqual([1]);
  expect(link.state).toMatchObject({ at: "closed", why: { code: "CLOSED" } });
  expect(ui.inspect().links).toEqual([]);
});

test("[E-MOD-8] every volatile event that is dropped is counted where `inspect` shows it", async () => {
  const { host, all, settle, pass } = pages();
  const { ui, road } = all[0]!;
  const heard: unknown[] = [];
  ui.on("fleeting", (data) => heard.push(data));
  host.emit("fleeting", "nobody is linked");
  await settle();
  const counted = (): number => {
    const [link] = host.inspect().links;
    return link === undefined ? 0 : link.dropped + (link.session?.droppedEvents ?? 0);
  };
  const before = counted();
  host.emit("fleeting", "arrives");
  // Until it is acknowledged nobody can know.
  await pass(1_000);
  host.emit("fleeting", "on its way");
  road.cut();
  host.emit("fleeting", "while away");
  await pass(2_000);
  expect([heard, counted() - before]).toEqual([["arrives"], 2]);
});

test("[E-MOD-7] what was emitted before an orderly close arrives before the end", async () => {
  const { host, all, settle } = pages();
  const { ui } = all[0]!;
  const told = transcript();
  ui.on("told", told.hear, { onGap: told.onGap });
  await settle();
  for (let n = 1; n <= 100; n++) host.emit("told", { n });
  await host.close();
  await settle();
  expect(told.heard).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

test("[E-MOD-7] beyond the window a close drops what waits, and a flush before it does not", async () => {
  for (const isFlushed of [false, true]) {
    const { host, all, settle } = pages();
    const { ui } = all[0]!;
    const told = transcript();
    ui.on("told", told.hear, { onGap: told.onGap });
    await settle();
    for (let n = 1; n <= 100; n++) host.emit("told", { n, pad: "x".repeat(50_000) });
    if (isFlushed) {
      const flushed = host.flush();
      await settle();
      await flushed;
    }
    await host.close();
    await settle();
    expect(told.heard.length * 50_000 > 2 ** 20).toBe(isFlushed);
    expect(told.heard).toEqual(Array.from({ length: told.heard.length }, (_, i) => i + 1));
    expect(told.heard.length === 100).toBe(isFlushed);
  }
});
