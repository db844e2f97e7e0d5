import { expect, test } from "vitest";

import { firstFailure } from "./seeds.ts";

/** `ATOMITON_SEEDS=n` plays more of them, `ATOMITON_SEED=s` one. A seed that fails becomes a test in seeds.test.ts. */
const COUNT = Number(process.env["ATOMITON_SEEDS"] ?? 100);
const ONE = process.env["ATOMITON_SEED"];
const seeds = ONE === undefined ? Array.from({ length: COUNT }, (_, i) => i + 1) : [Number(ONE)];

test(`[E-MOD-1, E-MOD-2] random scripts on two and three buses over breaking roads agree with the model (${seeds.length} seeds)`, async () => {
  expect(seeds.length).toBeGreaterThan(0);
  expect(await firstFailure(seeds)).toBe("");
}, 3_600_000);
