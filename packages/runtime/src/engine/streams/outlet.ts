/** What one attempt emits on one stream port: to the wires that stream, into a list for readers that want one, and a sample for events. */
import type { z } from "zod";

import { NodeError } from "../../errors.ts";
import type { StreamQueue } from "./stream-queue.ts";

/** Items that one port may gather for readers that take a list. */
export const STREAM_ITEMS = 1_000_000;
/** Items that events show of a port that nobody reads as a list. */
export const SAMPLE_ITEMS = 100;
/** Calls of `emit` that may wait at once: a node that awaits each has one. */
const WAITING_LIMIT = 1_024;

const READY: Promise<void> = Promise.resolve();

interface Waiting {
  readonly item: unknown;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export interface OutletOptions {
  /** Of the port, for messages. */
  readonly where: () => string;
  readonly queues: readonly StreamQueue[];
  /** Somebody reads the port as a list. */
  readonly gathers: boolean;
  /** Of an item; undefined where anything goes. */
  readonly schema: z.ZodType | undefined;
  /** Called each time that the slowest reader makes the node wait. */
  readonly onBlocked: () => void;
  /** Called when nothing waits any more. */
  readonly onFreed: () => void;
}

const counts = new WeakMap<readonly unknown[], number>();

/** Items that a stream port had, of which `list` may be the first ones only. */
export const itemCount = (list: readonly unknown[]): number => counts.get(list) ?? list.length;

export class Outlet {
  /** All items where somebody wants a list, otherwise the first ones. */
  readonly items: unknown[] = [];
  count = 0;
  readonly schema: z.ZodType | undefined;
  readonly #options: OutletOptions;
  #waiting: Waiting[] = [];

  constructor(options: OutletOptions) {
    this.schema = options.schema;
    this.#options = options;
    for (const queue of options.queues) queue.onRoom = () => this.#drain();
  }

  /** The list that events and readers of lists get, when nothing will come any more. */
  close(): readonly unknown[] {
    if (this.count !== this.items.length) counts.set(this.items, this.count);
    return this.items;
  }

  /** Resolves once every reader's queue has taken the item. Throws `NodeError` LIMIT. */
  put(item: unknown): Promise<void> {
    if (this.#waiting.length === 0 && !this.#isFull) {
      this.#deliver(item);
      return READY;
    }
    if (this.#waiting.length >= WAITING_LIMIT) {
      throw limit(
        `Cannot take item ${this.count} on ${this.#options.where()}: ${WAITING_LIMIT} calls of emit wait already; await each one`,
      );
    }
    const taken = new Promise<void>((resolve, reject) => this.#waiting.push({ item, resolve, reject }));
    if (this.#waiting.length === 1) this.#options.onBlocked();
    return taken;
  }

  /** Those who wait are told to stop. */
  interrupt(reason: unknown): void {
    if (this.#waiting.length === 0) return;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    this.#options.onFreed();
  }

  get #isFull(): boolean {
    // Each is asked: a full queue remembers that somebody wants to know of room.
    let isFull = false;
    for (const queue of this.#options.queues) if (queue.isFull) isFull = true;
    return isFull;
  }

  #deliver(item: unknown): void {
    const { items } = this;
    if (this.#options.gathers && items.length >= STREAM_ITEMS) {
      throw limit(
        `Cannot take more than ${STREAM_ITEMS} items on ${this.#options.where()}: a reader wants them as a list, which is held in memory; wire them to an input that takes a stream`,
      );
    }
    if (this.#options.gathers || items.length < SAMPLE_ITEMS) items.push(item);
    this.count++;
    for (const queue of this.#options.queues) queue.push(item);
  }

  #drain(): void {
    if (this.#waiting.length === 0) return;
    while (this.#waiting.length > 0 && !this.#isFull) {
      const { item, resolve, reject } = this.#waiting.shift()!;
      try {
        this.#deliver(item);
        resolve();
      } catch (error) {
        reject(error);
      }
    }
    if (this.#waiting.length === 0) this.#options.onFreed();
  }
}

function limit(message: string): NodeError {
  return new NodeError(message, { code: "LIMIT", class: "resource", retryable: false });
}
