/**
 * Compares contenders in one process, interleaved: every round runs each of them once, in a rotated order, and a ratio
 * is made inside the round, so that a machine whose speed drifts moves both sides. CPU time counts all threads, and the
 * processes that a contender started.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

export interface Contender {
  /** Does the work once; resolves with how many units were really delivered. */
  run(units: number): Promise<number> | number;
  /** CPU time in microseconds of processes beside this one, since they began. */
  otherCpuUs?(): Promise<number>;
  /** How long each unit of the last run took, in microseconds, where that is asked. */
  latencies?(): readonly number[];
  close?(): Promise<void> | void;
  /** What one unit takes on the wire, where that is asked. */
  readonly bytes?: number;
}

export interface Question {
  /** File name of the result, and what is asked. */
  readonly name: string;
  readonly question: string;
  readonly unit: string;
  readonly units: number;
  readonly rounds: number;
  /** The contender whose figure is 1. */
  readonly reference: string;
  readonly contenders: Readonly<Record<string, () => Promise<Contender> | Contender>>;
}

interface Sample {
  cpuUs: number;
  wallMs: number;
  p50Us: number;
  p99Us: number;
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
};
const median = (values: readonly number[]): number => quantile(values, 0.5);
const round = (value: number): number => Number(value.toPrecision(3));

async function measure(name: string, contender: Contender, units: number): Promise<Sample> {
  const others = (await contender.otherCpuUs?.()) ?? 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const delivered = await contender.run(units);
  const wallMs = performance.now() - start;
  const used = process.cpuUsage(cpu);
  const othersUsed = ((await contender.otherCpuUs?.()) ?? 0) - others;
  if (delivered !== units) throw new Error(`${name} delivered ${delivered} of ${units}: a lost one fails the run`);
  const took = contender.latencies?.() ?? [];
  return { cpuUs: used.user + used.system + othersUsed, wallMs, p50Us: median(took), p99Us: quantile(took, 0.99) };
}

/** Of latencies, the reference's is 1 and less is better. */
function latencyRow(base: readonly Sample[], own: readonly Sample[]): Record<string, number> {
  return {
    p50Us: round(median(own.map(({ p50Us }) => p50Us))),
    p50Ratio: round(median(own.map(({ p50Us }, at) => p50Us / base[at]!.p50Us))),
    p99Ratio: round(median(own.map(({ p99Us }, at) => p99Us / base[at]!.p99Us))),
  };
}

/** Runs one question; prints a table, and writes bench/results/NAME.json unless `smoke`. */
export async function ask(question: Question, smoke: boolean): Promise<void> {
  const units = question.units;
  const rounds = smoke ? 1 : question.rounds;
  const names = Object.keys(question.contenders);
  const open = new Map<string, Contender>();
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  try {
    for (const name of names) open.set(name, await question.contenders[name]!());
    if (!smoke) for (const name of names) await measure(name, open.get(name)!, units);
    for (let at = 0; at < rounds; at++)
      for (let k = 0; k < names.length; k++) {
        const name = names[(at + k) % names.length]!;
        samples.get(name)!.push(await measure(name, open.get(name)!, units));
      }
  } finally {
    for (const contender of open.values()) await contender.close?.();
  }
  const base = samples.get(question.reference)!;
  const rows = names.map((name) => {
    const own = samples.get(name)!;
    const cpu = own.map((sample, at) => base[at]!.cpuUs / sample.cpuUs);
    const wall = own.map((sample, at) => base[at]!.wallMs / sample.wallMs);
    return {
      contender: name,
      cpuRatio: round(median(cpu)),
      cpuSpread: [round(Math.min(...cpu)), round(Math.max(...cpu))],
      wallRatio: round(median(wall)),
      ...(!Number.isNaN(own[0]!.p50Us) && latencyRow(base, own)),
      ...(open.get(name)!.bytes !== undefined && { bytes: open.get(name)!.bytes }),
      cpuUsPerUnit: round(median(own.map((sample) => sample.cpuUs)) / units),
    };
  });
  console.log(
    `\n${question.question}\n${units} ${question.unit}, ${rounds} rounds, ratio to "${question.reference}": more is better`,
  );
  console.table(rows.map((row) => ({ ...row, cpuSpread: `${row.cpuSpread[0]} to ${row.cpuSpread[1]}` })));
  if (smoke) return;
  mkdirSync(new URL("./results/", import.meta.url), { recursive: true });
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const machine = `${cpus().length} cores, ${process.platform} ${process.arch}`;
  const { name, question: text, unit, reference } = question;
  const file = new URL(`./results/${name}-node${process.versions.node.split(".")[0]}.json`, import.meta.url);
  writeFileSync(
    file,
    `${JSON.stringify({ name, question: text, unit, units, rounds, reference, commit, node: process.version, machine, rows }, null, 2)}\n`,
  );
}
