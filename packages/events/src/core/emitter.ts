import { isPattern, matches } from "./topic.ts";

export interface Listener<M> {
  readonly pattern: string;
  readonly hear: (data: unknown, meta: M) => unknown;
  /** False once stopped: a dispatch that is under way skips it. */
  active: boolean;
  /** When it subscribed: set by the emitter. */
  order: number;
  /** Its own list, while it is on one: set by the emitter. */
  named?: Named<Listener<M>> | undefined;
}

interface Named<L> {
  list: readonly L[];
}

/** A name that is dispatched again and again: who hears it is looked up when listeners came or went, and not before. */
export interface Line<M> {
  readonly name: string;
  list: readonly Listener<M>[];
  /** The emitter's `version` that `list` was made at. */
  version: number;
}

export function newLine<M>(name: string): Line<M> {
  return { name, list: NONE, version: -1 };
}

const NONE: readonly never[] = [];

/** Names resolved against patterns that are remembered, and names without listeners: who came and went comes again. */
const NAMES_KEPT = 10_000;

/**
 * Local dispatch. Rules: (1) subscription order, names and patterns mixed; (2) lists are replaced, never changed, so a
 * dispatch walks the list it began with and copies nothing; (3) a fault of one listener goes to `onFault` alone.
 */
export class Emitter<M, L extends Listener<M> = Listener<M>> {
  readonly #onFault: (fault: unknown, name: string) => void;
  readonly #exact: Map<string, Named<L>> = new Map<string, Named<L>>();
  #patterns: readonly L[] = NONE;
  readonly #resolved: Map<string, readonly L[]> = new Map<string, readonly L[]>();
  #count: number = 0;
  #order: number = 0;
  #version: number = 0;

  constructor(onFault: (fault: unknown, name: string) => void) {
    this.#onFault = onFault;
  }

  /** Listeners in all. */
  get size(): number {
    return this.#count;
  }

  add(listener: L): void {
    listener.order = ++this.#order;
    this.#count += 1;
    this.#version += 1;
    const { pattern } = listener;
    if (isPattern(pattern)) {
      this.#patterns = [...this.#patterns, listener];
      this.#resolved.clear();
      return;
    }
    let named = this.#exact.get(pattern);
    if (named === undefined) this.#exact.set(pattern, (named = { list: [listener] }));
    else named.list = named.list.length === 0 ? [listener] : [...named.list, listener];
    listener.named = named as Named<Listener<M>>;
    if (this.#resolved.size > 0) this.#resolved.delete(pattern);
  }

  remove(listener: L): void {
    if (!listener.active) return;
    listener.active = false;
    this.#count -= 1;
    this.#version += 1;
    const { pattern } = listener;
    if (isPattern(pattern)) {
      this.#patterns = without(this.#patterns, listener);
      this.#resolved.clear();
      return;
    }
    const { named } = listener;
    if (named !== undefined) {
      named.list = without(named.list, listener);
      if (named.list.length === 0 && this.#exact.size > NAMES_KEPT) this.#exact.delete(pattern);
    }
    if (this.#resolved.size > 0) this.#resolved.delete(pattern);
  }

  /** All that subscribed, in order. */
  all(): L[] {
    return [...this.#patterns, ...[...this.#exact.values()].flatMap(({ list }) => list)].sort(byOrder);
  }

  /** Those that subscribed under this name or pattern, in order. */
  under(pattern: string): readonly L[] {
    if (!isPattern(pattern)) return this.#exact.get(pattern)?.list ?? NONE;
    return this.#patterns.filter((listener) => listener.pattern === pattern);
  }

  /** Who hears `name`, in subscription order. */
  listeners(name: string): readonly L[] {
    if (this.#patterns.length === 0) return this.#exact.get(name)?.list ?? NONE;
    let list = this.#resolved.get(name);
    if (list === undefined) {
      const wide = this.#patterns.filter(({ pattern }) => matches(pattern, name));
      list = [...wide, ...(this.#exact.get(name)?.list ?? NONE)].sort(byOrder);
      if (this.#resolved.size >= NAMES_KEPT) this.#resolved.clear();
      this.#resolved.set(name, list);
    }
    return list;
  }

  dispatch(line: Line<M>, data: unknown, meta: M): void {
    if (line.version !== this.#version) {
      line.list = this.listeners(line.name);
      line.version = this.#version;
    }
    const { list } = line;
    for (let i = 0; i < list.length; i++) {
      const listener = list[i] as Listener<M>;
      if (listener.active) this.call(listener, line.name, data, meta);
    }
  }

  call(listener: Listener<M>, name: string, data: unknown, meta: M): void {
    try {
      // Not as a method: what subscribed is no business of the function that hears.
      const { hear } = listener;
      const result = hear(data, meta);
      if (result !== undefined && isThenable(result)) {
        result.then(undefined, (fault: unknown) => this.#onFault(fault, name));
      }
    } catch (fault) {
      this.#onFault(fault, name);
    }
  }

  clear(): void {
    for (const listener of this.all()) listener.active = false;
    this.#patterns = NONE;
    this.#count = 0;
    this.#version += 1;
    this.#exact.clear();
    this.#resolved.clear();
  }
}

function byOrder(a: { readonly order: number }, b: { readonly order: number }): number {
  return a.order - b.order;
}

function without<L>(list: readonly L[], listener: L): readonly L[] {
  const last = list.length - 1;
  // Who came last goes first, mostly.
  if (list[last] === listener) return last === 0 ? NONE : list.slice(0, last);
  return list.filter((other) => other !== listener);
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
