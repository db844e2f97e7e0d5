/** What a JSON Schema tells of where the fields of a payload stand. All else is read off the values themselves. */

export interface ObjectLayout {
  readonly kind: "object";
  /** Sorted by name: schemas that agree give one order, whatever order they were written in. */
  readonly fields: readonly Field[];
}

export interface ListLayout {
  readonly kind: "list";
  readonly items: Layout;
}

/** Null: the values say themselves what they are. */
export type Layout = ObjectLayout | ListLayout | null;

export interface Field {
  readonly name: string;
  readonly optional: boolean;
  readonly layout: Layout;
}

type Json = Readonly<Record<string, unknown>>;

/** More fields or deeper nesting than this is left to the values. */
const MAX_FIELDS = 64;
const MAX_DEPTH = 16;

/** The layout of what a JSON Schema accepts. A value that differs from it still crosses: with its names, as any other. */
export function layoutOf(schema: unknown): Layout {
  return read(schema, schema, []);
}

function read(schema: unknown, root: unknown, above: readonly unknown[]): Layout {
  if (!isJson(schema) || above.includes(schema) || above.length > MAX_DEPTH) return null;
  const within = [...above, schema];
  const { $ref: reference, type, properties, items } = schema;
  if (typeof reference === "string") return read(resolve(root, reference), root, within);
  const choices = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(choices)) {
    // Of "this or null" the value's own nulls are told beside it; of a true choice nothing is known.
    const rest = choices.filter((choice) => !isJson(choice) || choice["type"] !== "null");
    return rest.length === 1 ? read(rest[0], root, within) : null;
  }
  if (type === "array" && isJson(items)) return { kind: "list", items: read(items, root, within) };
  if (type !== "object" || !isJson(properties)) return null;
  const names = Object.keys(properties).sort();
  if (names.length === 0 || names.length > MAX_FIELDS || names.some((name) => name in Object.prototype)) return null;
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  return {
    kind: "object",
    fields: names.map((name) => ({
      name,
      optional: !required.has(name),
      layout: read(properties[name], root, within),
    })),
  };
}

function resolve(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  let at: unknown = root;
  for (const part of reference.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = isJson(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
