import { MARK } from "../wire/raise.ts";
import { ByteWriter, putVarint } from "./byte-writer.ts";
import { COLUMN, DICTIONARY_PLACES, DICTIONARY_UNITS, slots } from "./columns.ts";
import { REST, TRIES, type Dictionary, type Luck } from "./dictionary.ts";
import type { Layout, ObjectLayout } from "./layout.ts";
import type { ShapeOf } from "./shapes.ts";

const NO_TEXT = new Uint8Array(0);
/** Three varints, of one frame at a time. */
const HEAD = new Uint8Array(15);
const encoder = new TextEncoder();

/** Writes the columns of one frame at a time into memory that it keeps. */
export class ColumnWriter {
  readonly #shapeOf: ShapeOf;
  readonly #dictionary: Dictionary;
  readonly #out = new ByteWriter();
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
    this.#out.restart();
    this.#text = "";
    this.cells = 0;
  }

  /** The frame's bytes: epoch and size of the dictionary, text, columns. The texts that it added count. */
  end(): Uint8Array {
    const text = this.#text === "" ? NO_TEXT : encoder.encode(this.#text);
    const columns = this.#out.written;
    const { places, epoch } = this.#dictionary;
    let at = putVarint(HEAD, 0, epoch);
    at = putVarint(HEAD, at, places.size - this.#added.length);
    at = putVarint(HEAD, at, text.byteLength);
    const whole = new Uint8Array(at + text.byteLength + columns.byteLength);
    whole.set(HEAD.subarray(0, at));
    whole.set(text, at);
    whole.set(columns, at + text.byteLength);
    return whole;
  }

  /** The frame will not be sent: what it added is not known to the other side. */
  takeBack(): void {
    for (const text of this.#added) this.#dictionary.places.delete(text);
  }

  /** A number outside the columns. */
  count(value: number): void {
    this.#out.varint(value);
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
        if (areAll(values, "number")) return this.#out.numbers(values as number[]);
        break;
      case "boolean":
        if (areAll(values, "boolean")) return this.#booleans(values as boolean[]);
        break;
      case "undefined":
        if (areAll(values, "undefined")) return this.#out.byte(COLUMN.undefined);
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
    this.#out.byte(COLUMN.mixed);
    for (const value of values) this.column([value], layout, site);
  }

  #booleans(values: readonly boolean[]): void {
    const first = values[0]!;
    if (values.every((value) => value === first)) return this.#out.byte(first ? COLUMN.true : COLUMN.false);
    this.#out.byte(COLUMN.booleans);
    this.#out.bits(values.length, (at) => values[at]!);
  }

  #texts(values: readonly string[], site: unknown): void {
    const count = values.length;
    const first = values[0]!;
    if (count > 1) {
      let isSame = true;
      for (let i = 1; i < count && isSame; i++) isSame = values[i] === first;
      if (isSame) {
        this.#out.byte(COLUMN.same);
        return this.#texts([first], site);
      }
    }
    const luck = this.#dictionary.luckOf(site);
    if (luck.rest === 0) return this.#lookedUp(values, luck);
    luck.rest--;
    this.#out.byte(COLUMN.texts);
    const out = this.#out;
    let text = this.#text;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      text += value;
      out.varint(value.length);
    }
    this.#text = text;
  }

  #lookedUp(values: readonly string[], luck: Luck): void {
    const { places } = this.#dictionary;
    this.#out.byte(COLUMN.dictionary);
    const out = this.#out;
    for (const value of values) {
      const { length } = value;
      const place = length <= DICTIONARY_UNITS ? places.get(value) : undefined;
      if (place !== undefined) {
        luck.hits++;
        out.varint(place + 2);
        continue;
      }
      luck.misses++;
      const adds =
        this.#mayAdd && length > 1 && length <= DICTIONARY_UNITS && luck.rest === 0 && places.size < DICTIONARY_PLACES;
      if (adds) {
        places.set(value, places.size);
        this.#added.push(value);
      }
      out.byte(adds ? 1 : 0);
      out.varint(length);
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
      this.#out.byte(COLUMN.null);
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
      if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
        return false;
    }
    if (layout?.kind === "object") {
      const columns = this.#shapeOf(layout).split(values);
      if (columns !== undefined) {
        this.#laidOut(layout, columns);
        return true;
      }
    }
    if (Object.hasOwn(first as object, MARK)) return this.#lowered(values as Record<string, unknown>[]);
    return this.#named(values as Record<string, unknown>[]);
  }

  #lists(values: readonly unknown[][], layout: Layout, site: unknown): void {
    this.#out.byte(COLUMN.lists);
    this.#out.numbers(values.map((list) => list.length));
    const items = values.length === 1 ? values[0]! : values.flat();
    this.column(items, layout?.kind === "list" ? layout.items : null, site);
  }

  #byteArrays(values: readonly Uint8Array[]): void {
    this.#out.byte(COLUMN.bytes);
    for (const value of values) this.#out.varint(value.byteLength);
    for (const value of values) this.#out.raw(value);
  }

  #laidOut({ fields }: ObjectLayout, columns: readonly unknown[][]): void {
    this.#out.byte(COLUMN.laidOut);
    const optional = fields.flatMap((field, f) => (field.optional ? [f] : []));
    const isThere = columns.map((column, f) => !fields[f]!.optional || column.some((value) => value !== undefined));
    this.#out.bits(optional.length, (at) => isThere[optional[at]!]!);
    for (let f = 0; f < fields.length; f++) {
      if (isThere[f]!) this.column(columns[f]!, fields[f]!.layout, fields[f]);
    }
  }

  #lowered(values: readonly Record<string, unknown>[]): boolean {
    const marks = values.map((value) => value[MARK] as readonly unknown[] | undefined);
    const { 0: kind, length } = marks[0]!;
    for (const mark of marks) if (mark === undefined || mark[0] !== kind || mark.length !== length) return false;
    this.#out.byte(COLUMN.lowered);
    this.#out.byte(kind as number);
    this.#out.byte(length - 1);
    for (let f = 1; f < length; f++)
      this.column(
        marks.map((mark) => mark![f]),
        null,
        LOWERED,
      );
    return true;
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
    this.#out.byte(COLUMN.named);
    this.#out.varint(width);
    this.column(names, null, NAMES);
    for (let f = 0; f < width; f++) this.column(columns[f]!, null, names[f]);
    return true;
  }

  #sparse(values: readonly unknown[], hole: null | undefined, kind: number, layout: Layout, site: unknown): boolean {
    const others = values.filter((value) => value !== hole);
    if (others.length === values.length) return false;
    this.#out.byte(kind);
    this.#out.bits(values.length, (at) => values[at] === hole);
    this.column(others, layout, site);
    return true;
  }
}

const NAMES = "names";
const LOWERED = "lowered";

function areAll(values: readonly unknown[], type: string): boolean {
  for (let i = 1; i < values.length; i++) if (typeof values[i] !== type) return false;
  return true;
}
