import { z } from "zod";

import type { AnyNodeDef, Ports } from "../blueprint/define-node.ts";
import type { NodeTypeInfo, PortInfo } from "../contract.ts";

function portsOf(ports: Ports): PortInfo[] {
  return Object.entries(ports).map(([name, port]) => ({
    name,
    type: port.type,
    required: port.required,
    multi: port.multi,
    ...(port.description === undefined ? {} : { description: port.description }),
  }));
}

/** A node type as catalogues and forms show it: data only. */
export function describeNode(def: AnyNodeDef): NodeTypeInfo {
  return {
    type: def.type,
    version: def.version,
    title: def.title,
    category: def.category,
    ...(def.icon === undefined ? {} : { icon: def.icon }),
    ...(def.description === undefined ? {} : { description: def.description }),
    inputs: portsOf(def.inputs as Ports),
    outputs: portsOf(def.outputs as Ports),
    config: z.toJSONSchema(def.config as z.ZodType, { io: "input", unrepresentable: "any" }),
    effect: def.effect,
    ...(def.effectOf === undefined ? {} : { effectOf: def.effectOf as NodeTypeInfo["effectOf"] }),
  };
}
