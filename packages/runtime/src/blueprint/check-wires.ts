/** Wires of one scope: where references lead, and whether what they bring fits. */

import type { NodeDecl, PortType, ProblemCode, Ref } from "./model.ts";
import { assignable, formatPortType, itemOf } from "./port-type.ts";
import type { NodePorts } from "./ports.ts";
import type { KnownNodes, Report, Scope } from "./scope.ts";
import { wayOut } from "./suggest.ts";

/** A body sees its own nodes, `$item`, `$index`, `$key`, and the loop node's wires as `$inputs`. */
export function bodyScope(outer: Scope, loop: NodeDecl, known: KnownNodes, ports: NodePorts | undefined): Scope {
  const inputs = new Map<string, PortType>();
  for (const [name, wire] of loop.in) {
    const source = Array.isArray(wire) ? undefined : (wire as Ref);
    inputs.set(name, (source && typeOfRef(source, outer, known)) ?? ports?.inputs.get(name)?.type ?? { t: "any" });
  }
  // Of core/while an iteration's item is what the one before gave.
  const own = ports?.inputs.get("items")?.type;
  const items = inputs.get("items");
  const item = own ? itemOf(items && items.t !== "any" ? items : own, outer.blueprint.types) : ({ t: "any" } as const);
  return {
    blueprint: outer.blueprint,
    nodes: loop.body?.nodes ?? new Map(),
    inputs,
    item,
    prefix: `${outer.prefix}${loop.id}.body.nodes.`,
    outputs: loop.body?.outputs ?? new Map(),
  };
}

/** The type that a reference gives; undefined where that is not known, or it leads nowhere. */
function typeOfRef(ref: Ref, scope: Scope, known: KnownNodes): PortType | undefined {
  switch (ref.from) {
    case "node":
      return known.get(ref.node)?.ports?.outputs.get(ref.port)?.type;
    case "inputs":
      return scope.inputs.get(ref.port);
    case "item":
      return scope.item;
    case "index":
      return { t: "integer" };
    case "key":
      return { t: "string" };
  }
}

/** What is wrong with where a reference leads, if anything. */
function refProblem(ref: Ref, scope: Scope, known: KnownNodes): [ProblemCode, string] | undefined {
  if (ref.from === "inputs") {
    if (scope.inputs.has(ref.port)) return undefined;
    const owner = scope.item ? "the loop node has no such wire" : "the Blueprint has no such input";
    const declare = scope.item
      ? "wire it on the loop node: a body sees nothing else from outside"
      : "declare it under `inputs`";
    return ["UNKNOWN_PORT", `Cannot read ${ref.text}: ${owner}; ${wayOut(ref.port, scope.inputs.keys(), declare)}`];
  }
  if (ref.from !== "node") {
    return scope.item
      ? undefined
      : [
          "UNKNOWN_PORT",
          `Cannot read ${ref.text}: it exists only in the body of a loop node; use node.port or $inputs.port`,
        ];
  }
  const source = known.get(ref.node);
  if (!source) {
    const outside = scope.outputs && scope.blueprint.nodes.has(ref.node);
    const way = outside
      ? `a body sees nothing outside; wire ${ref.text} into the loop node, and read it here as $inputs.name`
      : wayOut(ref.node, known.keys(), "there are no nodes here");
    return [
      "UNKNOWN_NODE",
      `Cannot read ${ref.text}: no node "${ref.node}" ${outside ? "in this body" : "is here"}; ${way}`,
    ];
  }
  if (!source.ports || source.ports.outputs.has(ref.port)) return undefined;
  return [
    "UNKNOWN_PORT",
    `Cannot read ${ref.text}: "${ref.node}" has no output "${ref.port}"; ${wayOut(ref.port, source.ports.outputs.keys(), "it has none")}`,
  ];
}

export function checkWires(
  decl: NodeDecl,
  ports: NodePorts | undefined,
  scope: Scope,
  known: KnownNodes,
  used: Set<string>,
  report: Report,
): void {
  for (const [name, wire] of decl.in) {
    const where = `${scope.prefix}${decl.id}.in.${name}`;
    const port = ports?.inputs.get(name);
    const at = decl.positions.get(`in.${name}`) ?? decl.at;
    if (ports && !port) {
      report(
        "UNKNOWN_PORT",
        where,
        at,
        `Cannot wire ${decl.id}.${name}: the node has no such input; ${wayOut(name, ports.inputs.keys(), "it has none")}`,
      );
    }
    if (port && Array.isArray(wire) && !port.multi) {
      report(
        "NOT_MULTI",
        where,
        at,
        `Cannot wire ${wire.length} sources to ${decl.id}.${name}: it takes one; join them with core/merge first`,
      );
    }
    for (const ref of [wire].flat()) {
      if (ref.from === "node") used.add(ref.node);
      const problem = refProblem(ref, scope, known);
      if (problem) report(problem[0], where, ref.at, problem[1]);
      else if (port)
        checkType(
          ref,
          port.multi ? multiType(port.type) : port.type,
          `${decl.id}.${name}`,
          scope,
          known,
          where,
          report,
        );
    }
  }
}

/** Each wire of a multi port brings one item of the list that the node gets. */
const multiType = (type: PortType): PortType => (type.t === "list" ? type.of : type);

function checkType(
  ref: Ref,
  to: PortType,
  target: string,
  scope: Scope,
  known: KnownNodes,
  where: string,
  report: Report,
): void {
  const from = typeOfRef(ref, scope, known);
  const { types } = scope.blueprint;
  if (!from || assignable(from, to, types)) return;
  const collect = from.t === "stream" && (to.t === "list" || to.t === "json" || to.t === "schema");
  const way = collect
    ? "a list is held in memory whole, so it is asked for: put core/collect between them"
    : "change one of the types, or put core/transform between them";
  report(
    "PORT_TYPE",
    where,
    ref.at,
    `Cannot wire ${ref.text} to ${target}: it gives ${formatPortType(from)}, the port takes ${formatPortType(to)}; ${way}`,
  );
}

export function checkAfter(decl: NodeDecl, scope: Scope, known: KnownNodes, used: Set<string>, report: Report): void {
  for (const after of decl.after) {
    used.add(after.node);
    const text = after.port === undefined ? after.node : `${after.node}.${after.port}`;
    const where = `${scope.prefix}${decl.id}.after`;
    const source = known.get(after.node);
    if (!source) {
      report(
        "UNKNOWN_NODE",
        where,
        after.at,
        `Cannot run "${decl.id}" after ${text}: no node "${after.node}" is here; ${wayOut(after.node, known.keys(), "there are no nodes here")}`,
      );
    } else if (after.port !== undefined && source.ports && !source.ports.outputs.has(after.port)) {
      report(
        "UNKNOWN_PORT",
        where,
        after.at,
        `Cannot run "${decl.id}" after ${text}: "${after.node}" has no output "${after.port}"; ${wayOut(after.port, source.ports.outputs.keys(), "name the node alone")}`,
      );
    }
  }
}

/** What one iteration gives. */
export function checkBodyOutputs(scope: Scope, known: KnownNodes, report: Report): void {
  for (const [name, ref] of scope.outputs ?? []) {
    const problem = refProblem(ref, scope, known);
    if (problem) report(problem[0], `${scope.prefix.replace(/nodes\.$/, "outputs.")}${name}`, ref.at, problem[1]);
  }
}

/** The Blueprint's own outputs: where they come from, and whether the type is the one they declare. */
export function checkOutputs(scope: Scope, known: KnownNodes, report: Report): void {
  for (const output of scope.blueprint.outputs.values()) {
    const where = `outputs.${output.name}.from`;
    const problem = refProblem(output.from, scope, known);
    if (problem) report(problem[0], where, output.from.at, problem[1]);
    else checkType(output.from, output.type, `the output "${output.name}"`, scope, known, where, report);
  }
}
