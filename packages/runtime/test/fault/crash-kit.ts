/** A Blueprint of 200 nodes and its witness: a file to which each `write` node appends its idempotency key. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

import { createCatalog } from "../../src/blueprint/catalog.ts";
import type { AnyNodeDef } from "../../src/blueprint/define-node.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { Runtime, type RuntimeOptions } from "../../src/runtime.ts";
import { blueprint, give, node } from "../engine/kit.ts";

/** Layers of the graph, and nodes in each: the first of each writes. */
const LAYERS = 20;
const WIDTH = 10;

/** `durability`: `off` where a process dies and no machine; it saves the disk thousands of waits. */
export function graphOf200(durability: "group" | "off" = "group"): object {
  const nodes: Record<string, object> = {};
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let at = 0; at < WIDTH; at++) {
      const n = layer * WIDTH + at;
      const before = (step: number): string => `n${(layer - 1) * WIDTH + ((at + step) % WIDTH)}`;
      // What it gives is read by nobody: whoever says that it was done knows no more than that.
      if (at === 0) nodes[`n${n}`] = { uses: "test/act@1", ...(layer === 0 ? {} : { after: [before(1)] }) };
      else {
        const sums = layer === 0 ? [] : [before(0), before(3)].filter((name) => !name.endsWith("0"));
        const wires = layer === 0 ? {} : { in: { many: sums.map((name) => `${name}.out`) } };
        nodes[`n${n}`] = {
          uses: "test/sum@1",
          ...wires,
          ...(layer === 0 ? {} : { after: [`n${n - at - WIDTH}`] }),
          with: { n },
        };
      }
    }
  }
  nodes["list"] = { uses: "test/give@1", with: { value: ["p", "q", "r", "s"] } };
  nodes["each"] = {
    uses: "core/forEach@1",
    in: { items: "list.out" },
    with: { key: "${ item }", concurrency: 2 },
    body: {
      nodes: { a: { uses: "test/act@1" }, b: { uses: "test/give@1", after: ["a"], with: { value: "b" } } },
      outputs: { item: "$item", b: "b.out" },
    },
  };
  const last = Array.from({ length: WIDTH - 1 }, (_, at) => {
    const name = `n${(LAYERS - 1) * WIDTH + at + 1}`;
    return [name, { type: "any", from: `${name}.out` }];
  });
  return blueprint(nodes, {
    policy: { durability },
    outputs: { ...Object.fromEntries(last), each: { type: "any", from: "each.results" } },
  });
}

const sumOf = (ctx: any): number =>
  [...(ctx.in.many ?? []), ctx.config.n].reduce((sum: number, value: number) => (sum * 31 + value) % 1_000_003, 7);

/** `act` appends its key to the witness: a second run of it is a second line. */
export function crashNodes(witness: string): AnyNodeDef[] {
  const sum = node("sum", (ctx) => ({ out: sumOf(ctx) }));
  const act = node("act", (ctx) => appendFileSync(witness, `${ctx.idempotencyKey} ${ctx.path}\n`), { effect: "write" });
  return [give, sum, act];
}

export function crashRuntime(dataDir: string, witness: string, options: RuntimeOptions = {}): Runtime {
  const catalog = createCatalog([...constructs, ...coreNodes, ...crashNodes(witness)]);
  return new Runtime({ dataDir, catalog, onUnknown: "ask", ...options });
}

/** Goes on with what is in the folder, and says of each write that is in doubt what the witness says. */
export async function finish(runtime: Runtime, executionId: string, witness: string): Promise<Record<string, unknown>> {
  const ended = runtime.waitForCompletion(executionId);
  let isOver = false;
  const over = (): void => void (isOver = true);
  ended.then(over, over);
  while (!isOver) {
    for (const { waitId, path } of isOver ? [] : (runtime.snapshot(executionId).waits ?? [])) {
      const wasDone = [...actsOf(witness).keys()].some((line) => line.endsWith(` ${path}`));
      runtime.control(executionId).answer(waitId, wasDone ? "done" : "rerun");
    }
    await new Promise((turn) => setTimeout(turn, 2)); // real time: the disk's
  }
  return await ended;
}

/** What was done, by key: how often. */
export function actsOf(witness: string): Map<string, number> {
  const acts = new Map<string, number>();
  if (!existsSync(witness)) return acts;
  for (const line of readFileSync(witness, "utf8").split("\n").filter(Boolean))
    acts.set(line, (acts.get(line) ?? 0) + 1);
  return acts;
}
