/** `npm run bench [NAME …]`: asks the questions named, or all; `--smoke` runs each once, briefly, and writes nothing. */
import { existsSync, readdirSync } from "node:fs";

import { ask, type Question } from "./harness.ts";

const smoke = process.argv.includes("--smoke");
const wanted = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const here = new URL(".", import.meta.url);
if (!existsSync(new URL("node_modules", here))) {
  console.error("Cannot run the benchmarks: the peers are not installed; run `npm ci --prefix bench` first");
  process.exit(2);
}
const files = readdirSync(here).filter((file) => file.endsWith(".bench.ts"));
const unknown = wanted.filter((name) => !files.includes(`${name}.bench.ts`));
if (unknown.length > 0) {
  console.error(`Cannot run "${unknown.join(", ")}": there are ${files.map((file) => file.slice(0, -9)).join(", ")}`);
  process.exit(2);
}
for (const file of files) {
  if (wanted.length > 0 && !wanted.includes(file.slice(0, -9))) continue;
  const { questions } = (await import(new URL(file, here).href)) as { questions: Question[] };
  for (const question of questions) await ask(question, smoke);
}
