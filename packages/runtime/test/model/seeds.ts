import { play } from "./play.ts";

/** `ATOMITON_SEEDS=n` plays 2n seeds, `ATOMITON_SEED=s` that one alone and tells its story. */
export const COUNT = Number(process.env["ATOMITON_SEEDS"] ?? 150) * 2;
const ONE = process.env["ATOMITON_SEED"];
/** Failures that are told; with more of them something is wrong at large. */
const TOLD = 5;
const SIDE_BY_SIDE = 4;

/** Some of what a wrong seed tells is enough. */
const FINDINGS = 10;

/**
 * Plays every second seed, from `first`: two files share the seeds, so that two workers do. Gives what is wrong: of seeds,
 * and with what ought to have happened in some of them.
 */
export async function playSeeds(first: 0 | 1, options: { isCancelled?: boolean } = {}): Promise<string> {
  // Of what is cancelled a quarter: less can go wrong.
  const count = options.isCancelled ? COUNT / 8 : COUNT / 2;
  const seeds = Array.from({ length: count }, (_, at) => at * 2 + first);
  const failures: string[] = [];
  const seen = new Set<string>();
  const left = ONE === undefined ? seeds : [Number(ONE)].filter((one) => one % 2 === first);
  // Some side by side: while the files of one are written, another goes on.
  const worker = async (): Promise<void> => {
    for (let seed = left.shift(); seed !== undefined && failures.length < TOLD; seed = left.shift()) {
      const played = await play(seed, options);
      for (const what of played.seen) seen.add(what);
      if (ONE !== undefined) console.log(played.story.join("\n"));
      if (played.findings.length === 0) continue;
      failures.push(
        `seed ${seed}: run again with ATOMITON_SEED=${seed}\n${played.findings.slice(0, FINDINGS).join("\n")}`,
      );
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  const missing = ONE === undefined ? (options.isCancelled ? ["died"] : HAPPENS).filter((what) => !seen.has(what)) : [];
  return [...failures, ...missing.map((what) => `no seed in which: ${what}`)].join("\n");
}

const HAPPENS = [
  "died",
  "closed",
  "write in doubt",
  "pause now while running",
  "pause while running",
  "step while paused",
];
