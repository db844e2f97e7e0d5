import type { AnyNode, Element } from "domhandler";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { textIn } from "./content.ts";

const LIMIT = 16 * 1024 ** 2;

export const html = defineNode({
  type: "core/html",
  version: "1.0.0",
  title: "Read HTML",
  category: "values",
  description:
    "Finds elements of a page by CSS selectors: one item per match of `items`, with a field for each entry of `fields`. Runs no script and loads nothing.",
  inputs: { content: port.value(z.any(), { description: "HTML as text or as a file." }) },
  outputs: {
    items: port.stream(z.record(z.string(), z.any()), { description: "One object per match, in the page's order." }),
  },
  config: z.strictObject({
    items: z.string().min(1).default(":root").describe("CSS selector; each match is an item."),
    fields: z
      .record(z.string(), z.string().min(1))
      .describe(
        "Field to what it is: a CSS selector inside the item for the text of the first match, `a@href` for an attribute of it, `@id` for one of the item, `.` for its text. Nothing found is null.",
      ),
    limitBytes: z.number().int().min(1).default(LIMIT).describe("Largest page, bytes. Default 16 MiB."),
  }),
  example:
    'in: { content: fetch.body }\nwith: { items: "table tr", fields: { name: "td:first-child", link: "a@href" } }',
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const [{ parseDocument, DomUtils }, select] = await Promise.all([import("htmlparser2"), import("css-select")]);
    const { items, fields, limitBytes } = ctx.config;
    const page = parseDocument(await textIn("read the HTML", ctx.in.content, ctx.blob, limitBytes));
    const selecting = <T>(key: string, use: () => T): T => {
      try {
        return use();
      } catch (cause) {
        throw new NodeError(
          `Cannot read the CSS selector of ${key}: ${(cause as Error).message}; write one as \`table tr > td\``,
          { code: "CONFIG", class: "config", retryable: false },
          { cause },
        );
      }
    };
    const readers = Object.entries(fields).map(([name, text]) => {
      const [, selector = "", attribute] = /^(.*?)(?:@([\w:-]+))?$/s.exec(text.trim())!;
      const isSelf = selector === "" || selector === ".";
      const find = isSelf ? undefined : selecting(`fields.${name}`, () => select.compile<AnyNode, Element>(selector));
      return { name, attribute, find };
    });
    const matches = selecting("items", () => select.selectAll<AnyNode, Element>(items, page));
    for (const [at, match] of matches.entries()) {
      if (at % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      ctx.signal.throwIfAborted();
      const entries = readers.map(({ name, attribute, find }): [string, string | null] => {
        const found = find ? select.selectOne<AnyNode, Element>(find, match) : match;
        if (!found) return [name, null];
        if (attribute !== undefined) return [name, found.attribs[attribute] ?? null];
        return [name, DomUtils.innerText(found).replace(/\s+/g, " ").trim()];
      });
      await ctx.emit("items", Object.fromEntries(entries));
      ctx.progress(at + 1, matches.length);
    }
    return {};
  },
});
