/**
 * A codec made from contracts, for links that carry bytes: names of fields do not cross, equal events of a frame stand in
 * columns, texts that were said before cross as a number. What no schema describes, or differs from it, crosses as well.
 */
import type { Contract } from "../core/contract.ts";
import { canonicalJson, hash64 } from "../core/hash.ts";
import type { EventsCodec, EventsDecoder, EventsEncoder } from "../wire/codec.ts";
import { bad } from "./byte-reader.ts";
import { ColumnReader, type KnownTexts } from "./column-reader.ts";
import { ColumnWriter } from "./column-writer.ts";
import { mostCells } from "./columns.ts";
import { layoutsOf } from "./contract-layouts.ts";
import { Dictionary } from "./dictionary.ts";
import type { Layout, ObjectLayout } from "./layout.ts";
import { loopedShape, objectLayouts, shapeSource, type Shape, type ShapeOf } from "./shapes.ts";

/** Changes with the bytes that a layout gives. */
const FORMAT = "columns1";

/** What travels with an event beside its payload. */
const EXTRA: Layout = {
  kind: "object",
  fields: ["c", "i", "n", "o", "r", "s", "t"].map((name) => ({ name, optional: true, layout: null })),
};

export interface CompiledCodecOptions {
  /**
   * Make code at run time (`new Function`), three times as fast. Default: where the platform allows it. A page whose CSP
   * forbids it falls back to loops, or takes what `generateCodec` of `@atomiton/events/codec/build` made.
   */
  readonly generate?: boolean;
}

/**
 * The codec of one or several contracts, for `new EventBus({ codecs })` on both sides of a link.
 *
 * @example new EventBus({ contract, role: "host", codecs: [compiledCodec(contract)] });
 */
export function compiledCodec(
  contracts: Contract | readonly Contract[],
  options: CompiledCodecOptions = {},
): EventsCodec {
  const generates = options.generate ?? mayGenerate();
  const list: readonly (Contract | undefined)[] = Array.isArray(contracts) ? contracts : [contracts as Contract];
  if (list.length === 0 || list.some((contract) => contract?.table === undefined))
    throw new TypeError("Cannot make a codec: it needs a contract; use compiledCodec(contract)");
  const layouts = layoutsOf(list as readonly Contract[]);
  return codecOf(layouts, generates ? generatedShape : loopedShape);
}

/**
 * The codec from what `generateCodec` wrote: layouts by event name, and the shape of each object layout in the order of
 * `objectLayouts`. Called by generated modules only.
 */
export function prebuiltCodec(layouts: Readonly<Record<string, Layout>>, shapes: readonly Shape[]): EventsCodec {
  const order = Object.values(layouts).flatMap(objectLayouts);
  const made = new Map(order.map((layout, at) => [layout, shapes[at]!]));
  return codecOf(layouts, (layout) => made.get(layout) ?? loopedShape(layout));
}

function codecOf(layouts: Readonly<Record<string, Layout>>, make: (layout: ObjectLayout) => Shape): EventsCodec {
  const shapes = new Map<ObjectLayout, Shape>();
  const shapeOf: ShapeOf = (layout) => {
    let shape = shapes.get(layout);
    if (shape === undefined) shapes.set(layout, (shape = make(layout)));
    return shape;
  };
  const byName = new Map(Object.entries(layouts));
  return {
    name: `${FORMAT}:${hash64(canonicalJson(layouts))}`,
    encoder: (names) =>
      new Encoder(
        shapeOf,
        names.map((name) => byName.get(name) ?? null),
      ),
    decoder: (names) =>
      new Decoder(
        shapeOf,
        names.map((name) => byName.get(name) ?? null),
      ),
  };
}

/** Events of one name, and of one form: with or without extra. */
interface Group {
  readonly data: unknown[];
  readonly extras: unknown[] | undefined;
}

class Encoder implements EventsEncoder {
  readonly #layouts: readonly Layout[];
  readonly #writer: ColumnWriter;

  constructor(shapeOf: ShapeOf, layouts: readonly Layout[]) {
    this.#layouts = layouts;
    this.#writer = new ColumnWriter(shapeOf, new Dictionary());
  }

  encode(body: readonly unknown[], isKept: boolean): Uint8Array | undefined {
    const heads: (number | string)[] = [];
    const groups = new Map<number | string, Group>();
    let group: Group | undefined;
    for (let at = 0, before: unknown; at < body.length;) {
      const head = body[at] as number | string;
      const isPlain = typeof head === "number" && head >= 0;
      if (head !== before) group = groups.get(head);
      if (group === undefined) groups.set(head, (group = { data: [], extras: isPlain ? undefined : [] }));
      before = head;
      heads.push(head);
      group.data.push(body[at + 1]);
      group.extras?.push(body[at + 2]);
      at += isPlain ? 2 : 3;
    }
    const writer = this.#writer;
    writer.begin(isKept);
    writer.count(heads.length);
    writer.column(heads, null, HEADS);
    for (const [head, { data, extras }] of groups) {
      const layout = layoutAt(this.#layouts, head);
      writer.column(data, layout, head);
      if (extras !== undefined) writer.column(extras, EXTRA, EXTRA);
    }
    const bytes = writer.end();
    if (writer.cells <= mostCells(bytes.byteLength)) return bytes;
    writer.takeBack();
    return undefined;
  }
}

class Decoder implements EventsDecoder {
  readonly #shapeOf: ShapeOf;
  readonly #layouts: readonly Layout[];
  readonly #known: KnownTexts = { epoch: 0, places: [] };

  constructor(shapeOf: ShapeOf, layouts: readonly Layout[]) {
    this.#shapeOf = shapeOf;
    this.#layouts = layouts;
  }

  decode(bytes: Uint8Array, maxDepth: number): unknown[] {
    const reader = new ColumnReader(bytes, this.#shapeOf, this.#known, maxDepth * COLUMN_DEPTH);
    const heads = reader.column(reader.count(), null, 1);
    const counts = new Map<unknown, number>();
    for (let from = 0, to = 0; from < heads.length; from = to) {
      const head = heads[from];
      if (typeof head !== "number" && typeof head !== "string") throw bad("an event's name is none");
      while (to < heads.length && heads[to] === head) to++;
      if (to === from) throw bad("an event's name is none");
      counts.set(head, (counts.get(head) ?? 0) + to - from);
    }
    const groups = new Map<unknown, Group & { at: number }>();
    for (const [head, count] of counts) {
      const data = reader.column(count, layoutAt(this.#layouts, head), 1);
      const isPlain = typeof head === "number" && head >= 0;
      groups.set(head, { data, extras: isPlain ? undefined : reader.column(count, EXTRA, 1), at: 0 });
    }
    reader.end();
    const body: unknown[] = [];
    let group = groups.get(heads[0]);
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i];
      if (i > 0 && head !== heads[i - 1]) group = groups.get(head);
      const { data, extras } = group!;
      const at = group!.at++;
      if (extras === undefined) body.push(head, data[at]);
      else body.push(head, data[at], extras[at]);
    }
    return body;
  }
}

/** Columns in columns for one level of a payload: a list, what is undefined in it, what is null, what differs. */
const COLUMN_DEPTH = 4;
const HEADS = "heads";

function layoutAt(layouts: readonly Layout[], head: unknown): Layout {
  return typeof head === "number" ? (layouts[head < 0 ? ~head : head] ?? null) : null;
}

function generatedShape(layout: ObjectLayout): Shape {
  return evaluate(`return ${shapeSource(layout)}`) as Shape;
}

function mayGenerate(): boolean {
  try {
    evaluate("");
    return true;
  } catch {
    return false; // The page's Content-Security-Policy says no.
  }
}

/** Of texts that hold nothing but our own words and the contract's names as JSON. */
function evaluate(body: string): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval
  return (new Function(body) as () => unknown)();
}
