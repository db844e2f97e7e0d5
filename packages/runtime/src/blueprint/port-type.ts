/**
 * Port types: their text form, when a wire between two of them stands, and the JSON Schema they mean.
 * A wire is refused only when it can never work; what `any` and `json` hold is checked when the value is there.
 */

import type { PortType } from "./model.ts";

export type Types = ReadonlyMap<string, Readonly<Record<string, unknown>>>;
type Schema = Readonly<Record<string, unknown>>;

const SIMPLE = ["string", "number", "integer", "boolean", "json", "file", "bytes", "any"] as const;
/** Names of port types, for messages. */
/** `list<list<…>>` deeper than this is nobody's data. */
const MAX_NESTING = 16;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A port type as a file writes it (`list<object>`, `#row`, an inline JSON Schema), or undefined when it is none. */
export function parsePortType(value: unknown): PortType | undefined {
  if (isRecord(value)) return { t: "schema", schema: value };
  if (typeof value !== "string") return undefined;
  const wrappers: ("list" | "stream")[] = [];
  let text = value.trim();
  for (let match; (match = /^(list|stream)\s*<(.*)>$/s.exec(text)); text = (match[2] ?? "").trim()) {
    if (wrappers.push(match[1] as "list" | "stream") > MAX_NESTING) return undefined;
  }
  let type = parseInner(text);
  while (type && wrappers.length > 0) type = { t: wrappers.pop() as "list" | "stream", of: type };
  return type;
}

function parseInner(text: string): PortType | undefined {
  if (text === "object") return { t: "schema", schema: { type: "object" } };
  if (/^#[A-Za-z][A-Za-z0-9_]*$/.test(text)) return { t: "named", name: text.slice(1) };
  const simple = SIMPLE.find((name) => name === text);
  return simple && { t: simple };
}

/** The text form, for messages and pictures. */
export function formatPortType(type: PortType): string {
  // Reads better than a case for each of the simple names.
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (type.t) {
    case "list":
    case "stream":
      return `${type.t}<${formatPortType(type.of)}>`;
    case "named":
      return `#${type.name}`;
    case "schema":
      return typeof type.schema["type"] === "string" ? type.schema["type"] : "schema";
    default:
      return type.t;
  }
}

const ANY: PortType = { t: "any" };

/** What one item of a list or stream is; `any` when that is not known. */
export function itemOf(type: PortType, types: Types): PortType {
  if (type.t === "list" || type.t === "stream") return type.of;
  const schema = resolved(type, types);
  return schema.t === "schema" && isRecord(schema.schema["items"])
    ? { t: "schema", schema: schema.schema["items"] }
    : ANY;
}

function resolved(type: PortType, types: Types): PortType {
  if (type.t !== "named") return type;
  const schema = types.get(type.name);
  return schema ? { t: "schema", schema } : ANY;
}

/** Whether a wire from `from` to `to` can carry a value that `to` takes. Named types are looked up in `types`. */
export function assignable(from: PortType, to: PortType, types: Types): boolean {
  if (to.t === "any") return true;
  if (from.t === "named" && to.t === "named" && from.name === to.name) return true;
  const source = resolved(from, types);
  const target = resolved(to, types);
  if (target.t === "any") return true;
  // A list flows into a stream by itself; the other way holds everything in memory, so it must be asked for.
  if (target.t === "stream")
    return (
      source.t === "any" ||
      (source.t === "list" || source.t === "stream"
        ? assignable(source.of, target.of, types)
        : source.t === "json" || mayBeArray(source))
    );
  if (source.t === "stream") return false;
  if (source.t === "any") return true;
  if (target.t === "bytes" || source.t === "bytes") return source.t === target.t;
  if (target.t === "file") return source.t === "file" || source.t === "json";
  if (source.t === "file") return target.t === "json";
  if (target.t === "json" || source.t === "json") return true;
  if (source.t === "list" && target.t === "list") return assignable(source.of, target.of, types);
  return mayFit(schemaOfType(source, types), schemaOfType(target, types), definitions(types), 0);
}

const mayBeArray = (type: PortType): boolean => {
  const names = type.t === "schema" ? typeNames(type.schema) : [];
  return names === undefined || names.includes("array");
};

function typeNames(schema: Schema): string[] | undefined {
  const type = schema["type"];
  if (typeof type === "string") return [type];
  return Array.isArray(type) ? type.filter((name): name is string => typeof name === "string") : undefined;
}

/** How deep two schemas are compared; below, they are taken to fit. */
const COMPARED_LEVELS = 8;

/** False only when no value of `from` can be one of `to`, as far as types, properties and items tell. */
function mayFit(from: unknown, to: unknown, defs: Schema, level: number): boolean {
  if (from === to || level > COMPARED_LEVELS) return true;
  if (!isRecord(from) || !isRecord(to)) return true;
  const [a, b] = [follow(from, defs), follow(to, defs)];
  const [have, want] = [typeNames(a), typeNames(b)];
  if (have && want && !have.some((name) => want.includes(name) || (name === "integer" && want.includes("number")))) {
    return false;
  }
  const arrays = have?.length === 1 && have[0] === "array" && want?.length === 1;
  if (arrays && !mayFit(a["items"], b["items"], defs, level + 1)) return false;
  const objects = have?.length === 1 && have[0] === "object" && want?.length === 1;
  if (!objects || !isRecord(a["properties"])) return true;
  const required = Array.isArray(b["required"]) ? b["required"] : [];
  for (const name of required) {
    if (typeof name !== "string") continue;
    const given = Object.hasOwn(a["properties"], name) ? a["properties"][name] : undefined;
    if (given === undefined && a["additionalProperties"] === false) return false;
    const wanted =
      isRecord(b["properties"]) && Object.hasOwn(b["properties"], name) ? b["properties"][name] : undefined;
    if (!mayFit(given, wanted, defs, level + 1)) return false;
  }
  return true;
}

function follow(schema: Schema, defs: Schema): Schema {
  const ref = schema["$ref"];
  const target = typeof ref === "string" ? defs[ref.replace(/^#(\/\$defs\/)?/, "")] : undefined;
  return isRecord(target) ? target : schema;
}

const definitions = (types: Types): Schema => Object.fromEntries(types);

/** JSON Schema of a blob reference, which is what travels for a file. */
const FILE_SCHEMA: Schema = {
  type: "object",
  required: ["$blob", "size", "type"],
  properties: {
    $blob: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
    size: { type: "integer", minimum: 0 },
    type: { type: "string" },
    name: { type: "string" },
  },
};

/**
 * JSON Schema (2020-12) of a port type, whole in itself: for forms and for the check of inputs. In `types`, `{ $ref: "#row" }` names
 * another of the file's types.
 */
export function schemaOfType(type: PortType, types: Types): Record<string, unknown> {
  const schema = { ...plainSchema(type, types) };
  const text = JSON.stringify(schema);
  if (types.size === 0 || !text.includes('"$ref"')) return schema;
  return { ...(rewrite(schema) as Record<string, unknown>), $defs: rewrite(definitions(types)) };
}

function plainSchema(type: PortType, types: Types): Schema {
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (type.t) {
    case "any":
    case "json":
      return {};
    case "file":
      return FILE_SCHEMA;
    case "bytes":
      return { type: "string", contentEncoding: "base64" };
    case "list":
    case "stream":
      return { type: "array", items: plainSchema(type.of, types) };
    case "named":
      return types.get(type.name) ?? {};
    case "schema":
      return type.schema;
    default:
      return { type: type.t };
  }
}

/** `#row` to `#/$defs/row`, at every depth of a schema. */
function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === "$ref" && typeof inner === "string" && /^#[A-Za-z]/.test(inner)
        ? [key, `#/$defs/${inner.slice(1)}`]
        : [key, rewrite(inner)],
    ),
  );
}
