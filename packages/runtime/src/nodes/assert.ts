import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { evaluator, isTrue } from "./evaluate.ts";

export const assert = defineNode({
  type: "core/assert",
  version: "1.0.0",
  title: "Assert",
  category: "flow",
  description: "Passes its value on if the condition is true; else it fails with `ASSERT` and your message.",
  inputs: { value: port.value(z.any(), { required: false, description: "What is passed on. Seen as `in.value`." }) },
  outputs: { value: port.value(z.any(), { required: false, description: "The input." }) },
  openInputs: true,
  config: z.strictObject({
    condition: z.string().min(1).describe('JSONata over `in` and `run`; empty results, 0, "" and null are false.'),
    message: z.string().optional().describe("What is wrong then, and what would help. Left out: the condition."),
  }),
  rawConfig: ["condition"],
  expressions: ["condition"],
  example: 'in: { value: read.rows }\nwith: { condition: "$count(in.value) > 0", message: The file has no rows. }',
  effect: "pure",
  runsOn: "inline",
  async run(ctx) {
    const { condition, message } = ctx.config;
    if (!isTrue(await evaluator("condition", condition, ctx)())) {
      throw new NodeError(message ?? `Cannot go on: "${condition}" is not true; look at what its inputs are`, {
        code: "ASSERT",
        class: "user",
        retryable: false,
      });
    }
    return ctx.in.value === undefined ? {} : { value: ctx.in.value };
  },
});
