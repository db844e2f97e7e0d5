import type { Schema } from "./contract.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema of what `schema` accepts, where it offers one (`~standard.jsonSchema`, or a `toJSONSchema` method);
 * undefined where it offers none or cannot say it in JSON Schema.
 */
export function jsonSchemaOf(
  schema: Schema<unknown>,
  target: "draft-2020-12" | "draft-07" = "draft-2020-12",
): Json | undefined {
  const standard = schema["~standard"] as { jsonSchema?: { input?: (options: { target: string }) => Json } };
  const own = schema as { toJSONSchema?: (options: { io: "input"; target: string }) => Json };
  try {
    if (standard.jsonSchema?.input !== undefined) return standard.jsonSchema.input({ target });
    if (typeof own.toJSONSchema === "function") return own.toJSONSchema({ io: "input", target });
  } catch {
    return undefined; // A schema with a transformation or a class has no JSON Schema: it is told apart by its name alone.
  }
  return undefined;
}

/** Words for people: both sides may word them differently and still agree. */
const PROSE = new Set(["title", "description", "$comment", "examples", "deprecated", "~standard"]);
/** Their keys are names that the author chose, not JSON Schema words. */
const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);

/** What both sides must agree on of a JSON Schema: all but the prose. */
export function agreed(schema: unknown, isNames: boolean = false): unknown {
  if (Array.isArray(schema)) return schema.map((item) => agreed(item));
  if (typeof schema !== "object" || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => isNames || !PROSE.has(key));
  return Object.fromEntries(kept.map(([key, value]) => [key, agreed(value, !isNames && NAMED.has(key))]));
}
