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
import { checkBody, checkEffect, checkMissing, checkSubConfig, isIdle } from "./check-nodes.ts";
import { checkRetry } from "./check-retry.ts";
import { checkTypes } from "./check-types.ts";
import { bodyScope, checkAfter, checkBodyOutputs, checkOutputs, checkWires } from "./check-wires.ts";
import { findCycles, isAcyclic } from "./cycles.ts";
import type { AnyNodeDef } from "./define-node.ts";
import type { Blueprint, NodeDecl, Problem } from "./model.ts";
import { type NodePorts, portsOf } from "./ports.ts";
import { type Known, type KnownNodes, type Report, type Scope, subPathOf } from "./scope.ts";
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
/** More problems than these are counted, not listed. */
const MAX_PROBLEMS = 500;
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
  readonly #ports = new Map<AnyNodeDef, NodePorts>();

  constructor(catalog: NodeCatalog, options: CheckOptions) {
    this.#catalog = catalog;
    this.#options = options;
  }

  run(blueprint: Blueprint): Problem[] {
    this.#blueprint(blueprint, [blueprint.file]);
    const more = this.#problems.length - MAX_PROBLEMS;
    const last = this.#problems[MAX_PROBLEMS - 1];
    if (more <= 0 || !last) return this.#problems;
    const severity = this.#problems.some((problem) => problem.severity === "error") ? "error" : "warning";
    const message = `Cannot list every problem: there are ${more} more; mend these first`;
    return [...this.#problems.slice(0, MAX_PROBLEMS), { ...last, severity, where: "", message }];
  }

  /** `trail`: the files from the first one to this one, for recursion. Bounded by MAX_SUB_LEVELS, so this may recurse. */
  #blueprint(blueprint: Blueprint, trail: readonly string[]): void {
    if (this.#files.has(blueprint.file)) return;
    this.#files.add(blueprint.file);
    const from = this.#problems.length;
    const report: Report = (code, where, at, message, severity = "error") => {
      this.#problems.push({ code, severity, file: blueprint.file, line: at.line, column: at.column, where, message });
    };
    checkTypes(blueprint, report);
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
      known.set(decl.id, { decl, def, ports: def && this.#portsOf(decl, def, scope, report) });
    }
    return known;
  }

  /** Most nodes of a large graph share a definition whose ports depend on nothing. */
  #portsOf(decl: NodeDecl, def: AnyNodeDef | Blueprint, scope: Scope, report: Report): NodePorts | undefined {
    if (!("run" in def) || def.ports || def.openInputs) return safePorts(decl, def, scope, report);
    let known = this.#ports.get(def);
    if (!known) this.#ports.set(def, (known = portsOf(decl, def)));
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
      : `Cannot use the node type "${uses.type}": ${this.#catalog.missing?.(uses.type) ?? `this host does not have it; ${wayOut(uses.type, new Set(this.#catalog.all().map((each) => each.type)), "register it with the host")}`}`;
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
      const [first, ...more] = loaded.problems.filter((problem) => problem.severity === "error");
      const gone = first?.code === "BLUEPRINT_REF";
      const why = gone
        ? first.message
        : `it has ${more.length === 0 ? "a problem" : `${more.length + 1} problems`}; mend that file first`;
      report("BLUEPRINT_REF", where, at, `Cannot use ${path} as a node: ${why}`);
      // One file may be used by many nodes: its own problems stand in the list once.
      const files = new Set(gone ? [] : loaded.problems.map((problem) => problem.file));
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

function checkScope(scope: Scope, known: KnownNodes, report: Report): void {
  const used = new Set<string>();
  for (const { decl, def, ports } of known.values()) {
    const where = `${scope.prefix}${decl.id}`;
    checkWires(decl, ports, scope, known, used, report);
    checkAfter(decl, scope, known, used, report);
    checkRetry(decl, where, report);
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
  for (const cycle of isAcyclic(scope.nodes) ? [] : findCycles(edges(scope))) {
    const [first = ""] = cycle;
    const decl = scope.nodes.get(first);
    if (decl)
      report(
        "CYCLE",
        `${scope.prefix}${first}`,
        decl.at,
        `Cannot order the nodes: ${ringText(cycle)} is a ring; remove one of its wires, or use a loop node`,
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

/** Nodes of a ring that a message names. */
const RING_NAMED = 12;

function ringText(cycle: readonly string[]): string {
  const [first = ""] = cycle;
  if (cycle.length <= RING_NAMED) return [...cycle, first].join(" → ");
  const named = cycle.slice(0, RING_NAMED - 1);
  return [...named, `… ${cycle.length - RING_NAMED} more …`, cycle.at(-1), first].join(" → ");
}
