import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

export const collect = defineNode({
  type: "core/collect",
  version: "1.0.0",
  title: "Collect",
  category: "flow",
  description:
    "Makes one list of streams and lists, one wire after the other. A list is held in memory whole: what only passes items on needs none.",
  inputs: {
    items: port.stream(z.any(), { multi: true, description: "Streams or lists to put together, in this order." }),
  },
  outputs: { items: port.value(z.array(z.any()), { type: "list<any>", description: "All items." }) },
  config: z.strictObject({
    limit: z
      .number()
      .int()
      .min(1)
      .default(1_000_000)
      .describe("Items that it holds at most; with more it fails with `LIMIT`."),
  }),
  example: "in: { items: [left.items, right.items] }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { limit } = ctx.config;
    const items: unknown[] = [];
    for (const stream of ctx.in.items as unknown as AsyncIterable<unknown>[]) {
      for await (const item of stream) {
        if (items.length >= limit) {
          throw new NodeError(
            `Cannot collect the items: there are more than ${limit}; raise limit, or pass them on as a stream`,
            {
              code: "LIMIT",
              class: "resource",
              retryable: false,
            },
          );
        }
        items.push(item);
        if (items.length % 1_000 === 0) ctx.progress(items.length);
      }
    }
    ctx.progress(items.length, items.length);
    return { items };
  },
});
