import { COLUMN, DICTIONARY_PLACES, DICTIONARY_UNITS, slots } from "./columns.ts";
import type { Layout, ObjectLayout } from "./layout.ts";
import type { ShapeOf } from "./shapes.ts";

/** Whether it pays to look the texts of one field up in the dictionary. */
interface Luck {
  hits: number;
  misses: number;
  /** Columns that go without it before it is tried again. */
  rest: number;
}

/** Texts met before, by their place. What a frame adds counts when the frame is made. */
export class Dictionary {
  places: Map<string, number> = new Map<string, number>();
  epoch = 0;
  readonly #lucks = new Map<unknown, Luck>();

  /** By layout or field name; bounded by the contract and by `LUCKS`. */
  luckOf(site: unknown): Luck {
    let luck = this.#lucks.get(site);
    if (luck === undefined) {
      if (this.#lucks.size >= LUCKS) this.#lucks.clear();
      luck = { hits: 0, misses: 0, rest: 0 };
      this.#lucks.set(site, luck);
    }
    return luck;
  }
}

const LUCKS = 1_024;
const TRIES = 16;
const REST = 64;
const SMALL = 0x3fffffff;

const NO_TEXT = new Uint8Array(0);
/** Three varints, of one frame at a time. */
const HEAD = new Uint8Array(15);
const encoder = new TextEncoder();

/** Writes the columns of one frame at a time into memory that it keeps. */
export class ColumnWriter {
  readonly #shapeOf: ShapeOf;
  readonly #dictionary: Dictionary;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4_096);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #text = "";
  #added: string[] = [];
  #mayAdd = true;
  cells = 0;

  constructor(shapeOf: ShapeOf, dictionary: Dictionary) {
    this.#shapeOf = shapeOf;
    this.#dictionary = dictionary;
  }

  /** Begins a frame. `mayAdd`: it will not be taken back, so that later ones may refer to its texts. */
  begin(mayAdd: boolean): void {
    if (mayAdd && this.#dictionary.places.size > DICTIONARY_PLACES / 2 + DICTIONARY_PLACES / 4) {
      this.#dictionary.places.clear();
      this.#dictionary.epoch++;
    }
    this.#mayAdd = mayAdd;
    this.#added = [];
    this.#at = 0;
    this.#text = "";
    this.cells = 0;
  }

  /** The frame's bytes: epoch and size of the dictionary, text, columns. `keep`: the texts that it added count. */
  end(): Uint8Array {
    const text = this.#text === "" ? NO_TEXT : encoder.encode(this.#text);
    const columns = this.#bytes.subarray(0, this.#at);
    const head = HEAD;
    const { places, epoch } = this.#dictionary;
    let at = putVarint(head, 0, epoch);
    at = putVarint(head, at, places.size - this.#added.length);
    at = putVarint(head, at, text.byteLength);
    const whole = new Uint8Array(at + text.byteLength + columns.byteLength);
    whole.set(head.subarray(0, at));
    whole.set(text, at);
    whole.set(columns, at + text.byteLength);
    if (this.#bytes.byteLength > KEPT_BYTES) this.#grow(0, true);
    return whole;
  }

  /** The frame will not be sent: what it added is not known to the other side. */
  takeBack(): void {
    for (const text of this.#added) this.#dictionary.places.delete(text);
  }

  varint(value: number): void {
    if (this.#at + 5 > this.#bytes.byteLength) this.#grow(5);
    this.#at = putVarint(this.#bytes, this.#at, value);
  }

  column(values: readonly unknown[], layout: Layout, site: unknown): void {
    const count = values.length;
    if (count === 0) return;
    this.cells += count;
    const first = values[0];
    switch (typeof first) {
      case "string":
        if (areAll(values, "string")) return this.#texts(values as string[], site);
        break;
      case "number":
        if (areAll(values, "number")) return this.#numbers(values as number[]);
        break;
      case "boolean":
        if (areAll(values, "boolean")) return this.#booleans(values as boolean[]);
        break;
      case "undefined":
        if (areAll(values, "undefined")) return this.#byte(COLUMN.undefined);
        break;
      case "object":
        if (this.#objects(values, layout, site)) return;
        break;
      case "bigint":
      case "function":
      case "symbol": // Payloads are lowered before: there are none in them.
        throw new TypeError(`Cannot write a ${typeof first}: it is no plain data`);
    }
    if (this.#sparse(values, undefined, COLUMN.someUndefined, layout, site)) return;
    if (this.#sparse(values, null, COLUMN.someNull, layout, site)) return;
    this.#byte(COLUMN.mixed);
    for (const value of values) this.column([value], layout, site);
  }

  #byte(value: number): void {
    if (this.#at === this.#bytes.byteLength) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  #bits(count: number, isSet: (at: number) => boolean): void {
    for (let at = 0; at < count; at += 8) {
      let byte = 0;
      for (let bit = 0; bit < 8 && at + bit < count; bit++) if (isSet(at + bit)) byte |= 1 << bit;
      this.#byte(byte);
    }
  }

  #booleans(values: readonly boolean[]): void {
    const first = values[0]!;
    if (values.every((value) => value === first)) return this.#byte(first ? COLUMN.true : COLUMN.false);
    this.#byte(COLUMN.booleans);
    this.#bits(values.length, (at) => values[at]!);
  }

  #numbers(values: readonly number[]): void {
    const count = values.length;
    if (this.#at + count * 8 + 10 > this.#bytes.byteLength) this.#grow(count * 8 + 10);
    if (this.#integers(values)) return;
    const first = values[0]!;
    const bytes = this.#bytes;
    let at = this.#at;
    if (count > 1 && values.every((value) => Object.is(value, first))) {
      bytes[this.#at++] = COLUMN.same;
      return this.#numbers([first]);
    }
    if (areSteps(values)) {
      bytes[at] = COLUMN.longs;
      this.#view.setFloat64(at + 1, first, true);
      at += 9;
      for (let i = 1; i < count; i++) at = putVarint(bytes, at, zigzag(values[i]! - values[i - 1]!));
    } else {
      bytes[at++] = COLUMN.doubles;
      for (let i = 0; i < count; i++, at += 8) this.#view.setFloat64(at, values[i]!, true);
    }
    this.#at = at;
  }

  /** Written while they are looked at: most numbers are small and whole. False, and nothing written, when one is not. */
  #integers(values: readonly number[]): boolean {
    const count = values.length;
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = COLUMN.integers;
    let before = 0;
    let changes = 0;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      if ((value | 0) !== value || value > SMALL || value < -SMALL || (value === 0 && 1 / value < 0)) return false;
      const step = value - before;
      before = value;
      if (step !== 0) changes = i;
      at = putVarint(bytes, at, zigzag(step));
    }
    if (count > 1 && changes === 0) {
      at = this.#at;
      bytes[at++] = COLUMN.same;
      bytes[at++] = COLUMN.integers;
      at = putVarint(bytes, at, zigzag(before));
    }
    this.#at = at;
    return true;
  }

  #texts(values: readonly string[], site: unknown): void {
    const count = values.length;
    const first = values[0]!;
    if (count > 1) {
      let isSame = true;
      for (let i = 1; i < count && isSame; i++) isSame = values[i] === first;
      if (isSame) {
        this.#byte(COLUMN.same);
        return this.#texts([first], site);
      }
    }
    const luck = this.#dictionary.luckOf(site);
    if (luck.rest === 0) return this.#lookedUp(values, luck);
    luck.rest--;
    this.#byte(COLUMN.texts);
    if (this.#at + count * 5 > this.#bytes.byteLength) this.#grow(count * 5);
    const bytes = this.#bytes;
    let text = this.#text;
    let at = this.#at;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      text += value;
      at = putVarint(bytes, at, value.length);
    }
    this.#text = text;
    this.#at = at;
  }

  #lookedUp(values: readonly string[], luck: Luck): void {
    const { places } = this.#dictionary;
    this.#byte(COLUMN.dictionary);
    if (this.#at + values.length * 6 > this.#bytes.byteLength) this.#grow(values.length * 6);
    for (const value of values) {
      const { length } = value;
      const place = length <= DICTIONARY_UNITS ? places.get(value) : undefined;
      if (place !== undefined) {
        luck.hits++;
        this.#at = putVarint(this.#bytes, this.#at, place + 2);
        continue;
      }
      luck.misses++;
      const adds =
        this.#mayAdd && length > 1 && length <= DICTIONARY_UNITS && luck.rest === 0 && places.size < DICTIONARY_PLACES;
      if (adds) {
        places.set(value, places.size);
        this.#added.push(value);
      }
      this.#bytes[this.#at++] = adds ? 1 : 0;
      this.#at = putVarint(this.#bytes, this.#at, length);
      this.#text += value;
      if (luck.misses >= TRIES && luck.hits < luck.misses) luck.rest = REST;
    }
    if (luck.rest > 0 || luck.hits > TRIES * 4) luck.hits = luck.misses = 0;
  }

  /** False when they are not of one sort. */
  #objects(values: readonly unknown[], layout: Layout, site: unknown): boolean {
    const first = values[0];
    if (first === null) {
      if (!values.every((value) => value === null)) return false;
      this.#byte(COLUMN.null);
      return true;
    }
    if (Array.isArray(first)) {
      if (!values.every((value) => Array.isArray(value))) return false;
      this.#lists(values as unknown[][], layout, site);
      return true;
    }
    if (first instanceof Uint8Array) {
      if (!values.every((value) => value instanceof Uint8Array)) return false;
      this.#byteArrays(values as Uint8Array[]);
      return true;
    }
    for (const value of values) {
      if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return false;
    }
    if (layout?.kind === "object") {
      const columns = this.#shapeOf(layout).split(values);
      if (columns !== undefined) {
        this.#laidOut(layout, columns);
        return true;
      }
    }
    return this.#named(values as Record<string, unknown>[]);
  }

  #lists(values: readonly unknown[][], layout: Layout, site: unknown): void {
    this.#byte(COLUMN.lists);
    this.#numbers(values.map((list) => list.length));
    const items = values.length === 1 ? values[0]! : values.flat();
    this.column(items, layout?.kind === "list" ? layout.items : null, site);
  }

  #byteArrays(values: readonly Uint8Array[]): void {
    this.#byte(COLUMN.bytes);
    for (const value of values) this.varint(value.byteLength);
    for (const value of values) {
      if (this.#at + value.byteLength > this.#bytes.byteLength) this.#grow(value.byteLength);
      this.#bytes.set(value, this.#at);
      this.#at += value.byteLength;
    }
  }

  #laidOut({ fields }: ObjectLayout, columns: readonly unknown[][]): void {
    this.#byte(COLUMN.laidOut);
    const optional = fields.flatMap((field, f) => (field.optional ? [f] : []));
    const isThere = columns.map((column, f) => !fields[f]!.optional || column.some((value) => value !== undefined));
    this.#bits(optional.length, (at) => isThere[optional[at]!]!);
    for (let f = 0; f < fields.length; f++) {
      if (isThere[f]!) this.column(columns[f]!, fields[f]!.layout, fields[f]);
    }
  }

  #named(rows: readonly Record<string, unknown>[]): boolean {
    const names = Object.keys(rows[0]!);
    const width = names.length;
    const count = rows.length;
    const columns = names.map(() => slots<unknown>(count));
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      let f = 0;
      for (const name in row) {
        if (names[f] !== name) return false;
        columns[f++]![i] = row[name];
      }
      if (f !== width) return false;
    }
    this.#byte(COLUMN.named);
    this.varint(width);
    this.column(names, null, NAMES);
    for (let f = 0; f < width; f++) this.column(columns[f]!, null, names[f]);
    return true;
  }

  #sparse(values: readonly unknown[], hole: null | undefined, kind: number, layout: Layout, site: unknown): boolean {
    const others = values.filter((value) => value !== hole);
    if (others.length === values.length) return false;
    this.#byte(kind);
    this.#bits(values.length, (at) => values[at] === hole);
    this.column(others, layout, site);
    return true;
  }

  #grow(room: number, anew = false): void {
    const size = anew ? 4_096 : Math.max(this.#bytes.byteLength * 2, this.#at + room);
    const bytes = new Uint8Array(size);
    if (!anew) bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Memory for long frames is given back. */
const KEPT_BYTES = 262_144;
const NAMES = "";

/** Large whole numbers that lie near each other, as times do. */
function areSteps(values: readonly number[]): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return false;
    if (i > 0 && Math.abs(value - values[i - 1]!) > SMALL) return false;
  }
  return values.length > 1;
}

function areAll(values: readonly unknown[], type: string): boolean {
  for (let i = 1; i < values.length; i++) if (typeof values[i] !== type) return false;
  return true;
}

/** Small numbers for small steps, whatever their sign. */
function zigzag(step: number): number {
  return ((step << 1) ^ (step >> 31)) >>> 0;
}

/** 32 bits at most. */
function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}
