/** The ports that a node has where it stands: the type's own, those its configuration makes, and the implicit `error`. */

import { withDefaults } from "./config-schema.ts";
import type { AnyNodeDef, PortDef, Ports } from "./define-node.ts";
import type { Blueprint, NodeDecl, PortType } from "./model.ts";
import { parsePortType, schemaOfType } from "./port-type.ts";

export interface NodePort {
  readonly name: string;
  readonly type: PortType;
  readonly required: boolean;
  /** Takes a list of wires. */
  readonly multi: boolean;
  readonly mode: "value" | "stream";
  readonly description?: string;
  /** Of the definition, for the check of values; sub-blueprints have none. */
  readonly def?: PortDef<any, "value" | "stream">;
}

export interface NodePorts {
  readonly inputs: ReadonlyMap<string, NodePort>;
  /** The implicit `error` is among them, last unless the type declares its own. */
  readonly outputs: ReadonlyMap<string, NodePort>;
  /** Inputs beyond the declared ones may be wired; those that are stand in `inputs`, as `any` and required. */
  readonly open: boolean;
}

const ANY: PortType = { t: "any" };
const ERROR: NodePort = {
  name: "error",
  type: { t: "schema", schema: { type: "object" } },
  required: false,
  multi: false,
  mode: "value",
  description: "What went wrong. Wired: the failure is handled.",
};

const toPort = (name: string, def: PortDef<any, "value" | "stream">): NodePort => ({
  name,
  type: parsePortType(def.type) ?? ANY,
  required: def.required,
  multi: def.multi,
  mode: def.mode,
  def,
  ...(def.description === undefined ? {} : { description: def.description }),
});

const addAll = (to: Map<string, NodePort>, ports: Ports | undefined): void => {
  for (const [name, def] of Object.entries(ports ?? {})) to.set(name, toPort(name, def));
};

/** A sub-blueprint's ports: its inputs and outputs, with its own named types resolved. */
function portsOfBlueprint(blueprint: Blueprint): NodePorts {
  const own = (type: PortType): PortType => {
    if (type.t === "list" || type.t === "stream") return { t: type.t, of: own(type.of) };
    return type.t === "named" || type.t === "schema"
      ? { t: "schema", schema: schemaOfType(type, blueprint.types) }
      : type;
  };
  const inputs = new Map<string, NodePort>();
  for (const input of blueprint.inputs.values()) {
    inputs.set(input.name, {
      name: input.name,
      type: own(input.type),
      required: input.required,
      multi: false,
      mode: "value",
      ...(input.description === undefined ? {} : { description: input.description }),
    });
  }
  const outputs = new Map<string, NodePort>();
  for (const output of blueprint.outputs.values()) {
    outputs.set(output.name, {
      name: output.name,
      type: own(output.type),
      required: false,
      multi: false,
      mode: "value",
      ...(output.description === undefined ? {} : { description: output.description }),
    });
  }
  if (!outputs.has("error")) outputs.set("error", ERROR);
  return { inputs, outputs, open: false };
}

/**
 * The effective ports of a node. `def` is its definition, or the Blueprint that it uses as a node. `config` is the configuration that
 * `ports(config)` is asked with: left out, the definition's schema is applied to what the file says.
 * @throws what `def.ports` throws.
 */
export function portsOf(decl: Pick<NodeDecl, "in" | "with">, def: AnyNodeDef | Blueprint, config?: unknown): NodePorts {
  if (!("run" in def)) return portsOfBlueprint(def);
  const inputs = new Map<string, NodePort>();
  const outputs = new Map<string, NodePort>();
  addAll(inputs, def.inputs);
  addAll(outputs, def.outputs);
  if (def.ports) {
    const dynamic = def.ports(config ?? withDefaults(decl.with, def.config));
    addAll(inputs, dynamic.inputs);
    addAll(outputs, dynamic.outputs);
  }
  const open = def.openInputs ?? false;
  if (open) {
    for (const name of decl.in.keys()) {
      if (!inputs.has(name)) inputs.set(name, { name, type: ANY, required: true, multi: false, mode: "value" });
    }
  }
  if (!outputs.has("error")) outputs.set("error", ERROR);
  return { inputs, outputs, open };
}
