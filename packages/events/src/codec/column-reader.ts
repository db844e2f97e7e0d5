import { EventsError } from "../core/errors.ts";
import { raiseMark } from "../wire/raise.ts";
import { bad, ByteReader } from "./byte-reader.ts";
import { COLUMN, DICTIONARY_PLACES, DICTIONARY_UNITS, mostCells, slots } from "./columns.ts";
import type { Layout, ObjectLayout } from "./layout.ts";
import type { ShapeOf } from "./shapes.ts";

/** Texts that the other side may refer to. */
export interface KnownTexts {
  epoch: number;
  places: (string | undefined)[];
}

/**
 * Reads the columns of one frame from bytes of which nothing is believed: every count is covered by bytes that are
 * there or by the frame's share of values, nesting is bounded, names never reach a prototype. Throws `EventsError`
 * PROTOCOL or LIMIT, and nothing else.
 */
export class ColumnReader {
  readonly #shapeOf: ShapeOf;
  readonly #known: KnownTexts;
  readonly #in: ByteReader;
  readonly #mostCells: number;
  readonly #maxDepth: number;
  readonly #text: string;
  #textAt = 0;
  #place: number;
  #cellsLeft: number;

  constructor(bytes: Uint8Array, shapeOf: ShapeOf, known: KnownTexts, maxDepth: number) {
    this.#shapeOf = shapeOf;
    this.#known = known;
    this.#in = new ByteReader(bytes);
    this.#maxDepth = maxDepth;
    this.#mostCells = mostCells(bytes.byteLength);
    this.#cellsLeft = this.#mostCells;
    const epoch = this.#in.varint();
    if (epoch !== known.epoch) {
      known.epoch = epoch;
      known.places = [];
    }
    this.#place = this.#in.varint();
    this.#text = this.#in.text(this.#in.varint());
  }

  /** Throws PROTOCOL unless all was read. */
  end(): void {
    if (!this.#in.isAtEnd || this.#textAt !== this.#text.length) throw bad("something follows it");
  }

  /** A number outside the columns. */
  count(): number {
    return this.#in.varint();
  }

  column(count: number, layout: Layout, depth: number): unknown[] {
    if (count === 0) return [];
    this.#cellsLeft -= count;
    if (this.#cellsLeft < 0) {
      throw new EventsError("LIMIT", "Cannot read a body: it stands for more values than its bytes may", {
        cells: this.#mostCells,
      });
    }
    if (depth > this.#maxDepth) {
      throw new EventsError("LIMIT", `Cannot read a body: nested deeper than ${this.#maxDepth}`, {
        depth: this.#maxDepth,
      });
    }
    const kind = this.#in.byte();
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
        return this.#in.bits(count);
      case COLUMN.integers:
        return this.#in.integers(count);
      case COLUMN.longs:
        return this.#in.longs(count);
      case COLUMN.doubles:
        return this.#in.doubles(count);
      case COLUMN.same: {
        const [value] = this.column(1, null, depth + 1);
        if (typeof value === "object" && value !== null) throw bad("an object stands for several");
        return slots<unknown>(count).fill(value);
      }
      case COLUMN.texts: {
        const values = slots<string>(count);
        for (let i = 0; i < count; i++) values[i] = this.#literal(this.#in.varint());
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
      case COLUMN.lowered:
        return this.#lowered(count, depth);
      default:
        throw bad(`a column of kind ${kind} is not known`);
    }
  }

  #literal(length: number): string {
    const from = this.#textAt;
    const end = from + length;
    if (end > this.#text.length) throw bad("its text ends early");
    this.#textAt = end;
    const text = this.#text.slice(from, end);
    return this.#text.length > LONG_TEXT ? detached(text) : text;
  }

  #lookedUp(): string {
    const code = this.#in.varint();
    if (code === 0) return this.#literal(this.#in.varint());
    const { places } = this.#known;
    if (code > 1) {
      const text = places[code - 2];
      if (text === undefined) throw bad("it refers to a text that did not come");
      return text;
    }
    const length = this.#in.varint();
    if (length > DICTIONARY_UNITS || this.#place >= DICTIONARY_PLACES) throw bad("a text is too long, or one too many");
    const text = detached(this.#literal(length));
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
    this.#in.needs(count);
    const lengths = slots<number>(count);
    for (let i = 0; i < count; i++) lengths[i] = this.#in.varint();
    return lengths.map((length) => Uint8Array.from(this.#in.take(length)));
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
    const isThere = this.#in.bits(fields.reduce((sum, field) => sum + (field.optional ? 1 : 0), 0));
    let optional = 0;
    const columns = fields.map((field) =>
      !field.optional || isThere[optional++]! ? this.column(count, field.layout, depth + 1) : undefined,
    );
    return this.#shapeOf(layout).build(columns, count);
  }

  #named(count: number, depth: number): unknown[] {
    const width = this.#in.varint();
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

  #lowered(count: number, depth: number): unknown[] {
    const kind = this.#in.byte();
    const width = this.#in.byte();
    const marks: unknown[][] = [];
    for (let i = 0; i < count; i++) marks.push([kind]);
    for (let f = 0; f < width; f++) {
      const values = this.column(count, null, depth + 1);
      for (let i = 0; i < count; i++) marks[i]!.push(values[i]);
    }
    return marks.map((fields) => raiseMark(fields, asIs));
  }

  #sparse(count: number, hole: null | undefined, layout: Layout, depth: number): unknown[] {
    const isHole = this.#in.bits(count);
    const others = this.column(
      isHole.reduce((sum, is) => sum + (is ? 0 : 1), 0),
      layout,
      depth + 1,
    );
    let at = 0;
    return isHole.map((is) => (is ? hole : others[at++]));
  }
}

/** A frame's text up to here may live as long as a part of it that somebody keeps. */
const LONG_TEXT = 65_536;

/** A copy: a slice would keep the whole text of its frame in memory. */
function detached(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

/** What a lowered value holds was read before it. */
function asIs(value: unknown): unknown {
  return value;
}
