/**
 * Loops and Blueprints used as nodes. The engine runs them itself, in scopes; what stands here is what catalogues,
 * checks and documentation see of them.
 */
import { z } from "zod";

import { defineNode, port, type AnyNodeDef } from "../../blueprint/define-node.ts";

export const LOOP_TYPE = "core/forEach";
export const BLUEPRINT_TYPE = "core/blueprint";

const never = (type: string) => async (): Promise<never> => {
  throw new Error(`${type} is run by the engine`);
};

export const loopConfig = z.strictObject({
  concurrency: z.number().int().min(1).max(1_000).default(4).describe("Items at once."),
  order: z
    .enum(["preserve", "completion"])
    .default("preserve")
    .describe("Order of `results`: as the items came, or as they ended."),
  onItemError: z
    .enum(["fail", "skip", "collect"])
    .default("fail")
    .describe("What a failing item does: ends the loop, is logged and left out, or goes to `errors`."),
  key: z
    .string()
    .optional()
    .describe(
      "Expression over `item`, `index` and `in` that names an item, as `${ item.sku }`. Left out: its index. Equal keys are numbered: `sku-12`, `sku-12#2`.",
    ),
});
export type LoopConfig = z.infer<typeof loopConfig>;

export const forEachNode: AnyNodeDef = defineNode({
  type: LOOP_TYPE,
  version: "1.0.0",
  title: "For each",
  category: "flow",
  description:
    "Runs its body once for each item. The body sees `$item`, `$index`, `$key` and, as `$inputs.name`, the inputs of this node; each run of it gives one object, made of the body's outputs.",
  inputs: { items: port.stream(z.any(), { type: "stream<any>", description: "A list or a stream." }) },
  outputs: {
    // A list for whoever takes lists, a stream for whoever reads streams.
    results: port.stream(z.record(z.string(), z.any()), {
      type: "list<object>",
      description:
        "The body's outputs, one object for each item that ended well; as they come, where a stream is read.",
    }),
    errors: port.value(z.array(z.record(z.string(), z.any())), {
      type: "list<object>",
      description: "With `onItemError: collect`: `{ index, key, item, error }` of each item that failed.",
    }),
  },
  config: loopConfig,
  rawConfig: ["key"],
  openInputs: true,
  effect: "pure",
  runsOn: "inline",
  run: never(LOOP_TYPE),
});

export const blueprintNode: AnyNodeDef = defineNode({
  type: BLUEPRINT_TYPE,
  version: "1.0.0",
  title: "Blueprint",
  category: "flow",
  description:
    "Runs another Blueprint. Its inputs and outputs are this node's ports. Usually written as `uses: ./other.blueprint.yaml`.",
  inputs: {},
  outputs: {},
  config: z.strictObject({ path: z.string().min(1).describe("The Blueprint's file, beside the one that uses it.") }),
  openInputs: true,
  effect: "pure",
  runsOn: "inline",
  run: never(BLUEPRINT_TYPE),
});

/** Node types that are part of the engine. */
export const constructs: readonly AnyNodeDef[] = [forEachNode, blueprintNode];
