import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";

const MIB = 1024 * 1024;

export const code = defineNode({
  type: "core/code",
  version: "1.0.0",
  title: "Code",
  category: "values",
  description:
    "Runs JavaScript: the body of an async function that gets this node's inputs as `inputs` and returns the value. By default in a sandbox that has the language and nothing else: no files, no network, no timers. With `trusted: true` in a thread with the rights of this program. Values go in and out as JSON.",
  inputs: {},
  outputs: { value: port.value(z.any(), { description: "What the code returns; empty when it returns nothing." }) },
  openInputs: true,
  config: z.strictObject({
    code: z.string().min(1).max(1_000_000).describe("The body of an async function: `return inputs.rows.length`."),
    trusted: z
      .boolean()
      .default(false)
      .describe(
        "Run with `require`, `fetch` and the rights of this program. Only for code that you would run yourself.",
      ),
    timeMs: z.number().int().min(1).max(3_600_000).default(10_000).describe("Milliseconds that it may take."),
    memoryMiB: z.number().int().min(1).max(256).default(64).describe("MiB that it may hold, in the sandbox."),
  }),
  rawConfig: ["code"],
  example: 'in: { rows: read.rows }\nwith: { code: "return inputs.rows.length" }',
  effect: "pure",
  runsOn: "thread",
  module: "core",
  cache: "inputs",
  async run(ctx) {
    const { trusted, timeMs, memoryMiB } = ctx.config;
    const budget = { timeMs, memoryBytes: memoryMiB * MIB, print: (line: string) => ctx.log.info(line) };
    const names = { inputs: { ...ctx.in } };
    // Loaded where it runs: hosts only know of it.
    const value = trusted
      ? await (await import("../sandbox/trusted.ts")).runTrusted(ctx.config.code, names, budget, ctx)
      : await (await import("../sandbox/quickjs.ts")).runSandboxed(ctx.config.code, names, budget);
    return value === undefined ? {} : { value };
  },
});
