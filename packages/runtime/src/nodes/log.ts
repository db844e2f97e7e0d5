import { z } from "zod";

import { defineNode } from "../blueprint/define-node.ts";

export const log = defineNode({
  type: "core/log",
  version: "1.0.0",
  title: "Log",
  category: "flow",
  description: "Writes a line into the execution's log, with data beside it if given.",
  inputs: {},
  outputs: {},
  openInputs: true,
  config: z.strictObject({
    message: z.string().describe("The line."),
    level: z.enum(["debug", "info", "warn", "error"]).default("info").describe("How grave it is."),
    data: z.any().optional().describe("Any value; shown beside the line."),
  }),
  example: "in: { rows: read.rows }\nwith: { message: \"${ $count(in.rows) & ' rows' }\" }",
  // Not pure: the line is what it is for.
  effect: "idempotent",
  runsOn: "inline",
  async run(ctx) {
    ctx.log[ctx.config.level](ctx.config.message, ctx.config.data);
    return {};
  },
});
