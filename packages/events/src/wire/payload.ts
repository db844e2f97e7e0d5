/**
 * What may cross, alike on every medium: null, undefined, booleans, numbers (NaN and -0 too), strings, bigints, plain
 * objects and arrays, Map, Set, Date, Error (name, message, code, cause), ArrayBuffer and its views. An instance of a
 * class crosses as its own enumerable fields. Functions, symbols, cycles and everything else are refused with the path.
 *
 * `copyOut` runs once at the sender and makes the copy that is sent: the sender may change its object afterwards, views
 * are copied tight (posting a view hands over its whole buffer), and what a medium lacks is lowered to
 * `{ "\u0001": [kind, …] }`. `raise` undoes that at the receiver, only for frames that carry the flag.
 */
import { EventsError } from "../core/errors.ts";
import type { Medium } from "./transport.ts";

const MARK = "\u0001";
const KIND = { object: 0, date: 1, map: 2, set: 3, bigint: 4, negativeZero: 5, error: 6, view: 7, buffer: 8 } as const;

const VIEWS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
] as const;
const VIEW_TAGS: readonly string[] = VIEWS.map((view) => view.name);

const ERRORS: ReadonlyMap<string, new (message: string) => Error> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
);

export interface Outgoing {
  readonly value: unknown;
  /** An estimate on media that clone; near the encoded size on byte media. */
  readonly bytes: number;
  readonly lowered: boolean;
  /** Lowered for bytes. */
  readonly asBytes: boolean;
}

/** The copy of `value` that crosses. Throws `EventsError` UNCLONEABLE (with `path`) or LIMIT (`bytes`, `depth`). */
export function copyOut(value: unknown, medium: Medium, maxBytes: number, maxDepth: number): Outgoing {
  const copier = new Copier(medium, maxBytes, maxDepth);
  copier.value = copier.copy(value, "", 1);
  return copier;
}

/** One walk over one payload; what it made and measured. */
class Copier implements Outgoing {
  value: unknown;
  bytes = 0;
  lowered = false;
  readonly asBytes: boolean;
  readonly #maxBytes: number;
  readonly #maxDepth: number;
  readonly #path: (string | number)[] = [];

  constructor(medium: Medium, maxBytes: number, maxDepth: number) {
    this.asBytes = medium === "bytes";
    this.#maxBytes = maxBytes;
    this.#maxDepth = maxDepth;
  }

  copy(value: unknown, key: string | number, depth: number): unknown {
    switch (typeof value) {
      case "string":
        this.bytes += value.length + 2;
        return value;
      case "number":
        this.bytes += 9;
        if (value === 0 && this.asBytes && Object.is(value, -0)) return this.#lower([KIND.negativeZero]);
        return value;
      case "boolean":
      case "undefined":
        this.bytes += 2;
        return value;
      case "object":
        if (value === null) {
          this.bytes += 1;
          return value;
        }
        return this.#object(value, key, depth);
      case "bigint": {
        if (!this.asBytes) {
          this.bytes += 16;
          return value;
        }
        const digits = value < 0n ? `-${(-value).toString(16)}` : value.toString(16);
        this.bytes += digits.length;
        return this.#lower([KIND.bigint, digits]);
      }
      case "function":
      case "symbol":
        throw this.#uncloneable(key, `a ${typeof value}`);
    }
  }

  #object(value: object, key: string | number, depth: number): unknown {
    if (depth > this.#maxDepth) {
      throw new EventsError(
        "LIMIT",
        `Cannot send "${this.#pathTo(key)}": nested deeper than ${this.#maxDepth}, or a cycle; send a flatter value`,
        { path: this.#pathTo(key), depth: this.#maxDepth },
      );
    }
    if (this.bytes > this.#maxBytes) throw this.tooLarge();
    this.#path.push(key);
    const copy = this.#compound(value, key, depth);
    this.#path.pop();
    if (this.bytes > this.#maxBytes) throw this.tooLarge();
    return copy;
  }

  #compound(value: object, key: string | number, depth: number): unknown {
    if (Array.isArray(value)) {
      this.bytes += 5;
      const copy: unknown[] = [];
      for (let i = 0; i < value.length; i++) {
        copy.push(this.copy(value[i], i, depth + 1));
        if (this.bytes > this.#maxBytes) throw this.tooLarge();
      }
      return copy;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return this.#plain(value, depth);
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    switch (tag) {
      case "Object":
        return this.#plain(value, depth);
      case "Date": {
        this.bytes += 12;
        const time = (value as Date).getTime();
        return this.asBytes ? this.#lower([KIND.date, time]) : new Date(time);
      }
      case "Map": {
        const entries: unknown[] = [];
        this.bytes += 8;
        for (const [name, item] of value as Map<unknown, unknown>) {
          entries.push(this.copy(name, "(key)", depth + 1), this.copy(item, describeKey(name), depth + 1));
        }
        if (this.asBytes) return this.#lower([KIND.map, entries]);
        const copy = new Map<unknown, unknown>();
        for (let i = 0; i < entries.length; i += 2) copy.set(entries[i], entries[i + 1]);
        return copy;
      }
      case "Set": {
        const items: unknown[] = [];
        this.bytes += 8;
        for (const item of value as Set<unknown>) items.push(this.copy(item, items.length, depth + 1));
        return this.asBytes ? this.#lower([KIND.set, items]) : new Set(items);
      }
      case "Error":
        return this.#error(value as Error, depth);
      case "ArrayBuffer": {
        const copy = new Uint8Array(value as ArrayBuffer).slice();
        this.bytes += copy.byteLength + 8;
        return this.asBytes ? this.#lower([KIND.buffer, copy]) : copy.buffer;
      }
      default:
        if (ArrayBuffer.isView(value)) return this.#view(value);
        if (value instanceof Error) return this.#error(value, depth);
        throw this.#uncloneable(key, describe(value, tag), true);
    }
  }

  #plain(value: object, depth: number): unknown {
    const keys = Object.keys(value);
    const copy: Record<string, unknown> = {};
    this.bytes += 5;
    for (const name of keys) {
      if (name === MARK || name === "__proto__") return this.#entries(value, keys, depth);
      this.bytes += name.length + 2;
      copy[name] = this.copy((value as Record<string, unknown>)[name], name, depth + 1);
    }
    return copy;
  }

  /** Objects with a key that a plain copy would mistake. */
  #entries(value: object, keys: readonly string[], depth: number): unknown {
    const entries = keys.flatMap((name) => {
      this.bytes += name.length + 2;
      const item = Object.getOwnPropertyDescriptor(value, name);
      return [name, this.copy(item?.get ? item.get.call(value) : item?.value, name, depth + 1)];
    });
    return this.#lower([KIND.object, entries]);
  }

  /** Lowered on every medium: platforms drop `code` and send the stack along. */
  #error(error: Error, depth: number): unknown {
    const { code, cause } = error as { code?: unknown; cause?: unknown };
    const safeCode = typeof code === "string" || typeof code === "number" ? code : null;
    const name = String(error.name);
    const message = String(error.message);
    this.bytes += name.length + message.length + 16;
    const fields: unknown[] = [KIND.error, name, message, safeCode];
    if (cause !== undefined) fields.push(this.copy(cause, "cause", depth + 1));
    return this.#lower(fields);
  }

  #view(value: ArrayBufferView): unknown {
    const bytes = new Uint8Array(value.byteLength);
    bytes.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    this.bytes += bytes.byteLength + 8;
    // By the brand, not the class: a Node Buffer is a Uint8Array to every receiver.
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    const kind = VIEW_TAGS.indexOf(tag);
    if (tag === "Uint8Array") return bytes;
    return this.asBytes ? this.#lower([KIND.view, kind, bytes]) : buildView(kind, bytes);
  }

  #lower(fields: unknown[]): unknown {
    this.lowered = true;
    this.bytes += 5;
    return { [MARK]: fields };
  }

  tooLarge(): EventsError {
    return new EventsError(
      "LIMIT",
      `Cannot send a payload: it has more than ${this.#maxBytes} bytes; raise maxBytes of the event, or send a reference`,
      { bytes: this.#maxBytes },
    );
  }

  #uncloneable(key: string | number, what: string, inside = false): EventsError {
    const path = inside ? this.#path.slice(1).join(".") : this.#pathTo(key);
    const where = path === "" ? "the payload" : `"${path}"`;
    return new EventsError("UNCLONEABLE", `Cannot send ${where}: it is ${what}; send plain data instead`, { path });
  }

  #pathTo(key: string | number): string {
    return [...this.#path, String(key)].slice(1).join(".");
  }
}

function describe(value: object, tag: string): string {
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? `a ${name}` : `a ${tag}`;
}

function describeKey(name: unknown): string {
  return typeof name === "string" || typeof name === "number" ? String(name) : "(value)";
}

function buildView(kind: number, bytes: Uint8Array): unknown {
  const View = VIEWS[kind];
  if (View === undefined) throw malformed();
  const width = "BYTES_PER_ELEMENT" in View ? View.BYTES_PER_ELEMENT : 1;
  if (bytes.byteLength % width !== 0) throw malformed();
  const aligned = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
  return new (View as new (buffer: ArrayBuffer) => ArrayBufferView)(aligned.buffer as ArrayBuffer);
}

function malformed(): EventsError {
  return new EventsError("PROTOCOL", "Cannot read a payload: a lowered value is malformed");
}

/** Undoes `lower`, in place where it can. Throws `EventsError` PROTOCOL for marks that no sender makes. */
export function raise(value: unknown): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = raise(value[i]);
    return value;
  }
  if (value instanceof Map) {
    const entries = [...(value as Map<unknown, unknown>)];
    value.clear();
    for (const [key, item] of entries) value.set(raise(key), raise(item));
    return value;
  }
  if (value instanceof Set) {
    const items = [...(value as Set<unknown>)];
    value.clear();
    for (const item of items) value.add(raise(item));
    return value;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const record = value as Record<string, unknown>;
  if (Object.hasOwn(record, MARK)) return raiseMark(record[MARK]);
  for (const key of Object.keys(record)) record[key] = raise(record[key]);
  return record;
}

function raiseMark(fields: unknown): unknown {
  if (!Array.isArray(fields)) throw malformed();
  const [kind, first, second] = fields as unknown[];
  switch (kind) {
    case KIND.object: {
      const entries = pairs(first);
      const copy: Record<string, unknown> = {};
      for (let i = 0; i < entries.length; i += 2) {
        const key = entries[i];
        if (typeof key !== "string") throw malformed();
        Object.defineProperty(copy, key, {
          value: raise(entries[i + 1]),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return copy;
    }
    case KIND.date:
      if (typeof first !== "number") throw malformed();
      return new Date(first);
    case KIND.map: {
      const entries = pairs(first);
      const copy = new Map<unknown, unknown>();
      for (let i = 0; i < entries.length; i += 2) copy.set(raise(entries[i]), raise(entries[i + 1]));
      return copy;
    }
    case KIND.set:
      if (!Array.isArray(first)) throw malformed();
      return new Set(first.map(raise));
    case KIND.bigint:
      if (typeof first !== "string" || !/^-?[0-9a-f]+$/.test(first)) throw malformed();
      return first.startsWith("-") ? -BigInt(`0x${first.slice(1)}`) : BigInt(`0x${first}`);
    case KIND.negativeZero:
      return -0;
    case KIND.error:
      return raiseError(fields);
    case KIND.view:
      if (typeof first !== "number" || !(second instanceof Uint8Array)) throw malformed();
      return buildView(first, second);
    case KIND.buffer:
      if (!(first instanceof Uint8Array)) throw malformed();
      return first.slice().buffer;
    default:
      throw malformed();
  }
}

function pairs(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length % 2 !== 0) throw malformed();
  return value;
}

function raiseError(fields: readonly unknown[]): Error {
  const [, name, message, code] = fields;
  if (typeof name !== "string" || typeof message !== "string") throw malformed();
  // A closed table: names from the wire never look up a constructor anywhere else.
  const error = new (ERRORS.get(name) ?? Error)(message);
  const set = (key: string, value: unknown): unknown =>
    Object.defineProperty(error, key, { value, configurable: true, writable: true });
  if (error.name !== name) set("name", name);
  set("stack", `${name}: ${message}`);
  if (typeof code === "string" || typeof code === "number") {
    Object.defineProperty(error, "code", { value: code, enumerable: true, configurable: true, writable: true });
  }
  if (fields.length > 4) set("cause", raise(fields[4]));
  return error;
}

/**
 * Size of a value that a medium has cloned for us, refused where it is deeper or larger than allowed or has a type that
 * `copyOut` never sends. Throws `EventsError` PROTOCOL or LIMIT.
 */
export function measure(value: unknown, maxBytes: number, maxDepth: number): number {
  let bytes = 0;
  walk(value, 1);
  return bytes;

  function walk(item: unknown, depth: number): void {
    if (typeof item === "string") bytes += item.length + 2;
    else if (typeof item !== "object" || item === null) {
      if (typeof item === "function" || typeof item === "symbol") throw malformed();
      bytes += 9;
    } else if (depth > maxDepth) {
      throw new EventsError("LIMIT", `Cannot read a body: nested deeper than ${maxDepth}`, { depth: maxDepth });
    } else if (Array.isArray(item)) {
      bytes += 5;
      if (item.length > maxBytes) throw oversize();
      for (let i = 0; i < item.length; i++) walk(item[i], depth + 1);
    } else if (ArrayBuffer.isView(item)) bytes += item.byteLength + 8;
    else if (Object.getPrototypeOf(item) === Object.prototype) {
      bytes += 5;
      for (const key of Object.keys(item)) {
        bytes += key.length + 2;
        walk((item as Record<string, unknown>)[key], depth + 1);
      }
    } else if (item instanceof Map) {
      for (const [key, entry] of item as Map<unknown, unknown>) {
        walk(key, depth + 1);
        walk(entry, depth + 1);
      }
    } else if (item instanceof Set) {
      for (const entry of item as Set<unknown>) walk(entry, depth + 1);
    } else if (item instanceof ArrayBuffer) bytes += item.byteLength + 8;
    else if (item instanceof Date) bytes += 12;
    else throw malformed();
    if (bytes > maxBytes) throw oversize();
  }

  function oversize(): EventsError {
    return new EventsError("LIMIT", `Cannot read a body: it has more than ${maxBytes} bytes`, { bytes: maxBytes });
  }
}
