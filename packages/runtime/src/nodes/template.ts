import { Liquid } from "liquidjs";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

/** Characters of a template, and of what it may build. */
const PARSE_LIMIT = 1_000_000;
const MEMORY_LIMIT = 64 * 1024 ** 2;
/** Of one rendering, ms: it holds the event loop. */
const RENDER_LIMIT_MS = 2_000;

export const template = defineNode({
  type: "core/template",
  version: "1.0.0",
  title: "Template",
  category: "values",
  description:
    "Fills a text template in the Liquid language from its inputs: `{{ in.name }}`, `{% for row in in.rows %}`. No access to files; unknown names and filters are errors.",
  inputs: {},
  outputs: { text: port.value(z.string(), { description: "The filled text." }) },
  openInputs: true,
  config: z.strictObject({
    template: z.string().describe("Liquid text over `in` and `run`."),
    escape: z
      .enum(["none", "html"])
      .default("none")
      .describe("html: values are escaped for HTML unless the template says `| raw`."),
  }),
  rawConfig: ["template"],
  example: 'in: { rows: read.rows }\nwith: { template: "{% for row in in.rows %}{{ row.name }}\\n{% endfor %}" }',
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const liquid = new Liquid({
      // A mapping without entries stands before the file system: include, render and layout find nothing.
      templates: {},
      ownPropertyOnly: true,
      strictVariables: true,
      strictFilters: true,
      lenientIf: true,
      parseLimit: PARSE_LIMIT,
      renderLimit: RENDER_LIMIT_MS,
      memoryLimit: MEMORY_LIMIT,
      ...(ctx.config.escape === "html" ? { outputEscape: "escape" as const } : {}),
    });
    try {
      const parsed = liquid.parse(ctx.config.template);
      const text = String(await liquid.render(parsed, { in: ctx.in, run: { id: ctx.executionId } }));
      ctx.progress(1, 1);
      return { text };
    } catch (error) {
      throw new NodeError(
        `Cannot fill the template: ${firstLine(error)}; correct the template, or wire what it names`,
        { code: "TEMPLATE", class: "user", retryable: false },
        { cause: error },
      );
    }
  },
});

/** Liquid's messages go on with a picture of the code. */
function firstLine(error: unknown): string {
  return (error as Error).message.split("\n")[0]!;
}
