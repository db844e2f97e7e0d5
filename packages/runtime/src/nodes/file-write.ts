import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { bytesOf, isBlobRef } from "./content.ts";
import { pathIn, writeWhole } from "./files.ts";

export const fileWrite = defineNode({
  type: "core/file.write",
  version: "1.0.0",
  title: "Write file",
  category: "files",
  description:
    "Writes one file, whole or not at all: no reader ever sees half of it. Folders are made, an existing file is replaced. Text is written as UTF-8, a file as its bytes, any other value as JSON.",
  inputs: { content: port.value(z.any(), { description: "Text, a file, bytes, or any value to write as JSON." }) },
  outputs: {
    path: port.value(z.string(), { description: "The absolute path." }),
    bytes: port.value(z.number().int(), { description: "Size written." }),
  },
  openInputs: true,
  config: z.strictObject({
    path: z
      .string()
      .describe(
        "Where to. Relative paths start at the Blueprint's folder; any folder the process may write is allowed.",
      ),
  }),
  example: "in: { content: page.text }\nwith: { path: out/index.html }",
  effect: "idempotent",
  runsOn: "inline",
  async run(ctx) {
    const path = pathIn(ctx.cwd, ctx.config.path);
    const { content } = ctx.in as { content: unknown };
    const total = isBlobRef(content) ? content.size : undefined;
    const bytes = await writeWhole(path, bytesOf(content, ctx.blob, 2), ctx.signal, (done) =>
      ctx.progress(done, total),
    );
    return { path, bytes };
  },
});
