/**
 * `npm run bench [NAME …]`: asks the questions named (a bench file or one question of it), or all, in 20 minutes at most;
 * and writes docs/benchmarks.md. `--smoke` runs each once and writes nothing; `--results=FOLDER` writes there only.
 */
import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { ask, BOX_MS, type Question } from "./harness.ts";
import { writeReport } from "./report.ts";

const TOTAL_MS = 20 * 60_000;
const smoke = process.argv.includes("--smoke");
const folder = process.argv.find((word) => word.startsWith("--results="))?.slice("--results=".length);
const wanted = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const here = new URL(".", import.meta.url);
const recorded = new URL("results/", here);
const results = folder === undefined ? recorded : pathToFileURL(`${resolve(folder)}/`);

if (!existsSync(new URL("node_modules", here))) {
  console.error("Cannot run the benchmarks: the peers are not installed; run `npm ci --prefix bench` first");
  process.exit(2);
}
const all: { file: string; name: string; question: Question }[] = [];
for (const name of readdirSync(here).filter((each) => each.endsWith(".bench.ts"))) {
  const file = new URL(name, here).href;
  const { questions } = (await import(file)) as { questions: Question[] };
  for (const question of questions) all.push({ file, name: name.slice(0, -".bench.ts".length), question });
}
const known = new Set(all.flatMap(({ name, question }) => [name, question.name]));
const unknown = wanted.filter((name) => !known.has(name));
if (unknown.length > 0) {
  console.error(`Cannot run "${unknown.join(", ")}": there are ${[...known].join(", ")}`);
  process.exit(2);
}
const asked = all.filter(
  ({ name, question }) => wanted.length === 0 || wanted.includes(name) || wanted.includes(question.name),
);
for (const [at, { file, question }] of asked.entries()) {
  // Questions that end early leave their time to the others; starting and warming up takes as much again.
  const share = (TOTAL_MS - performance.now()) / (asked.length - at);
  await ask(question, { file, smoke, results, boxMs: Math.min(question.boxMs ?? BOX_MS, Math.max(0, share * 0.6)) });
  if (!smoke && folder === undefined) writeReport(recorded);
}
console.log(`${asked.length} questions in ${Math.round(performance.now() / 1_000)} s`);
