/** What payload.ts lowered becomes itself again here; what no sender makes is refused. */
import { EventsError } from "../core/errors.ts";
import { isSharedMemory, SharedBytes } from "./shared.ts";

export const MARK = "\u0001";
export const KIND = {
  object: 0,
  date: 1,
  map: 2,
  set: 3,
  bigint: 4,
  negativeZero: 5,
  error: 6,
  view: 7,
  buffer: 8,
  shared: 9,
} as const;

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
export const VIEW_TAGS: readonly string[] = VIEWS.map((view) => view.name);

const ERRORS: ReadonlyMap<string, new (message: string) => Error> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
);

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

/** The value that `fields` stand for. `inner` raises what is in it, unless that was done. */
export function raiseMark(fields: unknown, inner: (value: unknown) => unknown = raise): unknown {
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
          value: inner(entries[i + 1]),
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
      for (let i = 0; i < entries.length; i += 2) copy.set(inner(entries[i]), inner(entries[i + 1]));
      return copy;
    }
    case KIND.set:
      if (!Array.isArray(first)) throw malformed();
      return new Set(first.map(inner));
    case KIND.bigint:
      if (typeof first !== "string" || !/^-?[0-9a-f]+$/.test(first)) throw malformed();
      return first.startsWith("-") ? -BigInt(`0x${first.slice(1)}`) : BigInt(`0x${first}`);
    case KIND.negativeZero:
      return -0;
    case KIND.error:
      return raiseError(fields, inner);
    case KIND.view:
      if (typeof first !== "number" || !(second instanceof Uint8Array)) throw malformed();
      return buildView(first, second);
    case KIND.buffer:
      if (!(first instanceof Uint8Array)) throw malformed();
      return first.slice().buffer;
    case KIND.shared:
      if (isSharedMemory(first)) return new SharedBytes(first);
      if (!(first instanceof Uint8Array)) throw malformed();
      return new SharedBytes(first.slice().buffer);
    default:
      throw malformed();
  }
}

function pairs(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length % 2 !== 0) throw malformed();
  return value;
}

function raiseError(fields: readonly unknown[], inner: (value: unknown) => unknown): Error {
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
  if (fields.length > 4) set("cause", inner(fields[4]));
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
      // Shared memory stands in its mark and nowhere else.
      if (item.length === 2 && item[0] === KIND.shared && isSharedMemory(item[1])) bytes += 16;
      else for (let i = 0; i < item.length; i++) walk(item[i], depth + 1);
    } else if (ArrayBuffer.isView(item)) bytes += item.byteLength + 8;
    else if (Object.getPrototypeOf(item) === Object.prototype) {
      bytes += 5;
      // What somebody put on Object.prototype is walked through too: it can make the sum larger, and nothing else.
      for (const key in item) {
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

export function buildView(kind: number, bytes: Uint8Array): unknown {
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
