import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { Ports } from "../blueprint/define-node.ts";
import { evaluator, isTrue } from "./evaluate.ts";

const OTHERWISE = "otherwise";

export const switchNode = defineNode({
  type: "core/switch",
  version: "1.0.0",
  title: "Switch",
  category: "flow",
  description:
    "Sends its value to the output named after the first case that is true, in the order of the file, or to `otherwise`. What hangs on the other outputs is skipped.",
  inputs: { value: port.value(z.any(), { description: "What is passed on. Cases see it as `in.value`." }) },
  outputs: {
    [OTHERWISE]: port.value(z.any(), { required: false, description: "The value, when no case is true." }),
  } as Ports,
  openInputs: true,
  config: z.strictObject({
    cases: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z]\w*$/)
          .refine((name) => name !== OTHERWISE && name !== "error", "is the name of a port that is always there"),
        z.union([z.string(), z.boolean()]),
      )
      .describe("Output name to a JSONata condition over `in` and `run`."),
  }),
  rawConfig: ["cases"],
  expressions: ["cases"],
  ports: ({ cases }) => ({
    outputs: Object.fromEntries(
      Object.keys(cases ?? {}).map((name) => [
        name,
        port.value(z.any(), { required: false, description: "The value, when this case is the first that is true." }),
      ]),
    ) as Ports,
  }),
  example: "in: { value: read.order }\nwith: { cases: { large: in.value.total > 1000, rush: in.value.express } }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    for (const [name, condition] of Object.entries(ctx.config.cases)) {
      const met = typeof condition === "boolean" ? condition : await evaluator(`cases.${name}`, condition, ctx)();
      if (isTrue(met)) return { [name]: ctx.in.value };
    }
    return { [OTHERWISE]: ctx.in.value };
  },
});
