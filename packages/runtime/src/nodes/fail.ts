import { z } from "zod";

import { defineNode } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

export const fail = defineNode({
  type: "core/fail",
  version: "1.0.0",
  title: "Fail",
  category: "flow",
  description: "Fails with a message of your own: the way to say that the data makes no sense. Not retried.",
  inputs: {},
  outputs: {},
  openInputs: true,
  config: z.strictObject({
    message: z.string().describe("What went wrong and what would help, for the person who runs the Blueprint."),
    code: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]*$/)
      .default("FAILED")
      .describe("Capitals, digits and underscores; error paths can tell failures apart by it."),
  }),
  example: "after: check.empty\nwith: { message: The feed is empty; ask the shop., code: EMPTY_FEED }",
  // Not pure: the failure is what it is for.
  effect: "idempotent",
  runsOn: "inline",
  async run(ctx) {
    throw new NodeError(ctx.config.message, { code: ctx.config.code, class: "user", retryable: false });
  },
});
