import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { evaluator, isTrue, numbered } from "./evaluate.ts";

export const filter = defineNode({
  type: "core/filter",
  version: "1.0.0",
  title: "Filter",
  category: "values",
  description: "Divides items by a condition. Nothing is lost: what does not pass comes out of `rejected`.",
  inputs: { items: port.stream(z.any(), { description: "What to divide." }) },
  outputs: {
    kept: port.stream(z.any(), { description: "Items for which the condition is true, in order." }),
    rejected: port.stream(z.any(), { description: "All others, in order." }),
  },
  openInputs: true,
  config: z.strictObject({
    condition: z
      .string()
      .min(1)
      .describe('JSONata over `item`, `index`, `in` and `run`; empty results, 0, "" and null are false.'),
  }),
  rawConfig: ["condition"],
  expressions: ["condition"],
  example: "in: { items: read.rows }\nwith: { condition: item.price > 10 }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const evaluate = evaluator("condition", ctx.config.condition, ctx, ["items"]);
    let done = 0;
    for await (const [index, item] of numbered(ctx.in.items, ctx.signal)) {
      await ctx.emit(isTrue(await evaluate({ item, index })) ? "kept" : "rejected", item);
      ctx.progress((done += 1));
    }
    ctx.progress(done, done);
    return {};
  },
});
