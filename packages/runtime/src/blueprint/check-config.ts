/** A node's configuration against its type's zod schema, as far as it is known before a run. */

import type { z } from "zod";

import { objectSchema } from "./config-schema.ts";
import type { AnyNodeDef } from "./define-node.ts";
import type { NodeDecl, Position } from "./model.ts";
import type { Report } from "./scope.ts";
import { wayOut } from "./suggest.ts";

/** A text with `${ … }` in it, at any depth. `$${` is none. */
export function hasExpression(value: unknown): boolean {
  if (typeof value === "string") return /(?<!\$)\$\{/.test(value) || value.startsWith("${");
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasExpression);
}

export function checkConfig(decl: NodeDecl, def: AnyNodeDef, where: string, report: Report): void {
  const raw = new Set<string>(def.rawConfig ?? []);
  const dynamic = Object.keys(decl.with).filter((key) => !raw.has(key) && hasExpression(decl.with[key]));
  const object = objectSchema(def.config);
  const at = (key: string): Position => decl.positions.get(`with.${key}`) ?? decl.positions.get("with") ?? decl.at;
  if (object?.strict) {
    for (const key of Object.keys(decl.with)) {
      if (Object.hasOwn(object.shape, key)) continue;
      report(
        "CONFIG",
        `${where}.with.${key}`,
        at(key),
        `Cannot configure "${decl.id}" with "${key}": ${def.type} has no such key; ${wayOut(key, Object.keys(object.shape), "it takes no configuration")}`,
      );
    }
  }
  if (dynamic.length === 0) {
    const known = object?.strict
      ? Object.fromEntries(Object.entries(decl.with).filter(([key]) => Object.hasOwn(object.shape, key)))
      : decl.with;
    complain(safely(def.config, known), []);
    return;
  }
  if (!object) return;
  for (const [key, schema] of Object.entries(object.shape)) {
    if (dynamic.includes(key)) continue;
    complain(safely(schema, Object.hasOwn(decl.with, key) ? decl.with[key] : undefined), [key]);
  }

  function complain(issues: readonly z.core.$ZodIssue[], prefix: readonly string[]): void {
    for (const issue of issues) {
      const path = [...prefix, ...issue.path.map(String)];
      const [key] = path;
      const name = path.join(".");
      const missing =
        key !== undefined &&
        (issue.code === "invalid_type" || issue.code === "invalid_union") &&
        issue.input === undefined &&
        !holds(decl.with, path);
      const text = issue.message.replace(/^Invalid input: /, "").replace(/, received undefined$/, "");
      const message = missing
        ? `Cannot run "${decl.id}": its configuration lacks "${name}" (${text}); see the configuration of ${def.type}`
        : `Cannot configure "${decl.id}"${name === "" ? "" : ` with this "${name}"`}: ${text}; see the configuration of ${def.type}`;
      report("CONFIG", `${where}.with${name === "" ? "" : `.${name}`}`, nearest(path), message);
    }
  }

  function nearest(path: readonly string[]): Position {
    for (let length = path.length; length > 0; length--) {
      const found = decl.positions.get(`with.${path.slice(0, length).join(".")}`);
      if (found) return found;
    }
    return decl.positions.get("with") ?? decl.at;
  }
}

/** A schema's own code may throw (refinements, asynchronous ones always do): then the run decides. */
function safely(schema: z.ZodType, value: unknown): readonly z.core.$ZodIssue[] {
  try {
    return schema.safeParse(value).error?.issues ?? [];
  } catch {
    return [];
  }
}

function holds(value: unknown, path: readonly string[]): boolean {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return false;
    here = (here as Record<string, unknown>)[key];
  }
  return true;
}
