import { Readable } from "node:stream";

import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { bytesOf } from "./content.ts";

/** Characters of a line. */
const LINE_LIMIT = 16 * 1024 ** 2;

export const jsonStream = defineNode({
  type: "core/json.stream",
  version: "1.0.0",
  title: "Read JSON items",
  category: "values",
  description:
    "Reads the elements of a large JSON list, or the lines of NDJSON, one by one: memory holds one of them, not the file.",
  inputs: { content: port.value(z.any(), { description: "A file or a text, in UTF-8." }) },
  outputs: { items: port.stream(z.any(), { description: "The elements, in order." }) },
  config: z.strictObject({
    format: z
      .enum(["list", "lines"])
      .default("list")
      .describe("lines: NDJSON, one value per line, empty lines left out."),
    at: z
      .string()
      .optional()
      .describe("Where in the file the list stands: `data.rows`. Left out: the file is the list. Only for `list`."),
  }),
  example: "in: { content: fetch.body }\nwith: { at: data.rows }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { format, at } = ctx.config;
    let bytes = 0;
    const chunks = (async function* () {
      for await (const chunk of bytesOf(ctx.in.content, ctx.blob)) {
        ctx.signal.throwIfAborted();
        ctx.progress((bytes += chunk.byteLength));
        yield chunk;
      }
    })();
    for await (const item of format === "lines" ? lines(chunks) : elements(chunks, at)) await ctx.emit("items", item);
    ctx.progress(bytes, bytes);
    return {};
  },
});

async function* elements(chunks: AsyncIterable<Uint8Array>, at: string | undefined): AsyncGenerator<unknown> {
  const [{ parser }, { pick }, { streamArray }, { chain }] = await Promise.all([
    import("stream-json"),
    import("stream-json/filters/pick.js"),
    import("stream-json/streamers/stream-array.js"),
    import("stream-chain"),
  ]);
  const read = parser({ packValues: true, streamValues: false });
  const steps = at === undefined ? [read, streamArray()] : [read, pick({ filter: at, once: true }), streamArray()];
  const items = chain([Readable.from(chunks), ...steps] as Parameters<typeof chain>[0]);
  let index = 0;
  try {
    for await (const { value } of items as AsyncIterable<{ value: unknown }>) {
      yield value;
      index += 1;
    }
  } catch (cause) {
    const { message } = cause as Error;
    // Of the source, an abort among them.
    if (!/^Parser |Top-level object should be an array/.test(message)) throw cause;
    const state = message.startsWith("Parser") ? `it is not JSON: ${message}` : "there is no list";
    throw refused(
      `item ${index}${at === undefined ? "" : ` at ${at}`}`,
      `${state}; correct the file, or \`at\``,
      cause,
    );
  } finally {
    items.destroy();
  }
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let line = 0;
  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw refused(`line ${line}`, `it is not JSON: ${(cause as Error).message}; correct it`, cause);
    }
  };
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw refused(`after line ${line}`, "it is not UTF-8; convert it first", cause);
    }
  };
  const take = function* (text: string): Generator<unknown> {
    line += 1;
    if (text.trim() !== "") yield parse(text);
  };
  for await (const chunk of chunks) {
    const parts = (rest + decode(chunk)).split("\n");
    rest = parts.pop()!;
    for (const text of parts) yield* take(text);
    if (rest.length > LINE_LIMIT) {
      throw new NodeError(
        `Cannot read the JSON, line ${line + 1}: it is longer than ${LINE_LIMIT} characters; is it \`format: list\`?`,
        { code: "LIMIT", class: "resource", retryable: false },
      );
    }
  }
  rest += decode();
  if (rest !== "") yield* take(rest);
}

function refused(where: string, state: string, cause: unknown): NodeError {
  return new NodeError(
    `Cannot read the JSON, ${where}: ${state}`,
    { code: "JSON", class: "user", retryable: false },
    { cause },
  );
}
