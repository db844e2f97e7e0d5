/** Many executions at once, large values and long streams, and how soon the built command runs its first node. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chain, waitOneMs, type Engine } from "./engine/graph.ts";
import type { Contender, Question } from "./harness.ts";

const LIMIT = "limit: bare scheduler";
const OURS = "atomiton runtime";

const EXECUTIONS = 1_000;
const NODES = 20;

/** All at once; how long each took, from when all were asked for. */
async function many(opening: Engine | Promise<Engine>): Promise<Contender> {
  const engine = await opening;
  let took: number[] = [];
  return {
    async run() {
      took = [];
      const begun = performance.now();
      const one = async (): Promise<number> => {
        const count = await engine.run();
        took.push((performance.now() - begun) * 1_000);
        return count;
      };
      const counts = await Promise.all(Array.from({ length: EXECUTIONS }, one));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    latencies: () => took,
    close: () => engine.close?.(),
  };
}

const manyAtOnce: Question = {
  name: "engine-many",
  question: "What do 1,000 executions at once of 20 nodes with 1 ms of I/O each cost?",
  unit: "nodes",
  units: EXECUTIONS * NODES,
  rounds: 7,
  apart: true,
  reference: LIMIT,
  targets: [
    { text: "throughput of at least 0.9 of the limit (wall ratio)", of: (row) => row(OURS).wallRatio, atLeast: 0.9 },
  ],
  contenders: {
    [LIMIT]: async () => many((await import("./engine/limit.ts")).open(chain(NODES), waitOneMs)),
    [OURS]: async () =>
      many((await import("./engine/atomiton.ts")).open(chain(NODES), waitOneMs, { concurrency: EXECUTIONS })),
    "p-graph": async () => many((await import("./engine/p-graph.ts")).open(chain(NODES), waitOneMs)),
    effect: async () => many((await import("./engine/effect.ts")).open(chain(NODES), waitOneMs)),
    "async.auto": async () => many((await import("./engine/async-auto.ts")).open(chain(NODES), waitOneMs)),
    "node-red": async () => many((await import("./engine/node-red.ts")).open(chain(NODES), waitOneMs)),
    xstate: async () => many((await import("./engine/xstate.ts")).open(chain(NODES), waitOneMs)),
  },
};

const bareTable = "limit: five array maps";
const table: Question = {
  name: "engine-table",
  question: "What does a table of 100,000 rows cost on its way through five transform nodes?",
  unit: "rows",
  units: 100_000,
  rounds: 9,
  boxMs: 15_000,
  apart: true,
  reference: bareTable,
  targets: [
    {
      text: "no needless copy: tables that nodes were given as another object than the one before made",
      of: (row) => row(OURS).figures!["copies"]!,
      atMost: 0,
    },
  ],
  contenders: {
    [bareTable]: async () => (await import("./engine/tables.ts")).bare(),
    [OURS]: async () => (await import("./engine/tables.ts")).whole(),
    "atomiton, rows streamed": async () => (await import("./engine/tables.ts")).streamed(),
  },
};

const bareStream = "limit: an async generator";
const stream: Question = {
  name: "engine-stream",
  question: "What does an item cost that streams through three nodes, and how much memory do 10 million take?",
  unit: "items",
  units: 10_000_000,
  smokeUnits: 100_000,
  rounds: 3,
  boxMs: 60_000,
  apart: true,
  reference: bareStream,
  targets: [
    {
      text: "memory flat: MB of live heap that the last nine tenths of the items add",
      of: (row) => row(OURS).figures!["live heap added, MB"]!,
      atMost: 5,
    },
  ],
  contenders: {
    [bareStream]: async () => (await import("./engine/tables.ts")).generator(),
    [OURS]: async () => (await import("./engine/tables.ts")).items(),
  },
};

/** Starts a program, and stops the time when its first line says that a node runs. It goes on to its end. */
function started(args: readonly string[], isFirst: (line: string) => boolean): Contender {
  let firstMs = Number.NaN;
  return {
    run: () =>
      new Promise((resolve, reject) => {
        const begun = performance.now();
        firstMs = Number.NaN;
        const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
        createInterface({ input: child.stdout }).on("line", (line) => {
          if (Number.isNaN(firstMs) && isFirst(line)) firstMs = performance.now() - begun;
        });
        child.once("error", reject);
        child.once("close", (code) => resolve(code === 0 && !Number.isNaN(firstMs) ? 1 : 0));
      }),
    figures: () => ({ "first node, ms": firstMs }),
  };
}

function built(): Contender {
  const command = fileURLToPath(new URL("../apps/cli/dist/atomiton.js", import.meta.url));
  if (!existsSync(command)) throw new Error("the command is not built; run `npm run build` first");
  const dir = mkdtempSync(join(tmpdir(), "atomiton-bench-"));
  const file = join(dir, "three.blueprint.yaml");
  const nodes = `  a: { uses: core/set@1, with: { values: { n: 1 } } }
  b: { uses: core/transform@1, in: { n: a.n }, with: { expression: "in.n + 1" } }
  c: { uses: core/transform@1, in: { n: b.value }, with: { expression: "in.n + 1" } }`;
  writeFileSync(
    file,
    `apiVersion: atomiton.dev/v1\nkind: Blueprint\nname: Three\noutputs: { n: { type: any, from: c.value } }\nnodes:\n${nodes}\n`,
  );
  const isFirst = (line: string): boolean => {
    const { type, data } = JSON.parse(line) as { type: string; data: { nodes?: { s: string }[] } };
    return type === "runtime:state" && (data.nodes ?? []).some(({ s }) => s === "running" || s === "completed");
  };
  return { ...started([command, "run", file, "--json"], isFirst), close: () => rmSync(dir, { recursive: true }) };
}

const bareStart = "limit: node, one line";
const coldStart: Question = {
  name: "engine-cold-start",
  question: "How soon does the built `atomiton run` run the first of three nodes?",
  unit: "start",
  units: 1,
  rounds: 15,
  reference: bareStart,
  targets: [
    {
      text: "first node in less than 300 ms",
      of: (row) => row("atomiton run").figures!["first node, ms"]!,
      atMost: 300,
    },
  ],
  contenders: {
    [bareStart]: () => started(["-e", "console.log(1)"], () => true),
    "atomiton run": built,
  },
};

export const questions: Question[] = [manyAtOnce, table, stream, coldStart];
