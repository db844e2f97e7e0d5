import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { Ports } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { textIn } from "./content.ts";

const LIMIT = 16 * 1024 ** 2;

export const yaml = defineNode({
  type: "core/yaml",
  version: "1.0.0",
  title: "YAML",
  category: "values",
  description:
    "Reads YAML 1.2 into a value, or writes a value as YAML. What cannot be read fails with line and column.",
  inputs: { content: port.value(z.any(), { description: "To read: text or a file. To write: any value." }) },
  outputs: {},
  config: z.strictObject({
    mode: z.enum(["read", "write"]).default("read").describe("Which way."),
    documents: z.enum(["one", "all"]).default("one").describe("all: a list, one element per `---` document."),
    limitBytes: z.number().int().min(1).default(LIMIT).describe("Largest text to read, bytes. Default 16 MiB."),
  }),
  ports: ({ mode }) => ({
    outputs: (mode === "write"
      ? { text: port.value(z.string(), { description: "The YAML." }) }
      : { value: port.value(z.any(), { description: "The value." }) }) as Ports,
  }),
  example: "in: { content: read.text }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx): Promise<Record<string, unknown>> {
    const { parseAllDocuments, stringify } = await import("yaml");
    const { mode, documents, limitBytes } = ctx.config;
    const content: unknown = ctx.in.content;
    if (mode === "write") {
      if (documents === "one") return { text: stringify(content) };
      if (Array.isArray(content)) return { text: content.map((one) => `---\n${stringify(one)}`).join("") };
      throw refused("INVALID_INPUT", "write the documents", "the content is no list; wire one, or set documents: one");
    }
    const text = await textIn("read the YAML", content, ctx.blob, limitBytes);
    const parsed = parseAllDocuments(text, { prettyErrors: true });
    const values: unknown[] = [];
    for (const document of "empty" in parsed ? [] : parsed) {
      const [error] = document.errors;
      const line = error?.linePos?.[0];
      if (error) {
        const said = error.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");
        throw refused(
          "YAML",
          `read the YAML, line ${line?.line ?? "?"}, column ${line?.col ?? "?"}`,
          `${said}; correct the text`,
        );
      }
      try {
        values.push(document.toJS({ maxAliasCount: 100 }));
      } catch (cause) {
        throw refused("YAML", "read the YAML", `${(cause as Error).message}; write the values out`);
      }
    }
    if (documents === "all") return { value: values };
    if (values.length <= 1) return { value: values[0] ?? null };
    throw refused("YAML", "read the YAML", `it has ${values.length} documents; set documents: all`);
  },
});

function refused(code: string, action: string, state: string): NodeError {
  return new NodeError(`Cannot ${action}: ${state}`, { code, class: "user", retryable: false });
}
