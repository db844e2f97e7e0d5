/** A JSON Schema as questions in a terminal, and what is typed as its value. Whether it fits is the runtime's to say. */

interface Shape {
  readonly type?: unknown;
  readonly title?: unknown;
  readonly description?: unknown;
  readonly enum?: unknown;
  readonly default?: unknown;
  readonly properties?: unknown;
  readonly required?: unknown;
}

export interface Field {
  /** Property of the answer; undefined where the answer is one value. */
  readonly name: string | undefined;
  readonly question: string;
  readonly shape: Shape;
  /** Nothing typed leaves it out. */
  readonly isOptional: boolean;
}

/** One field for each property of an object, else one for the whole. */
export function fieldsOf(schema: unknown): Field[] {
  const shape = shapeOf(schema);
  const properties = Object.entries(isObject(shape.properties) ? shape.properties : {});
  if (properties.length === 0) {
    return [{ name: undefined, question: questionOf("Answer", shape, false), shape, isOptional: false }];
  }
  const required = Array.isArray(shape.required) ? (shape.required as unknown[]) : [];
  return properties.map(([name, of]) => {
    const isOptional = !required.includes(name);
    return { name, question: questionOf(name, shapeOf(of), isOptional), shape: shapeOf(of), isOptional };
  });
}

/** What was typed, by the field's type; undefined: left out. Throws `Error` with what to type instead. */
export function readField({ shape, isOptional }: Field, typed: string): unknown {
  const text = typed.trim();
  if (text === "" && shape.default !== undefined) return shape.default;
  if (text === "" && isOptional) return undefined;
  if (Array.isArray(shape.enum)) {
    const found = (shape.enum as unknown[]).find((one) => labelOf(one) === text);
    if (found !== undefined) return found;
  }
  switch (shape.type) {
    case "string":
      return typed;
    case "boolean":
      if (/^(y|yes|true)$/i.test(text)) return true;
      if (/^(n|no|false)$/i.test(text)) return false;
      throw new Error("type yes or no");
    case "integer":
    case "number":
      if (text !== "" && Number.isFinite(Number(text))) return Number(text);
      throw new Error("type a number");
    default:
      return readJson(text, shape.type === undefined);
  }
}

function readJson(text: string, mayBeText: boolean): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (mayBeText) return text;
    throw new Error("type JSON");
  }
}

function questionOf(name: string, shape: Shape, isOptional: boolean): string {
  const { title, description, type } = shape;
  const kind = Array.isArray(shape.enum)
    ? (shape.enum as unknown[]).map(labelOf).join(" | ")
    : type === "boolean"
      ? "yes or no"
      : type === undefined
        ? "text or JSON"
        : ["string", "number", "integer"].includes(type as string)
          ? (type as string)
          : `${labelOf(type)} as JSON`;
  const about = [title, description].filter((part) => typeof part === "string").join(": ");
  const empty =
    shape.default === undefined ? (isOptional ? ", may be empty" : "") : `, empty: ${labelOf(shape.default)}`;
  return `${name}${about === "" ? "" : `, ${about}`} (${kind}${empty})`;
}

const labelOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const shapeOf = (schema: unknown): Shape => (isObject(schema) ? schema : {});
