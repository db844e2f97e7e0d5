/**
 * Tabs of one origin and the SharedWorker between them: one connection to the server for all.
 *
 * 1. Each side holds a lock as long as it lives, says its name, and stands in line for the other's: a tab that is closed,
 *    and a worker that died, are noticed also where the platform does not tell (life-lock.ts).
 * 2. The port of a `SharedWorker` object belongs to its link: one object, one connection.
 */
import { newId, systemRandom } from "../core/ids.ts";
import type { CloseCause, Connection, ConnectionEvents, Transport } from "../wire/transport.ts";
import { awaitLock, holdLock } from "./life-lock.ts";
import { portTransport, type PortLike } from "./port.ts";

/** A `SharedWorker`, by its shape. */
export interface SharedWorkerLike {
  readonly port: PortLike;
  addEventListener(type: "error", hear: (event: any) => void): void;
  removeEventListener(type: "error", hear: (event: any) => void): void;
}

/** What a tab is to the bus in the worker. */
export interface TabAdmission {
  /** Left out: the role that the tab claims, where a contract names it. */
  readonly role?: string;
  /** Rights, as `execute:blueprint`; `*` is all. */
  readonly grants: readonly string[];
  readonly user?: string;
}

/** What is asked of a bus here: this room knows no buses. */
export interface ConnectsTabs {
  connect(transport: Transport, policy: { readonly peer: TabAdmission }): unknown;
}

const LOCK = "atomiton:lock";

/**
 * Speaks, in a tab, with the SharedWorker whose script calls `serveTabs`. The link ends when the worker dies or could
 * not be loaded; ending the link ends no worker that other tabs use.
 *
 * @example
 * const worker = new SharedWorker(new URL("./hub.js", import.meta.url), { type: "module", name: "hub" });
 * bus.connect(sharedWorkerTransport(worker), { peer: { role: "hub", routes: true } });
 */
export function sharedWorkerTransport(worker: SharedWorkerLike): Transport {
  return lifelong(worker.port, "The shared worker has ended", (end) => {
    // A plain event: the script could not be loaded.
    const failed = (): void => end("The shared worker did not start");
    worker.addEventListener("error", failed);
    return () => worker.removeEventListener("error", failed);
  });
}

/**
 * Connects, in a SharedWorker's script, each tab that opens it: `bus` is the one between them and the server. Call it at
 * the top level of the script, before anything is awaited. Returns the function that lets no more tabs in.
 *
 * Throws TypeError outside a SharedWorker.
 *
 * @example
 * const bus = new EventBus({ contract, role: "hub" });
 * bus.connect(webSocketTransport("/bus", { token }));
 * serveTabs(bus, { role: "ui", grants: ["*"] });
 */
export function serveTabs(bus: ConnectsTabs, admits: TabAdmission): () => void {
  const scope = globalThis as unknown as {
    readonly SharedWorkerGlobalScope?: abstract new () => unknown;
    addEventListener(type: "connect", hear: (event: { readonly ports: readonly PortLike[] }) => void): void;
    removeEventListener(type: "connect", hear: (event: { readonly ports: readonly PortLike[] }) => void): void;
  };
  if (!scope.SharedWorkerGlobalScope || !(globalThis instanceof scope.SharedWorkerGlobalScope)) {
    throw new TypeError("Cannot serve tabs: this is no SharedWorker; call serveTabs in the script of one");
  }
  const hear = ({ ports: [port] }: { readonly ports: readonly PortLike[] }): void => {
    if (port) bus.connect(lifelong(port, "The tab is gone"), { peer: admits });
  };
  scope.addEventListener("connect", hear);
  return () => scope.removeEventListener("connect", hear);
}

/** A port whose other side is watched. `watch` may tell of an end by other ways. */
function lifelong(port: PortLike, gone: string, watch?: (end: (reason: string) => void) => () => void): Transport {
  const inner = portTransport(port);
  return {
    ...inner,
    name: "shared-worker",
    open(events: ConnectionEvents): Connection {
      const lock = `${LOCK}:${newId(systemRandom)}`;
      let letGo: (() => void) | undefined;
      let leaveLine: (() => void) | undefined;
      let isOver = false;
      const onClose = (cause: CloseCause): void => {
        if (isOver) return;
        isOver = true;
        letGo?.();
        leaveLine?.();
        stopWatching?.();
        events.onClose(cause);
      };
      const end = (reason: string): void => {
        onClose({ kind: "gone", reason, mayRetry: false });
        connection.close(reason);
      };
      const stopWatching = watch?.(end);
      const connection = inner.open({
        onOpen: () => events.onOpen(),
        onDrain: () => events.onDrain(),
        onClose,
        onFrame(frame) {
          if (isOver) return;
          if (!Array.isArray(frame) || frame[0] !== LOCK) return events.onFrame(frame);
          leaveLine?.();
          // A turn later: what was posted with the last breath comes by another way than the lock.
          leaveLine = awaitLock(String(frame[1]), () => setTimeout(() => end(gone)));
        },
      });
      void holdLock(lock).then((release) => {
        letGo = release;
        if (isOver) release();
        else port.postMessage([LOCK, lock]);
      });
      return connection;
    },
  };
}
