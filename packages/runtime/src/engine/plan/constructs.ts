/**
 * Loops and Blueprints used as nodes. The engine runs them itself, in scopes; what stands here is what catalogues,
 * checks and documentation see of them.
 */
import { z } from "zod";

import { defineNode, port, type AnyNodeDef } from "../../blueprint/define-node.ts";

export const FOR_EACH_TYPE = "core/forEach";
export const WHILE_TYPE = "core/while";
export const BLUEPRINT_TYPE = "core/blueprint";

const never = (type: string) => async (): Promise<never> => {
  throw new Error(`${type} is run by the engine`);
};

export const forEachConfig = z.strictObject({
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
export type LoopConfig = z.infer<typeof forEachConfig>;

const whileConfig = z.strictObject({
  condition: z
    .string()
    .min(1)
    .describe(
      'JSONata over `item`, `index` and `in`, asked before each iteration; empty results, 0, "" and null end the loop.',
    ),
  maxIterations: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(1_000)
    .describe("When the condition still holds after so many, the node fails."),
});
export type WhileConfig = z.infer<typeof whileConfig>;

export const forEachNode: AnyNodeDef = defineNode({
  type: FOR_EACH_TYPE,
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
  config: forEachConfig,
  rawConfig: ["key"],
  openInputs: true,
  example:
    'in: { items: read.rows }\nwith: { concurrency: 8 }\nbody:\n  nodes:\n    fetch: { uses: core/http.request@1, in: { item: $item }, with: { url: "${ in.item.url }" } }\n  outputs: { body: fetch.body }',
  effect: "pure",
  runsOn: "inline",
  run: never(FOR_EACH_TYPE),
});

export const whileNode: AnyNodeDef = defineNode({
  type: WHILE_TYPE,
  version: "1.0.0",
  title: "While",
  category: "flow",
  description:
    "Runs its body again and again, one iteration at a time, while the condition holds. The body sees as `$item` what the iteration before gave (one object, made of the body's outputs), the first one `start`; as `$index` how many have been; and, as `$inputs.name`, the inputs of this node.",
  inputs: { start: port.value(z.any(), { required: false, description: "`$item` of the first iteration." }) },
  outputs: {
    value: port.value(z.any(), {
      description: "What the last iteration gave; `start` where there was none.",
    }),
    iterations: port.value(z.number().int(), { type: "integer", description: "How many there were." }),
  },
  config: whileConfig,
  rawConfig: ["condition"],
  expressions: ["condition"],
  openInputs: true,
  example:
    'in: { start: first.value }\nwith: { condition: item.next }\nbody:\n  nodes:\n    page: { uses: core/http.request@1, in: { at: $item }, with: { url: "${ in.at.next }" } }\n  outputs: { next: page.body }',
  effect: "pure",
  runsOn: "inline",
  run: never(WHILE_TYPE),
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
  example: "in: { image: fetch.body }\nwith: { path: thumbnail.blueprint.yaml }",
  effect: "pure",
  runsOn: "inline",
  run: never(BLUEPRINT_TYPE),
});

/** Node types that are part of the engine. */
export const constructs: readonly AnyNodeDef[] = [forEachNode, whileNode, blueprintNode];
