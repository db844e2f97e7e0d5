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
import { pathText } from "./path.ts";
import { buildView, KIND, MARK, VIEW_TAGS } from "./raise.ts";
import { SharedBytes } from "./shared.ts";
import { isGiven } from "./transfer.ts";
import type { Medium } from "./transport.ts";

export interface Outgoing {
  readonly value: unknown;
  /** An estimate on media that clone; near the encoded size on byte media. */
  readonly bytes: number;
  readonly lowered: boolean;
  /** Lowered for bytes. */
  readonly asBytes: boolean;
  /** Buffers in `value` that may move with it: still the sender's own, until `moveOut`. */
  readonly moves: readonly ArrayBuffer[] | undefined;
  /** Our own copies of long views, which move too. */
  readonly ownMoves: readonly ArrayBuffer[] | undefined;
  readonly movedBytes: number;
  /** Of `bytes`, what moves: it needs no chunks, since it crosses in no time, however long it is. */
  readonly inPlaceBytes: number;
  /** Stand in shared memory, and are no part of `bytes`. */
  readonly sharedBytes: number;
  /** Copied, though the sender asked for a move or for shared memory. */
  readonly copiedBytes: number;
}

/** What a medium can do with memory besides copying it. */
export interface Reach {
  /** The sender's own buffers, where it gave them away. */
  readonly moves: boolean;
  readonly movesCopies: boolean;
  readonly shares: boolean;
}

const COPIES: Reach = { moves: false, movesCopies: false, shares: false };
/** A shorter copy is cheaper cloned again than moved. */
const MOVED_COPY_BYTES = 65_536;

/** The copy of `value` that crosses. Throws `EventsError` UNCLONEABLE (with `path`) or LIMIT (`bytes`, `depth`). */
export function copyOut(
  value: unknown,
  medium: Medium,
  maxBytes: number,
  maxDepth: number,
  reach: Reach = COPIES,
): Outgoing {
  const flat = maxDepth > 0 ? copyFlat(value, medium) : undefined;
  if (flat !== undefined) {
    if (flat.bytes > maxBytes) throw tooLarge(maxBytes);
    return flat;
  }
  const copier = new Copier(medium, maxBytes, maxDepth, reach);
  copier.value = copier.copy(value, "", 1);
  if (copier.bytes > maxBytes) throw tooLarge(maxBytes);
  return copier;
}

export function tooLarge(maxBytes: number): EventsError {
  return new EventsError(
    "LIMIT",
    `Cannot send a payload: it has more than ${maxBytes} bytes; raise maxBytes of the event, send a stream (withStreams), or a reference`,
    { bytes: maxBytes },
  );
}

/** Takes the buffers from the sender: `value` is another one then, with them in it. */
export function moveOut(value: unknown, moves: readonly ArrayBuffer[]): Pick<Outgoing, "value" | "moves"> {
  return structuredClone({ value, moves }, { transfer: moves });
}

/** A copy without anything in it that a medium lacks, or that could move. */
class FlatCopy implements Outgoing {
  readonly value: unknown;
  readonly bytes: number;
  readonly asBytes: boolean;
  readonly lowered: boolean = false;
  readonly moves: undefined = undefined;
  readonly ownMoves: undefined = undefined;
  readonly movedBytes: number = 0;
  readonly inPlaceBytes: number = 0;
  readonly sharedBytes: number = 0;
  readonly copiedBytes: number = 0;

  constructor(value: unknown, bytes: number, asBytes: boolean) {
    this.value = value;
    this.bytes = bytes;
    this.asBytes = asBytes;
  }
}

/**
 * The payload of most events, a record of texts, numbers and truth values, with a copy that the platform makes: a third
 * of the walk's time. Undefined where there is anything else in it, for the walk.
 */
function copyFlat(value: unknown, medium: Medium): FlatCopy | undefined {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return undefined;
  let copy: Record<string, unknown>;
  try {
    copy = { ...value };
  } catch {
    return undefined; // A getter that throws: the walk tells which.
  }
  let bytes = 5;
  for (const name in copy) {
    if (name === MARK || name === "__proto__") return undefined;
    const item = copy[name];
    bytes += name.length + 2;
    if (typeof item === "string") bytes += item.length + 2;
    else if (typeof item === "number") {
      if (item === 0 && medium === "bytes" && Object.is(item, -0)) return undefined;
      bytes += 9;
    } else if (typeof item === "boolean" || item === undefined) bytes += 2;
    else if (item === null) bytes += 1;
    else return undefined;
  }
  return new FlatCopy(copy, bytes, medium === "bytes");
}

/** One walk over one payload; what it made and measured. */
class Copier implements Outgoing {
  value: unknown;
  bytes = 0;
  lowered = false;
  readonly asBytes: boolean;
  moves: ArrayBuffer[] | undefined;
  ownMoves: ArrayBuffer[] | undefined;
  inPlaceBytes = 0;
  movedBytes = 0;
  sharedBytes = 0;
  copiedBytes = 0;
  readonly #reach: Reach;
  readonly #maxBytes: number;
  readonly #maxDepth: number;
  readonly #path: (string | number)[] = [];

  constructor(medium: Medium, maxBytes: number, maxDepth: number, reach: Reach) {
    this.asBytes = medium === "bytes";
    this.#maxBytes = maxBytes;
    this.#reach = reach;
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
        `Cannot send "${this.#pathTo(key).slice(0, 40)}…": nested deeper than ${this.#maxDepth}, or a cycle; send a flatter value`,
        { path: this.#pathTo(key), depth: this.#maxDepth },
      );
    }
    if (this.bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
    this.#path.push(key);
    const copy = this.#compound(value, key, depth);
    this.#path.pop();
    if (this.bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
    return copy;
  }

  #compound(value: object, key: string | number, depth: number): unknown {
    if (Array.isArray(value)) {
      this.bytes += 5;
      const copy: unknown[] = [];
      for (let i = 0; i < value.length; i++) {
        copy.push(this.copy(value[i], i, depth + 1));
        if (this.bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
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
        this.bytes += (value as ArrayBuffer).byteLength + 8;
        if (isGiven(value as ArrayBuffer, this.#path) && this.#moves(value as ArrayBuffer)) return value;
        const copy = new Uint8Array(value as ArrayBuffer).slice();
        return this.asBytes ? this.#lower([KIND.buffer, copy]) : copy.buffer;
      }
      default:
        if (ArrayBuffer.isView(value)) return this.#view(value);
        if (value instanceof SharedBytes) return this.#shared(value);
        if (value instanceof Error) return this.#error(value, depth);
        throw this.#uncloneable(key, describe(value, tag), true);
    }
  }

  #plain(value: object, depth: number): unknown {
    const keys = Object.keys(value);
    const copy: Record<string, unknown> = {};
    this.bytes += 5;
    let at = "";
    try {
      for (const name of keys) {
        at = name;
        if (name === MARK || name === "__proto__") return this.#entries(value, keys, depth);
        this.bytes += name.length + 2;
        copy[name] = this.copy((value as Record<string, unknown>)[name], name, depth + 1);
      }
    } catch (fault) {
      throw fault instanceof EventsError ? fault : this.#uncloneable(at, "a getter that throws");
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

  #shared({ bytes, shared }: SharedBytes): unknown {
    if (shared && this.#reach.shares && !this.asBytes) {
      this.bytes += 16;
      this.sharedBytes += bytes.byteLength;
      return this.#lower([KIND.shared, bytes.buffer]);
    }
    this.bytes += bytes.byteLength + 8;
    if (shared) this.copiedBytes += bytes.byteLength;
    return this.#lower([KIND.shared, new Uint8Array(bytes)]);
  }

  /** Counts a buffer that the sender gave away; false where it is copied all the same. */
  #moves(buffer: ArrayBuffer, view: ArrayBufferView | ArrayBuffer = buffer): boolean {
    // A part of a buffer is cut out: nothing beside it crosses.
    if (!this.#reach.moves || this.asBytes || view.byteLength !== buffer.byteLength) {
      this.copiedBytes += view.byteLength;
      return false;
    }
    this.moves ??= [];
    if (this.moves.includes(buffer)) return true;
    this.moves.push(buffer);
    this.movedBytes += buffer.byteLength;
    this.inPlaceBytes += buffer.byteLength;
    return true;
  }

  #view(value: ArrayBufferView): unknown {
    const { buffer } = value;
    if (isGiven(buffer, this.#path) && this.#moves(buffer, value)) {
      this.bytes += value.byteLength + 8;
      return value;
    }
    const bytes = new Uint8Array(value.byteLength);
    bytes.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    this.bytes += bytes.byteLength + 8;
    if (bytes.byteLength > MOVED_COPY_BYTES && this.#reach.movesCopies && !this.asBytes) {
      (this.ownMoves ??= []).push(bytes.buffer);
      this.inPlaceBytes += bytes.byteLength;
    }
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

  #uncloneable(key: string | number, what: string, inside = false): EventsError {
    const path = inside ? pathText(this.#path) : this.#pathTo(key);
    const where = path === "" ? "the payload" : `"${path}"`;
    return new EventsError(
      "UNCLONEABLE",
      `Cannot send ${where}: it is ${what}; ${what === "a Promise" ? "await it first" : "send plain data instead"}`,
      { path },
    );
  }

  #pathTo(key: string | number): string {
    return pathText([...this.#path, key]);
  }
}

function describe(value: object, tag: string): string {
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? `a ${name}` : `a ${tag}`;
}

function describeKey(name: unknown): string {
  return typeof name === "string" || typeof name === "number" ? String(name) : "(value)";
}
