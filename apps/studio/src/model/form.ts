/** The Run form: fields from a Blueprint's typed inputs, and what a person typed read back with messages. */
import type { BlueprintInfo } from "../host/host.ts";

export type BlueprintInput = BlueprintInfo["inputs"][number];
export type FieldKind = "text" | "number" | "integer" | "boolean" | "enum" | "file" | "json";

export interface Field {
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
}

/** Field name to what is typed; a checkbox is `"true"` or `"false"`. */
export type Typed = Readonly<Record<string, string>>;

export type FormResult =
  | { readonly ok: true; readonly input: Record<string, unknown> }
  | { readonly ok: false; readonly messages: Readonly<Record<string, string>> };

export const fieldsOf = (inputs: readonly BlueprintInput[]): readonly Field[] => inputs.map(fieldOf);

export function initialOf(fields: readonly Field[]): Typed {
  return Object.fromEntries(fields.map((field) => [field.name, field.initial]));
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
  const input: Record<string, unknown> = {};
  const messages: Record<string, string> = {};
  for (const field of fields) {
    const read = readField(field, typed[field.name] ?? "");
    if ("message" in read) messages[field.name] = read.message;
    else if (read.value !== undefined) input[field.name] = read.value;
  }
  return Object.keys(messages).length > 0 ? { ok: false, messages } : { ok: true, input };
}

type Read = { readonly value: unknown } | { readonly message: string };

function readField(field: Field, text: string): Read {
  const trimmed = text.trim();
  if (field.kind === "boolean") return { value: text === "true" };
  if (trimmed === "") {
    // An empty text is a text, unless nothing may be left out.
    return field.required ? { message: "Needed: this input has no default" } : { value: undefined };
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
      return { value: trimmed };
    case "text":
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
