/** The Blueprint room: file, model, checks, expressions. Runs anywhere. */
export { parseDuration, parseRef } from "./build.ts";
export { createCatalog, majorOf, type NodeCatalog } from "./catalog.ts";
export { checkBlueprint, type CheckOptions } from "./check.ts";
export { type Draft, examine, type Parsed } from "./draft.ts";
export { DEFAULT_BUDGET_MS, DEFAULT_MAX_OPEN, type EvaluateOptions } from "./evaluation-limits.ts";
export { compileExpression, type Expression, type Scope, SCOPE_NAMES } from "./expression.ts";
export { blueprintJsonSchema } from "./file-schema.ts";
export { parseBlueprint } from "./parse.ts";
export { assignable, formatPortType, itemOf, parsePortType, schemaOfType, type Types } from "./port-type.ts";
export { type NodePort, type NodePorts, portsOf } from "./ports.ts";
export { LOOP_TYPES } from "./scope.ts";
export { compileTemplate, splitTemplate, type Template } from "./template.ts";
