import type { RuntimeMessage } from "../contract.ts";

type Hear = (message: RuntimeMessage) => void;
const NOBODY: readonly Hear[] = [];

/**
 * Who hears the events of a runtime. Called at once, one event after the other: what a listener causes is told when all
 * have heard what it heard. A listener's fault is its own: the execution and the other listeners go on.
 */
export class Listeners {
  readonly #onError: (error: unknown) => void;
  /** Copied on write: telling never copies. */
  #ofAll = NOBODY;
  readonly #ofOne = new Map<string, readonly Hear[]>();
  readonly #untold: RuntimeMessage[] = [];
  #isTelling = false;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get count(): number {
    return [...this.#ofOne.values()].reduce((sum, listeners) => sum + listeners.length, this.#ofAll.length);
  }

  isHeard(executionId: string): boolean {
    return this.#ofAll.length > 0 || this.#ofOne.has(executionId);
  }

  /** Returns what takes it back. The same function may be added twice. */
  add(hear: Hear, executionId: string | undefined): () => void {
    const own: Hear = (message) => hear(message);
    if (executionId === undefined) {
      this.#ofAll = [...this.#ofAll, own];
      return () => {
        this.#ofAll = this.#ofAll.filter((other) => other !== own);
      };
    }
    this.#ofOne.set(executionId, [...(this.#ofOne.get(executionId) ?? NOBODY), own]);
    return () => {
      const left = (this.#ofOne.get(executionId) ?? NOBODY).filter((other) => other !== own);
      if (left.length > 0) this.#ofOne.set(executionId, left);
      else this.#ofOne.delete(executionId);
    };
  }

  /** Nothing more will be told of it. */
  forget(executionId: string): void {
    this.#ofOne.delete(executionId);
  }

  tell(message: RuntimeMessage): void {
    this.#untold.push(message);
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#untold.shift(); next; next = this.#untold.shift()) {
      for (const hear of this.#ofAll) this.#call(hear, next);
      for (const hear of this.#ofOne.get(next.data.executionId) ?? NOBODY) this.#call(hear, next);
    }
    this.#isTelling = false;
  }

  close(): void {
    this.#ofAll = NOBODY;
    this.#ofOne.clear();
  }

  #call(hear: Hear, message: RuntimeMessage): void {
    try {
      hear(message);
    } catch (error) {
      this.#onError(error);
    }
  }
}
