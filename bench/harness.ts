/**
 * Compares contenders, interleaved: every round runs each of them, in a rotated order, and a ratio is made inside the
 * round, so that a machine whose speed drifts moves both sides. CPU time counts all threads, and the processes that a
 * contender started.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";

import { openApart, type Probe } from "./apart.ts";
import { measure, median, type Sample } from "./measure.ts";

export interface Contender {
  /** Does the work once; resolves with how many units were really delivered. */
  run(units: number): Promise<number> | number;
  /** CPU time in microseconds of processes beside this one that still run, since they began. */
  otherCpuUs?(): Promise<number>;
  /** How long each unit of the last run took, in microseconds, where that is asked. */
  latencies?(): readonly number[];
  /** What else the last run showed, by name with its unit. */
  figures?(): Readonly<Record<string, number>>;
  close?(): Promise<void> | void;
  /** What one unit takes on the wire, where that is asked. */
  readonly bytes?: number;
}

/** Made of one contender's samples; ratios are those of the reference to its own, so that more is better. */
export interface Row {
  readonly contender: string;
  readonly cpuRatio: number;
  readonly cpuSpread: readonly [number, number];
  readonly wallRatio: number;
  readonly cpuUsPerUnit: number;
  readonly wallUsPerUnit: number;
  /** Fewer than the others' where one run takes seconds. */
  readonly rounds: number;
  readonly p50Us?: number;
  readonly p50Ratio?: number;
  readonly p99Ratio?: number;
  readonly bytes?: number;
  readonly peakMb?: number;
  readonly figures?: Readonly<Record<string, number>>;
}

export interface Target {
  readonly text: string;
  /** What is held against it. */
  readonly of: (row: (contender: string) => Row) => number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Question {
  /** File name of the result, and what is asked. */
  readonly name: string;
  readonly question: string;
  readonly unit: string;
  readonly units: number;
  /** Fewer in a smoke run, where the contenders take any number. */
  readonly smokeUnits?: number;
  /** At most; three at least, also when the time is over. */
  readonly rounds: number;
  /** Time for the rounds. Default 25 s; contenders that need more than an eighth of it take part in one round. */
  readonly boxMs?: number;
  /** Each contender has a process of its own. For peers that change what all code of a process costs. */
  readonly apart?: boolean;
  readonly targets?: readonly Target[];
  /** The contender whose figure is 1. */
  readonly reference: string;
  readonly contenders: Readonly<Record<string, () => Promise<Contender> | Contender>>;
}

export interface Result extends Pick<Question, "name" | "question" | "unit" | "units" | "reference"> {
  readonly command: string;
  readonly rounds: number;
  readonly commit: string;
  readonly node: string;
  readonly machine: string;
  /** Processes that wanted a core in the last minute, this run's included. */
  readonly load?: number;
  readonly rows: readonly Row[];
  /** Left out by results from before there were any. */
  readonly targets?: readonly { text: string; value: number; isReached: boolean }[];
}

export interface AskOptions {
  /** The bench file that the question stands in. */
  readonly file: string;
  readonly smoke: boolean;
  /** Folder for the result. */
  readonly results: URL;
  /** No round begins after it. */
  readonly boxMs: number;
}

const SAMPLE_MS = 20;
export const BOX_MS = 25_000;
const round = (value: number): number => Number(value.toPrecision(3));

async function openHere(name: string, make: () => Promise<Contender> | Contender): Promise<Probe> {
  const contender = await make();
  return {
    bytes: contender.bytes,
    sample: (units, minMs) => measure(name, contender, units, minMs),
    close: async () => await contender.close?.(),
  };
}

async function sampled(
  question: Question,
  open: ReadonlyMap<string, Probe>,
  { smoke, boxMs }: AskOptions,
): Promise<Map<string, Sample[]>> {
  const names = Object.keys(question.contenders);
  const units = (smoke && question.smokeUnits) || question.units;
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  const begun = performance.now();
  const slow = new Set<string>();
  if (!smoke) {
    for (const name of names) {
      const { wallMs } = await open.get(name)!.sample(units, 0);
      if (wallMs > boxMs / 8 && name !== question.reference) slow.add(name);
    }
  }
  for (let at = 0; at < (smoke ? 1 : question.rounds); at++) {
    if (at >= 3 && performance.now() - begun > boxMs) break;
    for (let k = 0; k < names.length; k++) {
      const name = names[(at + k) % names.length]!;
      if (at > 0 && slow.has(name)) continue;
      samples.get(name)!.push(await open.get(name)!.sample(units, smoke ? 0 : SAMPLE_MS));
    }
  }
  return samples;
}

/** Of latencies, the reference's is 1 and less is better. */
function latencies(base: readonly Sample[], own: readonly Sample[]): Partial<Row> {
  if (Number.isNaN(own[0]!.p50Us)) return {};
  return {
    p50Us: round(median(own.map(({ p50Us }) => p50Us))),
    p50Ratio: round(median(own.map(({ p50Us }, at) => p50Us / base[at]!.p50Us))),
    p99Ratio: round(median(own.map(({ p99Us }, at) => p99Us / base[at]!.p99Us))),
  };
}

function rowOf(name: string, question: Question, base: readonly Sample[], own: readonly Sample[], probe: Probe): Row {
  const cpu = own.map((sample, at) => base[at]!.cpuUs / sample.cpuUs);
  const figures = Object.keys(own[0]!.figures).map((key): [string, number] => [
    key,
    round(median(own.map((sample) => sample.figures[key]!))),
  ]);
  return {
    contender: name,
    cpuRatio: round(median(cpu)),
    cpuSpread: [round(Math.min(...cpu)), round(Math.max(...cpu))],
    wallRatio: round(median(own.map((sample, at) => base[at]!.wallMs / sample.wallMs))),
    cpuUsPerUnit: round(median(own.map((sample) => sample.cpuUs)) / question.units),
    wallUsPerUnit: round((median(own.map((sample) => sample.wallMs)) * 1_000) / question.units),
    rounds: own.length,
    ...latencies(base, own),
    ...(probe.bytes !== undefined && { bytes: probe.bytes }),
    ...(question.apart && { peakMb: round(Math.max(...own.map(({ peakMb }) => peakMb))) }),
    ...(figures.length > 0 && { figures: Object.fromEntries(figures) }),
  };
}

/** Runs one question; prints a table, and writes NAME-nodeN.json unless `smoke`. */
export async function ask(question: Question, options: AskOptions): Promise<void> {
  const { file, smoke, results } = options;
  const open = new Map<string, Probe>();
  const { name, question: text, unit, units, reference } = question;
  let samples: Map<string, Sample[]>;
  try {
    const opening = Object.entries(question.contenders).map(async ([contender, make]) => {
      open.set(contender, question.apart ? await openApart(file, name, contender) : await openHere(contender, make));
    });
    for (const each of await Promise.allSettled(opening)) if (each.status === "rejected") throw each.reason;
    samples = await sampled(question, open, options);
  } finally {
    for (const probe of open.values()) await probe.close();
  }
  if (smoke) return console.log(`${name}: ${Object.keys(question.contenders).join(", ")} deliver`);
  const base = samples.get(reference)!;
  const rows = [...samples].map(([each, own]) => rowOf(each, question, base, own, open.get(each)!));
  const targets = (question.targets ?? []).map(({ text: target, of, atMost = Infinity, atLeast = -Infinity }) => {
    const value = round(of((contender) => rows.find((row) => row.contender === contender)!));
    return { text: target, value, isReached: value <= atMost && value >= atLeast };
  });
  console.log(`\n${text}\n${units} ${unit}, ${base.length} rounds, ratio to "${reference}": more is better`);
  console.table(
    rows.map(({ cpuSpread, figures, ...row }) => ({ ...row, cpuSpread: cpuSpread.join(" to "), ...figures })),
  );
  for (const { text: target, value, isReached } of targets) {
    console.log(`${isReached ? "reached" : "NOT REACHED"}: ${target}: ${value}`);
  }
  const result: Result = {
    name,
    question: text,
    command: `npm run bench ${name}`,
    unit,
    units,
    rounds: base.length,
    reference,
    commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
    node: process.version,
    machine: `${cpus().length} cores, ${process.platform} ${process.arch}`,
    load: round(loadavg()[0]!),
    rows,
    targets,
  };
  mkdirSync(results, { recursive: true });
  const place = new URL(`${name}-node${process.versions.node.split(".")[0]}.json`, results);
  writeFileSync(place, `${JSON.stringify(result, null, 2)}\n`);
}
