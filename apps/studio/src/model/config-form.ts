/** A node's configuration as a form: a field for each key of its schema, and what was changed as a JSON Patch. */
import type { ConfigPatch } from "@atomiton/runtime/client";

import { readField, type Field, type Typed } from "./form.ts";
import { fieldsOfObject } from "./schema-form.ts";

export interface ConfigForm {
  readonly fields: readonly Field[];
  readonly typed: Typed;
  /** Keys that are set now; the others count with their defaults. */
  readonly set: ReadonlySet<string>;
}

/** Values within a key are typed as JSON: a change replaces the key as a whole. */
export function configForm(schema: Readonly<Record<string, unknown>>, config: unknown): ConfigForm {
  const now = (typeof config === "object" && config !== null ? config : {}) as Record<string, unknown>;
  const fields = fieldsOfObject(schema, 0).map((field) => fieldFor(field, now[field.name]));
  return {
    fields,
    typed: Object.fromEntries(fields.map((field) => [field.name, textOf(field, now[field.name])])),
    set: new Set(Object.keys(now)),
  };
}

export type ConfigChange =
  | { readonly ok: true; readonly patch: ConfigPatch; readonly values: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly messages: Readonly<Record<string, string>> };

/** Only what was changed: what a person did not touch, they did not decide about. */
export function changeOf({ fields, typed: before, set }: ConfigForm, typed: Typed): ConfigChange {
  const patch: ConfigPatch = [];
  const values: Record<string, unknown> = {};
  const messages: Record<string, string> = {};
  for (const field of fields) {
    const { name } = field;
    const text = typed[name] ?? "";
    if (text === (before[name] ?? "")) continue;
    const read = isExpression(text) ? { value: text.trim() } : readField(field, text);
    if ("message" in read) messages[name] = read.message;
    else if (read.value !== undefined) patch.push({ op: "add", path: pointer(name), value: read.value });
    else if (set.has(name)) patch.push({ op: "remove", path: pointer(name) });
    if (!("message" in read)) values[name] = read.value;
  }
  return Object.keys(messages).length > 0 ? { ok: false, messages } : { ok: true, patch, values };
}

const isExpression = (text: string): boolean => text.trimStart().startsWith("${");
const pointer = (key: string): string => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** A key that holds an expression is a text, whatever its type. */
function fieldFor(field: Field, value: unknown): Field {
  if (typeof value === "string" && field.kind !== "text" && isExpression(value)) {
    return { ...field, kind: "text", schema: {}, multiline: value.includes("\n"), initial: "" };
  }
  const isLong = field.kind === "text" && typeof value === "string" && value.includes("\n");
  return isLong ? { ...field, multiline: true } : field;
}

/** What is not set shows its default. */
function textOf({ kind, initial }: Field, value: unknown): string {
  if (value === undefined) return initial;
  if (typeof value === "string" && kind !== "json") return value;
  return kind === "json" ? (JSON.stringify(value, null, 2) ?? "") : (JSON.stringify(value) ?? "");
}
