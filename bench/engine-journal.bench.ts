/** What a node costs when its execution is kept on the disk, beside an append to a file that is flushed in groups. */
import { mkdtempSync, rmSync } from "node:fs";
import { open as openFile, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { open as openAtomiton } from "./engine/atomiton.ts";
import { chain, layers, nothing, type Graph } from "./engine/graph.ts";
import { open as openLimit } from "./engine/limit.ts";
import type { Contender, Question } from "./harness.ts";

const LIMIT = "limit, appends flushed in groups";
const OURS = "atomiton, group";

const folder = (): string => mkdtempSync(join(tmpdir(), "atomiton-bench-"));

/** A line a node; a node's successors do not wait for its line, the end waits for all. */
async function appended(graph: Graph, atOnce: number): Promise<Contender> {
  const dir = folder();
  const file: FileHandle = await openFile(join(dir, "journal"), "a");
  let lines: string[] = [];
  let flushing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    while (lines.length > 0) {
      const text = lines.join("");
      lines = [];
      await file.appendFile(text);
      await file.datasync();
    }
    flushing = undefined;
  };
  const engine = openLimit(graph, nothing, (at) => {
    lines.push(`{"k":"settled","path":"n${at}","state":"completed","t":${Date.now()},"outputs":{"done":true}}\n`);
    flushing ??= flush();
  });
  return {
    async run() {
      const counts = await Promise.all(Array.from({ length: atOnce }, () => engine.run()));
      await flushing;
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async close() {
      await file.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function ours(graph: Graph, atOnce: number, durability?: "group" | "off"): Contender {
  const dir = folder();
  const kept = durability ? { dataDir: dir, policy: { durability } } : {};
  const engine = openAtomiton(graph, nothing, kept);
  return {
    async run() {
      const counts = await Promise.all(Array.from({ length: atOnce }, () => engine.run()));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async close() {
      await engine.close?.();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const about = (name: string, title: string, graph: Graph, atOnce: number): Question => ({
  name,
  question: `What does a node cost in ${title}, pure, kept on the disk?`,
  unit: "nodes",
  units: graph.length * atOnce,
  rounds: 11,
  boxMs: 15_000,
  apart: true,
  reference: LIMIT,
  targets: [{ text: "at most 25 µs a node with group commit", of: (row) => row(OURS).cpuUsPerUnit, atMost: 25 }],
  contenders: {
    [LIMIT]: () => appended(graph, atOnce),
    [OURS]: () => ours(graph, atOnce, "group"),
    "atomiton, never flushed": () => ours(graph, atOnce, "off"),
    "atomiton, in memory": () => ours(graph, atOnce),
  },
});

export const questions: Question[] = [
  about("engine-journal-chain", "a chain of 1,000", chain(1_000), 1),
  about("engine-journal-layers", "ten layers of 100", layers(10, 100), 1),
  about("engine-journal-64x20", "64 chains of 20 at once", chain(20), 64),
];
