/** One sample of one contender: CPU time and wall time of its runs, deliveries counted. */
import { readFileSync } from "node:fs";

import type { Contender } from "./harness.ts";

export interface Sample {
  /** Of one run; all threads, and the processes that it started. */
  cpuUs: number;
  wallMs: number;
  p50Us: number;
  p99Us: number;
  /** Highest so far in this process. */
  peakMb: number;
  figures: Readonly<Record<string, number>>;
}

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
};
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The kernel counts in hundredths of a second. Zero where there is no /proc. */
function endedChildrenCpuUs(): number {
  if (process.platform !== "linux") return 0;
  const stat = readFileSync("/proc/self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10_000;
}

/** Runs again until `minMs` have passed: a clock and a collection of garbage weigh little in each sample. */
export async function measure(name: string, contender: Contender, units: number, minMs: number): Promise<Sample> {
  const others = (await contender.otherCpuUs?.()) ?? 0;
  const children = endedChildrenCpuUs();
  const cpu = process.cpuUsage();
  const start = performance.now();
  let runs = 0;
  let wallMs = 0;
  do {
    const delivered = await contender.run(units);
    if (delivered !== units) throw new Error(`${name} delivered ${delivered} of ${units}: a lost one fails the run`);
    runs++;
    wallMs = performance.now() - start;
  } while (wallMs < minMs);
  const own = process.cpuUsage(cpu);
  const beside = ((await contender.otherCpuUs?.()) ?? 0) - others + endedChildrenCpuUs() - children;
  const took = contender.latencies?.() ?? [];
  return {
    cpuUs: (own.user + own.system + beside) / runs,
    wallMs: wallMs / runs,
    p50Us: median(took),
    p99Us: quantile(took, 0.99),
    peakMb: process.resourceUsage().maxRSS / 1024,
    figures: contender.figures?.() ?? {},
  };
}
