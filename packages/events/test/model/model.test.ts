import { expect, test } from "vitest";

import type { Coding } from "./script.ts";
import { firstFailure } from "./seeds.ts";
import { World } from "./world.ts";

/** `ATOMITON_SEEDS=n` plays more of them, `ATOMITON_SEED=s` one. A seed that fails becomes a test in seeds.test.ts. */
const COUNT = Number(process.env["ATOMITON_SEEDS"] ?? 100);
const ONE = process.env["ATOMITON_SEED"];
const seeds = ONE === undefined ? Array.from({ length: COUNT }, (_, i) => i + 1) : [Number(ONE)];

test(`[E-MOD-1, E-MOD-2] random scripts on two and three buses over breaking roads agree with the model (${seeds.length} seeds)`, async () => {
  expect(seeds.length).toBeGreaterThan(0);
  expect(await firstFailure(seeds)).toBe("");
}, 3_600_000);

test.each([
  ["plain", "msgpack", undefined, "msgpack"],
  ["codec", "columns", undefined, "columns"],
  ["compressed", "columns", "deflate-raw", "columns"],
  ["mixed", "columns", undefined, "msgpack"],
] as const)("[E-MOD-1] the pages of a script that says %s speak it", async (coding: Coding, a, compression, b) => {
  const world = new World({ buses: 3, medium: "bytes", coding, seed: 1, steps: [] });
  expect(await world.calm()).toBeUndefined();
  const spoken = (at: "a" | "b") => world.bus(at).inspect().links[0]?.session;
  expect([spoken("a")?.codec, spoken("b")?.codec]).toEqual([expect.stringMatching(a), expect.stringMatching(b)]);
  expect(spoken("a")?.compression).toBe(compression);
  for (const bus of world.buses.values()) void bus.close();
});
