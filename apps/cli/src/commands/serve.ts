import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Server } from "node:http";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { EventBus, EventsError } from "@atomiton/events";
import { serveBus } from "@atomiton/events/node";
import { killLiveGroups, openBlobStore, Runtime, RuntimeError, RuntimeIPC } from "@atomiton/runtime";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";
import { createAdaptorServer } from "@hono/node-server";
import type { Command } from "commander";

import { CliError } from "../cli-error.ts";
import { announceHost } from "../data/host-file.ts";
import { loadNodeModules } from "../node-modules.ts";
import { catalogOf } from "../open-blueprint.ts";
import { collect, wholeNumber } from "../options.ts";
import { secretsOf, withSecretOptions, type SecretOptions } from "../secrets.ts";
import { mayOpenBrowser, openBrowser } from "../serve/browser.ts";
import { allowedHosts, allowedOrigins, inUrl, isLoopback } from "../serve/hosts.ts";
import { httpApp } from "../serve/http-app.ts";
import { listen, USUAL_PORT } from "../serve/listen.ts";
import { findStudio } from "../serve/studio-files.ts";
import { onInterrupt } from "../signals.ts";

interface ServeOptions extends SecretOptions {
  dir: string;
  port?: number;
  host: string;
  open?: true;
  nodes: string[];
  start?: string;
  data?: string;
}

export function addServe(program: Command): void {
  const command = program
    .command("serve")
    .summary("serve Studio and the bus for a folder of Blueprints")
    .description(
      "Serves Studio, where Blueprints are run and watched, on this machine only. The printed address carries the token that lets its reader in: whoever has it can run the folder's Blueprints.",
    )
    .option("-d, --dir <dir>", "the folder of Blueprints", ".")
    .option(
      "-p, --port <n>",
      `the port; 0 takes any free one (default: ${USUAL_PORT}, or any free one)`,
      wholeNumber(0, 65_535),
    )
    .option("--host <host>", "the address to listen on; others than 127.0.0.1 let other machines in", "127.0.0.1")
    .option("--open", "open a browser, where a person sits at a terminal")
    .option("--nodes <module>", "also know the node types that this module exports (repeatable)", collect, [])
    .option("--data <dir>", "keep executions in this folder: the next serve goes on with those that had not ended")
    .option("--start <blueprint>", "run this Blueprint (file or id) once when Studio opens")
    .addHelpText(
      "after",
      "\nExamples:\n  atomiton serve\n  atomiton serve --dir examples --open\n  atomiton serve --port 0 --start feed.blueprint.yaml",
    )
    .action(serve);
  withSecretOptions(command);
}

async function serve(options: ServeOptions): Promise<void> {
  const dir = resolve(options.dir);
  const found = await stat(dir).catch(() => undefined);
  if (!found?.isDirectory()) throw new CliError(`Cannot serve "${options.dir}": it is no folder; give one with --dir`);
  const studio = findStudio(fileURLToPath(import.meta.url));
  const nodes = await loadNodeModules(options.nodes, process.cwd());

  const token = randomBytes(32).toString("base64url");
  const { data } = options;
  const blobs = openBlobStore(data === undefined ? {} : { dir: join(data, "blobs") });
  const runtime = new Runtime({
    dir,
    catalog: catalogOf(nodes),
    blobs,
    secrets: secretsOf(options),
    // Somebody sits at Studio who can look whether a write was done.
    ...(data === undefined ? {} : { dataDir: data, onUnknown: "ask" }),
  });
  // A page that left for good is no fault of anybody; the rest is said in a line, not in a stack.
  const onError = (fault: unknown): void => {
    if (fault instanceof EventsError && (fault.code === "LINK_LOST" || fault.code === "CLOSED")) return;
    process.stderr.write(`warning: ${fault instanceof Error ? fault.message : String(fault)}\n`);
  };
  const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host", connect: false, onError });
  const ipc = new RuntimeIPC({ runtime, bus, onError });
  let hosts: readonly string[] = [];
  const app = httpApp({
    studio,
    token,
    hosts: () => hosts,
    origins: () => allowedOrigins(hosts),
    blobs: {
      async open(hash) {
        const known = await blobs.stat({ $blob: hash });
        return known && { size: known.size, bytes: blobs.open({ $blob: hash, size: known.size, type: "" }) };
      },
    },
  });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const give = async (): Promise<void> => {
    await ipc.close();
    await runtime.close();
    await bus.close();
    await blobs.close();
  };
  let port: number;
  let start: string | undefined;
  try {
    start = options.start === undefined ? undefined : await idOf(runtime, options.start);
    port = await listen(server, options);
  } catch (error) {
    await give();
    throw error;
  }
  hosts = allowedHosts(options.host, port);
  ipc.initialize();
  const sockets = serveBus(bus, server, {
    token,
    path: "/bus",
    allowedHosts: [...hosts],
    allowedOrigins: allowedOrigins(hosts),
  });

  let forgetAddress: (() => Promise<void>) | undefined;
  const shownHost = options.host === "0.0.0.0" || options.host === "::" ? "127.0.0.1" : options.host;
  if (data !== undefined) {
    try {
      await recoverAll(runtime);
    } catch (error) {
      await sockets.close();
      await give();
      server.close();
      throw error instanceof RuntimeError ? new CliError(error.message) : error;
    }
    forgetAddress = await announceHost(data, { url: `ws://${inUrl(shownHost)}:${port}/bus`, token });
  }
  const fragment = new URLSearchParams({ token, ...(start === undefined ? {} : { open: start, run: "1" }) });
  const address = `http://${inUrl(shownHost)}:${port}/#${fragment.toString()}`;
  process.stdout.write(`Studio: ${address}\n`);
  if (!isLoopback(options.host)) {
    process.stderr.write(
      `warning: other machines reach "${options.host}", and HTTP does not hide the token from the network\n`,
    );
  }
  if (options.open && mayOpenBrowser(process.stdout, process.env) && !(await openBrowser(address))) {
    process.stderr.write("Cannot open a browser here; open the address above yourself\n");
  }

  const by = await new Promise<string>((stop) => {
    const off = onInterrupt({
      // Being told to end is how a server ends well: exit code 0.
      first: (_code, signal) => {
        process.stderr.write("Ending; once more ends at once\n");
        stop(signal);
      },
      second: killLiveGroups,
    });
    server.once("close", off);
  });
  await forgetAddress?.();
  // Executions end first, so that their last events still reach the pages.
  await runtime.close({ reason: `the host was stopped (${by})` });
  await ipc.close();
  await sockets.close();
  await bus.close();
  server.closeAllConnections();
  await new Promise<void>((closed) => server.close(() => closed()));
  await blobs.close();
}

/** Goes on with what the last host left; what cannot go on is said, and stays. */
async function recoverAll(runtime: Runtime): Promise<void> {
  for (const { executionId, error } of await runtime.recover()) {
    const text = error === undefined ? `Going on with ${executionId}` : `warning: ${(error as Error).message}`;
    process.stderr.write(`${text}\n`);
  }
}

/** The id of a Blueprint given by file or by id. */
async function idOf(runtime: Runtime, wanted: string): Promise<string> {
  try {
    return (await runtime.library.describe(relativeTo(runtime.dir, wanted))).id;
  } catch (error) {
    if (error instanceof RuntimeError) throw new CliError(error.message);
    throw error;
  }
}

/** A file may be named from here or from the served folder. */
function relativeTo(dir: string, wanted: string): string {
  const fromHere = relative(dir, resolve(wanted));
  return existsSync(resolve(wanted)) && !fromHere.startsWith("..") ? fromHere : wanted;
}
