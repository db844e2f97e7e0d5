/** The file's own JSON Schemas: whether they are schemas, and whether defaults fit theirs. */

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

import type { Blueprint } from "./model.ts";
import { schemaOfType, type Types } from "./port-type.ts";
import type { Report } from "./scope.ts";

/** Formats are for people and forms: `format: uri` refuses nothing. */
const OPTIONS = { strict: false, allErrors: true, logger: false, validateFormats: false } as const;
/** One for all: to compile what schemas are judged by takes tens of milliseconds. It keeps nothing of what it judges. */
const judge = new Ajv2020(OPTIONS);

export function checkTypes(blueprint: Blueprint, report: Report): void {
  if (blueprint.inputs.size === 0 && blueprint.types.size === 0) return;
  // Its own for each Blueprint: whatever ids the schemas give themselves, those of another file do not meet them.
  const compiler = new Ajv2020({ ...OPTIONS, validateSchema: false });
  const compile = (schema: object): ValidateFunction | string => {
    try {
      if (judge.validateSchema(schema) === true) return compiler.compile(schema);
      const [first] = judge.errors ?? [];
      return `${first?.instancePath ?? ""} ${first?.message ?? "it is no schema"}`.trim();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  let typesAreSound = true;
  for (const [name, own] of blueprint.types) {
    const others: Types = new Map([...blueprint.types].map(([other, schema]) => [other, other === name ? schema : {}]));
    const result = compile(schemaOfType({ t: "schema", schema: own }, others));
    if (typeof result !== "string") continue;
    typesAreSound = false;
    const at = blueprint.typePositions?.get(name) ?? { line: 1, column: 1 };
    report("SCHEMA", `types.${name}`, at, `Cannot use the type "${name}": ${result}; write JSON Schema 2020-12`);
  }
  if (!typesAreSound) return;
  for (const input of blueprint.inputs.values()) {
    const { default: value, ...schema } = input.schema;
    const result = compile(schema);
    const where = `inputs.${input.name}`;
    if (typeof result === "string") {
      report(
        "SCHEMA",
        where,
        input.at,
        `Cannot use the schema of the input "${input.name}": ${result}; write JSON Schema 2020-12`,
      );
    } else if (value !== undefined && input.type.t !== "file" && !result(value)) {
      const faults = (result.errors ?? [])
        .slice(0, 3)
        .map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`.trim());
      report(
        "SCHEMA",
        `${where}.default`,
        input.defaultAt ?? input.at,
        `Cannot use the default of the input "${input.name}": it ${faults.join("; ")}; change one of the two`,
      );
    }
  }
}
