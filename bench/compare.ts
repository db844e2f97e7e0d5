/**
 * `npm run bench:compare [NAME …]`: asks again, and says which ratios moved beyond the spread: the new median lies outside
 * what was recorded, and the recorded one outside what is new. Ends with 1 when one of ours became worse.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import type { Row } from "./harness.ts";
import { readResults } from "./report.ts";

const isOutside = (value: number, [low, high]: Row["cpuSpread"]): boolean => value < low || value > high;

const folder = mkdtempSync(join(tmpdir(), "atomiton-bench-"));
let worse = 0;
try {
  const run = fileURLToPath(new URL("run.ts", import.meta.url));
  const args = ["--conditions=@atomiton/source", run, `--results=${folder}`, ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);

  const recorded = readResults(new URL("results/", import.meta.url));
  const major = process.versions.node.split(".")[0]!;
  for (const fresh of readResults(pathToFileURL(`${folder}/`))) {
    const before = recorded.find(({ name, node }) => name === fresh.name && node.startsWith(`v${major}.`));
    if (!before) {
      console.log(`${fresh.name}: nothing is recorded for Node ${major}`);
      continue;
    }
    for (const row of fresh.rows) {
      const old = before.rows.find(({ contender }) => contender === row.contender);
      if (!old || row.contender === fresh.reference) continue;
      if (!isOutside(row.cpuRatio, old.cpuSpread) || !isOutside(old.cpuRatio, row.cpuSpread)) continue;
      const isWorse = row.cpuRatio < old.cpuRatio;
      if (isWorse && row.contender.startsWith("atomiton")) worse++;
      console.log(
        `${fresh.name}, ${row.contender}: ${isWorse ? "worse" : "better"}, from ${old.cpuRatio} (${before.commit}) to ${row.cpuRatio}`,
      );
    }
  }
  console.log(worse === 0 ? "nothing of ours became worse" : `${worse} of ours became worse`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = worse === 0 ? 0 : 1;
