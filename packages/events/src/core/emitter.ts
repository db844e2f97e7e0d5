import { isPattern, matches } from "./topic.ts";

export interface Listener<M> {
  readonly pattern: string;
  readonly hear: (data: unknown, meta: M) => unknown;
  /** False once stopped: a dispatch that is under way skips it. */
  active: boolean;
}

/** Names resolved against patterns that are remembered; past it the memory starts anew. */
const RESOLVED_LIMIT = 10_000;

/**
 * Local dispatch. Rules: (1) subscription order, names and patterns mixed; (2) lists are replaced, never changed, so a
 * dispatch walks the list it began with and copies nothing; (3) a fault of one listener goes to `onFault` alone.
 */
export class Emitter<M> {
  readonly #onFault: (fault: unknown, name: string) => void;
  #all: readonly Listener<M>[] = [];
  #patterns = 0;
  readonly #exact: Map<string, readonly Listener<M>[]> = new Map<string, readonly Listener<M>[]>();
  readonly #resolved: Map<string, readonly Listener<M>[]> = new Map<string, readonly Listener<M>[]>();

  constructor(onFault: (fault: unknown, name: string) => void) {
    this.#onFault = onFault;
  }

  /** Listeners in all. */
  get size(): number {
    return this.#all.length;
  }

  add(listener: Listener<M>): void {
    this.#all = [...this.#all, listener];
    if (isPattern(listener.pattern)) {
      this.#patterns += 1;
      this.#resolved.clear();
      return;
    }
    this.#exact.set(listener.pattern, [...(this.#exact.get(listener.pattern) ?? NONE), listener]);
    this.#resolved.delete(listener.pattern);
  }

  remove(listener: Listener<M>): void {
    if (!listener.active) return;
    listener.active = false;
    this.#all = this.#all.filter((other) => other !== listener);
    if (isPattern(listener.pattern)) {
      this.#patterns -= 1;
      this.#resolved.clear();
      return;
    }
    const left = (this.#exact.get(listener.pattern) ?? NONE).filter((other) => other !== listener);
    if (left.length === 0) this.#exact.delete(listener.pattern);
    else this.#exact.set(listener.pattern, left);
    this.#resolved.delete(listener.pattern);
  }

  /** Who hears `name`, in subscription order. */
  listeners(name: string): readonly Listener<M>[] {
    if (this.#patterns === 0) return this.#exact.get(name) ?? NONE;
    let list = this.#resolved.get(name);
    if (list === undefined) {
      list = this.#all.filter((listener) => matches(listener.pattern, name));
      if (this.#resolved.size >= RESOLVED_LIMIT) this.#resolved.clear();
      this.#resolved.set(name, list);
    }
    return list;
  }

  dispatch(name: string, data: unknown, meta: M): void {
    const list = this.listeners(name);
    for (let i = 0; i < list.length; i++) {
      const listener = list[i] as Listener<M>;
      if (listener.active) this.call(listener, name, data, meta);
    }
  }

  call(listener: Listener<M>, name: string, data: unknown, meta: M): void {
    try {
      const result = listener.hear(data, meta);
      if (result !== undefined && isThenable(result)) {
        result.then(undefined, (fault: unknown) => this.#onFault(fault, name));
      }
    } catch (fault) {
      this.#onFault(fault, name);
    }
  }

  clear(): void {
    for (const listener of this.#all) listener.active = false;
    this.#all = [];
    this.#patterns = 0;
    this.#exact.clear();
    this.#resolved.clear();
  }
}

const NONE: readonly never[] = [];

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
