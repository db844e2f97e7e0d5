/** A Blueprint as a picture: nodes with their ports, and wires, bodies of loops flattened into paths. */

import type { NodeCatalog } from "../blueprint/catalog.ts";
import type { Blueprint, NodeDecl, Ref } from "../blueprint/model.ts";
import { formatPortType } from "../blueprint/port-type.ts";
import { type NodePort, type NodePorts, portsOf } from "../blueprint/ports.ts";
import { subPathOf } from "../blueprint/scope.ts";
import type { GraphNode, PortInfo, Wire } from "../library-contract.ts";

export interface Graph {
  nodes: GraphNode[];
  wires: Wire[];
}

interface Layer {
  readonly nodes: ReadonlyMap<string, NodeDecl>;
  readonly outputs: Iterable<readonly [name: string, from: Ref]>;
  /** Path of the loop; undefined at the top. */
  readonly parent?: string;
}

/** `sub` gives the Blueprint that a node uses, when it can be read. */
export function graphOf(
  blueprint: Blueprint,
  catalog: NodeCatalog,
  sub: (path: string) => Blueprint | undefined,
): Graph {
  const graph: Graph = { nodes: [], wires: [] };
  const outputs = [...blueprint.outputs.values()].map((output) => [output.name, output.from] as const);
  const layers: Layer[] = [{ nodes: blueprint.nodes, outputs }];
  for (let layer; (layer = layers.pop());) {
    const { parent } = layer;
    const pathOf = (id: string): string => (parent === undefined ? id : `${parent}/${id}`);
    const read = portsRead(layer);
    for (const decl of layer.nodes.values()) {
      const path = pathOf(decl.id);
      graph.nodes.push(nodeOf(decl, path, parent, blueprint, catalog, sub, read.get(decl.id) ?? new Set()));
      for (const [port, wire] of decl.in) {
        for (const ref of [wire].flat())
          graph.wires.push({ from: end(ref, pathOf), to: { node: path, port }, control: false });
      }
      for (const after of decl.after) {
        graph.wires.push({
          from: { node: pathOf(after.node), port: after.port ?? "" },
          to: { node: path, port: "" },
          control: true,
        });
      }
      if (decl.body) layers.push({ nodes: decl.body.nodes, outputs: decl.body.outputs, parent: path });
    }
    for (const [name, from] of layer.outputs)
      graph.wires.push({ from: end(from, pathOf), to: { node: pathOf("$outputs"), port: name }, control: false });
  }
  return graph;
}

const end = (ref: Ref, pathOf: (id: string) => string): Wire["from"] =>
  ref.from === "node"
    ? { node: pathOf(ref.node), port: ref.port }
    : ref.from === "inputs"
      ? { node: "$inputs", port: ref.port }
      : { node: `$${ref.from}`, port: ref.from };

/** Which ports of each node are read by others: what is known of a type that the host does not have. */
function portsRead(layer: Layer): Map<string, Set<string>> {
  const read = new Map<string, Set<string>>();
  const see = (ref: Ref): void => {
    if (ref.from !== "node") return;
    const ports = read.get(ref.node) ?? new Set<string>();
    read.set(ref.node, ports.add(ref.port));
  };
  for (const decl of layer.nodes.values()) for (const wire of decl.in.values()) [wire].flat().forEach(see);
  for (const [, from] of layer.outputs) see(from);
  return read;
}

function nodeOf(
  decl: NodeDecl,
  path: string,
  parent: string | undefined,
  blueprint: Blueprint,
  catalog: NodeCatalog,
  sub: (path: string) => Blueprint | undefined,
  read: ReadonlySet<string>,
): GraphNode {
  const subPath = subPathOf(decl);
  const used = subPath === undefined ? undefined : sub(subPath);
  const def = "type" in decl.uses ? catalog.get(decl.uses.type, decl.uses.major) : undefined;
  const ports = portsFor(decl, used ?? (subPath === undefined ? def : undefined));
  const position = parent === undefined ? blueprint.ui.get(decl.id) : undefined;
  return {
    id: decl.id,
    path,
    ...(parent === undefined ? {} : { parent }),
    uses:
      "path" in decl.uses
        ? decl.uses.path
        : `${decl.uses.type}${decl.uses.major === undefined ? "" : `@${decl.uses.major}`}`,
    title: decl.title ?? used?.name ?? def?.title ?? decl.id,
    ...(def ? { category: def.category } : used ? { category: "blueprint" } : {}),
    ...(def?.icon === undefined ? {} : { icon: def.icon }),
    inputs: ports ? [...ports.inputs.values()].map(portInfo) : [...decl.in.keys()].map(guessed),
    outputs: ports ? [...ports.outputs.values()].map(portInfo) : [...new Set([...read, "error"])].map(guessed),
    config: decl.with,
    ...(position ? { position: { x: position[0], y: position[1] } } : {}),
    line: decl.at.line,
  };
}

function portsFor(decl: NodeDecl, def: Parameters<typeof portsOf>[1] | undefined): NodePorts | undefined {
  try {
    return def && portsOf(decl, def);
  } catch {
    // A configuration that its type cannot read; the check says so.
    return undefined;
  }
}

export const portInfo = (port: NodePort): PortInfo => ({
  name: port.name,
  type: formatPortType(port.type),
  required: port.required,
  multi: port.multi,
  ...(port.description === undefined ? {} : { description: port.description }),
});

const guessed = (name: string): PortInfo => ({ name, type: "any", required: false, multi: false });
