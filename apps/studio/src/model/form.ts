/**
 * Forms: fields, and what a person typed read back with messages. Fields come from a Blueprint's typed inputs, here, or
 * from a JSON Schema (schema-form.ts). What is typed is kept flat: the field `to` of the list `rows` is `rows/0/to`.
 */
import type { BlueprintInfo } from "../host/host.ts";

export type BlueprintInput = BlueprintInfo["inputs"][number];
export type FieldKind =
  | "text"
  | "number"
  | "integer"
  | "boolean"
  | "enum"
  | "file"
  | "json"
  | "date"
  | "time"
  | "date-time"
  /** Its `fields` together. */
  | "object"
  /** As many of its `item` as were added: their number is typed as `name#`. */
  | "list";

export interface Field {
  /** In the object that it is part of. */
  readonly name: string;
  readonly label: string;
  readonly kind: FieldKind;
  /** As the file says it: `list<string>`. */
  readonly type: string;
  readonly required: boolean;
  readonly help?: string | undefined;
  readonly options: readonly string[];
  readonly multiline: boolean;
  readonly schema: Readonly<Record<string, unknown>>;
  /** What the field starts with: the default, as text. */
  readonly initial: string;
  readonly fields?: readonly Field[];
  readonly item?: Field;
}

/** Entries that one list of a form takes. */
export const ENTRY_LIMIT = 200;
export const lengthKey = (key: string): string => `${key}#`;
export const lengthOf = (key: string, typed: Typed): number =>
  Math.min(ENTRY_LIMIT, Math.max(0, Math.trunc(Number(typed[lengthKey(key)] ?? 0)) || 0));

/** A field's key to what is typed; a checkbox is `"true"` or `"false"`. */
export type Typed = Readonly<Record<string, string>>;

export type FormResult =
  | { readonly ok: true; readonly input: Record<string, unknown> }
  | { readonly ok: false; readonly messages: Readonly<Record<string, string>> };

export const fieldsOf = (inputs: readonly BlueprintInput[]): readonly Field[] => inputs.map(fieldOf);

export function initialOf(fields: readonly Field[], prefix = ""): Typed {
  return Object.assign({}, ...fields.map((field) => initialAt(field, prefix + field.name))) as Typed;
}

/** Of one field, under the key at which it stands. */
export function initialAt({ kind, initial, fields = [] }: Field, key: string): Typed {
  if (kind === "object") return initialOf(fields, `${key}/`);
  return { [kind === "list" ? lengthKey(key) : key]: initial };
}

function fieldOf(input: BlueprintInput): Field {
  const options = Array.isArray(input.schema["enum"]) ? input.schema["enum"].map(asText) : [];
  const kind: FieldKind = options.length > 0 ? "enum" : kindOf(input.type, input.schema);
  const initial =
    input.default === undefined
      ? kind === "boolean"
        ? "false"
        : ""
      : kind === "json"
        ? pretty(input.default)
        : asText(input.default);
  return {
    name: input.name,
    label: input.title ?? input.name,
    kind,
    type: input.type,
    required: input.required,
    help: input.description,
    options,
    multiline: kind === "json" || (kind === "text" && initial.includes("\n")),
    schema: input.schema,
    initial,
  };
}

function kindOf(type: string, schema: Readonly<Record<string, unknown>>): FieldKind {
  switch (type) {
    case "string":
      return "text";
    case "number":
    case "integer":
    case "boolean":
    case "file":
      return type;
  }
  switch (schema["type"]) {
    case "string":
      return "text";
    case "number":
    case "integer":
    case "boolean":
      return schema["type"];
  }
  return "json";
}

const pretty = (value: unknown): string => JSON.stringify(value, null, 2) ?? "";
const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

/** Reads the whole form: every message at once. An empty optional field is left out, so that its default counts. */
export function readForm(fields: readonly Field[], typed: Typed): FormResult {
  const messages: Record<string, string> = {};
  const input = readFields(fields, typed, "", messages);
  return Object.keys(messages).length > 0 ? { ok: false, messages } : { ok: true, input };
}

type Messages = Record<string, string>;

function readFields(
  fields: readonly Field[],
  typed: Typed,
  prefix: string,
  messages: Messages,
): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const field of fields) {
    const value = readAt(field, prefix + field.name, typed, messages);
    if (value !== undefined) input[field.name] = value;
  }
  return input;
}

/** Undefined where it is left out; messages stand at the keys of their fields. */
function readAt(field: Field, key: string, typed: Typed, messages: Messages): unknown {
  const { kind, fields = [], item } = field;
  if (kind === "object") {
    if (!field.required && isUntouched(fields, `${key}/`, typed)) return undefined;
    return readFields(fields, typed, `${key}/`, messages);
  }
  if (kind === "list" && item !== undefined) {
    const length = lengthOf(key, typed);
    const problem = lengthProblem(field, length);
    if (problem !== undefined) messages[key] = problem;
    if (length === 0 && !field.required) return undefined;
    return Array.from({ length }, (_, at) => readAt(item, `${key}/${at}`, typed, messages));
  }
  const read = readField(field, typed[key] ?? "");
  if (!("message" in read)) return read.value;
  messages[key] = read.message;
  return undefined;
}

/** An optional part that nobody has begun to fill in is left out as a whole. */
function isUntouched(fields: readonly Field[], prefix: string, typed: Typed): boolean {
  return fields.every((field) => {
    const key = prefix + field.name;
    if (field.kind === "object") return isUntouched(field.fields ?? [], `${key}/`, typed);
    if (field.kind === "list") return lengthOf(key, typed) === 0;
    return (typed[key] ?? "") === field.initial;
  });
}

function lengthProblem({ required, schema }: Field, length: number): string | undefined {
  const { minItems, maxItems } = schema as Record<string, unknown>;
  if (typeof minItems === "number" && length < minItems && (required || length > 0)) return `At least ${minItems}`;
  if (typeof maxItems === "number" && length > maxItems) return `At most ${maxItems}`;
  return undefined;
}

export type Read = { readonly value: unknown } | { readonly message: string };

/** One field that holds no others. */
export function readField(field: Field, text: string): Read {
  const trimmed = text.trim();
  if (field.kind === "boolean") return { value: text === "true" };
  if (trimmed === "") {
    // An empty text is a text, unless nothing may be left out.
    return field.required ? { message: "Needed" } : { value: undefined };
  }
  switch (field.kind) {
    case "number":
    case "integer":
      return readNumber(field, trimmed);
    case "enum": {
      const values = field.schema["enum"] as readonly unknown[];
      const value = values.find((candidate) => asText(candidate) === text);
      return value === undefined ? { message: `Choose one of: ${field.options.join(", ")}` } : { value };
    }
    case "json":
      return readJson(field, trimmed);
    case "file":
    case "date":
      return { value: trimmed };
    case "time":
      // Browsers leave the seconds out where they are none.
      return { value: trimmed.length === 5 ? `${trimmed}:00` : trimmed };
    case "date-time": {
      const at = new Date(trimmed);
      return Number.isNaN(at.getTime()) ? { message: "Not a date and time" } : { value: at.toISOString() };
    }
    case "text":
    case "object":
    case "list":
      return readText(field, text);
  }
}

function readNumber({ kind, schema }: Field, text: string): Read {
  const value = Number(text);
  if (!Number.isFinite(value)) return { message: `Not a number: "${text}"` };
  if (kind === "integer" && !Number.isInteger(value)) return { message: "A whole number is needed" };
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema as Record<string, unknown>;
  if (typeof minimum === "number" && value < minimum) return { message: `At least ${minimum}` };
  if (typeof maximum === "number" && value > maximum) return { message: `At most ${maximum}` };
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum)
    return { message: `More than ${exclusiveMinimum}` };
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum)
    return { message: `Less than ${exclusiveMaximum}` };
  if (typeof multipleOf === "number" && multipleOf > 0) {
    const steps = value / multipleOf;
    if (Math.abs(steps - Math.round(steps)) > 1e-9) return { message: `A multiple of ${multipleOf}` };
  }
  return { value };
}

function readText({ schema }: Field, text: string): Read {
  const { minLength, maxLength, pattern } = schema as Record<string, unknown>;
  if (typeof minLength === "number" && text.length < minLength) return { message: `At least ${minLength} characters` };
  if (typeof maxLength === "number" && text.length > maxLength) return { message: `At most ${maxLength} characters` };
  if (typeof pattern === "string" && !matches(pattern, text)) return { message: `Must match ${pattern}` };
  return { value: text };
}

/** A pattern that this browser cannot read is left to the host, which checks every input again. */
function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

function readJson({ type, schema }: Field, text: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { message: `Not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const wants = schema["type"];
  const isList = type.startsWith("list<") || type.startsWith("stream<") || wants === "array";
  if (isList && !Array.isArray(value)) return { message: "A list is needed: [ … ]" };
  if (wants === "object" && (typeof value !== "object" || value === null || Array.isArray(value))) {
    return { message: "An object is needed: { … }" };
  }
  return { value };
}
