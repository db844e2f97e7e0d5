/** `atomiton list | show | pause | resume | cancel`: executions in a data folder, with or without a host that runs them. */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import {
  RuntimeError,
  Runtime,
  killLiveGroups,
  steerStored,
  storedDetails,
  storedExecutions,
  type StoredExecution,
} from "@atomiton/runtime";
import type { Command } from "commander";

import { CliError, exitCode } from "../cli-error.ts";
import { isHosted, reachHost } from "../data/host-file.ts";
import { loadNodeModules } from "../node-modules.ts";
import { catalogOf } from "../open-blueprint.ts";
import { collect } from "../options.ts";
import { hearOutputs } from "../outputs.ts";
import { secretsOf, withSecretOptions, type SecretOptions } from "../secrets.ts";
import { displayOn } from "../show/progress-display.ts";
import { oneLine } from "../show/text.ts";
import { onInterrupt } from "../signals.ts";
import { json, write } from "../streams.ts";
import { attendWaits } from "../waits/attend-waits.ts";

const INTERRUPTED = "interrupted";

type Shown = Omit<StoredExecution, "state"> & { readonly state: StoredExecution["state"] | typeof INTERRUPTED };

interface DataOptions {
  data: string;
  json?: true;
}
interface ResumeOptions extends DataOptions, SecretOptions {
  dir: string;
  nodes: string[];
}

export function addExecutions(program: Command): void {
  const command = (name: string, summary: string): Command =>
    program
      .command(name)
      .summary(summary)
      .requiredOption("--data <dir>", "the data folder, as run or serve was given it");
  command("list", "list the executions in a data folder")
    .option("--json", "print them as JSON, one a line")
    .action(list);
  command("show", "show one execution in a data folder").argument("<id>", "its id, or how it begins").action(show);
  command("pause", "pause an execution: nothing more starts; what runs ends")
    .argument("<id>", "its id, or how it begins")
    .action((id: string, options: DataOptions) => steer(id, options, "pause"));
  command("cancel", "cancel an execution")
    .argument("<id>", "its id, or how it begins")
    .option("--reason <text>", "what those who watch are told")
    .action((id: string, options: DataOptions & { reason?: string }) => steer(id, options, "cancel"));
  withSecretOptions(
    command("resume", "go on with an execution: in the host that serves the folder, else here, to its end")
      .argument("<id>", "its id, or how it begins")
      .option("-d, --dir <dir>", "the folder of Blueprints that it began in", ".")
      .option("--nodes <module>", "also know the node types that this module exports (repeatable)", collect, []),
  ).action(resume);
}

async function list({ data, json: asJson }: DataOptions): Promise<void> {
  const all = await asTheyStand(data, await executionsIn(data));
  const text = asJson
    ? all.map((one) => `${json(one)}\n`).join("")
    : all
        .map((one) => `${one.executionId}  ${one.state.padEnd(11)}  ${timeOf(one)}  ${oneLine(one.blueprint.name)}\n`)
        .join("");
  await write(process.stdout, text);
  if (all.some(({ state }) => state === INTERRUPTED)) {
    process.stderr.write(`Interrupted: their host is gone; atomiton resume ID --data ${data} goes on with one\n`);
  }
}

async function show(id: string, { data }: DataOptions): Promise<void> {
  const found = await named(data, id);
  const [stored] = await asTheyStand(data, [found]);
  const details = await storedDetails(data, found.executionId);
  await write(process.stdout, `${json({ ...stored, ...details }, 2)}\n`);
  if (stored?.state === INTERRUPTED) {
    process.stderr.write(
      `Interrupted: its host is gone; atomiton resume ${found.executionId} --data ${data} goes on with it\n`,
    );
  }
}

/** What the journals say runs, and nobody runs, was interrupted. */
async function asTheyStand(data: string, all: StoredExecution[]): Promise<Shown[]> {
  const isRunning = all.some(({ state }) => state === "running") && (await isHosted(data));
  return all.map((one) => (one.state === "running" && !isRunning ? { ...one, state: INTERRUPTED } : one));
}

async function steer(
  id: string,
  { data, reason }: DataOptions & { reason?: string },
  what: "pause" | "cancel",
): Promise<void> {
  const { executionId } = await named(data, id);
  const host = await reachHost(data);
  try {
    let state: string;
    if (host) {
      const execution = host.client.attach(executionId);
      execution.result.catch(() => {});
      if (what === "cancel") state = await host.client.cancel(executionId, reason === undefined ? {} : { reason });
      else state = await execution.pause();
    } else {
      const act = what === "pause" ? { do: what } : { do: what, reason: reason ?? "cancelled by its user" };
      ({ state } = await steerStored(data, executionId, act as Parameters<typeof steerStored>[2]));
    }
    await write(process.stdout, `${executionId}  ${state}\n`);
  } catch (error) {
    throw asCliError(error);
  } finally {
    await host?.close();
  }
}

async function resume(id: string, options: ResumeOptions): Promise<void> {
  const { data } = options;
  const { executionId, state: before } = await named(data, id);
  if (before === "completed" || before === "failed" || before === "cancelled") {
    throw new CliError(`Cannot resume "${executionId}": it is ${before}; run its Blueprint again`);
  }
  const host = await reachHost(data);
  if (!host) return await resumeHere(executionId, options);
  try {
    const execution = host.client.attach(executionId);
    execution.result.catch(() => {});
    const state = await execution.resume();
    await write(process.stdout, `${executionId}  ${state}\n`);
  } catch (error) {
    throw asCliError(error);
  } finally {
    await host.close();
  }
}

/** Ctrl-C leaves it where it is: it can be resumed again. */
async function resumeHere(executionId: string, options: ResumeOptions): Promise<void> {
  const { data, dir } = options;
  const catalog = catalogOf(await loadNodeModules(options.nodes, process.cwd()));
  const runtime = new Runtime({ dir, dataDir: data, catalog, secrets: secretsOf(options) });
  const display = displayOn(process.stderr);
  const told = hearOutputs(runtime);
  const off = runtime.on((message) => display.hear(message));
  let stoppedBy: number | undefined;
  const offInterrupt = onInterrupt({
    first: (code) => {
      stoppedBy = code;
      void runtime.close();
    },
    second: killLiveGroups,
  });
  const unattend = attendWaits({
    runtime,
    display,
    data,
    onStuck(why) {
      stoppedBy = exitCode.failed;
      process.stderr.write(`error: ${why}\n`);
      void runtime.close();
    },
  });
  try {
    const [found] = await runtime.recover({ executionId });
    if (found?.error) throw found.error as Error;
    // A recorded pause holds it as soon as it begins.
    const offState = runtime.on(({ type, data: event }) => {
      if (type !== "runtime:state" || !("state" in event) || event.state !== "paused") return;
      offState();
      runtime.control(executionId).resume();
    });
    const result = await told(await runtime.waitForCompletion(executionId).finally(offState), runtime.blobs);
    display.end();
    await write(process.stdout, `${json(result, 2)}\n`);
  } catch (error) {
    display.end();
    if (stoppedBy === undefined) {
      if (!(error instanceof RuntimeError) || error.code !== "EXECUTION_FAILED") throw asCliError(error);
      process.exitCode = exitCode.failed;
    }
  } finally {
    unattend();
    off();
    await runtime.close();
    offInterrupt();
    if (stoppedBy !== undefined) process.exitCode = stoppedBy;
  }
}

async function executionsIn(data: string): Promise<StoredExecution[]> {
  const folder = await stat(join(data, "exec")).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new CliError(
      `Cannot read "${data}": it is no data folder; give the one that run or serve was given with --data`,
    );
  }
  return await storedExecutions(data, (error) => {
    process.stderr.write(`warning: ${error instanceof Error ? error.message : String(error)}\n`);
  });
}

/** By its id, or by how it begins where that is enough. */
async function named(data: string, id: string): Promise<StoredExecution> {
  const all = await executionsIn(data);
  const exact = all.find(({ executionId }) => executionId === id);
  const alike = exact ? [exact] : all.filter(({ executionId }) => executionId.startsWith(id));
  if (alike.length === 1) return alike[0]!;
  const state = alike.length === 0 ? "no execution there has this id" : `${alike.length} begin so`;
  throw new CliError(
    `Cannot find the execution "${id}" in "${data}": ${state}; atomiton list --data ${data} names them`,
  );
}

function timeOf({ queuedAt }: Pick<StoredExecution, "queuedAt">): string {
  return new Date(queuedAt).toISOString().slice(0, 19).replace("T", " ");
}

/** What the runtime refuses is said in a line, also when its host said it. */
function asCliError(error: unknown): unknown {
  const isRefusal =
    error instanceof RuntimeError || (error instanceof Error && typeof (error as { code?: unknown }).code === "string");
  return isRefusal ? new CliError((error as Error).message, exitCode.usage, { cause: error }) : error;
}
