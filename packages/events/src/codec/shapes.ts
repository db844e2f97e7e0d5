import { slots } from "./columns.ts";
import type { Field, Layout, ObjectLayout } from "./layout.ts";

/** Takes rows of one layout apart into a list for each field, and puts them together again. */
export interface Shape {
  /** Undefined where a row has a field that the layout does not know, or lacks one that it needs. */
  split(rows: readonly any[]): unknown[][] | undefined;
  /** A field that no row has is undefined in `columns`. */
  build(columns: readonly (readonly unknown[] | undefined)[], count: number): unknown[];
}

/** Shapes of object layouts, made once each. */
export type ShapeOf = (layout: ObjectLayout) => Shape;

/** The object layouts in a layout, parents first. */
export function objectLayouts(layout: Layout): ObjectLayout[] {
  if (layout === null) return [];
  if (layout.kind === "list") return objectLayouts(layout.items);
  return [layout, ...layout.fields.flatMap((field) => objectLayouts(field.layout))];
}

/** The shape of a layout as a loop over its fields: for pages that may not make code, and without a build step. */
export function loopedShape({ fields }: ObjectLayout): Shape {
  const names = fields.map((field) => field.name);
  const width = names.length;
  const required = fields.map((field) => !field.optional);
  return {
    split(rows) {
      const count = rows.length;
      const columns = names.map(() => slots<unknown>(count));
      for (let i = 0; i < count; i++) {
        const row = rows[i];
        let found = 0;
        for (let f = 0; f < width; f++) {
          const value: unknown = row[names[f]!];
          columns[f]![i] = value;
          if (value !== undefined) found++;
          else if (required[f]!) return undefined;
        }
        for (const _ in row) found--;
        if (found !== 0) return undefined;
      }
      return columns;
    },
    build(columns, count) {
      const rows = slots<unknown>(count);
      for (let i = 0; i < count; i++) {
        const row: Record<string, unknown> = {};
        for (let f = 0; f < width; f++) {
          const value = columns[f]?.[i];
          if (value !== undefined) row[names[f]!] = value;
        }
        rows[i] = row;
      }
      return rows;
    },
  };
}

/** The shape of a layout as source text of an object with `split` and `build`. */
export function shapeSource({ fields }: ObjectLayout): string {
  const columns = fields.map((_, f) => `c${f}`);
  const key = (field: Field): string => JSON.stringify(field.name);
  const reads = fields.map((field, f) => {
    const otherwise = field.optional ? "" : " else return undefined;";
    return `const v${f} = row[${key(field)}]; c${f}[i] = v${f}; if (v${f} !== undefined) found++;${otherwise}`;
  });
  const needed = fields.flatMap((field, f) => (field.optional ? [] : [`${key(field)}: c${f}[i]`]));
  const maybe = fields.flatMap((field, f) =>
    field.optional ? [`if (c${f} !== undefined && c${f}[i] !== undefined) row[${key(field)}] = c${f}[i];`] : [],
  );
  return `{
  split(rows) {
    const count = rows.length;
    const ${columns.map((column) => `${column} = new Array(count)`).join(", ")};
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      let found = 0;
      ${reads.join("\n      ")}
      for (const _ in row) found--;
      if (found !== 0) return undefined;
    }
    return [${columns.join(", ")}];
  },
  build([${columns.join(", ")}], count) {
    const rows = new Array(count);
    for (let i = 0; i < count; i++) {
      const row = { ${needed.join(", ")} };
      ${maybe.join("\n      ")}
      rows[i] = row;
    }
    return rows;
  },
}`;
}
