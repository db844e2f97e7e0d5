import addFormats from "ajv-formats";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { numbered } from "./evaluate.ts";

/** Faults of one item that are listed. */
const FAULTS = 20;
const invalid = z.object({
  index: z.number(),
  item: z.any(),
  faults: z.array(z.object({ path: z.string(), message: z.string() })),
});

export const validate = defineNode({
  type: "core/validate",
  version: "1.0.0",
  title: "Validate",
  category: "values",
  description:
    "Divides items by a JSON Schema (2020-12, with its formats). What does not fit comes out of `invalid` with its index and what is wrong with which field.",
  inputs: { items: port.stream(z.any(), { description: "What to check." }) },
  outputs: {
    valid: port.stream(z.any(), { description: "Items that fit, in order." }),
    invalid: port.stream(invalid, {
      type: "stream<object>",
      description: "The others: `{ index, item, faults: [{ path, message }] }`.",
    }),
  },
  config: z.strictObject({
    schema: z
      .union([z.boolean(), z.record(z.string(), z.any())], {
        error: "expected a JSON Schema, a map such as { type: object, required: [sku] }, or true or false",
      })
      .describe("JSON Schema of one item."),
    onInvalid: z
      .enum(["divide", "fail"])
      .default("divide")
      .describe("fail: the first item that does not fit fails the node with `INVALID_ITEM`."),
  }),
  example: "in: { items: read.rows }\nwith: { schema: { type: object, required: [sku] } }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const fits = compile(ctx.config.schema);
    let done = 0;
    for await (const [index, item] of numbered(ctx.in.items, ctx.signal)) {
      if (fits(item)) await ctx.emit("valid", item);
      else {
        const faults = faultsOf(fits);
        if (ctx.config.onInvalid === "fail") {
          const text = faults.map(({ path, message }) => `${path} ${message}`.trim()).join("; ");
          throw new NodeError(`Cannot pass item ${index} on: ${text}; correct it, or wire \`invalid\``, {
            code: "INVALID_ITEM",
            class: "user",
            retryable: false,
          });
        }
        await ctx.emit("invalid", { index, item: item as unknown, faults });
      }
      ctx.progress((done += 1));
    }
    ctx.progress(done, done);
    return {};
  },
});

function compile(schema: unknown): ValidateFunction {
  // One each: a schema's own `$id` must not meet that of another node.
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  addFormats.default(ajv);
  try {
    return ajv.compile(schema as object);
  } catch (error) {
    throw new NodeError(
      `Cannot validate against the schema: ${(error as Error).message}; write JSON Schema 2020-12`,
      { code: "CONFIG", class: "config", retryable: false },
      { cause: error },
    );
  }
}

/** `/price must be number`; what is missing or too much is named by its own path. */
function faultsOf({ errors }: ValidateFunction): { path: string; message: string }[] {
  return (errors ?? []).slice(0, FAULTS).map(({ instancePath, params, message = "does not fit" }) => {
    const { missingProperty, additionalProperty } = params as Record<string, string | undefined>;
    if (missingProperty !== undefined) return { path: `${instancePath}/${missingProperty}`, message: "is missing" };
    if (additionalProperty !== undefined)
      return { path: `${instancePath}/${additionalProperty}`, message: "is not allowed" };
    return { path: instancePath, message };
  });
}
