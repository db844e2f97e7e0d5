import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { evaluator, numbered } from "./evaluate.ts";

export const sort = defineNode({
  type: "core/sort",
  version: "1.0.0",
  title: "Sort",
  category: "values",
  description:
    "Sorts items by a key, equal ones in the order they came. Numbers sort as numbers, texts as the locale does; missing keys come last. Keys of different types fail.",
  inputs: { items: port.stream(z.any(), { description: "What to sort. Held in memory whole." }) },
  outputs: { items: port.stream(z.any(), { description: "The items, sorted." }) },
  openInputs: true,
  config: z.strictObject({
    by: z
      .string()
      .min(1)
      .default("item")
      .describe(
        "JSONata of an item's key, over `item`, `index`, `in` and `run`; a list sorts by its first, then its second value.",
      ),
    order: z.enum(["ascending", "descending"]).default("ascending").describe("Which end comes first."),
    locale: z
      .string()
      .default("en")
      .describe("Language whose order texts have: en, de, sv. A number in a text counts as one."),
    limit: z
      .number()
      .int()
      .min(1)
      .default(1_000_000)
      .describe("Items that it holds at most; with more it fails with `LIMIT`."),
  }),
  rawConfig: ["by"],
  expressions: ["by"],
  example: 'in: { items: read.rows }\nwith: { by: "[item.country, item.price]" }',
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { by, order, limit } = ctx.config;
    const compare = comparer(ctx.config.locale);
    const evaluate = evaluator("by", by, ctx, ["items"]);
    const rows: { item: unknown; index: number; keys: unknown[] }[] = [];
    for await (const [index, item] of numbered(ctx.in.items, ctx.signal)) {
      if (rows.length >= limit) {
        throw new NodeError(`Cannot sort the items: there are more than ${limit}; raise limit`, {
          code: "LIMIT",
          class: "resource",
          retryable: false,
        });
      }
      const key = by === "item" ? item : await evaluate({ item, index });
      // JSONata's lists carry marks of their own.
      rows.push({ item, index, keys: Array.isArray(key) ? [...(key as unknown[])] : [key] });
      ctx.progress(rows.length);
    }
    const sign = order === "descending" ? -1 : 1;
    rows.sort((a, b) => {
      for (let at = 0; at < Math.max(a.keys.length, b.keys.length); at += 1) {
        const [x, y] = [a.keys[at] ?? undefined, b.keys[at] ?? undefined];
        if (x === undefined || y === undefined) {
          if (x !== y) return x === undefined ? 1 : -1;
          continue;
        }
        const by = compare(x, y, a.index, b.index);
        if (by !== 0) return sign * by;
      }
      return 0;
    });
    for (const { item } of rows) await ctx.emit("items", item);
    ctx.progress(rows.length, rows.length);
    return {};
  },
});

type Compare = (a: unknown, b: unknown, atA: number, atB: number) => number;

function comparer(locale: string): Compare {
  let texts: Intl.Collator;
  try {
    texts = new Intl.Collator(locale, { numeric: true });
  } catch {
    throw new NodeError(`Cannot sort by the locale "${locale}": it is no language tag; write en, de or sv-SE`, {
      code: "CONFIG",
      class: "config",
      retryable: false,
    });
  }
  return (a, b, atA, atB) => {
    if (typeof a === "string" && typeof b === "string") return texts.compare(a, b);
    if (typeof a === typeof b && (typeof a === "number" || typeof a === "boolean")) return Number(a) - Number(b);
    throw new NodeError(
      `Cannot sort item ${atA} beside item ${atB}: their keys are ${show(a)} and ${show(b)}; let \`by\` give texts only or numbers only, as $number(item.price)`,
      { code: "SORT", class: "user", retryable: false },
    );
  };
}

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? String(value);
