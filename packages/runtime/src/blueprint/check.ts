/**
 * Judges a Blueprint against a node catalogue, before anything runs. What this lets through can be compiled.
 *
 * 1. Scopes (the Blueprint, and each loop's body) are checked one by one from a list: no recursion over the graph.
 * 2. Sub-blueprints are loaded through `options.load` and checked once each; their problems carry their own file names.
 * 3. Everything is reported; a wire from a node that is unknown is not reported again as a wire of the wrong type.
 */
import type { NodeCatalog } from "./catalog.ts";
import { checkConfig } from "./check-config.ts";
import { checkExpressions } from "./check-expressions.ts";
import { findCycles } from "./cycles.ts";
import type { AnyNodeDef, Effect } from "./define-node.ts";
import type { Blueprint, NodeDecl, PortType, Problem, ProblemCode, Ref } from "./model.ts";
import { assignable, formatPortType, itemOf } from "./port-type.ts";
import { type NodePorts, portsOf } from "./ports.ts";
import { LOOP_TYPES, type Report, type Scope, subPathOf } from "./scope.ts";
import { wayOut } from "./suggest.ts";

export interface CheckOptions {
  /**
   * Loads the Blueprint that `uses: ./path` names, relative to the file that names it. The result's `blueprint.file` must be the same for
   * the same file, however it is reached. Without it, such nodes are errors.
   */
  load?(path: string, fromFile: string): { blueprint?: Blueprint; problems: Problem[] };
}

/** Blueprints inside Blueprints; deeper is a mistake. */
const MAX_SUB_LEVELS = 32;
/** What is known of a node where it stands. */
interface Known {
  readonly decl: NodeDecl;
  readonly def: AnyNodeDef | Blueprint | undefined;
  readonly ports: NodePorts | undefined;
}

/**
 * Everything that is wrong with a Blueprint, its sub-blueprints' problems included. Empty, or warnings only: it can run.
 * @example
 * const problems = checkBlueprint(blueprint, createCatalog(coreNodes), { load: library.loader() })
 */
export function checkBlueprint(blueprint: Blueprint, catalog: NodeCatalog, options: CheckOptions = {}): Problem[] {
  return new Check(catalog, options).run(blueprint);
}

class Check {
  readonly #catalog: NodeCatalog;
  readonly #options: CheckOptions;
  readonly #problems: Problem[] = [];
  /** Checked, or being checked, by file. */
  readonly #files = new Set<string>();

  constructor(catalog: NodeCatalog, options: CheckOptions) {
    this.#catalog = catalog;
    this.#options = options;
  }

  run(blueprint: Blueprint): Problem[] {
    this.#blueprint(blueprint, [blueprint.file]);
    return this.#problems;
  }

  /** `trail`: the files from the first one to this one, for recursion. Bounded by MAX_SUB_LEVELS, so this may recurse. */
  #blueprint(blueprint: Blueprint, trail: readonly string[]): void {
    if (this.#files.has(blueprint.file)) return;
    this.#files.add(blueprint.file);
    const from = this.#problems.length;
    const report: Report = (code, where, at, message, severity = "error") => {
      this.#problems.push({ code, severity, file: blueprint.file, line: at.line, column: at.column, where, message });
    };
    const subs: Blueprint[] = [];
    const inputs = new Map([...blueprint.inputs].map(([name, input]) => [name, input.type]));
    const scopes: Scope[] = [{ blueprint, nodes: blueprint.nodes, inputs, prefix: "nodes." }];
    for (let scope; (scope = scopes.pop());) {
      const known = this.#resolve(scope, trail, subs, report);
      checkScope(scope, known, report);
      for (const { decl, ports } of known.values()) if (decl.body) scopes.push(bodyScope(scope, decl, known, ports));
      if (scope.outputs) checkBodyOutputs(scope, known, report);
      else checkOutputs(scope, known, report);
    }
    const own = this.#problems.splice(from);
    this.#problems.push(...own.sort((a, b) => a.line - b.line || a.column - b.column));
    for (const sub of subs) this.#blueprint(sub, [...trail, sub.file]);
  }

  #resolve(scope: Scope, trail: readonly string[], subs: Blueprint[], report: Report): Map<string, Known> {
    const known = new Map<string, Known>();
    for (const decl of scope.nodes.values()) {
      const path = subPathOf(decl);
      const def =
        path === undefined ? this.#type(decl, scope, report) : this.#sub(decl, path, scope, trail, subs, report);
      known.set(decl.id, { decl, def, ports: def && safePorts(decl, def, scope, report) });
    }
    return known;
  }

  #type(decl: NodeDecl, scope: Scope, report: Report): AnyNodeDef | undefined {
    const uses = decl.uses as { type: string; major?: number };
    const def = this.#catalog.get(uses.type, uses.major);
    if (def) return def;
    const at = decl.positions.get("uses") ?? decl.at;
    const other = this.#catalog.get(uses.type);
    const message = other
      ? `Cannot use ${uses.type}@${uses.major}: this host has ${this.#majors(uses.type)}; pin one of these`
      : `Cannot use the node type "${uses.type}": this host does not have it; ${wayOut(uses.type, new Set(this.#catalog.all().map((each) => each.type)), "register it with the host")}`;
    report("UNKNOWN_NODE_TYPE", `${scope.prefix}${decl.id}.uses`, at, message);
    return undefined;
  }

  #majors(type: string): string {
    const versions = this.#catalog.all().filter((def) => def.type === type);
    return versions.map((def) => `${type}@${def.version.split(".")[0]}`).join(", ");
  }

  #sub(
    decl: NodeDecl,
    path: string,
    scope: Scope,
    trail: readonly string[],
    subs: Blueprint[],
    report: Report,
  ): Blueprint | undefined {
    const at = decl.positions.get("uses") ?? decl.at;
    const where = `${scope.prefix}${decl.id}.uses`;
    if (!this.#options.load) {
      report(
        "BLUEPRINT_REF",
        where,
        at,
        `Cannot use ${path}: this Blueprint was not read from a folder; run it from a file`,
      );
      return undefined;
    }
    const loaded = this.#options.load(path, scope.blueprint.file);
    if (!loaded.blueprint) {
      const errors = loaded.problems.filter((problem) => problem.severity === "error");
      const count = errors.length === 1 ? errors[0]?.message : `it has ${errors.length} problems`;
      report(
        "BLUEPRINT_REF",
        where,
        at,
        `Cannot use ${path} as a node: ${count ?? "it cannot be read"}; mend that file first`,
      );
      // One file may be used by many nodes: its own problems stand in the list once.
      const files = new Set(loaded.problems.map((problem) => problem.file));
      const fresh = [...files].filter((file) => !this.#files.has(file));
      for (const file of fresh) this.#files.add(file);
      this.#problems.push(...loaded.problems.filter((problem) => fresh.includes(problem.file)));
      return undefined;
    }
    const { blueprint } = loaded;
    if (trail.includes(blueprint.file)) {
      const ring = [...trail.slice(trail.indexOf(blueprint.file)), blueprint.file].join(" → ");
      report(
        "RECURSION",
        where,
        at,
        `Cannot use ${path} as a node: it would contain itself (${ring}); use a loop node, or break the ring`,
      );
      return blueprint;
    }
    if (trail.length >= MAX_SUB_LEVELS) {
      report(
        "RECURSION",
        where,
        at,
        `Cannot use ${path} as a node: Blueprints nest deeper than ${MAX_SUB_LEVELS} levels; flatten them`,
      );
      return blueprint;
    }
    subs.push(blueprint);
    return blueprint;
  }
}

function safePorts(decl: NodeDecl, def: AnyNodeDef | Blueprint, scope: Scope, report: Report): NodePorts | undefined {
  try {
    return portsOf(decl, def);
  } catch (error) {
    const at = decl.positions.get("with") ?? decl.at;
    report(
      "CONFIG",
      `${scope.prefix}${decl.id}.with`,
      at,
      `Cannot tell the ports of "${decl.id}" from its configuration: ${error instanceof Error ? error.message : String(error)}; mend \`with\``,
    );
    return undefined;
  }
}

/** A body sees its own nodes, `$item`, `$index`, `$key`, and the loop node's wires as `$inputs`. */
function bodyScope(
  outer: Scope,
  loop: NodeDecl,
  known: ReadonlyMap<string, Known>,
  ports: NodePorts | undefined,
): Scope {
  const inputs = new Map<string, PortType>();
  for (const [name, wire] of loop.in) {
    const source = Array.isArray(wire) ? undefined : (wire as Ref);
    inputs.set(name, (source && typeOfRef(source, outer, known)) ?? ports?.inputs.get(name)?.type ?? { t: "any" });
  }
  const items = inputs.get("items");
  const own = ports?.inputs.get("items")?.type ?? { t: "any" };
  const item = itemOf(items && items.t !== "any" ? items : own, outer.blueprint.types);
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
function typeOfRef(ref: Ref, scope: Scope, known: ReadonlyMap<string, Known>): PortType | undefined {
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
function refProblem(ref: Ref, scope: Scope, known: ReadonlyMap<string, Known>): [ProblemCode, string] | undefined {
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

function checkScope(scope: Scope, known: ReadonlyMap<string, Known>, report: Report): void {
  const used = new Set<string>();
  for (const { decl, def, ports } of known.values()) {
    const where = `${scope.prefix}${decl.id}`;
    checkWires(decl, ports, scope, known, used, report);
    checkAfter(decl, scope, known, used, report);
    if (ports) checkMissing(decl, ports, where, report);
    if (def && "run" in def) {
      checkConfig(decl, def, where, report);
      checkEffect(decl, def, where, report);
      checkBody(decl, def, where, report);
    } else if (def) {
      checkSubConfig(decl, where, report);
    }
    checkExpressions(decl, def && "run" in def ? def : undefined, scope, ports, report);
  }
  for (const ref of outputRefs(scope)) used.add(ref);
  for (const cycle of findCycles(edges(scope))) {
    const [first = ""] = cycle;
    const decl = scope.nodes.get(first);
    if (decl)
      report(
        "CYCLE",
        `${scope.prefix}${first}`,
        decl.at,
        `Cannot order the nodes: ${[...cycle, first].join(" → ")} is a ring; remove one of its wires, or use a loop node`,
      );
  }
  for (const { decl, def, ports } of known.values()) {
    if (used.has(decl.id) || !def || !ports || !isIdle(decl, def, ports)) continue;
    report(
      "UNUSED_NODE",
      `${scope.prefix}${decl.id}`,
      decl.at,
      `The node "${decl.id}" has no use: it changes nothing and nothing takes its outputs; wire one of them, or remove it`,
      "warning",
    );
  }
}

/** Nothing hears it and nothing changes by it. Nodes without outputs (log, fail) are there for what they do. */
function isIdle(decl: NodeDecl, def: AnyNodeDef | Blueprint, ports: NodePorts): boolean {
  if (!("run" in def) || decl.body) return false;
  const effect: Effect = decl.effect ?? def.effect;
  const outputs = [...ports.outputs.keys()].filter((name) => name !== "error");
  return (effect === "pure" || effect === "read") && outputs.length > 0;
}

/** Ids that the scope's outputs read. */
function* outputRefs(scope: Scope): Iterable<string> {
  if (!scope.outputs) {
    for (const output of scope.blueprint.outputs.values()) if (output.from.from === "node") yield output.from.node;
    return;
  }
  for (const ref of scope.outputs.values()) if (ref.from === "node") yield ref.node;
}

function edges(scope: Scope): ReadonlyMap<string, readonly string[]> {
  const out = new Map<string, string[]>([...scope.nodes.keys()].map((id) => [id, []]));
  for (const decl of scope.nodes.values()) {
    for (const wire of decl.in.values())
      for (const ref of [wire].flat()) if (ref.from === "node") out.get(ref.node)?.push(decl.id);
    for (const after of decl.after) out.get(after.node)?.push(decl.id);
  }
  return out;
}

function checkWires(
  decl: NodeDecl,
  ports: NodePorts | undefined,
  scope: Scope,
  known: ReadonlyMap<string, Known>,
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
  known: ReadonlyMap<string, Known>,
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

function checkAfter(
  decl: NodeDecl,
  scope: Scope,
  known: ReadonlyMap<string, Known>,
  used: Set<string>,
  report: Report,
): void {
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

function checkMissing(decl: NodeDecl, ports: NodePorts, where: string, report: Report): void {
  for (const port of ports.inputs.values()) {
    if (!port.required || decl.in.has(port.name)) continue;
    report(
      "MISSING_INPUT",
      `${where}.in.${port.name}`,
      decl.positions.get("in") ?? decl.at,
      `Cannot run "${decl.id}": its input "${port.name}" (${formatPortType(port.type)}) is not wired; write in: { ${port.name}: node.port }`,
    );
  }
}

const STRENGTH: Record<Effect, number> = { pure: 0, read: 1, idempotent: 2, write: 3 };

function checkEffect(decl: NodeDecl, def: AnyNodeDef, where: string, report: Report): void {
  if (!decl.effect || STRENGTH[decl.effect] >= STRENGTH[def.effect]) return;
  const keyed = def.effect === "write" && decl.effect === "idempotent";
  if (keyed && decl.idempotencyKey !== undefined) return;
  const way = keyed
    ? "give an idempotencyKey, which makes a second run harmless"
    : `only a stronger effect may be named, so leave it at ${def.effect}`;
  report(
    "EFFECT",
    `${where}.effect`,
    decl.positions.get("effect") ?? decl.at,
    `Cannot weaken the effect of "${decl.id}" from ${def.effect} to ${decl.effect}: the type decides; ${way}`,
  );
}

function checkBody(decl: NodeDecl, def: AnyNodeDef, where: string, report: Report): void {
  if (LOOP_TYPES.has(def.type) === (decl.body !== undefined)) return;
  if (decl.body)
    report(
      "CONFIG",
      `${where}.body`,
      decl.positions.get("body") ?? decl.at,
      `Cannot give "${decl.id}" a body: ${def.type} is no loop; use core/forEach, or remove it`,
    );
  else
    report(
      "CONFIG",
      where,
      decl.at,
      `Cannot run the loop "${decl.id}": it has no body; write body: { nodes: …, outputs: … }`,
    );
}

function checkSubConfig(decl: NodeDecl, where: string, report: Report): void {
  for (const key of Object.keys(decl.with)) {
    if (key === "path" && "type" in decl.uses) continue;
    report(
      "CONFIG",
      `${where}.with.${key}`,
      decl.positions.get(`with.${key}`) ?? decl.at,
      `Cannot configure "${decl.id}" with "${key}": a Blueprint used as a node has inputs only; make it an input, and wire it`,
    );
  }
  if (decl.body)
    report(
      "CONFIG",
      `${where}.body`,
      decl.positions.get("body") ?? decl.at,
      `Cannot give "${decl.id}" a body: it is a Blueprint, not a loop; remove it`,
    );
}

/** What one iteration gives. */
function checkBodyOutputs(scope: Scope, known: ReadonlyMap<string, Known>, report: Report): void {
  for (const [name, ref] of scope.outputs ?? []) {
    const problem = refProblem(ref, scope, known);
    if (problem) report(problem[0], `${scope.prefix.replace(/nodes\.$/, "outputs.")}${name}`, ref.at, problem[1]);
  }
}

/** The Blueprint's own outputs: where they come from, and whether the type is the one they declare. */
function checkOutputs(scope: Scope, known: ReadonlyMap<string, Known>, report: Report): void {
  for (const output of scope.blueprint.outputs.values()) {
    const where = `outputs.${output.name}.from`;
    const problem = refProblem(output.from, scope, known);
    if (problem) report(problem[0], where, output.from.at, problem[1]);
    else checkType(output.from, output.type, `the output "${output.name}"`, scope, known, where, report);
  }
}
