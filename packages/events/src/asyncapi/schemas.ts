import type { Schema } from "../core/contract.ts";
import { jsonSchemaOf } from "../core/json-schema.ts";

type Json = { [key: string]: unknown };

/** Collects the schemas of a document under `#/components/schemas`, with what each defines and refers to. */
export class Schemas {
  readonly all: Record<string, unknown> = {};

  /** Adds it under `id`; gives back a reference to it. */
  add(id: string, schema: Schema<unknown>): Json {
    const root = jsonSchemaOf(schema, "draft-07");
    this.all[id] =
      root === undefined ? { description: "Checked by the program; it has no JSON Schema." } : this.#lift(id, root);
    return { $ref: `#/components/schemas/${id}` };
  }

  /** A document has one place for definitions, and a reference is read from its root. */
  #lift(id: string, root: Readonly<Json>): unknown {
    const { $schema: _dialect, "~standard": _standard, definitions, $defs, ...rest } = root;
    const own = { ...(definitions as Json | undefined), ...($defs as Json | undefined) };
    for (const [name, schema] of Object.entries(own)) this.all[localId(id, name)] = moved(schema, id);
    return moved(rest, id);
  }
}

function localId(id: string, name: string): string {
  return `${id}.${name.replaceAll(/[^\w.-]/g, "_")}`;
}

function moved(value: unknown, id: string): unknown {
  if (Array.isArray(value)) return value.map((each) => moved(each, id));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === "$ref" && typeof each === "string" ? refOf(each, id) : moved(each, id),
    ]),
  );
}

function refOf(ref: string, id: string): string {
  if (ref === "#") return `#/components/schemas/${id}`;
  const name = /^#\/(?:definitions|\$defs)\/([^/]+)$/.exec(ref)?.[1];
  return name === undefined ? ref : `#/components/schemas/${localId(id, decodeURIComponent(name))}`;
}
