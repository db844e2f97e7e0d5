import { EventEmitter } from "node:events";
import type { MessagePort } from "node:worker_threads";

import type { PortLike } from "../../src/transports/port.ts";

/** A port of `worker_threads` with the shape and the ways of Electron's `MessagePortMain`, as they were measured. */
export class PortMain extends EventEmitter implements PortLike {
  readonly #port: MessagePort;
  #isClosed = false;

  constructor(port: MessagePort) {
    super();
    this.#port = port;
    port.on("close", () => this.emit("close"));
  }

  /** After a close: no error, no message. */
  postMessage(message: unknown, transfer: readonly unknown[] = []): void {
    if (transfer.some((part) => !(part instanceof PortMain))) throw new TypeError("Invalid value for transfer");
    if (this.#isClosed) return;
    const clone = structuredClone(message);
    this.#port.postMessage(isReadable(clone) ? clone : null);
  }

  start(): void {
    this.#port.on("message", (data) => this.emit("message", { data, ports: [] }));
  }

  close(): void {
    this.#isClosed = true;
    this.#port.close();
  }
}

/** What another process cannot decode arrives as null, with no error on either side. */
function isReadable(value: unknown): boolean {
  if (value instanceof Blob || value instanceof SharedArrayBuffer) return false;
  return (
    typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.values(value).every(isReadable)
  );
}
