/**
 * The shape of a Blueprint file, once: the parser judges files by it, and the published JSON Schema is made from it.
 * What a shape cannot say (which nodes exist, which ports fit) is said by `parse.ts` and `check.ts`.
 */

import { z } from "zod";

export const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
export const NODE_ID = /^[A-Za-z][A-Za-z0-9_-]*$/;
export const DURATION = /^(?:0|[1-9]\d*)(?:\.\d+)?(?:ms|s|m|h|d)$/;
export const REFERENCE =
  /^(?:\$item|\$index|\$key|\$inputs\.[A-Za-z][A-Za-z0-9_]*|[A-Za-z][A-Za-z0-9_-]*\.[A-Za-z][A-Za-z0-9_]*)$/;
const AFTER = /^[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z][A-Za-z0-9_]*)?$/;
export const USES =
  /^(?:[a-z][a-z0-9-]*\/[A-Za-z][A-Za-z0-9.-]*@\d{1,6}|\.{1,2}\/[^\\]*\.blueprint\.(?:yaml|yml|json))$/;
const VERSION = /^\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?$/;
/** Exactly one expression. */
export const ONE_EXPRESSION = /^\$\{[\s\S]+\}$/;
const SIMPLE_TYPE = "(?:string|number|integer|boolean|json|file|bytes|any|object|#[A-Za-z][A-Za-z0-9_]*)";
const wrapped = (inner: string): string => `(?:${inner}|(?:list|stream)\\s*<\\s*${inner}\\s*>)`;
/** A list of lists of lists is the deepest that files may name; JSON Schema takes over from there. */
const PORT_TYPE = new RegExp(`^${wrapped(wrapped(wrapped(SIMPLE_TYPE)))}$`);

const text = (pattern: RegExp, what: string, description: string): z.ZodString =>
  z
    .string({ error: `expected ${what}` })
    .regex(pattern, { error: `expected ${what}` })
    .describe(description);

const duration = text(
  DURATION,
  "a duration such as 500ms, 20s, 30m or 24h",
  "A number and a unit: 500ms, 20s, 30m, 24h, 7d.",
);
const reference = text(
  REFERENCE,
  "a reference: node.port, $inputs.port, $item, $index or $key",
  "Where the value comes from: node.port, $inputs.port, or in a loop body $item, $index, $key.",
);
const schemaObject = z.record(z.string(), z.unknown(), { error: "expected a JSON Schema, which is a map" });
const PORT_TYPE_TEXT =
  "expected a port type: string, number, integer, boolean, json, file, bytes, any, object, list<T>, stream<T>, #name, or a JSON Schema";
const portType = z
  .union([z.string().regex(PORT_TYPE, { error: PORT_TYPE_TEXT }), schemaObject], {
    error: PORT_TYPE_TEXT,
  })
  .describe(
    "string, number, integer, boolean, json, file, bytes, any, object, list<T>, stream<T>, #name from types, or a JSON Schema.",
  );

const position = z
  .tuple([z.number(), z.number()], { error: "expected [x, y], two numbers" })
  .describe("Where the node stands on the canvas: [x, y].");
/** Nodes, ports and inputs: maps whose keys are names. */
const byName = <T extends z.ZodType>(key: z.ZodString, value: T): z.ZodRecord<z.ZodString, T> =>
  z.record(key, value, { error: "expected a map" });
const name = text(NAME, "a name: a letter, then letters, digits and _", "A letter, then letters, digits and _.");
const nodeId = text(
  NODE_ID,
  "a node id: a letter, then letters, digits, _ and -",
  "A letter, then letters, digits, _ and -.",
);

const retry = z
  .strictObject(
    {
      attempts: z
        .int({ error: "expected a whole number from 1 to 1000, the first attempt included" })
        .min(1)
        .max(1000)
        .describe("All attempts, the first included."),
      backoff: z
        .enum(["fixed", "linear", "exponential"])
        .optional()
        .describe("How the pauses grow. Default exponential."),
      initial: duration.optional().describe("The first pause. Default 1s."),
      factor: z.number().min(1).max(100).optional().describe("Growth of an exponential pause. Default 2."),
      max: duration.optional().describe("The longest pause. Default 1m."),
      jitter: z
        .enum(["none", "full"])
        .optional()
        .describe("full: each pause is random between 0 and its length. Default full."),
      on: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe(
          "Error classes or codes worth another attempt: network, timeout, http.429, http.5xx, process. Left out: what the error itself says.",
        ),
    },
    { error: "expected a map with attempts" },
  )
  .describe("More attempts after a failure.");

const nodeFields = {
  uses: text(
    USES,
    "core/name@1, or a path such as ./other.blueprint.yaml",
    "The node type with its major version (core/csv.read@1), or a path to another Blueprint.",
  ),
  in: byName(
    name,
    z.union([reference, z.array(reference).min(1)], {
      error:
        "expected a reference (node.port, $inputs.port, $item, $index, $key), or on a multi port a list of them; constants belong in `with`",
    }),
  )
    .optional()
    .describe("Wires: this node's input port, and where its value comes from."),
  with: z
    .record(z.string(), z.unknown(), { error: "expected a map" })
    .optional()
    .describe("Configuration. Strings may hold ${ JSONata }."),
  when: text(
    ONE_EXPRESSION,
    'one expression, such as "${ in.ok }"',
    "The node is skipped when this is false.",
  ).optional(),
  after: z
    .union(
      [
        text(AFTER, "a node id or node.port", "a node id or node.port"),
        z.array(text(AFTER, "a node id or node.port", "a node id or node.port")),
      ],
      { error: "expected a node id, node.port, or a list of them" },
    )
    .optional()
    .describe("Runs after these nodes, without taking a value; with a port, only when it has one."),
  timeout: duration.optional().describe("Of one attempt."),
  retry: retry.optional(),
  effect: z
    .enum(["pure", "read", "idempotent", "write"])
    .optional()
    .describe("What a second run does to the world. May only be stronger than the type's own."),
  idempotencyKey: text(/\S/, "a text", "Makes a second run of a writing node harmless.").optional(),
  onUnknown: z
    .enum(["ask", "fail", "rerun", "assumeDone"])
    .optional()
    .describe(
      "When a crash leaves open whether a write was done. Left out: as its host says, `atomiton run` fail, `atomiton serve` ask.",
    ),
  description: z.string().optional(),
  title: z.string().optional(),
};

const node = z
  .strictObject(
    {
      ...nodeFields,
      get body(): z.ZodOptional<typeof body> {
        return body.optional();
      },
    },
    { error: "expected a map with uses" },
  )
  .meta({ id: "node", description: "One node." });

const body: z.ZodType = z
  .strictObject(
    {
      nodes: byName(
        nodeId,
        z.lazy(() => node),
      ),
      outputs: byName(name, reference).optional().describe("What one iteration gives."),
    },
    { error: "expected a map with nodes" },
  )
  .meta({ id: "body", description: "What a loop node runs for each item." });

const input = z
  .looseObject(
    {
      type: portType,
      default: z.unknown().optional().describe("Makes the input optional."),
      required: z.boolean().optional().describe("Default: true unless there is a default."),
      title: z.string().optional(),
      description: z.string().optional(),
      mediaType: z.string().optional().describe("Of a file: text/csv."),
    },
    { error: "expected a map with type" },
  )
  .describe("Other keys are JSON Schema: minimum, maximum, enum, pattern, …");

const output = z.strictObject(
  { type: portType.optional(), from: reference, description: z.string().optional() },
  { error: "expected a map with from" },
);

export const policySchema = z.strictObject(
  {
    timeout: duration.optional().describe("Of the whole execution; stands still while paused."),
    concurrency: z.int().min(1).max(10_000).optional().describe("Node attempts at once in one execution. Default 8."),
    onFailure: z
      .enum(["cancel", "drain"])
      .optional()
      .describe("cancel (default): an unhandled failure ends the rest. drain: what can still run does."),
    durability: z
      .enum(["sync", "group", "off"])
      .optional()
      .describe("When the journal reaches the disk. Default group."),
  },
  { error: "expected a map" },
);

export const blueprintFile = z.strictObject(
  {
    apiVersion: z.literal("atomiton.dev/v1"),
    kind: z.literal("Blueprint"),
    id: z.string().min(1).max(200).optional().describe("Identity; the file may be renamed. Left out: the file's name."),
    name: z.string({ error: "expected a text" }).min(1).max(200),
    version: text(VERSION, 'a quoted version such as "1.10" or 1.10.0', "major.minor.patch").optional(),
    description: z.string().optional(),
    inputs: byName(name, input).optional().describe("Typed inputs; ports of this Blueprint when it is used as a node."),
    outputs: byName(name, output).optional().describe("What the Blueprint gives."),
    types: byName(name, schemaObject).optional().describe("JSON Schemas, usable as port types: #name."),
    secrets: z.array(name).optional().describe("Names only; values come from the host."),
    policy: policySchema.optional(),
    nodes: byName(nodeId, node),
    ui: byName(nodeId, position).optional().describe("Positions on the canvas; never read by the engine."),
  },
  { error: "expected a map with apiVersion, kind, name and nodes" },
);

/** JSON Schema 2020-12 of a Blueprint file, as `schema/blueprint.schema.json` publishes it. */
export function blueprintJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(blueprintFile, { target: "draft-2020-12", io: "input", unrepresentable: "throw" });
  const { $schema, ...rest } = schema;
  return { $schema, $id: "https://atomiton.dev/schema/blueprint.v1.json", title: "Atomiton Blueprint", ...rest };
}
