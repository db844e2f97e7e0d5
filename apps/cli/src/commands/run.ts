import { createWriteStream } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";

import {
  killLiveGroups,
  openBlobStore,
  Runtime,
  RuntimeError,
  type BlobStore,
  type Blueprint,
} from "@atomiton/runtime";
import type { RuntimeMessage } from "@atomiton/runtime/contract";
import type { Command } from "commander";

import { CliError, exitCode } from "../cli-error.ts";
import { readInputFile, readPairs } from "../inputs.ts";
import { loadNodeModules } from "../node-modules.ts";
import { catalogOf, openBlueprint } from "../open-blueprint.ts";
import { collect, wholeNumber } from "../options.ts";
import { hearOutputs, isFile } from "../outputs.ts";
import { recordRun, type RunRecording } from "../recording/record-run.ts";
import { secretsOf, withSecretOptions, type SecretOptions } from "../secrets.ts";
import { paintFor } from "../show/paint.ts";
import { problemLine, summary } from "../show/problems.ts";
import { displayOn } from "../show/progress-display.ts";
import { byteSize } from "../show/text.ts";
import { onInterrupt } from "../signals.ts";
import { json, onBrokenPipe, write } from "../streams.ts";
import { attendWaits } from "../waits/attend-waits.ts";

const STUCK = "cancelled: nobody can give here what it waits for";

interface RunOptions extends SecretOptions {
  input: string[];
  inputFile?: string;
  out?: string;
  json?: true;
  nodes: string[];
  concurrency?: number;
  record?: string;
  data?: string;
}

export function addRun(program: Command): void {
  const command = program
    .command("run")
    .summary("run a Blueprint and print its outputs")
    .description(
      "Runs a Blueprint. Progress goes to stderr, the outputs as JSON to stdout. Ctrl-C cancels: child processes end first; a second Ctrl-C kills them.",
    )
    .argument("<file>", "a Blueprint file")
    .option("-i, --input <key=value>", "an input of the Blueprint, read by its type (repeatable)", collect, [])
    .option("--input-file <file>", "inputs as one JSON object; - reads stdin; --input wins")
    .option("-o, --out <dir>", "save outputs that are files there")
    .option("--record <file>", "also keep every event in a new file, for atomiton replay; it holds the values as well")
    .option(
      "--data <dir>",
      "keep the execution in this folder as it goes: killed, it is gone on with by atomiton resume",
    )
    .option("--json", "print every runtime:* event as one line of JSON, and nothing else, to stdout")
    .option("--nodes <module>", "also know the node types that this module exports (repeatable)", collect, [])
    .option("--concurrency <n>", "nodes that run at once", wholeNumber(1, 10_000))
    .addHelpText(
      "after",
      `
Exit codes: 0 completed, 1 failed, 2 bad usage, Blueprint or input, 130 cancelled by Ctrl-C.

Examples:
  atomiton run feed.blueprint.yaml
  atomiton run feed.blueprint.yaml --input csv=products.csv --input maxWidth=800 --out results
  atomiton run feed.blueprint.yaml --record feed.atj
  atomiton run feed.blueprint.yaml --json | jq -c 'select(.type == "runtime:completed").data.result'`,
    )
    .action(run);
  withSecretOptions(command);
}

async function inputsOf(
  options: RunOptions,
  declared: Parameters<typeof readPairs>[1],
): Promise<Record<string, unknown>> {
  const { inputFile } = options;
  let fromFile: Record<string, unknown> = {};
  if (inputFile !== undefined) {
    try {
      const content = inputFile === "-" ? await text(process.stdin) : await readFile(inputFile, "utf8");
      fromFile = readInputFile(content, inputFile, declared);
    } catch (cause) {
      if (cause instanceof CliError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CliError(`Cannot read inputs from "${inputFile}": ${why}; give a file that holds one JSON object`);
    }
  }
  return { ...fromFile, ...readPairs(options.input, declared) };
}

async function run(file: string, options: RunOptions): Promise<void> {
  const nodes = await loadNodeModules(options.nodes, process.cwd());
  const catalog = catalogOf(nodes);
  const { blueprint, problems, root, path } = await openBlueprint(file, catalog);
  const paint = paintFor(process.stderr);
  for (const problem of problems) process.stderr.write(`${problemLine(problem, paint)}\n`);
  if (blueprint === undefined) {
    throw new CliError(`Cannot run "${file}": ${summary(1, problems)}; mend what is listed above`);
  }
  const input = await inputsOf(options, blueprint.inputs);
  const { data } = options;
  const blobs = openBlobStore(data === undefined ? {} : { dir: join(data, "blobs") });
  const runtime = new Runtime({
    dir: root,
    catalog,
    blobs,
    ...(data === undefined ? {} : { dataDir: data }),
    secrets: secretsOf(options),
    fileFolders: foldersOf(input, blueprint),
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
  });
  const display = displayOn(process.stderr);
  const hear = options.json
    ? (message: RuntimeMessage) => void process.stdout.write(`${json(message)}\n`)
    : (message: RuntimeMessage) => display.hear(message);
  let recording: RunRecording | undefined;
  const offMessages = runtime.on(hear);
  const told = hearOutputs(runtime);
  /** Where nodes have written, by node: they say it in their output `path`. */
  const written = new Map<string, string>();
  const offWritten = runtime.on(({ type, data }) => {
    if (type !== "runtime:output" || data.port !== "path" || data.value?.t !== "json") return;
    if (typeof data.value.v === "string") written.set(data.path, data.value.v);
  });

  let executionId: string | undefined;
  let stoppedBy: number | undefined;
  let reason = "cancelled";
  const stop = (code: number, why: string, note: string): void => {
    stoppedBy ??= code;
    reason = why;
    if (!options.json) display.line(note);
    if (executionId === undefined) return;
    // It may have ended in this very tick: then there is nothing to cancel.
    runtime.cancel(executionId, { reason }).catch(() => {});
  };
  const offInterrupt = onInterrupt({
    first: (code, by) => stop(code, `cancelled by ${by}`, "Cancelling; once more kills what still runs"),
    second: killLiveGroups,
  });
  const offPipe = onBrokenPipe(process.stdout, () =>
    stop(exitCode.brokenPipe, "cancelled: nobody reads the output", "Nobody reads the output; cancelling"),
  );
  const unattend = attendWaits({
    runtime,
    display,
    data,
    onStuck(why) {
      stoppedBy ??= exitCode.failed;
      process.stderr.write(`${paint("red", "error:")} ${why}\n`);
      // A folder keeps it as it stands.
      if (data !== undefined) void runtime.close({ reason: STUCK });
      else if (executionId !== undefined) runtime.cancel(executionId, { reason: STUCK }).catch(() => {});
    },
  });
  try {
    if (options.record !== undefined) recording = await recordRun(runtime, path, options.record);
    executionId = await runtime.execute({ path }, input);
    if (stoppedBy !== undefined) await runtime.cancel(executionId, { reason });
    const result = await told(await runtime.waitForCompletion(executionId), blobs);
    display.end();
    const shown = options.out === undefined ? result : await saveFiles(result, options.out, blobs);
    if (!options.json) {
      if (options.out === undefined) for (const note of await fileNotes(result, blueprint, written)) display.line(note);
      await write(process.stdout, `${json(shown, 2)}\n`);
    }
    process.exitCode = stoppedBy ?? exitCode.completed;
  } catch (error) {
    display.end();
    process.exitCode = stoppedBy ?? explain(error);
  } finally {
    unattend();
    offMessages();
    offWritten();
    await runtime.close();
    const missing = await recording?.close();
    if (missing !== undefined) {
      process.stderr.write(`${paint("yellow", "warning:")} the recording is not whole: ${missing}\n`);
      process.exitCode ||= exitCode.failed;
    }
    await blobs.close();
    offInterrupt();
    offPipe();
  }
}

/**
 * Paths that somebody typed are from where they typed them, and may be anywhere: their folders are opened to the run.
 * Changes `input` to whole paths.
 */
function foldersOf(input: Record<string, unknown>, blueprint: Blueprint): string[] {
  const folders = [process.cwd()];
  for (const [name, decl] of blueprint.inputs) {
    const value = input[name];
    if (decl.type.t !== "file" || typeof value !== "string") continue;
    input[name] = resolve(value);
    folders.push(dirname(resolve(value)));
  }
  return folders;
}

/** The exit code of what went wrong; what the events have not shown already is said here. */
function explain(error: unknown): number {
  if (!(error instanceof RuntimeError)) throw error;
  const isEnd = error.code === "EXECUTION_FAILED" || error.code === "CANCELLED" || error.code === "TIMEOUT";
  if (isEnd) return exitCode.failed;
  const wayOut =
    error.code === "LOCKED"
      ? "; or give --data another folder, or run it in the Studio of the atomiton serve that has it"
      : "";
  throw new CliError(error.message + wayOut, exitCode.usage, { cause: error });
}

/** Where the files among the outputs stand: those that no node has written anywhere go with this process. */
async function fileNotes(
  result: Record<string, unknown>,
  { outputs }: Blueprint,
  written: ReadonlyMap<string, string>,
): Promise<string[]> {
  const notes: string[] = [];
  for (const [name, value] of Object.entries(result)) {
    if (!isFile(value)) continue;
    const from = outputs.get(name)?.from;
    const path = from?.from === "node" ? written.get(from.node) : undefined;
    const what = `The output "${name}" is a file of ${byteSize(value.size)}`;
    const isThere = path !== undefined && (await stat(path).catch(() => undefined))?.size === value.size;
    notes.push(isThere ? `${what}: ${relative(".", path)}` : `${what}, not kept: --out DIR saves it`);
  }
  return notes;
}

/** Copies file outputs to `folder`, each under its own name there; the result then names the copies. */
async function saveFiles(
  result: Record<string, unknown>,
  folder: string,
  blobs: BlobStore,
): Promise<Record<string, unknown>> {
  await mkdir(folder, { recursive: true });
  const taken = new Set<string>();
  const saved: [string, unknown][] = [];
  for (const [name, value] of Object.entries(result)) {
    if (!isFile(value)) {
      saved.push([name, value]);
      continue;
    }
    // A name from a Blueprint is never a path.
    let fileName = basename(value.name ?? name).replace(/^\.+/, "") || name;
    if (taken.has(fileName)) fileName = `${name}-${fileName}`;
    taken.add(fileName);
    const target = resolve(join(folder, fileName));
    await pipeline(blobs.open(value), createWriteStream(target));
    saved.push([name, { file: target, size: value.size, type: value.type }]);
  }
  return Object.fromEntries(saved);
}
