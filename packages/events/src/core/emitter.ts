import { isPattern, matches } from "./topic.ts";

export interface Listener<M> {
  readonly pattern: string;
  readonly hear: (data: unknown, meta: M) => unknown;
  /** False once stopped: a dispatch that is under way skips it. */
  active: boolean;
}

interface Ordered<M> extends Listener<M> {
  /** When it subscribed. Set by the emitter. */
  order: number;
}

const NONE: readonly never[] = [];

/** Names resolved against patterns that are remembered; past it the memory starts anew. */
const RESOLVED_LIMIT = 10_000;

/**
 * Local dispatch. Rules: (1) subscription order, names and patterns mixed; (2) lists are replaced, never changed, so a
 * dispatch walks the list it began with and copies nothing; (3) a fault of one listener goes to `onFault` alone.
 */
export class Emitter<M> {
  readonly #onFault: (fault: unknown, name: string) => void;
  readonly #exact: Map<string, readonly Ordered<M>[]> = new Map<string, readonly Ordered<M>[]>();
  #patterns: readonly Ordered<M>[] = NONE;
  readonly #resolved: Map<string, readonly Ordered<M>[]> = new Map<string, readonly Ordered<M>[]>();
  #count: number = 0;
  #order: number = 0;

  constructor(onFault: (fault: unknown, name: string) => void) {
    this.#onFault = onFault;
  }

  /** Listeners in all. */
  get size(): number {
    return this.#count;
  }

  add(listener: Listener<M>): void {
    const ordered = listener as Ordered<M>;
    ordered.order = ++this.#order;
    this.#count += 1;
    const { pattern } = listener;
    if (isPattern(pattern)) {
      this.#patterns = [...this.#patterns, ordered];
      this.#resolved.clear();
      return;
    }
    const before = this.#exact.get(pattern);
    this.#exact.set(pattern, before === undefined ? [ordered] : [...before, ordered]);
    this.#resolved.delete(pattern);
  }

  remove(listener: Listener<M>): void {
    if (!listener.active) return;
    listener.active = false;
    this.#count -= 1;
    const { pattern } = listener;
    if (isPattern(pattern)) {
      this.#patterns = this.#patterns.filter((other) => other !== listener);
      this.#resolved.clear();
      return;
    }
    const before = this.#exact.get(pattern) ?? NONE;
    if (before.length === 1 && before[0] === listener) this.#exact.delete(pattern);
    else
      this.#exact.set(
        pattern,
        before.filter((other) => other !== listener),
      );
    this.#resolved.delete(pattern);
  }

  /** Who hears `name`, in subscription order. */
  listeners(name: string): readonly Listener<M>[] {
    if (this.#patterns.length === 0) return this.#exact.get(name) ?? NONE;
    let list = this.#resolved.get(name);
    if (list === undefined) {
      const wide = this.#patterns.filter(({ pattern }) => matches(pattern, name));
      list = [...wide, ...(this.#exact.get(name) ?? NONE)].sort((a, b) => a.order - b.order);
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
    for (const list of [this.#patterns, ...this.#exact.values()]) for (const listener of list) listener.active = false;
    this.#patterns = NONE;
    this.#count = 0;
    this.#exact.clear();
    this.#resolved.clear();
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
