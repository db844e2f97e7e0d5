import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";

import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { Ports } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { allBytes } from "./content.ts";
import { fileError, mediaTypeOf, pathIn } from "./files.ts";

const OUTPUTS: Ports = {
  file: port.file({ required: false, description: "The file, with `as: file`." }),
  text: port.value(z.string(), { required: false, description: "Its text, with `as: text`." }),
  json: port.value(z.any(), { required: false, description: "Its value, with `as: json`." }),
};

export const fileRead = defineNode({
  type: "core/file.read",
  version: "1.0.0",
  title: "Read file",
  category: "files",
  description:
    "Reads one file: as a reference to its bytes (any size), as text, or as JSON. Paths are those of the computer that runs the Blueprint and may lead anywhere it may read.",
  inputs: {},
  outputs: {},
  openInputs: true,
  config: z.strictObject({
    path: z.string().describe("The file. Relative paths start at the Blueprint's folder."),
    as: z.enum(["file", "text", "json"]).default("file").describe("Which output it comes out of, and how."),
    limitBytes: z
      .number()
      .int()
      .positive()
      .default(64 * 1024 ** 2)
      .describe("Largest file for `text` and `json`, which are held in memory. Default 64 MiB."),
  }),
  ports: ({ as }) => ({ outputs: as in OUTPUTS ? { [as]: OUTPUTS[as]! } : OUTPUTS }),
  example: "with: { path: settings.json, as: json }",
  effect: "read",
  runsOn: "inline",
  async run(ctx) {
    const { as, limitBytes } = ctx.config;
    const path = pathIn(ctx.cwd, ctx.config.path);
    try {
      const { size } = await stat(path);
      if (as === "file") {
        const file = await ctx.blob.put(
          chunksOf(path, ctx.signal, (done) => ctx.progress(done, size)),
          {
            type: mediaTypeOf(path),
            name: basename(path),
          },
        );
        return { file };
      }
      const bytes = await allBytes(
        chunksOf(path, ctx.signal, (done) => ctx.progress(done, size)),
        limitBytes,
        () =>
          refused(path, "LIMIT", `it is larger than ${limitBytes} bytes; raise limitBytes, or read it \`as: file\``),
      );
      const text = decode(path, bytes);
      return as === "text" ? { text } : { json: parse(path, text) };
    } catch (error) {
      ctx.signal.throwIfAborted();
      throw fileError("read the file", path, error);
    }
  },
});

async function* chunksOf(
  path: string,
  signal: AbortSignal,
  onBytes: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Uint8Array>) {
    onBytes((done += chunk.byteLength));
    yield chunk;
  }
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw refused(path, "ENCODING", "it is not UTF-8; read it `as: file`, or convert it", error);
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw refused(
      path,
      "JSON",
      `it is not JSON: ${(error as Error).message}; correct it, or read it \`as: text\``,
      error,
    );
  }
}

function refused(path: string, code: string, state: string, cause?: unknown): NodeError {
  return new NodeError(
    `Cannot read the file "${path}": ${state}`,
    { code, class: code === "LIMIT" ? "resource" : "user", path, retryable: false },
    { cause },
  );
}
