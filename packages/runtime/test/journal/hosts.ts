/** Hosts on one data folder, for tests: real files, clocks that the test holds, disks that fail, hosts that die. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect } from "vitest";

import { createCatalog } from "../../src/blueprint/catalog.ts";
import type { AnyNodeDef } from "../../src/blueprint/define-node.ts";
import type { RuntimeMessage } from "../../src/contract.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { Runtime, type RuntimeOptions } from "../../src/runtime.ts";
import { FakeClock } from "../engine/fake-clock.ts";
import { blueprint, fail, give, take } from "../engine/kit.ts";
import { FaultyDisk } from "./faulty-disk.ts";

export let dataDir: string;
const open: Runtime[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "atomiton-recovery-"));
});
afterEach(async () => {
  for (const runtime of open.splice(0)) await runtime.close();
  await rm(dataDir, { recursive: true, force: true });
});

export type Host = ReturnType<typeof host>;

export function host(
  nodes: readonly AnyNodeDef[] = [],
  options: Omit<RuntimeOptions, "clock"> & { clock?: FakeClock } = {},
) {
  const disk = new FaultyDisk();
  const clock = options.clock ?? new FakeClock();
  const runtime = new Runtime({
    dataDir,
    catalog: createCatalog([...constructs, ...coreNodes, give, take, fail, ...nodes]),
    random: () => 0.5,
    openJournal: disk.open,
    ...options,
    clock,
  });
  open.push(runtime);
  const heard: RuntimeMessage[] = [];
  runtime.on((message) => heard.push(message));
  const start = (graph: unknown, more: object = {}) => runtime.execute({ inline: blueprint(graph, more) });
  return { runtime, clock, disk, heard, start };
}

/** It stops without recording that it does: what `kill -9` leaves, but for the lock. */
export async function kill({ runtime, disk }: Host): Promise<void> {
  disk.isDead = true;
  await runtime.close();
  open.splice(open.indexOf(runtime), 1);
}

/** Waits for what real files do, on the machine's clock; `clock` goes on meanwhile, by what a group waits for. */
export async function until(holds: () => boolean, clock?: FakeClock): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds() && performance.now() < end) {
    await clock?.move(5);
    await new Promise((turn) => setTimeout(turn, 1)); // real time: the disk's
  }
  expect(holds()).toBe(true);
}

export const codes = (heard: readonly RuntimeMessage[]): string[] =>
  heard.flatMap(({ type, data }) => (type === "runtime:error" ? [data.code] : []));
