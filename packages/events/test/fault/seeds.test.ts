import { expect, test } from "vitest";

import type { Faults } from "../../src/testing/faulty-link.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import { road, type Side } from "../session/sides.ts";

const SEEDS = Number(process.env["ATOMITON_SEEDS"] ?? 1_000);

/** Lane by lane, what one side heard must be what the other sent, with a gap where something is missing. */
function faultIn(sides: readonly Side[], lane: string, sent: readonly number[]): string | undefined {
  // A session that was cut before the peer knew it is followed by another.
  const heard = sides
    .flatMap((side) => side.data)
    .filter((data) => (data as { lane: string }).lane === lane)
    .map((data) => (data as { n: number }).n);
  const isSorted = heard.every((n, i) => i === 0 || n > heard[i - 1]!);
  if (!isSorted) return `${lane} out of order or twice: ${heard.join(" ")}`;
  const gaps = sides.flatMap((side) => side.gaps).filter((gap) => gap.lane === lane);
  if (heard.length < sent.length && gaps.length === 0)
    return `${lane} lost ${sent.length - heard.length} without a gap`;
  return undefined;
}

/** What went wrong with one seed; nothing when all is well. */
function run(seed: number, faults: Faults, medium: "bytes" | "clone", mayLose: boolean): string[] {
  const world = road({ seed, medium, firstSeq: seed % 3 === 0 ? 0xffffffe0 : 0, limits: { framesPerSecond: 1e9 } });
  if (!mayLose) world.settle();
  world.link.setFaults(faults);
  const random = seededRandom(seed * 7 + 1);
  const sent = { a: { control: [], main: [], bulk: [] }, b: { control: [], main: [], bulk: [] } } as Record<
    "a" | "b",
    Record<string, number[]>
  >;
  const emit = (from: "a" | "b"): void => {
    const side = from === "a" ? world.a : world.accepted.find((each) => each.at === "open");
    if (side === undefined) return;
    const lane = (["control", "main", "bulk"] as const)[Math.floor(random() * 3)]!;
    const list = sent[from][lane]!;
    const pad = random() < 0.02 ? "x".repeat(100_000) : "";
    side.emit({ lane, n: list.length, pad }, { lane });
    list.push(list.length);
  };
  for (let step = 0; step < 150; step++) {
    const dice = random();
    if (dice < 0.45) emit("a");
    else if (dice < 0.75) emit("b");
    else if (dice < 0.9) {
      world.clock.endTick();
      world.link.flush(1 + Math.floor(random() * 6));
    } else if (dice < 0.93) world.link.cut();
    else if (dice < 0.95) world.link.cut(random() < 0.5 ? "dialer" : "acceptor");
    else world.clock.advance(random() * 400);
  }
  world.link.setFaults({});
  world.pass(70_000);
  const findings: (string | undefined)[] = [];
  const { queuedBytes, unackedBytes } = world.a.session.gauges();
  if (world.a.at !== "open") findings.push(`the dialler is ${world.a.at}`);
  if (queuedBytes + unackedBytes > 0) findings.push(`${queuedBytes} and ${unackedBytes} bytes wait for ever`);
  for (const lane of ["control", "main", "bulk"]) {
    findings.push(faultIn(world.accepted, lane, sent.a[lane]!), faultIn([world.a], lane, sent.b[lane]!));
  }
  const gaps = [world.a, ...world.accepted].flatMap((side) => side.gaps);
  if (!mayLose && gaps.length > 0) findings.push(`a gap where nothing was lost: ${gaps[0]!.reason}`);
  const open = world.accepted.filter((side) => side.at === "open").length;
  if (open !== 1) findings.push(`${open} sessions at the accepting side`);
  world.a.session.close();
  world.settle();
  world.pass(70_000);
  if (world.clock.pendingTimers > 0) findings.push(`${world.clock.pendingTimers} timers are left`);
  if (world.table.size > 0) findings.push(`${world.table.size} sessions are kept`);
  const found = findings.filter((finding) => finding !== undefined);
  return found.length === 0 ? [] : [`seed ${seed}`, ...found, ...world.link.script.slice(-60)];
}

/** The first seed that fails, with its script. */
function firstFailure(runSeed: (seed: number) => string[]): string[] {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const findings = runSeed(seed);
    if (findings.length > 0) return findings;
  }
  return [];
}

for (const medium of ["bytes", "clone"] as const) {
  test(`[S4] cuts at any frame, doubled and delayed frames: exactly once, in order, both ways (${medium}, ${SEEDS} seeds)`, () => {
    const faults = { cut: 0.02, double: 0.05, delay: 0.05 };
    expect(firstFailure((seed) => run(seed, faults, medium, false))).toEqual([]);
  }, 60_000);

  test(`[S4] dropped and overtaking frames besides: exactly once, in order, both ways (${medium}, ${SEEDS} seeds)`, () => {
    const faults = { cut: 0.01, double: 0.05, delay: 0.05, drop: 0.05, reorder: 0.05 };
    expect(firstFailure((seed) => run(seed, faults, medium, false))).toEqual([]);
  }, 60_000);
}

test(`[S4] faults from the first HELLO on: in order, never twice, and nothing is missing without a gap (${SEEDS} seeds)`, () => {
  const faults = { cut: 0.1, double: 0.1, delay: 0.1, drop: 0.1, reorder: 0.1 };
  expect(firstFailure((seed) => run(seed, faults, seed % 2 === 0 ? "bytes" : "clone", true))).toEqual([]);
}, 60_000);

test(`[S7] bytes that change on the way: the process lives, every wait ends, nothing is kept (${SEEDS} seeds)`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = road({ seed, faults: { corrupt: 0.05, cut: 0.01 }, limits: { framesPerSecond: 1e9 } });
    for (let i = 0; i < 100; i++) {
      world.a.emit({ i });
      if (i % 3 === 0) world.b.emit({ i });
      world.settle();
      world.pass(50);
    }
    world.link.setFaults({});
    world.pass(90_000);
    world.a.session.close();
    world.pass(70_000);
    expect([seed, world.clock.pendingTimers]).toEqual([seed, 0]);
  }
}, 60_000);
