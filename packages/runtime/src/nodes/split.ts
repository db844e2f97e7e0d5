import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { numbered } from "./evaluate.ts";

export const split = defineNode({
  type: "core/split",
  version: "1.0.0",
  title: "Split",
  category: "flow",
  description:
    "Makes items of one value: the elements of a list, the pieces of a text between separators, or the entries of an object as `{ key, value }`.",
  inputs: { value: port.value(z.any(), { description: "A list, a text or an object." }) },
  outputs: { items: port.stream(z.any(), { description: "The items, in order." }) },
  config: z.strictObject({
    separator: z.string().min(1).default("\n").describe("Between the pieces of a text."),
    trim: z.boolean().default(false).describe("Remove blanks around pieces, and leave out empty ones."),
  }),
  example: "in: { value: read.text }\nwith: { trim: true }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { separator, trim } = ctx.config;
    let done = 0;
    for await (const [, item] of numbered(itemsOf(ctx.in.value, separator), ctx.signal)) {
      const piece: unknown = trim && typeof item === "string" ? item.trim() : item;
      if (trim && piece === "") continue;
      await ctx.emit("items", piece);
      ctx.progress((done += 1));
    }
    ctx.progress(done, done);
    return {};
  },
});

async function* itemsOf(value: unknown, separator: string): AsyncGenerator<unknown> {
  if (Array.isArray(value)) yield* value as unknown[];
  else if (typeof value === "string") {
    for (let from = 0; from <= value.length;) {
      const end = value.indexOf(separator, from);
      yield value.slice(from, end < 0 ? value.length : end);
      from = end < 0 ? value.length + 1 : end + separator.length;
    }
  } else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    for (const [key, one] of Object.entries(value)) yield { key, value: one as unknown };
  } else {
    throw new NodeError(
      `Cannot split the value: it is ${value instanceof Uint8Array ? "bytes" : JSON.stringify(value)}; wire a list, a text or an object`,
      { code: "INVALID_INPUT", class: "user", retryable: false },
    );
  }
}
