import { expect, test } from "vitest";

import { checkBlueprint, parseBlueprint } from "../../src/blueprint/index.ts";
import { catalog, HEAD } from "./catalog.ts";
import { feed } from "./feed.ts";

/** A small, seeded source of chance: a failing seed is a test case. */
function chance(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const TOKENS = [
  "nodes",
  "uses",
  ": ",
  "\n",
  "\n  ",
  "\n    ",
  "- ",
  "{",
  "}",
  "[",
  "]",
  "*a",
  "&a ",
  "!!binary ",
  "!x ",
  "'",
  '"',
  "#",
  "|",
  ">",
  "? ",
  "---\n",
  "...",
  "${",
  "}",
  "${ in.x }",
  "$item",
  "a.b",
  "test/text@1",
  "core/forEach@1",
  "1.10",
  "null",
  "~",
  "\t",
  "\u0000",
  "\ud800",
  "é",
  "%YAML 1.1\n",
  "<<: ",
  "in",
  "with",
  "body",
  "__proto__",
  "constructor",
  ",",
  "@",
  "`",
];

const mutate = (text: string, pick: (below: number) => number): string => {
  let result = text;
  for (let count = 1 + pick(6); count > 0; count--) {
    const at = pick(result.length + 1);
    const cut = pick(3) === 0 ? pick(40) : 0;
    result =
      result.slice(0, at) +
      (pick(2) === 0 ? (TOKENS[pick(TOKENS.length)] ?? "") : result.slice(pick(result.length), pick(result.length))) +
      result.slice(at + cut);
  }
  return result;
};

test("[R-BP-12] never throws, whatever the text: 600 seeds of mutated and of made-up files", () => {
  for (let seed = 1; seed <= 600; seed++) {
    const pick = chance(seed);
    const made = Array.from({ length: pick(60) }, () => TOKENS[pick(TOKENS.length)]).join("");
    const text =
      seed % 3 === 0 ? HEAD + made : seed % 3 === 1 ? made : mutate(feed.slice(0, 2_000 + pick(2_500)), pick);
    for (const file of ["fuzz.blueprint.yaml", "fuzz.blueprint.json"]) {
      const result = run(() => parseBlueprint(text, file), seed);
      expect(
        result.blueprint !== undefined || result.problems.some(({ severity }) => severity === "error"),
        `seed ${seed}`,
      ).toBe(true);
      for (const problem of result.problems)
        expect(problem.line >= 1 && problem.column >= 1 && problem.message !== "", `seed ${seed}`).toBe(true);
      if (result.blueprint) run(() => checkBlueprint(result.blueprint!, catalog), seed);
    }
  }
}, 60_000);

function run<T>(work: () => T, seed: number): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`seed ${seed} threw`, { cause: error });
  }
}
