/**
 * The hash of a value's content: equal values have equal ones, whatever the order of their keys and however they came.
 * What has no content to speak of (functions, streams, objects of classes, cycles) has none.
 */
import { createHash, hash as hashOf } from "node:crypto";

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

function walked(value: unknown): string | undefined {
  const walk = new Walk();
  return walk.add(value, 0) ? createHash("sha256").update(walk.parts.join("")).digest("hex") : undefined;
}

class Walk {
  readonly parts: string[] = [];
  #characters = 0;

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
    if (value instanceof Uint8Array) return this.#put(`x${hashOf("sha256", value, "hex")}`);
    if (value instanceof Date) return this.#put(`D${value.getTime()};`);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) return false;
    const keys = Object.keys(value).toSorted();
    if (!this.#put(`{${keys.length}:`)) return false;
    return keys.every((key) => this.add(key, depth) && this.add((value as Record<string, unknown>)[key], depth));
  }

  #put(part: string): boolean {
    this.#characters += part.length;
    return this.#characters <= CHARACTERS && this.parts.push(part) <= PARTS;
  }
}
