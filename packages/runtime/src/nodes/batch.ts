import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";

export const batch = defineNode({
  type: "core/batch",
  version: "1.0.0",
  title: "Batch",
  category: "flow",
  description: "Makes lists of so many items each, in order; the last one may be shorter. Nothing in gives no list.",
  inputs: { items: port.stream(z.any(), { description: "What to put into lists." }) },
  outputs: { batches: port.stream(z.array(z.any()), { type: "stream<list<any>>", description: "The lists." }) },
  config: z.strictObject({
    size: z.number().int().min(1).max(1_000_000).default(100).describe("Items in a list."),
  }),
  example: "in: { items: read.rows }\nwith: { size: 500 }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    let batch: unknown[] = [];
    let done = 0;
    for await (const item of ctx.in.items) {
      batch.push(item);
      if (batch.length < ctx.config.size) continue;
      await ctx.emit("batches", batch);
      ctx.progress((done += batch.length));
      batch = [];
    }
    if (batch.length > 0) await ctx.emit("batches", batch);
    done += batch.length;
    ctx.progress(done, done);
    return {};
  },
});
