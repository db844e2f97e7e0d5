import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";

export const inputStream = defineNode({
  type: "core/input.stream",
  version: "1.0.0",
  title: "Take items",
  category: "flow",
  description:
    "Gives the items that clients push to it, until one says that it was the last. What waits is bounded: a client is told how many more there is room for.",
  inputs: {},
  outputs: { items: port.stream(z.any(), { description: "What was pushed, in order." }) },
  config: z.strictObject({}),
  example: "after: start.value",
  effect: "read",
  runsOn: "inline",
  async run(ctx) {
    let done = 0;
    for await (const item of ctx.pushed) {
      await ctx.emit("items", item);
      ctx.progress(++done);
    }
    return {};
  },
});
