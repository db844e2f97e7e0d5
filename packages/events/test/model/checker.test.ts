import { expect, test } from "vitest";

import type { Meta } from "../../src/index.ts";
import { EVENTS } from "./contract.ts";
import { Emissions, Hearing, livenessFaults, safetyFaults } from "./model.ts";

/** Three emits of one name, and a subscription that knew of all of them. */
function world(name: string, since = false) {
  const emissions = new Emissions();
  for (let step = 1; step <= 3; step++) {
    emissions.all.push({
      name,
      from: "a",
      n: step,
      key: "a0",
      step,
      cutOff: step === 2 ? ["host"] : [],
      ways: new Map(),
    });
  }
  const hearing = new Hearing("host", "*", undefined, since, 0);
  hearing.known.set("a", 0);
  const hear = (...numbers: readonly number[]): void => {
    for (const n of numbers) hearing.hear({ from: "a", n, key: "a0" }, { name } as Meta);
  };
  const miss = (): void => hearing.miss({ from: 0, to: 0, lane: EVENTS[name]!.lane, reason: "a test" });
  const faults = (): string[] => [...safetyFaults(hearing, emissions), ...livenessFaults(hearing, emissions)];
  return { hearing, hear, miss, faults };
}

test("[E-MOD-4] the model takes what is right", () => {
  const all = world("told:plain");
  all.hear(1, 2, 3);
  const last = world("told:latest");
  last.hear(3);
  const gap = world("told:plain");
  gap.hear(1);
  gap.miss();
  gap.hear(3);
  expect([all, last, gap].map((each) => each.faults())).toEqual([[], [], []]);
});

test("[E-MOD-4] the model finds a double, one out of order, a hole, a gap in the wrong place and one never emitted", () => {
  const heard: readonly (readonly number[])[] = [[1, 2, 2, 3], [2, 1, 3], [1, 3], [], [1, 2, 3, 9]];
  for (const numbers of heard) {
    const { hear, faults } = world("told:plain");
    hear(...numbers);
    expect([numbers, faults().length > 0]).toEqual([numbers, true]);
  }
  const late = world("told:plain");
  late.hear(1, 3);
  late.miss();
  expect(late.faults()).toEqual(["told:plain 2 of a is missing without a gap"]);
});

test("[E-MOD-4] the model finds a last value that is missing, one that goes back, and a volatile one that waited", () => {
  for (const [name, numbers] of [
    ["told:latest", [1, 2]],
    ["told:progress", [2, 1, 3]],
    ["told:volatile", [1, 2]],
  ] as const) {
    const { hear, faults } = world(name);
    hear(...numbers);
    expect([name, faults().length > 0]).toEqual([name, true]);
  }
});

test("[E-MOD-4] the model finds what is heard after the end of a subscription, and what does not fit it", () => {
  const { hearing, hear, faults } = world("told:plain");
  hearing.stoppedAt = 2;
  hear(1);
  expect(faults()).toEqual(["told:plain 1 of a after it stopped"]);
});
