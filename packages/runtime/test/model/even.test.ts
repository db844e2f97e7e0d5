import { expect, test } from "vitest";

import { COUNT, playSeeds } from "./seeds.ts";

const timeout = 300_000;

test(
  `[R-ENG-60] even seeds of ${COUNT}: whatever dies, pauses or waits, a random Blueprint ends as the interpreter says`,
  { timeout },
  async () => {
    expect(await playSeeds(0)).toBe("");
  },
);

test(
  `[R-ENG-31] even seeds of ${COUNT / 4}: cancelled at any moment, a random Blueprint ends once and wholly`,
  { timeout },
  async () => {
    expect(await playSeeds(0, { isCancelled: true })).toBe("");
  },
);
