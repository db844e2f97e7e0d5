/** Makes docs/benchmarks.md of bench/results. `--check` says whether it is up to date, and writes nothing. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Result, Row } from "./harness.ts";

const PAGE = new URL("../docs/benchmarks.md", import.meta.url);
const FACTS = new URL("facts.md", import.meta.url);

const HEAD = `# Benchmarks

Made from \`bench/results\` by \`npm run bench\`; not written by hand.

\`npm run bench\` asks all, in 20 minutes at most on two cores; \`npm run bench NAME\` asks one. \`npm run bench:compare\` asks again and says what moved beyond the spread of what is recorded. \`npm run bench:smoke\` runs each contender once.

How to read it: contenders take turns, round by round, and a ratio is made inside each round: the figure of the reference divided by the contender's own, so that **more is better** and the reference is 1. CPU time counts all threads and processes. The figure is the median of the rounds, with the lowest and the highest. What did not arrive, came twice or too early fails the run. Where peers change what all code of a process costs, each contender has a process of its own. CPU time per unit differs between machines, and grows when others use them; ratios move less.
`;

export function readResults(folder: URL): Result[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Result);
}

const cells = (values: readonly (string | number)[]): string => `| ${values.join(" | ")} |`;
const columns: readonly [title: string, of: (row: Row) => string | number | undefined][] = [
  ["contender", (row) => row.contender],
  ["CPU ratio", (row) => `**${row.cpuRatio}** (${row.cpuSpread[0]} to ${row.cpuSpread[1]})`],
  ["wall ratio", (row) => row.wallRatio],
  ["CPU µs a unit", (row) => row.cpuUsPerUnit],
  ["wall µs a unit", (row) => row.wallUsPerUnit],
  ["p50 µs", (row) => row.p50Us],
  ["p50 ratio", (row) => row.p50Ratio],
  ["p99 ratio", (row) => row.p99Ratio],
  ["bytes", (row) => row.bytes],
  ["peak MB", (row) => row.peakMb],
  ["rounds", (row) => row.rounds],
];

function section(result: Result): string {
  const { rows, targets = [] } = result;
  const more = [...new Set(rows.flatMap((row) => Object.keys(row.figures ?? {})))];
  const shown = [...columns, ...more.map((key): (typeof columns)[number] => [key, (row) => row.figures?.[key]])].filter(
    ([, of]) => rows.some((row) => of(row) !== undefined),
  );
  const lines = [
    `## ${result.name}, Node ${result.node.slice(1).split(".")[0]}`,
    "",
    `${result.question} ${result.units.toLocaleString("en")} ${result.unit}; reference: ${result.reference}. \`npm run bench ${result.name}\`, commit ${result.commit}, Node ${result.node}, ${result.machine}${result.load === undefined ? "" : `, load ${result.load}`}.`,
    "",
    cells(shown.map(([title]) => title)),
    cells(shown.map(() => "---")),
    ...rows.map((row) => cells(shown.map(([, of]) => of(row) ?? ""))),
  ];
  if (targets.length > 0) {
    lines.push("", cells(["target", "measured", "reached"]), cells(["---", "---", "---"]));
    lines.push(...targets.map(({ text, value, isReached }) => cells([text, value, isReached ? "yes" : "**no**"])));
  }
  return `${lines.join("\n")}\n`;
}

const page = (folder: URL): string =>
  [HEAD, readFileSync(FACTS, "utf8"), ...readResults(folder).map(section)].join("\n");

export function writeReport(folder: URL): void {
  writeFileSync(PAGE, page(folder));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = new URL("results/", import.meta.url);
  if (!process.argv.includes("--check")) writeReport(results);
  else if (readFileSync(PAGE, "utf8") !== page(results)) {
    console.error("docs/benchmarks.md is not what bench/results says; run `npm run bench:report`");
    process.exit(1);
  }
}
