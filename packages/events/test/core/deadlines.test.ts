import fc from "fast-check";
import { expect, test } from "vitest";

import { Deadlines } from "../../src/core/deadlines.ts";
import { fakeClock } from "../../src/testing/index.ts";

test("[E-BUS-70] deadlines run once each, in the order of their time, on one timer", () => {
  const clock = fakeClock();
  const deadlines = new Deadlines(clock);
  const ran: number[] = [];
  for (const ms of [300, 100, 200, 100]) deadlines.add(ms, () => ran.push(ms));
  expect(clock.pendingTimers).toBe(1);
  clock.advance(1_000);
  expect(ran).toEqual([100, 100, 200, 300]);
  expect(clock.pendingTimers).toBe(0);
  expect(deadlines.size).toBe(0);
});

test("[E-BUS-70] a wait that ended leaves no entry, and the last one no timer", () => {
  const clock = fakeClock();
  const deadlines = new Deadlines(clock);
  const stops = [300, 100, 200].map((ms) => deadlines.add(ms, () => expect.unreachable()));
  for (const stop of stops) stop();
  for (const stop of stops) stop();
  expect(deadlines.size).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

test("[E-BUS-70] deadlines set and taken back inside others run right", () => {
  const clock = fakeClock();
  const deadlines = new Deadlines(clock);
  const ran: string[] = [];
  deadlines.add(10, () => {
    ran.push("first");
    stop();
    deadlines.add(10, () => ran.push("second"));
  });
  const stop = deadlines.add(10, () => ran.push("stopped"));
  clock.advance(100);
  expect(ran).toEqual(["first", "second"]);
});

test("[E-BUS-70] any mix of setting, taking back and passing time runs exactly what is due", () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ stop: fc.nat(30) }),
    fc.record({ pass: fc.integer({ min: 0, max: 40 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = fakeClock();
      const deadlines = new Deadlines(clock);
      const entries: { at: number; stop: () => void; state: "set" | "ran" | "stopped" | "wrong" }[] = [];
      for (const each of steps) {
        if ("add" in each) {
          const entry = { at: clock.monotonic() + each.add, stop: () => undefined as void, state: "set" as const };
          const model: (typeof entries)[number] = entry;
          model.stop = deadlines.add(each.add, () => {
            model.state = model.state === "set" ? "ran" : "wrong";
          });
          entries.push(model);
        } else if ("stop" in each) {
          const entry = entries[each.stop];
          if (entry?.state === "set") entry.state = "stopped";
          entry?.stop();
        } else clock.advance(each.pass);
        const left = entries.filter(({ state }) => state === "set");
        expect(deadlines.size).toBe(left.length);
        expect(entries.filter(({ state }) => state === "wrong")).toEqual([]);
        // The grain is one millisecond; what is added as due runs when time passes next.
        const overdue = left.filter(({ at }) => "pass" in each && at <= clock.monotonic() - 1);
        expect(overdue).toEqual([]);
      }
    }),
    { numRuns: 300, seed: 7 },
  );
});

test("[E-BUS-70] a wait longer than a platform's timers can hold does not end early", () => {
  const clock = fakeClock();
  const asked: number[] = [];
  const deadlines = new Deadlines({
    ...clock,
    after: (ms, run) => {
      asked.push(ms);
      return clock.after(ms, run);
    },
  });
  let ran = 0;
  deadlines.add(2 ** 33, () => (ran += 1));
  clock.advance(2 ** 32);
  expect(Math.max(...asked)).toBeLessThan(2 ** 31);
  expect(ran).toBe(0);
  clock.advance(2 ** 32);
  expect(ran).toBe(1);
});
