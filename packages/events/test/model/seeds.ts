import fc from "fast-check";

import { play } from "./run.ts";
import { scripts, show, type Script } from "./script.ts";

/** The script of one seed: the same on every machine. */
export function scriptOf(seed: number): Script {
  return fc.sample(scripts, { seed, numRuns: 1 })[0]!;
}

/** The first seed that fails: what is wrong, and the shortest script that was found for it. */
export async function firstFailure(seeds: readonly number[]): Promise<string> {
  for (const seed of seeds) {
    const findings = await play(scriptOf(seed));
    if (findings.length > 0) return describe(seed, findings);
  }
  return "";
}

async function describe(seed: number, findings: readonly string[]): Promise<string> {
  const property = fc.asyncProperty(scripts, async (script) => (await play(script)).length === 0);
  const found = await fc.check(property, { seed, numRuns: 1, interruptAfterTimeLimit: 20_000 });
  const shortest = found.counterexample?.[0] ?? scriptOf(seed);
  return [
    `seed ${seed}: run again with ATOMITON_SEED=${seed}`,
    ...findings,
    "shortest script:",
    show(shortest),
    ...(await play(shortest)),
  ].join("\n");
}
