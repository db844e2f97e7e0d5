import { EventsError } from "../core/errors.ts";
import { COLUMN, DICTIONARY_PLACES, DICTIONARY_UNITS, mostCells, slots } from "./columns.ts";
import type { Layout, ObjectLayout } from "./layout.ts";
import type { ShapeOf } from "./shapes.ts";

/** Texts that the other side may refer to. */
export interface KnownTexts {
  epoch: number;
  places: (string | undefined)[];
}

const SHORT = 32;
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads the columns of one frame from bytes of which nothing is believed: every count is covered by bytes that are
 * there or by the frame's share of values, nesting is bounded, names never reach a prototype. Throws `EventsError`
 * PROTOCOL or LIMIT, and nothing else.
 */
export class ColumnReader {
  readonly #shapeOf: ShapeOf;
  readonly #known: KnownTexts;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  readonly #text: string;
  #textAt = 0;
  #place: number;
  #at = 0;
  #cellsLeft: number;

  constructor(bytes: Uint8Array, shapeOf: ShapeOf, known: KnownTexts, maxDepth: number) {
    this.#shapeOf = shapeOf;
    this.#known = known;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxDepth = maxDepth;
    this.#cellsLeft = mostCells(bytes.byteLength);
    const epoch = this.varint();
    if (epoch !== known.epoch) {
      known.epoch = epoch;
      known.places = [];
    }
    this.#place = this.varint();
    const length = this.varint();
    if (length > bytes.byteLength - this.#at) throw bad("its text ends early");
    const text = bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    try {
      this.#text = decodeText(text);
    } catch {
      throw bad("its text is not UTF-8");
    }
  }

  /** Throws PROTOCOL unless all was read. */
  end(): void {
    if (this.#at !== this.#bytes.byteLength || this.#textAt !== this.#text.length) throw bad("something follows it");
  }

  varint(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at++];
    if (byte !== undefined && byte < 0x80) {
      this.#at = at;
      return byte;
    }
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (byte === undefined) throw bad("it ends early");
      if (shift === 28 && byte > 0x0f) throw bad("a number has more than 32 bits");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      byte = bytes[at++];
    }
    this.#at = at;
    return value >>> 0;
  }

  column(count: number, layout: Layout, depth: number): unknown[] {
    if (count === 0) return [];
    this.#cellsLeft -= count;
    if (this.#cellsLeft < 0) {
      throw new EventsError("LIMIT", "Cannot read a body: it stands for more values than its bytes may", {
        cells: mostCells(this.#bytes.byteLength),
      });
    }
    if (depth > this.#maxDepth) {
      throw new EventsError("LIMIT", `Cannot read a body: nested deeper than ${this.#maxDepth}`, {
        depth: this.#maxDepth,
      });
    }
    const kind = this.#byte();
    switch (kind) {
      case COLUMN.mixed: {
        const values: unknown[] = [];
        for (let i = 0; i < count; i++) values.push(this.column(1, layout, depth + 1)[0]);
        return values;
      }
      case COLUMN.undefined:
        return slots<undefined>(count).fill(undefined);
      case COLUMN.null:
        return slots<null>(count).fill(null);
      case COLUMN.false:
      case COLUMN.true:
        return slots<boolean>(count).fill(kind === COLUMN.true);
      case COLUMN.booleans:
        return this.#bits(count);
      case COLUMN.integers:
        return this.#integers(count);
      case COLUMN.longs: {
        this.#needs(8);
        const first = this.#view.getFloat64(this.#at, true);
        this.#at += 8;
        const values = [first];
        for (let i = 1, value = first; i < count; i++) values.push((value += this.#step()));
        return values;
      }
      case COLUMN.doubles: {
        this.#needs(count * 8);
        const values = slots<number>(count);
        for (let i = 0; i < count; i++) values[i] = this.#view.getFloat64(this.#at + i * 8, true);
        this.#at += count * 8;
        return values;
      }
      case COLUMN.same: {
        const [value] = this.column(1, null, depth + 1);
        if (typeof value === "object" && value !== null) throw bad("an object stands for several");
        return slots<unknown>(count).fill(value);
      }
      case COLUMN.texts: {
        const values = slots<string>(count);
        for (let i = 0; i < count; i++) values[i] = this.#literal(this.varint());
        return values;
      }
      case COLUMN.dictionary: {
        const values = slots<string>(count);
        for (let i = 0; i < count; i++) values[i] = this.#lookedUp();
        return values;
      }
      case COLUMN.bytes:
        return this.#byteArrays(count);
      case COLUMN.lists:
        return this.#lists(count, layout, depth);
      case COLUMN.laidOut:
        if (layout?.kind !== "object") throw bad("its event has no layout there");
        return this.#laidOut(count, layout, depth);
      case COLUMN.named:
        return this.#named(count, depth);
      case COLUMN.someUndefined:
        return this.#sparse(count, undefined, layout, depth);
      case COLUMN.someNull:
        return this.#sparse(count, null, layout, depth);
      default:
        throw bad(`a column of kind ${kind} is not known`);
    }
  }

  #needs(bytes: number): void {
    if (bytes > this.#bytes.byteLength - this.#at) throw bad("it ends early");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw bad("it ends early");
    return byte;
  }

  #step(): number {
    const zigzag = this.varint();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  #bits(count: number): boolean[] {
    const size = Math.ceil(count / 8);
    this.#needs(size);
    const values = slots<boolean>(count);
    for (let i = 0; i < count; i++) values[i] = (this.#bytes[this.#at + (i >> 3)]! & (1 << (i & 7))) !== 0;
    this.#at += size;
    return values;
  }

  #integers(count: number): number[] {
    this.#needs(count);
    const values = slots<number>(count);
    for (let i = 0, value = 0; i < count; i++) values[i] = value += this.#step();
    return values;
  }

  #literal(length: number): string {
    const from = this.#textAt;
    const end = from + length;
    if (end > this.#text.length) throw bad("its text ends early");
    this.#textAt = end;
    return this.#text.slice(from, end);
  }

  #lookedUp(): string {
    const code = this.varint();
    if (code === 0) return this.#literal(this.varint());
    const { places } = this.#known;
    if (code > 1) {
      const text = places[code - 2];
      if (text === undefined) throw bad("it refers to a text that did not come");
      return text;
    }
    const length = this.varint();
    if (length > DICTIONARY_UNITS || this.#place >= DICTIONARY_PLACES) throw bad("a text is too long, or one too many");
    const text = this.#literal(length);
    while (places.length < this.#place) places.push(undefined);
    places[this.#place++] = text;
    return text;
  }

  #lengths(count: number, depth: number): number[] {
    const lengths = this.column(count, null, depth + 1) as number[];
    for (const length of lengths) {
      if (!Number.isInteger(length) || length < 0) throw bad("a length is none");
    }
    return lengths;
  }

  #byteArrays(count: number): Uint8Array[] {
    this.#needs(count);
    const lengths = slots<number>(count);
    for (let i = 0; i < count; i++) lengths[i] = this.varint();
    return lengths.map((length) => {
      this.#needs(length);
      this.#at += length;
      return Uint8Array.from(this.#bytes.subarray(this.#at - length, this.#at));
    });
  }

  #lists(count: number, layout: Layout, depth: number): unknown[] {
    const lengths = this.#lengths(count, depth);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const items = this.column(total, layout?.kind === "list" ? layout.items : null, depth + 1);
    if (count === 1) return [items];
    let at = 0;
    return lengths.map((length) => items.slice(at, (at += length)));
  }

  #laidOut(count: number, layout: ObjectLayout, depth: number): unknown[] {
    const { fields } = layout;
    const isThere = this.#bits(fields.reduce((sum, field) => sum + (field.optional ? 1 : 0), 0));
    let optional = 0;
    const columns = fields.map((field) =>
      !field.optional || isThere[optional++]! ? this.column(count, field.layout, depth + 1) : undefined,
    );
    return this.#shapeOf(layout).build(columns, count);
  }

  #named(count: number, depth: number): unknown[] {
    const width = this.varint();
    const names = this.column(width, null, depth + 1);
    const rows = slots<Record<string, unknown>>(count);
    for (let i = 0; i < count; i++) rows[i] = {};
    for (const name of names) {
      if (typeof name !== "string" || name === "__proto__") throw bad("a name is none");
      const values = this.column(count, null, depth + 1);
      for (let i = 0; i < count; i++) rows[i]![name] = values[i];
    }
    return rows;
  }

  #sparse(count: number, hole: null | undefined, layout: Layout, depth: number): unknown[] {
    const isHole = this.#bits(count);
    const others = this.column(
      isHole.reduce((sum, is) => sum + (is ? 0 : 1), 0),
      layout,
      depth + 1,
    );
    let at = 0;
    return isHole.map((is) => (is ? hole : others[at++]));
  }
}

/** A few letters cost less one by one than the platform's decoder takes to begin. */
function decodeText(bytes: Uint8Array): string {
  if (bytes.byteLength > SHORT) return decoder.decode(bytes);
  let text = "";
  for (const byte of bytes) {
    if (byte > 0x7f) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

export function bad(what: string): EventsError {
  return new EventsError("PROTOCOL", `Cannot read a body: not the columns of a frame, ${what}`);
}
