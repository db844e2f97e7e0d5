import { expect, test } from "vitest";

import { detailOf, hitProblem, newBreakpoint, ofNode, plain, withVerdicts } from "../../src/model/breakpoints.ts";

test("[ST-STEER-6] what the host says of a breakpoint stands at it, until the list is another", () => {
  const one = newBreakpoint("each/b", "before", []);
  const two = newBreakpoint("each[3]/b", "error", [one]);
  expect([one.id, two.id]).toEqual(["before-1", "error-2"]);
  const list = withVerdicts([one, two], [{ ...one, verified: false, message: "no such node" }]);
  expect(list).toEqual([
    { ...one, verified: false, message: "no such node" },
    { ...two, verified: undefined, message: undefined },
  ]);
  expect(plain(list)).toEqual([one, two]);
  expect(ofNode(list, "each/b").map(({ id }) => id)).toEqual(["before-1", "error-2"]);
});

test("[ST-STEER-4] hit counts are read as the host reads them; what narrows it down is told in a line", () => {
  for (const hit of ["5", ">=10", "%100", "< 3", "==2", undefined]) expect(hitProblem(hit), hit).toBeUndefined();
  for (const hit of ["0", "often", "-1", "%", "1.5"]) expect(hitProblem(hit), hit).toContain("A number from 1");
  const breakpoint = newBreakpoint("a", "before", []);
  expect(detailOf(breakpoint)).toBe("");
  expect(detailOf({ ...breakpoint, when: "index = 3", hit: "%2", suspend: "scope" })).toBe(
    "if index = 3, hit %2, stops this instance alone",
  );
  expect(detailOf({ ...breakpoint, log: "here" })).toBe("log only");
});
