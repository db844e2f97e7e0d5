import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { Ports } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { textIn } from "./content.ts";

const LIMIT = 16 * 1024 ** 2;
/** How attributes and text beside elements are named in values. */
const NAMES = { attributeNamePrefix: "@", textNodeName: "#text", cdataPropName: false as const };

export const xml = defineNode({
  type: "core/xml",
  version: "1.0.0",
  title: "XML",
  category: "values",
  description:
    "Reads XML into a value, or writes a value as XML. Elements become fields, attributes fields with `@` before their name, text beside them `#text`; elements that repeat become a list. Entities of a document type are not read, and all text stays text.",
  inputs: { content: port.value(z.any(), { description: "To read: text or a file. To write: an object." }) },
  outputs: {},
  config: z.strictObject({
    mode: z.enum(["read", "write"]).default("read").describe("Which way."),
    lists: z
      .array(z.string())
      .default([])
      .describe("Elements that are a list even when there is one: by path from the root, `feed.entry`."),
    indent: z.boolean().default(true).describe("Write elements on lines of their own."),
    limitBytes: z.number().int().min(1).default(LIMIT).describe("Largest text to read, bytes. Default 16 MiB."),
  }),
  ports: ({ mode }) => ({
    outputs: (mode === "write"
      ? { text: port.value(z.string(), { description: "The XML." }) }
      : { value: port.value(z.any(), { description: "The root element, by its name." }) }) as Ports,
  }),
  example: "in: { content: fetch.body }\nwith: { lists: [feed.entry] }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx): Promise<Record<string, unknown>> {
    const { XMLBuilder, XMLParser, XMLValidator } = await import("fast-xml-parser");
    const { mode, lists, indent, limitBytes } = ctx.config;
    const content: unknown = ctx.in.content;
    if (mode === "write") {
      if (typeof content !== "object" || content === null || Array.isArray(content)) {
        throw refused("INVALID_INPUT", "write XML", "the content is no object; wire one whose only field is the root");
      }
      const build = new XMLBuilder({ ...NAMES, ignoreAttributes: false, format: indent, suppressEmptyNode: true });
      return { text: String(build.build(content)) };
    }
    const text = await textIn("read the XML", content, ctx.blob, limitBytes);
    const checked = XMLValidator.validate(text);
    if (checked !== true) {
      const { line, col, msg } = checked.err;
      throw refused("XML", `read the XML, line ${line}, column ${col}`, `${msg.replace(/\.$/, "")}; correct it`);
    }
    const named = new Set(lists);
    try {
      const value: unknown = new XMLParser({
        ...NAMES,
        ignoreAttributes: false,
        parseTagValue: false,
        parseAttributeValue: false,
        ignoreDeclaration: true,
        ignorePiTags: true,
        isArray: (_name, path) => named.has(String(path)),
      }).parse(text);
      return { value };
    } catch (cause) {
      throw refused("XML", "read the XML", `${(cause as Error).message}; correct it`);
    }
  },
});

function refused(code: string, action: string, state: string): NodeError {
  return new NodeError(`Cannot ${action}: ${state}`, { code, class: "user", retryable: false });
}
