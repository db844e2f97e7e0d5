import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { Ports } from "../blueprint/define-node.ts";

export const set = defineNode({
  type: "core/set",
  version: "1.0.0",
  title: "Set values",
  category: "values",
  description:
    "Puts each of its values on an output of the same name. Values may be expressions over the wired inputs.",
  inputs: {},
  outputs: {},
  openInputs: true,
  config: z.strictObject({
    values: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z]\w*$/)
          .refine((name) => name !== "error", "is the name of a port that is always there"),
        z.any(),
      )
      .describe("Output name to value."),
  }),
  ports: ({ values }) => ({
    outputs: Object.fromEntries(
      Object.keys(values ?? {}).map((name) => [name, port.value(z.any(), { description: "As configured." })]),
    ) as Ports,
  }),
  example: "with: { values: { rate: 1.2, currency: EUR } }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    ctx.progress(1, 1);
    return { ...ctx.config.values };
  },
});
