import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { NodeContext } from "../blueprint/define-node.ts";
import { evaluator, numbered } from "./evaluate.ts";

const items = port.stream(z.any(), { description: "What to transform, one by one. Only with `each: true`." });
const perItem = { items: port.stream(z.any(), { description: "The results, in the order of the items." }) };

export const transform = defineNode({
  type: "core/transform",
  version: "1.0.0",
  title: "Transform",
  category: "values",
  description:
    "Computes a value from its inputs with one JSONata expression; with `each: true`, one value per item of `items`. Inputs are named as they are wired: `in.rows`, `in.rate`.",
  inputs: {},
  outputs: {},
  openInputs: true,
  config: z.strictObject({
    expression: z
      .string()
      .min(1)
      .describe("JSONata over `in` and `run`; with `each: true` also over `item` and `index`."),
    each: z.boolean().default(false).describe("Evaluate once per item of `items` instead of once."),
  }),
  rawConfig: ["expression"],
  expressions: ["expression"],
  ports: ({ each }) =>
    each === true
      ? { inputs: { items }, outputs: perItem }
      : {
          outputs: {
            value: port.value(z.any(), { description: "The result; empty when the expression gives nothing." }),
          },
        },
  example: "in: { rows: read.rows }\nwith: { expression: $sum(in.rows.price) }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const inputs = ctx.in as Record<string, unknown>;
    if (!ctx.config.each) {
      const value = await evaluator("expression", ctx.config.expression, ctx)();
      ctx.progress(1, 1);
      return value === undefined ? {} : { value };
    }
    const evaluate = evaluator("expression", ctx.config.expression, ctx, ["items"]);
    const out = ctx as NodeContext<any, any, any>;
    let done = 0;
    for await (const [index, item] of numbered(inputs["items"] as AsyncIterable<unknown>, ctx.signal)) {
      const value = await evaluate({ item, index });
      // An expression that finds nothing says null: the results stay as many as the items.
      await out.emit("items", value ?? null);
      ctx.progress((done += 1));
    }
    ctx.progress(done, done);
    return {};
  },
});
