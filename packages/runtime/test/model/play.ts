/** Plays one seed, and compares it with what the interpreter says. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { interpret, plain, type Reference } from "./interpret.ts";
import { Player, type End } from "./player.ts";
import { generate } from "./specs.ts";
import type { World } from "./world.ts";

export interface Played {
  /** Differences to the interpreter; none: all is well. */
  readonly findings: readonly string[];
  /** What happened, so that a test can tell that all of it did. */
  readonly seen: ReadonlySet<string>;
  /** What happened, in order, for who reads it. */
  readonly story: readonly string[];
}

/** Files in memory, where there are some: what a disk takes is not what is played here. */
const ROOT = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** `isCancelled`: at a random moment. */
export async function play(seed: number, { isCancelled = false }: { isCancelled?: boolean } = {}): Promise<Played> {
  const spec = generate(seed);
  const folder = await mkdtemp(join(ROOT, "atomiton-model-"));
  const player = new Player(seed, folder, isCancelled);
  try {
    const end = await player.run(spec);
    const wanted = (): string[] => {
      if (typeof end === "string") return [end];
      return isCancelled ? afterCancel(end, player.world) : compare(interpret(spec), end, player.world);
    };
    return { findings: [...wanted(), ...player.faults], seen: player.seen, story: player.story };
  } finally {
    player.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function compare(wanted: Reference, { states, result }: End, world: World): string[] {
  const findings: string[] = [];
  for (const path of new Set([...Object.keys(wanted.states), ...Object.keys(states)])) {
    const [is, ought] = [states[path], wanted.states[path]];
    // What was inside of a loop or a Blueprint that had ended when its host did is known by its outputs alone.
    if (is === undefined && world.life > 1 && path.includes("/")) continue;
    if (is !== ought) findings.push(`${path}: ${is ?? "is not there"}, ought to be ${ought ?? "absent"}`);
  }
  const [is, ought] = [
    JSON.stringify(sorted(plain(result))),
    JSON.stringify(sorted(plain(wanted.fails ? undefined : wanted.outputs))),
  ];
  if (is !== ought) findings.push(`outputs: ${is}, ought to be ${ought}`);
  const acts = new Set([...wanted.acts.write, ...wanted.acts.idempotent]);
  for (const path of world.acts.keys()) if (!acts.has(path)) findings.push(`${path} acted, and ought not`);
  const keys = new Set<string>();
  for (const path of acts) {
    const { times, keys: own } = world.acts.get(path) ?? { times: 0, keys: new Set() };
    const isOnce = wanted.acts.idempotent.includes(path) ? times > 0 : times === 1;
    if (!isOnce || own.size !== 1) findings.push(`${path} acted ${times} times, with ${own.size} keys`);
    for (const key of own) {
      if (keys.has(key)) findings.push(`${path} acted with the key of another`);
      keys.add(key);
    }
  }
  return findings;
}

const FINAL = new Set(["completed", "failed", "skipped", "cancelled"]);

function afterCancel({ states }: End, world: World): string[] {
  const open = Object.entries(states).filter(([, state]) => !FINAL.has(state));
  const twice = [...world.acts].filter(([, { keys }]) => keys.size > 1);
  return [
    ...open.map(([path, state]) => `${path} is still ${state}`),
    ...twice.map(([path]) => `${path} had two keys`),
  ];
}

/** The same, whatever the order of its keys. */
const sorted = (value: unknown): unknown =>
  typeof value !== "object" || value === null
    ? value
    : Array.isArray(value)
      ? value.map(sorted)
      : Object.fromEntries(
          Object.entries(value)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, v]) => [k, sorted(v)]),
        );
