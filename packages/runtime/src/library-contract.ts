/** What a host has: Blueprints, node types, executions. A second contract on the same bus as `runtime@1`. */
import { command, defineContract, event, type CommandsOf, type EventsOf } from "@atomiton/events";
import { z } from "zod";

import { count, execState, id, rtError, timestamp } from "./contract/values.ts";

/** JSON Schema, as forms read it. */
const jsonSchema = z.record(z.string(), z.unknown());

const problem = z.object({
  /** `ProblemCode` of the Blueprint's checks. */
  code: z.string(),
  severity: z.enum(["error", "warning"]),
  file: z.string(),
  /** 1-based. */
  line: count,
  column: count,
  /** `nodes.check.in.items`. */
  where: z.string(),
  message: z.string(),
});

const blueprintEntry = z.object({
  /** Identity: give it to `runtime:execute`. Of a file that cannot be read, its path. */
  id: z.string(),
  name: z.string(),
  version: z.string(),
  description: z.string().optional(),
  /** Relative to the host's folder. */
  file: z.string(),
  nodes: count,
  errors: count,
  warnings: count,
  /** When the file was last changed. */
  changedAt: timestamp,
});
export type BlueprintEntry = z.infer<typeof blueprintEntry>;

const port = z.object({
  name: z.string(),
  /** As Blueprint files write it: `list<object>`, `file`, `any`. */
  type: z.string(),
  required: z.boolean(),
  multi: z.boolean(),
  description: z.string().optional(),
});
export type PortInfo = z.infer<typeof port>;

const graphNode = z.object({
  /** In its scope; a node of a loop's body has its loop's path in `parent`. */
  id: z.string(),
  /** `each/thumb`: the path without loop keys. */
  path: z.string(),
  parent: z.string().optional(),
  /** `core/csv.read@1`, or the path of another Blueprint. */
  uses: z.string(),
  /** The type's title; the id where the type is unknown. */
  title: z.string(),
  category: z.string().optional(),
  icon: z.string().optional(),
  inputs: z.array(port),
  outputs: z.array(port),
  config: z.unknown(),
  /** From the file's `ui:` block; left out where it says nothing. */
  position: z.object({ x: z.number(), y: z.number() }).optional(),
  line: count,
});
export type GraphNode = z.infer<typeof graphNode>;

const wire = z.object({
  from: z.object({
    /** A node's path, `$inputs`, or `$item`, `$index`, `$key` of the enclosing loop. */
    node: z.string(),
    port: z.string(),
  }),
  /** A node's path, or `$outputs` (of the Blueprint, or of the loop named before: `each/$outputs`). */
  to: z.object({ node: z.string(), port: z.string() }),
  /** `after:`: order alone, no value. */
  control: z.boolean(),
});
export type Wire = z.infer<typeof wire>;

const blueprint = blueprintEntry.extend({
  source: z.string(),
  graph: z.object({ nodes: z.array(graphNode), wires: z.array(wire) }),
  inputs: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      required: z.boolean(),
      title: z.string().optional(),
      description: z.string().optional(),
      mediaType: z.string().optional(),
      default: z.unknown().optional(),
      schema: jsonSchema,
    }),
  ),
  outputs: z.array(z.object({ name: z.string(), type: z.string(), description: z.string().optional() })),
  problems: z.array(problem),
});
export type BlueprintInfo = z.infer<typeof blueprint>;

const effect = z.enum(["pure", "read", "idempotent", "write"]);
const nodeType = z.object({
  /** `core/csv.read`. */
  type: z.string(),
  version: z.string(),
  title: z.string(),
  category: z.string(),
  icon: z.string().optional(),
  description: z.string().optional(),
  inputs: z.array(port),
  outputs: z.array(port),
  /** JSON Schema of `with:`. */
  config: jsonSchema,
  effect,
  /** Settings by whose values the effect is weaker: `{ method: { GET: "read" } }`. */
  effectOf: z.record(z.string(), z.record(z.string(), effect)).optional(),
});
export type NodeTypeInfo = z.infer<typeof nodeType>;

const execution = z.object({
  executionId: id,
  state: execState,
  blueprint: z.object({ id: z.string(), name: z.string(), version: z.string() }),
  /** Milliseconds since 1970. */
  queuedAt: timestamp.optional(),
  startedAt: timestamp.optional(),
  endedAt: timestamp.optional(),
  /** Of a failed or cancelled one. */
  error: rtError.optional(),
});
export type ExecutionInfo = z.infer<typeof execution>;

const library = { from: ["ui"], to: ["host"], needs: "read:library", idempotent: true } as const;
const nothing = z.strictObject({});

/** `library@1`. */
export const libraryContract = defineContract("library@1", {
  "library:blueprints": command(nothing, z.object({ blueprints: z.array(blueprintEntry) }), library),
  "library:blueprint": [
    command(z.strictObject({ id: z.string().min(1) }), blueprint, library),
    // What an execution was made from: a recording begins with it, so that it can be drawn without its host.
    event(blueprint, { from: ["host"], to: ["ui"], needsToHear: "read:library" }),
  ],
  "library:nodes": command(nothing, z.object({ nodes: z.array(nodeType) }), library),
  "library:executions": command(nothing, z.object({ executions: z.array(execution) }), {
    ...library,
    needs: "read:execution",
  }),
  /**
   * Ask again. `executions`: one began or ended. `blueprints`: for hosts that watch their folder; `RuntimeIPC` reads it
   * anew whenever it is asked, and does not watch it yet.
   */
  "library:changed": event(z.object({ what: z.enum(["blueprints", "executions"]), ids: z.array(z.string()) }), {
    from: ["host"],
    to: ["ui"],
    needsToHear: "read:library",
  }),
});

export type LibraryEvents = EventsOf<typeof libraryContract>;
export type LibraryCommands = CommandsOf<typeof libraryContract>;
