/**
 * The hash of a value's content: equal values have equal ones, whatever the order of their keys and however they came.
 * What has no content to speak of (functions, streams, objects of classes, cycles) has none.
 */
import { hash } from "node:crypto";

/** Levels of lists and objects. */
const DEPTH = 100;
/** Parts, and characters, of one value: hashing more would hold the host up. */
const PARTS = 1_000_000;
const CHARACTERS = 16 * 1024 * 1024;

/** Values pass from node to node as they are: each is walked once. */
const known = new WeakMap<object, string | undefined>();

/** Undefined: it cannot be said, or costs too much. */
export function contentHash(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return walked(value);
  if (!known.has(value)) known.set(value, walked(value));
  return known.get(value);
}

/** What is short stands for itself. */
const SHORT = 64;

function walked(value: unknown): string | undefined {
  const walk = new Walk();
  if (!walk.add(value, 0)) return undefined;
  return walk.text.length <= SHORT ? walk.text : hash("sha256", walk.text, "hex");
}

class Walk {
  text = "";
  #parts = 0;
  /** Of the object before: items of a list are mostly alike. */
  #keys: readonly string[] = [];
  #sorted: readonly string[] = [];

  /** False: it has no hash. */
  add(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case "string":
        return this.#put(`${value.length}"${value}`);
      case "number":
        return this.#put(Object.is(value, -0) ? "-0;" : `${value};`);
      case "boolean":
        return this.#put(value ? "t" : "f");
      case "bigint":
        return this.#put(`${value}n`);
      case "undefined":
        return this.#put("u");
      case "object":
        return value === null ? this.#put("0") : depth < DEPTH && this.#addObject(value, depth + 1);
      case "function":
      case "symbol":
        return false;
    }
  }

  #addObject(value: object, depth: number): boolean {
    if (Array.isArray(value)) {
      if (!this.#put(`[${value.length}:`)) return false;
      for (const item of value) if (!this.add(item, depth)) return false;
      return true;
    }
    if (value instanceof Uint8Array) return this.#put(`x${hash("sha256", value, "hex")}`);
    if (value instanceof Date) return this.#put(`D${value.getTime()};`);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) return false;
    const keys = this.#sortedKeys(value);
    if (!this.#put(`{${keys.length}:`)) return false;
    for (const key of keys) {
      this.text += `${key.length}"${key}`;
      if (!this.add((value as Record<string, unknown>)[key], depth)) return false;
    }
    return true;
  }

  #sortedKeys(value: object): readonly string[] {
    const keys = Object.keys(value);
    const isSame = keys.length === this.#keys.length && keys.every((key, index) => key === this.#keys[index]);
    if (!isSame) {
      this.#keys = keys;
      this.#sorted = keys.toSorted();
    }
    return this.#sorted;
  }

  #put(part: string): boolean {
    this.text += part;
    return this.text.length <= CHARACTERS && ++this.#parts <= PARTS;
  }
}
