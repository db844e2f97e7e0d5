import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { EventBus } from "@atomiton/events";
import { webSocketTransport } from "@atomiton/events/node";
import { libraryContract, RuntimeClient, runtimeContract } from "@atomiton/runtime/client";

/** How the host of a data folder is reached: for its owner's eyes alone. */
interface HostAddress {
  readonly pid: number;
  readonly url: string;
  readonly token: string;
}

/** Longest wait for a host that may be gone, ms. */
const CONNECT_MS = 3_000;

const fileOf = (dataDir: string): string => join(dataDir, "host.json");

/** Says where the host is. Returns what takes it back. */
export async function announceHost(dataDir: string, address: Omit<HostAddress, "pid">): Promise<() => Promise<void>> {
  const path = fileOf(dataDir);
  // Made anew: an old file keeps the rights it had.
  await rm(path, { force: true });
  await writeFile(path, JSON.stringify({ pid: process.pid, ...address }), { mode: 0o600, flag: "wx" });
  return () => rm(path, { force: true });
}

export interface ReachedHost {
  readonly client: RuntimeClient;
  readonly close: () => Promise<void>;
}

/** The host that serves the folder now; undefined where there is none, or it does not answer. */
export async function reachHost(dataDir: string): Promise<ReachedHost | undefined> {
  const address = await readAddress(dataDir);
  if (!address) return undefined;
  const bus = new EventBus({
    contracts: [runtimeContract, libraryContract],
    role: "ui",
    connect: false,
    onError: () => {},
  });
  const client = new RuntimeClient(bus);
  const close = async (): Promise<void> => {
    await client.close();
    await bus.close();
  };
  const link = bus.connect(webSocketTransport(address.url, { token: address.token }));
  let giveUp: NodeJS.Timeout | undefined;
  const late = new Promise<false>((tooLate) => (giveUp = setTimeout(() => tooLate(false), CONNECT_MS)));
  const isThere = await Promise.race([
    link.ready.then(
      () => true,
      () => false,
    ),
    late,
  ]);
  clearTimeout(giveUp);
  if (isThere) return { client, close };
  await close();
  return undefined;
}

/** A living process has the folder: a host, or a run. */
export async function isHosted(dataDir: string): Promise<boolean> {
  const pid = Number(await readFile(join(dataDir, "host.lock"), "utf8").catch(() => ""));
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function readAddress(dataDir: string): Promise<HostAddress | undefined> {
  try {
    const { pid, url, token } = JSON.parse(await readFile(fileOf(dataDir), "utf8")) as HostAddress;
    process.kill(pid, 0);
    return { pid, url, token };
  } catch {
    // No file, a damaged one, or a process that is gone: nobody serves the folder.
    return undefined;
  }
}
