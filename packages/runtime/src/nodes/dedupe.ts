import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { canonical } from "./canonical.ts";
import { evaluator, numbered } from "./evaluate.ts";

export const dedupe = defineNode({
  type: "core/dedupe",
  version: "1.0.0",
  title: "Remove duplicates",
  category: "values",
  description:
    "Passes on the first of equal items. Equal are items of one key, or without `by` items of one value, whatever the order of their fields.",
  inputs: { items: port.stream(z.any(), { description: "What to look through." }) },
  outputs: {
    items: port.stream(z.any(), { description: "The first of each kind, in order." }),
    duplicates: port.stream(z.any(), { description: "All others, in order." }),
  },
  openInputs: true,
  config: z.strictObject({
    by: z.string().min(1).optional().describe("JSONata of an item's key, over `item`, `index`, `in` and `run`."),
    limit: z
      .number()
      .int()
      .min(1)
      .default(1_000_000)
      .describe("Keys that it remembers at most; with more it fails with `LIMIT`."),
  }),
  rawConfig: ["by"],
  expressions: ["by"],
  example: "in: { items: read.rows }\nwith: { by: item.sku }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { by, limit } = ctx.config;
    const evaluate = by === undefined ? undefined : evaluator("by", by, ctx, ["items"]);
    const seen = new Set<string>();
    let done = 0;
    for await (const [index, item] of numbered(ctx.in.items, ctx.signal)) {
      const key = canonical(evaluate ? await evaluate({ item, index }) : item);
      const isNew = !seen.has(key);
      if (isNew && seen.size >= limit) {
        throw new NodeError(
          `Cannot find duplicates at item ${index}: there are more than ${limit} keys; raise limit, or give a coarser \`by\``,
          { code: "LIMIT", class: "resource", retryable: false },
        );
      }
      seen.add(key);
      await ctx.emit(isNew ? "items" : "duplicates", item);
      ctx.progress((done += 1));
    }
    ctx.progress(done, done);
    return {};
  },
});
