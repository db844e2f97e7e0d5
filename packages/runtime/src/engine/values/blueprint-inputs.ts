import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

import type { Blueprint, InputDecl } from "../../blueprint/model.ts";
import type { Values } from "../run/scope.ts";

/** One input that does not fit. */
export interface InputProblem {
  readonly input: string;
  readonly message: string;
}

const validators = new WeakMap<InputDecl, ValidateFunction>();
/** One for all: making it costs more than most runs. */
const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false, validateFormats: false });

function validatorOf(decl: InputDecl): ValidateFunction {
  let validate = validators.get(decl);
  if (!validate) {
    const { default: _default, ...schema } = decl.schema;
    try {
      validators.set(decl, (validate = ajv.compile(schema)));
    } finally {
      // The validator lives as long as its declaration, not as long as the process.
      ajv.removeSchema(schema);
    }
  }
  return validate;
}

/** The inputs of one run with their defaults, and everything that does not fit. */
export function checkInputs(blueprint: Blueprint, given: Values): { values: Values; problems: InputProblem[] } {
  const values: Record<string, unknown> = {};
  const problems: InputProblem[] = [];
  for (const name of Object.keys(given)) {
    if (blueprint.inputs.has(name) || given[name] === undefined) continue;
    const known = [...blueprint.inputs.keys()].join(", ") || "none";
    problems.push({ input: name, message: `there is no input "${name}"; "${blueprint.name}" has ${known}` });
  }
  for (const [name, decl] of blueprint.inputs) {
    const value = Object.hasOwn(given, name) && given[name] !== undefined ? given[name] : decl.default;
    if (value === undefined) {
      if (decl.required) problems.push({ input: name, message: `input "${name}" is missing; give it a value` });
      continue;
    }
    const message = misfitOf(decl, value);
    if (message !== undefined) problems.push({ input: name, message });
    else Object.defineProperty(values, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return { values, problems };
}

function misfitOf(decl: InputDecl, value: unknown): string | undefined {
  let validate: ValidateFunction;
  try {
    validate = validatorOf(decl);
  } catch (error) {
    return `input "${decl.name}" cannot be checked: its schema is wrong: ${(error as Error).message}`;
  }
  if (validate(value)) return undefined;
  const faults = (validate.errors ?? [])
    .slice(0, 3)
    .map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`.trim());
  return `input "${decl.name}" ${faults.join("; ")}`;
}

export function inputsText(problems: readonly InputProblem[]): string {
  return problems.map(({ message }) => message).join("; ");
}
