/** Where `new EventBus()` runs in a page or a page's worker: all of environment.ts that a bundle for browsers needs. */
import type { Contract } from "../core/contract.ts";
import { pageTransport, type IpcRendererLike } from "../transports/electron-renderer.ts";
import { isMarkedWorker } from "../transports/marked-worker.ts";
import { invitedBy, type WorkerLike } from "../transports/worker.ts";
import type { Transport } from "../wire/transport.ts";
import type { ConnectPolicy, Link } from "./event-bus.ts";

/** A bus, as its surroundings see it. */
export interface Joining {
  readonly role: string;
  readonly topics: { readonly contracts: readonly Contract[] };
  connect(transport: Transport, policy?: ConnectPolicy): Link;
}

/** What is read of a page's globals. */
export interface PageSurroundings {
  readonly process?: { readonly type?: string };
  readonly require?: (name: string) => { readonly ipcRenderer?: IpcRendererLike };
  readonly document?: unknown;
  readonly top?: unknown;
  readonly window?: unknown;
  readonly navigator?: { readonly userAgent?: string };
  readonly DedicatedWorkerGlobalScope?: unknown;
}

/** Whoever can speak for these processes is their program: it has every right here. */
const OWN: ConnectPolicy = { peer: { grants: ["*"] } };

/** See environment.ts. */
export function joinSurroundings(bus: Joining, here: PageSurroundings = globalThis as PageSurroundings): () => void {
  if (here.document !== undefined) {
    if (isElectronPage(here)) dial(bus, pageTransport(pageOptions(bus, here)));
  } else if (here.DedicatedWorkerGlobalScope !== undefined && isMarkedWorker()) {
    dial(bus, invitedBy(globalThis as unknown as WorkerLike));
  }
  return () => {};
}

export function dial(bus: Joining, transport: Transport): void {
  // What becomes of the link is told to `onError`.
  bus.connect(transport, OWN).ready.catch(() => {});
}

export const idsOf = (bus: Joining): string[] => bus.topics.contracts.map(({ id }) => id);

function isElectronPage({ process, window, top, navigator }: PageSurroundings): boolean {
  if (window !== top) return false;
  return process?.type === "renderer" || / Electron\//.test(navigator?.userAgent ?? "");
}

function pageOptions(bus: Joining, { process, require: load }: PageSurroundings): Parameters<typeof pageTransport>[0] {
  const contracts = idsOf(bus);
  // A page that has Node needs no preload.
  const direct = process?.type === "renderer" && typeof load === "function" ? load("electron") : undefined;
  return { contracts, ...(direct?.ipcRenderer && { ipcRenderer: direct.ipcRenderer }) };
}
