import { EventsError } from "../core/errors.ts";
import type { Connection, ConnectionEvents, Frame, Transport } from "../wire/transport.ts";

/**
 * What every message port has, by its shape alone: browser `MessagePort`, `Worker` and `DedicatedWorkerGlobalScope`,
 * `MessagePort` and `Worker` of `worker_threads`, Electron's `MessagePortMain` and utility process.
 */
export interface PortLike {
  postMessage(message: any, transfer?: any): void;
  start?(): void;
  close?(): void;
  addEventListener?(type: string, hear: (event: any) => void): void;
  removeEventListener?(type: string, hear: (event: any) => void): void;
  on?(type: string, hear: (value: any) => void): unknown;
  removeListener?(type: string, hear: (value: any) => void): unknown;
  /** Ports and workers of Node have it, and nobody else. */
  unref?(): unknown;
}

export interface PortOptions {
  /** A SharedArrayBuffer that is posted is the same memory at the other end. Default: where both are threads of Node. */
  readonly shares?: boolean;
}

/** A port of a page there may end in another process, whose `MessagePortMain` drops what is moved to it. */
function isElectron(): boolean {
  const { navigator } = globalThis as { navigator?: { userAgent?: string } };
  return navigator?.userAgent?.includes("Electron") === true;
}

/** Said by the side that closes: not every platform tells the other side. Frames start with a number or an array. */
export const GOODBYE = "atomiton:close";
/** The end of a port whose other side said no goodbye. */
export const PORT_CLOSED = "the other side closed the port";

/**
 * Speaks over a message port. The port is started when the bus connects, after the listeners are there, and closed with
 * the link. Both sides must speak: never wrap a port whose other end is not yours.
 *
 * Memory moves to and is shared with threads of this Node process. In a page it moves; say `shares` where the other end is
 * a worker of this page too, and the page is cross-origin isolated.
 *
 * @example
 * const { port1, port2 } = new MessageChannel();
 * bus.connect(portTransport(port1));
 * worker.postMessage({ port: port2 }, [port2]);
 */
export function portTransport(port: PortLike, options: PortOptions = {}): Transport {
  let opened = false;
  const isThread = typeof port.unref === "function";
  return {
    name: "port",
    medium: "clone",
    moves: isThread || (typeof port.addEventListener === "function" && !isElectron()),
    shares: options.shares ?? isThread,
    redials: false,
    open(events) {
      if (opened) throw new TypeError("Cannot open a port transport: its port is open already; use a new port");
      opened = true;
      return new PortConnection(port, events);
    },
  };
}

class PortConnection implements Connection {
  readonly #port: PortLike;
  readonly #events: ConnectionEvents;
  readonly #listeners: readonly (readonly [type: string, hear: (value: unknown) => void])[];
  #closed = false;

  constructor(port: PortLike, events: ConnectionEvents) {
    this.#port = port;
    this.#events = events;
    this.#listeners = [
      ["message", (event) => this.#message(event)],
      // What could not be decoded: a frame is missing, the session counts and asks for it.
      ["messageerror", () => events.onFrame(null as unknown as Frame)],
      ["close", () => this.#end("gone", PORT_CLOSED)],
    ];
    for (const [type, hear] of this.#listeners) {
      if (port.addEventListener !== undefined) port.addEventListener(type, hear);
      else port.on?.(type, hear);
    }
    events.onOpen();
    port.start?.();
  }

  send(frame: Frame, moves?: readonly ArrayBuffer[]): boolean {
    if (this.#closed) return true;
    try {
      if (moves === undefined) this.#port.postMessage(frame);
      else this.#port.postMessage(frame, moves);
    } catch (cause) {
      throw new EventsError(
        "UNCLONEABLE",
        "Cannot send a frame: the platform cannot clone it; send plain data",
        {},
        { cause },
      );
    }
    return true;
  }

  close(reason = "closed"): void {
    if (this.#closed) return;
    try {
      this.#port.postMessage([GOODBYE, reason]);
    } catch {
      // A port that is dead already hears no goodbye.
    }
    this.#end("local", reason);
  }

  #message(value: unknown): void {
    // EventEmitter ports of Node hand over the value itself, all others an event around it.
    const isEvent = typeof value === "object" && value !== null && !Array.isArray(value) && "data" in value;
    const data = isEvent ? value.data : value;
    if (Array.isArray(data) && data[0] === GOODBYE) this.#end("gone", String(data[1]));
    else if (!this.#closed) this.#events.onFrame(data as Frame);
  }

  #end(kind: "gone" | "local", reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const [type, hear] of this.#listeners) {
      if (this.#port.removeEventListener !== undefined) this.#port.removeEventListener(type, hear);
      else this.#port.removeListener?.(type, hear);
    }
    // A worker's global scope has `close` too: that would end the worker.
    if ((this.#port as { self?: unknown }).self !== this.#port) this.#port.close?.();
    this.#events.onClose({ kind, reason, mayRetry: false });
  }
}
