import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

export const merge = defineNode({
  type: "core/merge",
  version: "1.0.0",
  title: "Merge",
  category: "flow",
  description: "Joins several wires into one. Wires that stay empty (skipped, failed, not chosen) are left out.",
  inputs: { items: port.value(z.any(), { multi: true, description: "Wires to join, in this order." }) },
  outputs: { value: port.value(z.any(), { description: "As the mode says." }) },
  config: z.strictObject({
    mode: z
      .enum(["all", "any", "race", "zip"])
      .default("all")
      .describe(
        "all: a list of every value, once all wires are settled. any: the first value in wire order, once all are settled; skipped when there is none. race: the value that arrives first. zip: lists of one length become one list of tuples.",
      ),
  }),
  example: "in: { items: [fetch.body, fallback.file] }\nwith: { mode: any }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    // The engine has applied the join rule: when this runs, the values here are those that count.
    const values = ctx.in.items as unknown[];
    const { mode } = ctx.config;
    ctx.progress(1, 1);
    if (mode === "all") return { value: values };
    if (mode === "zip") return { value: zip(values) };
    return values.length === 0 ? {} : { value: values[0] };
  },
});

function zip(lists: readonly unknown[]): unknown[][] {
  lists.forEach((list, index) => {
    if (!Array.isArray(list)) throw refused(`wire ${index + 1} carries no list`, "wire a list, or use another mode");
  });
  const columns = lists as unknown[][];
  const lengths = columns.map((list) => list.length);
  if (new Set(lengths).size > 1) {
    throw refused(
      `the lists have ${lengths.join(", ")} items`,
      "make them equally long before, nothing is dropped here",
    );
  }
  return Array.from({ length: lengths[0] ?? 0 }, (_, row) => columns.map((list) => list[row]));
}

function refused(state: string, wayOut: string): NodeError {
  return new NodeError(`Cannot zip the items: ${state}; ${wayOut}`, { code: "ZIP", class: "user", retryable: false });
}
