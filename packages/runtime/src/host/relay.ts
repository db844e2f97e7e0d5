/**
 * From the engine to the bus. Every event of the engine is emitted as it comes, all in one lane, so that nothing of an
 * execution follows its end. One exception: while `execute` is being answered the execution's events wait, so that the
 * reply comes before `started`. What waits is not yet part of a snapshot: a late client gets it once, as an event.
 */
import type { RuntimeBus, RuntimeMessage } from "../contract.ts";
import type { Runtime } from "../runtime.ts";
import { toldEnd, whyNotCarriable } from "./carriable.ts";

export interface RelayOptions {
  readonly bus: RuntimeBus;
  readonly runtime: Runtime;
  /** Hears what could not be emitted. */
  readonly onError: (fault: unknown) => void;
}

export class Relay {
  readonly #options: RelayOptions;
  /** Events that wait, by execution, in order. */
  readonly #held = new Map<string, RuntimeMessage[]>();
  #stopHearing: (() => void) | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopHearing ??= this.#options.runtime.on((message) => this.#hear(message));
  }

  /** Idempotent. What waits is emitted now. */
  stop(): void {
    this.#stopHearing?.();
    this.#stopHearing = undefined;
    for (const executionId of this.#held.keys()) this.release(executionId);
  }

  /** Events of the execution wait until `release`. */
  hold(executionId: string): void {
    if (!this.#held.has(executionId)) this.#held.set(executionId, []);
  }

  /** Emits what waited, in order. */
  release(executionId: string): void {
    const waiting = this.#held.get(executionId);
    this.#held.delete(executionId);
    for (const message of waiting ?? []) this.#emit(message);
  }

  isHeld(executionId: string): boolean {
    return this.#held.has(executionId);
  }

  #hear(message: RuntimeMessage): void {
    const waiting = this.#held.get(message.data.executionId);
    if (waiting) waiting.push(message);
    else this.#emit(message);
  }

  #emit(message: RuntimeMessage): void {
    const { bus, onError } = this.#options;
    try {
      if (message.type === "runtime:completed") {
        const end = toldEnd(message.data);
        if ("result" in end) bus.emit("runtime:completed", end);
        else bus.emit("runtime:error", end);
      } else if (message.type !== "runtime:result" || !whyNotCarriable(message.data.result)) {
        bus.emit(message.type, message.data);
      }
    } catch (fault) {
      onError(fault);
    }
  }
}
