/**
 * Values on their way to a reader: a plain, bounded copy, whatever a node produced. Cycles, getters that throw, BigInt
 * and the like become text; a secret never gets out; what is larger than a reader wants is cut and says so.
 */
import type { Val } from "../../contract.ts";
import type { Redact } from "./redact.ts";

/** Above it a value is cut, and read by its reference. */
export const INLINE_BYTES = 32 * 1024;
const PREVIEW_BYTES = 2 * 1024;
const DEPTH = 32;
/** Beyond so many values the size of the rest is estimated from what was seen. */
const COUNTED_VALUES = 100_000;

export interface ValLimits {
  readonly maxBytes: number;
  /** Levels of lists and objects; what lies deeper is cut. */
  readonly depth: number;
}
const USUAL: ValLimits = { maxBytes: INLINE_BYTES, depth: DEPTH };

/** `ref` names the value for whoever wants to read more of it. */
export function toVal(value: unknown, ref: string, redact?: Redact, { maxBytes, depth }: ValLimits = USUAL): Val {
  if (isBlob(value)) {
    const { $blob, size, type, name } = value;
    return { t: "blob", $blob, size, type, ...(typeof name === "string" ? { name: redact?.(name) ?? name } : {}) };
  }
  const whole = new Copier(maxBytes, redact, depth);
  const copy = whole.copy(value, 0);
  if (!whole.isCut) return { t: "json", v: copy };
  return {
    t: "trunc",
    preview: new Copier(Math.min(PREVIEW_BYTES, maxBytes), redact, depth).copy(value, 0),
    bytes: sizeOf(value),
    ref,
  };
}

/** A copy without secrets; everything else as it is. */
export function redacted(value: unknown, redact: Redact | undefined): unknown {
  return redact ? new Copier(Number.MAX_SAFE_INTEGER, redact).copy(value, 0) : value;
}

interface Blob {
  $blob: string;
  size: number;
  type: string;
  name?: unknown;
}
function isBlob(value: unknown): value is Blob {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "$blob")) return false;
  const { $blob, size, type } = value as Partial<Blob>;
  return typeof $blob === "string" && typeof size === "number" && typeof type === "string";
}

class Copier {
  isCut = false;
  #left: number;
  readonly #depth: number;
  readonly #redact: Redact | undefined;
  readonly #open = new Set<object>();

  constructor(bytes: number, redact: Redact | undefined, depth = DEPTH) {
    this.#depth = Math.min(depth, DEPTH);
    this.#left = bytes;
    this.#redact = redact;
  }

  copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        this.#left -= 8;
        return Number.isFinite(value) ? value : String(value);
      case "boolean":
        this.#left -= 5;
        return value;
      case "undefined":
        return null;
      case "object":
        return value === null ? null : this.#object(value, depth);
      case "bigint":
        return this.#text(`${value}n`);
      case "function":
      case "symbol":
        return `[${typeof value}]`;
    }
  }

  #text(value: string): string {
    const clean = this.#redact ? this.#redact(value) : value;
    // Three bytes a character at most: no need to encode in order to know that it fits.
    this.#left -= clean.length + 2;
    if (this.#left >= 0) return clean;
    this.isCut = true;
    return `${clean.slice(0, Math.max(0, clean.length + this.#left))}…`;
  }

  #object(value: object, depth: number): unknown {
    if (depth >= this.#depth) {
      this.isCut = true;
      return "[deeper]";
    }
    if (this.#open.has(value)) return "[circular]";
    this.#open.add(value);
    try {
      if (Array.isArray(value)) return this.#list(value, depth);
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
      if (value instanceof Map) return this.#list([...value], depth);
      if (value instanceof Set) return this.#list([...value], depth);
      if (value instanceof Error) return this.#text(`${value.name}: ${value.message}`);
      return this.#record(value as Record<string, unknown>, depth);
    } catch {
      return "[unreadable]";
    } finally {
      this.#open.delete(value);
    }
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let at = 0; at < values.length; at++) {
      if (this.#left <= 0) {
        this.isCut = true;
        break;
      }
      this.#left -= 1;
      copy.push(this.copy(values[at], depth + 1));
    }
    return copy;
  }

  #record(value: Record<string, unknown>, depth: number): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      if (this.#left <= 0) {
        this.isCut = true;
        break;
      }
      let inner: unknown;
      try {
        inner = value[key];
      } catch {
        inner = "[unreadable]";
      }
      if (inner === undefined) continue;
      // Defined, not assigned: a key named __proto__ must stay a key.
      Object.defineProperty(copy, this.#text(key), {
        value: this.copy(inner, depth + 1),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return copy;
  }
}

/** Bytes of the value as JSON, about: exact enough to say "12 MB". Without recursion, and without making the text. */
export function sizeOf(value: unknown): number {
  const work: unknown[] = [value];
  const seen = new Set<object>();
  let bytes = 0;
  let counted = 0;
  while (work.length > 0) {
    const next = work.pop();
    counted++;
    if (counted > COUNTED_VALUES) return Math.round((bytes / counted) * (counted + work.length));
    if (typeof next === "string") bytes += next.length + 2;
    else if (typeof next !== "object" || next === null) bytes += 5;
    else if (ArrayBuffer.isView(next)) bytes += next.byteLength;
    else if (!seen.has(next)) {
      seen.add(next);
      if (Array.isArray(next)) {
        bytes += next.length + 1;
        if (next.length > COUNTED_VALUES) bytes += Math.round((sizeOf(next.slice(0, 1_000)) / 1_000) * next.length);
        else for (const item of next) work.push(item);
      } else {
        for (const key of Object.keys(next)) {
          bytes += key.length + 4;
          try {
            work.push((next as Record<string, unknown>)[key]);
          } catch {
            // A getter that throws has no size.
          }
        }
      }
    }
  }
  return bytes;
}
