import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { BlobAccess, BlobRef, SpawnResult } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { allBytes, bytesOf } from "./content.ts";
import { pathIn } from "./files.ts";
import { lineLog } from "./line-log.ts";

/** stdin is one piece in memory. */
const STDIN_LIMIT_BYTES = 64 * 1024 ** 2;
/** Of stderr, in the message of a failure. */
const TAIL_CHARACTERS = 600;

export const shell = defineNode({
  type: "core/shell",
  version: "1.0.0",
  title: "Run command",
  category: "system",
  description:
    'Runs a program, or a script of /bin/sh, on the computer that runs the Blueprint, with its rights. Its lines appear in the log as they come. It fails on an exit code that is not in `okCodes`, and when a signal ends it. Cancel and timeout end the program with everything it started. Pass values to a script through `env` (`"$NAME"`) or to a program through `args`: an expression inside a script is pasted as code.',
  inputs: {
    stdin: port.value(z.any(), {
      required: false,
      description: "Text, a file, or a value (as JSON) for its standard input; at most 64 MiB.",
    }),
  },
  outputs: {
    stdout: port.value(z.string(), { description: "Its standard output, at most the first `textLimitBytes`." }),
    stderr: port.value(z.string(), { description: "Its error output, at most the first `textLimitBytes`." }),
    stdoutFile: port.file({ description: "Its whole standard output." }),
    stderrFile: port.file({ description: "Its whole error output." }),
    code: port.value(z.number().int(), { description: "Its exit code." }),
  },
  openInputs: true,
  config: z.strictObject({
    command: z.string().min(1).optional().describe("A program, found in PATH; no shell reads it."),
    args: z
      .array(z.union([z.string(), z.number()]))
      .default([])
      .describe("Arguments of `command`, one each."),
    script: z.string().min(1).optional().describe("Instead of `command`: a script for /bin/sh -e."),
    cwd: z.string().default(".").describe("Its folder. Relative paths start at the Blueprint's folder."),
    env: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe("Added to the environment of the process that runs the Blueprint."),
    okCodes: z.array(z.number().int().min(0).max(255)).min(1).default([0]).describe("Exit codes that are a success."),
    textLimitBytes: z
      .number()
      .int()
      .nonnegative()
      .default(1024 ** 2)
      .describe("Largest `stdout` and `stderr` as text, bytes. Default 1 MiB; the files always hold all."),
  }),
  example: "with: { command: git, args: [log, --oneline, -5] }",
  effect: "write",
  runsOn: "inline",
  async run(ctx) {
    const { okCodes, textLimitBytes } = ctx.config;
    const { command, args, name } = programOf(ctx.config);
    const { stdin } = ctx.in as { stdin?: unknown };
    const lines = lineLog(ctx.log);
    const result = await ctx.spawn(command, args, {
      cwd: pathIn(ctx.cwd, ctx.config.cwd, "cwd"),
      env: Object.fromEntries(Object.entries(ctx.config.env).map(([key, value]) => [key, String(value)])),
      onOutput: (stream, text) => lines.write(stream, text),
      ...(stdin === undefined ? {} : { stdin: await stdinOf(name, stdin, ctx.blob) }),
    });
    lines.end();
    ctx.progress(1, 1);
    if (result.code === null || !okCodes.includes(result.code)) throw await failed(name, result, ctx.blob);
    const text = async (ref: BlobRef): Promise<string> => {
      if (ref.size > textLimitBytes) {
        ctx.log.warn(`${ref.name} has ${ref.size} bytes: as text it is cut at ${textLimitBytes}, the file has all`);
      }
      return await textOf(ref, textLimitBytes, ctx.blob);
    };
    return {
      stdout: await text(result.stdout),
      stderr: await text(result.stderr),
      stdoutFile: result.stdout,
      stderrFile: result.stderr,
      code: result.code,
    };
  },
});

function programOf(config: { command?: string | undefined; args: (string | number)[]; script?: string | undefined }) {
  const { command, script } = config;
  if ((command === undefined) === (script === undefined)) {
    const state =
      command === undefined ? "neither `command` nor `script` is given" : "both `command` and `script` are given";
    throw new NodeError(`Cannot run a command: ${state}; give one of them`, {
      code: "CONFIG",
      class: "config",
      retryable: false,
    });
  }
  return command === undefined
    ? { command: "/bin/sh", args: ["-e", "-c", script!, "script", ...config.args.map(String)], name: "script" }
    : { command, args: config.args.map(String), name: command };
}

async function stdinOf(name: string, value: unknown, blob: BlobAccess): Promise<Uint8Array> {
  return await allBytes(
    bytesOf(value, blob),
    STDIN_LIMIT_BYTES,
    () =>
      new NodeError(
        `Cannot give "${name}" its standard input: it is larger than ${STDIN_LIMIT_BYTES} bytes; write it to a file and pass its path`,
        { code: "LIMIT", class: "resource", retryable: false },
      ),
  );
}

async function failed(name: string, { code, signal, stderr }: SpawnResult, blob: BlobAccess): Promise<NodeError> {
  const said = (await textOf(stderr, Number.POSITIVE_INFINITY, blob, TAIL_CHARACTERS)).trim();
  const how = code === null ? `was ended by ${signal ?? "a signal"}` : `exited with code ${code}`;
  const wayOut = said === "" ? "it wrote nothing to stderr; see its log" : `it said: ${said}`;
  return new NodeError(`Cannot finish "${name}": it ${how}; ${wayOut}`, {
    code: code === null ? "SIGNAL" : "EXIT",
    class: "process",
    exit: { code, signal },
    retryable: false,
  });
}

/** The first `limitBytes`, of these the last `tail` characters. */
async function textOf(
  ref: BlobRef,
  limitBytes: number,
  blob: BlobAccess,
  tail = Number.POSITIVE_INFINITY,
): Promise<string> {
  const decoder = new TextDecoder();
  let left = limitBytes;
  let text = "";
  for await (const chunk of blob.open(ref)) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.byteLength;
    if (text.length > tail) text = text.slice(-tail);
    if (left <= 0) break;
  }
  return text;
}
