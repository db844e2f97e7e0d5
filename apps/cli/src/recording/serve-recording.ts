import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";

import { createAdaptorServer } from "@hono/node-server";

import { mayOpenBrowser, openBrowser } from "../serve/browser.ts";
import { allowedHosts, allowedOrigins } from "../serve/hosts.ts";
import { httpApp } from "../serve/http-app.ts";
import { listen } from "../serve/listen.ts";
import { findStudio } from "../serve/studio-files.ts";
import { onInterrupt } from "../signals.ts";
import type { OpenedRecording } from "./open-recording.ts";

const HOST = "127.0.0.1";

/** Serves Studio and one recording, on this machine alone, until it is told to end. There is no bus and no runtime. */
export async function serveRecording(
  { name, bytes }: OpenedRecording,
  { port: wanted, to }: { readonly port?: number; readonly to?: number },
): Promise<void> {
  const token = randomBytes(32).toString("base64url");
  let hosts: readonly string[] = [];
  const app = httpApp({
    studio: findStudio(fileURLToPath(import.meta.url)),
    token,
    hosts: () => hosts,
    origins: () => allowedOrigins(hosts),
    // A recording names the files of its run; their bytes are not in it.
    blobs: { open: () => Promise.resolve(undefined) },
    recordings: new Map([[name, bytes]]),
  });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const port = await listen(server, { host: HOST, ...(wanted === undefined ? {} : { port: wanted }) });
  hosts = allowedHosts(HOST, port);
  const fragment = new URLSearchParams({ token, recording: name, ...(to === undefined ? {} : { at: String(to) }) });
  const address = `http://${HOST}:${port}/#${fragment.toString()}`;
  process.stdout.write(`Studio: ${address}\n`);
  if (mayOpenBrowser(process.stdout, process.env) && !(await openBrowser(address))) {
    process.stderr.write("Cannot open a browser here; open the address above yourself\n");
  }
  await new Promise<void>((stop) => {
    const off = onInterrupt({ first: () => stop(), second: () => stop() });
    server.once("close", off);
  });
  server.closeAllConnections();
  await new Promise<void>((closed) => server.close(() => closed()));
}
