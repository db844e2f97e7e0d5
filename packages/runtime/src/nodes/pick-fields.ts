import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { numbered } from "./evaluate.ts";

export const pickFields = defineNode({
  type: "core/pick-fields",
  version: "1.0.0",
  title: "Pick fields",
  category: "values",
  description: "Keeps the named fields of each object, in the order given, and renames them where told.",
  inputs: { items: port.stream(z.record(z.string(), z.any()), { description: "Objects, as rows of a table." }) },
  outputs: { items: port.stream(z.record(z.string(), z.any()), { description: "Objects of these fields, in order." }) },
  config: z.strictObject({
    fields: z
      .union([z.array(z.string()).min(1), z.record(z.string(), z.string())])
      .describe("A list of names, or a map of new names to the names that the fields have now."),
    missing: z
      .enum(["fail", "null", "omit"])
      .default("fail")
      .describe("For an object without a field: fail with `FIELD`, put null there, or leave the field out."),
  }),
  example: "in: { items: read.rows }\nwith: { fields: { id: sku, price: price } }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { fields, missing } = ctx.config;
    const pairs = Array.isArray(fields) ? fields.map((name) => [name, name] as const) : Object.entries(fields);
    let done = 0;
    for await (const [index, item] of numbered(ctx.in.items, ctx.signal)) {
      const picked: [string, unknown][] = [];
      for (const [as, name] of pairs) {
        if (Object.hasOwn(item, name)) picked.push([as, item[name]]);
        else if (missing === "null") picked.push([as, null]);
        else if (missing === "fail") {
          throw new NodeError(
            `Cannot pick the field "${name}" of item ${index}: it has ${Object.keys(item).slice(0, 20).join(", ") || "no fields"}; correct the name, or set missing`,
            { code: "FIELD", class: "user", retryable: false },
          );
        }
      }
      // `fromEntries` makes own fields of any name, `__proto__` too.
      await ctx.emit("items", Object.fromEntries(picked));
      ctx.progress((done += 1));
    }
    ctx.progress(done, done);
    return {};
  },
});
