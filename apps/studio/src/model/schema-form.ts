/** Fields from a JSON Schema; what no field can be made for is typed as JSON. */
import type { Field, FieldKind } from "./form.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Levels of objects and lists that become fields; what lies deeper is typed as JSON. */
const DEPTH = 5;
/** Properties of one object. */
const FIELD_LIMIT = 100;

/** Of an answer that is no object: the one field's name. */
export const ANSWER = "answer";

export interface SchemaForm {
  readonly fields: readonly Field[];
  /** The schema is no object's: what is read is the value of its one field. */
  readonly isSingle: boolean;
}

export function formOf(schema: unknown): SchemaForm {
  const root = fieldOfSchema(ANSWER, schema, true, DEPTH);
  return root.kind === "object"
    ? { fields: root.fields ?? [], isSingle: false }
    : { fields: [{ ...root, label: root.label === ANSWER ? "Answer" : root.label }], isSingle: true };
}

/** What the host takes. */
export const answerOf = ({ isSingle }: SchemaForm, input: Record<string, unknown>): unknown =>
  isSingle ? (input[ANSWER] ?? null) : input;

export function fieldOfSchema(name: string, given: unknown, required: boolean, depth: number): Field {
  const schema: Schema = isObject(given) ? given : {};
  const options = "const" in schema ? [schema["const"]] : Array.isArray(schema["enum"]) ? schema["enum"] : [];
  const kind: FieldKind = options.length > 0 ? "enum" : kindOf(schema, depth);
  const preset = schema["default"];
  return {
    name,
    label: textOf(schema["title"]) ?? name,
    kind,
    type: typeText(schema, kind),
    required,
    help: textOf(schema["description"]),
    options: options.map(asText),
    multiline: kind === "json" || (kind === "text" && Number(schema["maxLength"] ?? 0) > 200),
    schema: options.length > 0 ? { ...schema, enum: options } : schema,
    initial: initialText(kind, preset, schema),
    ...(kind === "object" ? { fields: fieldsOfObject(schema, depth - 1) } : {}),
    ...(kind === "list" ? { item: fieldOfSchema("entry", schema["items"], true, depth - 1) } : {}),
  };
}

/** The properties of an object's schema, those that are needed as such. */
export function fieldsOfObject(schema: Schema, depth: number): readonly Field[] {
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  const properties = Object.entries(isObject(schema["properties"]) ? schema["properties"] : {});
  return properties
    .slice(0, FIELD_LIMIT)
    .map(([name, property]) => fieldOfSchema(name, property, required.has(name), depth));
}

const FORMATS: ReadonlySet<unknown> = new Set(["date", "time", "date-time"]);

function kindOf(schema: Schema, depth: number): FieldKind {
  switch (typeOf(schema)) {
    case "string":
      return FORMATS.has(schema["format"]) ? (schema["format"] as FieldKind) : "text";
    case "number":
      return "number";
    case "integer":
      return "integer";
    case "boolean":
      return "boolean";
    case "object":
      return depth > 0 && isObject(schema["properties"]) ? "object" : "json";
    case "array":
      return depth > 0 && isObject(schema["items"]) ? "list" : "json";
    default:
      return "json";
  }
}

/** One that may also be null is left empty for that. */
function typeOf({ type }: Schema): unknown {
  if (!Array.isArray(type)) return type;
  const types = type.filter((one) => one !== "null");
  return types.length === 1 ? types[0] : undefined;
}

function typeText(schema: Schema, kind: FieldKind): string {
  const type = typeOf(schema);
  if (kind === "date" || kind === "time" || kind === "date-time") return kind;
  return type === "array" ? "list" : typeof type === "string" ? type : "any";
}

function initialText(kind: FieldKind, preset: unknown, { minItems }: Schema): string {
  if (kind === "list") return String(typeof minItems === "number" ? minItems : 0);
  if (preset === undefined) return kind === "boolean" ? "false" : "";
  return kind === "json" ? (JSON.stringify(preset, null, 2) ?? "") : asText(preset);
}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
