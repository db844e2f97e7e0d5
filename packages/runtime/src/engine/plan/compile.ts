import { createHash, type Hash } from "node:crypto";
import { dirname } from "node:path";

import type { NodeCatalog } from "../../blueprint/catalog.ts";
import type { AnyNodeDef } from "../../blueprint/define-node.ts";
import { effectOf } from "../../blueprint/effect.ts";
import type { Blueprint, Body, NodeDecl, Ref } from "../../blueprint/model.ts";
import { portsOf, type NodePorts } from "../../blueprint/ports.ts";
import { LOOP_TYPES } from "../../blueprint/scope.ts";
import { RuntimeError } from "../../errors.ts";
import { BLUEPRINT_TYPE, blueprintNode } from "./constructs.ts";
import { layOut, weigh } from "./edges.ts";
import { compileCondition, compileConfig, compileText } from "./expressions.ts";
import type { Join, Plan, PlanInput, PlanNode, Source, Template } from "./plan.ts";
import { gatheredPorts, isStreaming, layStreams, type Draft } from "./stream-wires.ts";

/** Blueprints inside Blueprints and loops inside loops, together. */
export const MAX_DEPTH = 32;

/** Reads a Blueprint that another one names by path. Throws `RuntimeError` when it cannot. */
export type BlueprintLoader = (path: string, fromFile: string) => Blueprint;

export interface CompileOptions {
  catalog: NodeCatalog;
  /** Left out: a Blueprint that uses others by path is refused. */
  load?: BlueprintLoader;
  /** Folder of a Blueprint's relative paths. Default: the folder of its file. */
  cwdOf?: (blueprint: Blueprint) => string;
}

/**
 * Compiles a checked Blueprint into what the scheduler runs. Linear in nodes and wires, without recursion over either.
 * Throws `RuntimeError`: `INVALID_BLUEPRINT`, `UNKNOWN_NODE_TYPE`, `CONFIG`, `EXPRESSION`, `NOT_YET`.
 */
export function compile(blueprint: Blueprint, options: CompileOptions): Plan {
  const compiler = new Compiler(options);
  const root = compiler.blueprint(blueprint, 0);
  return { root, hash: compiler.hash.digest("hex"), blueprint, secrets: [...compiler.secrets] };
}

/** Nodes and outputs of a Blueprint or of a loop's body. */
interface Graph {
  readonly nodes: ReadonlyMap<string, NodeDecl>;
  readonly outputs: readonly { readonly name: string; readonly from: Ref }[];
}

class Compiler {
  readonly hash: Hash = createHash("sha256");
  readonly secrets = new Set<string>();
  readonly #options: CompileOptions;
  readonly #ports = new Map<AnyNodeDef, NodePorts>();
  readonly #outputs = new Map<NodePorts, Pick<PlanNode, "outputs" | "streams">>();
  readonly #defaults = new Map<AnyNodeDef, ReturnType<typeof compileConfig>>();
  readonly #templates = new Map<Blueprint, Template>();
  readonly #names = new Map<string, string>();

  constructor(options: CompileOptions) {
    this.#options = options;
  }

  blueprint(blueprint: Blueprint, depth: number): Template {
    const known = this.#templates.get(blueprint);
    if (known) return known;
    const outputs = [...blueprint.outputs.values()].map(({ name, from }) => ({ name, from }));
    const template = this.#graph({ nodes: blueprint.nodes, outputs }, blueprint, depth, true);
    this.#templates.set(blueprint, template);
    for (const name of blueprint.secrets) this.secrets.add(name);
    return template;
  }

  #graph(graph: Graph, blueprint: Blueprint, depth: number, isBlueprint: boolean): Template {
    if (depth > MAX_DEPTH) {
      throw new RuntimeError(
        "INVALID_BLUEPRINT",
        `Cannot compile "${blueprint.name}": Blueprints and loops stand inside each other more than ${MAX_DEPTH} deep; check whether it uses itself`,
        { file: blueprint.file },
      );
    }
    const ids = new Map([...graph.nodes.keys()].map((name, id) => [name, id]));
    const source = (ref: Ref): Source => {
      if (ref.from === "inputs") return { from: "inputs", port: ref.port };
      if (ref.from !== "node") return { from: ref.from };
      const node = ids.get(ref.node);
      if (node !== undefined) return { from: "node", node, port: this.#shared(ref.port) };
      throw new RuntimeError("INVALID_BLUEPRINT", `Cannot wire "${ref.text}": there is no node "${ref.node}" here`, {
        file: blueprint.file,
        ...ref.at,
      });
    };
    const outputs = graph.outputs.map(({ name, from }) => ({ name, source: source(from) }));
    const drafts = [...graph.nodes.values()].map((decl) =>
      this.#draft(decl, ids.get(decl.id)!, source, ids, blueprint, depth),
    );
    const streams = layStreams(drafts, [...graph.nodes.values()]);
    const gathers = gatheredPorts(drafts, streams, outputs);
    const handled = new Set<number>();
    const note = (node: number, port: string | undefined): void => {
      if (port === "error") handled.add(node);
    };
    for (const { inputs, after } of drafts) {
      for (const input of inputs)
        for (const from of input.sources) if (from.from === "node") note(from.node, from.port);
      for (const edge of after) note(edge.node, edge.port);
    }
    for (const { source: from } of outputs) if (from.from === "node") note(from.node, from.port);

    const wired = streams ? drafts.map((draft, id) => ({ ...draft, inputs: streams.inputs[id]! })) : drafts;
    const edges = layOut(
      wired,
      outputs.map((output) => output.source),
      streams?.gates,
    );
    const weights = weigh(drafts, edges, blueprint);
    const nodes = wired.map((draft, id): PlanNode => ({
      ...draft,
      streamsTo: streams && streams.streamsTo[id]!.length > 0 ? streams.streamsTo[id] : undefined,
      readsStreams: streams ? draft.inputs.some((input) => input.sources.some(isStreaming)) : false,
      gathers: gathers?.get(id),
      weight: weights[id]!,
      handlesError: handled.has(id),
    }));
    this.#digest(graph, blueprint, nodes);
    return {
      nodes,
      ...edges,
      outputs,
      inputs: isBlueprint ? blueprint.inputs : undefined,
      blueprint,
      cwd: this.#options.cwdOf?.(blueprint) ?? dirname(blueprint.file),
      onFailure: blueprint.policy.onFailure,
      size: nodes.reduce((sum, node) => sum + node.size, 0),
      instances: nodes.reduce((sum, { kind, child }) => sum + 1 + (kind === "blueprint" ? child!.instances : 0), 0),
      loops: nodes.reduce(
        (sum, { kind, child }) => sum + (kind === "loop" ? 1 : kind === "blueprint" ? child!.loops : 0),
        0,
      ),
    };
  }

  #draft(
    decl: NodeDecl,
    id: number,
    source: (ref: Ref) => Source,
    ids: ReadonlyMap<string, number>,
    blueprint: Blueprint,
    depth: number,
  ): Draft {
    const { def, used } = this.#definition(decl, blueprint);
    const kind = used ? "blueprint" : LOOP_TYPES.has(def.type) ? "loop" : "node";
    const child = used
      ? this.blueprint(used, depth + 1)
      : kind === "loop"
        ? this.#body(decl, blueprint, depth)
        : undefined;
    const config = used ? { staticConfig: {}, config: undefined, rawConfig: {} } : this.#configOf(decl, def);
    const ports = used ? portsOf(decl, used) : this.#portsOf(decl, def, config.staticConfig);
    const join = joinOf(decl, def);
    const inputs = [...decl.in].map(([name, refs]): PlanInput => {
      const port = ports.inputs.get(name);
      if (!port) {
        throw new RuntimeError("INVALID_BLUEPRINT", `Cannot wire "${decl.id}": ${def.type} has no input "${name}"`, {
          file: blueprint.file,
          ...decl.at,
        });
      }
      return {
        name,
        sources: (Array.isArray(refs) ? (refs as readonly Ref[]) : [refs as Ref]).map(source),
        multi: port.multi,
        required: port.required,
        join,
        port: port.def,
      };
    });
    return {
      id,
      name: decl.id,
      def,
      kind,
      effect: decl.effect ?? effectOf(def, decl.with),
      inputs,
      ...this.#outputsOf(ports),
      after: decl.after.map(({ node, port, at }) => {
        const target = ids.get(node);
        if (target !== undefined) return { node: target, port };
        throw new RuntimeError("INVALID_BLUEPRINT", `Cannot wait for "${node}": there is no such node here`, {
          file: blueprint.file,
          ...at,
        });
      }),
      when: decl.when === undefined ? undefined : compileCondition(decl.when),
      ...config,
      idempotencyKey: decl.idempotencyKey === undefined ? undefined : compileText(decl.idempotencyKey),
      onUnknown: decl.onUnknown,
      timeoutMs: shorter(decl.timeoutMs, used?.policy.timeoutMs),
      retry: decl.retry,
      child,
      key: kind === "loop" && typeof decl.with["key"] === "string" ? compileText(decl.with["key"]) : undefined,
      races: inputs.some((input) => input.multi && input.join === "race"),
      neverSkipped:
        decl.after.length === 0 &&
        inputs.every(({ multi, join: how, required }) => (multi ? how === "all" : !required)),
      size: child ? Math.max(1, child.size) : 1,
    };
  }

  #definition(decl: NodeDecl, blueprint: Blueprint): { def: AnyNodeDef; used: Blueprint | undefined } {
    const { uses } = decl;
    const path = "path" in uses ? uses.path : uses.type === BLUEPRINT_TYPE ? decl.with["path"] : undefined;
    if (path !== undefined) {
      if (typeof path !== "string" || !this.#options.load) {
        throw new RuntimeError(
          "INVALID_BLUEPRINT",
          `Cannot use ${JSON.stringify(path)} as node "${decl.id}": ${typeof path === "string" ? "this Blueprint does not come from a folder" : "its path is not text"}; use a path beside the file`,
          { file: blueprint.file, ...decl.at },
        );
      }
      return { def: blueprintNode, used: this.#options.load(path, blueprint.file) };
    }
    const { type, major } = uses as { type: string; major?: number };
    const def = this.#options.catalog.get(type, major);
    if (def) return { def, used: undefined };
    const name = major === undefined ? type : `${type}@${major}`;
    throw new RuntimeError(
      "UNKNOWN_NODE_TYPE",
      `Cannot use "${name}" as node "${decl.id}": no such node type; give it with new Runtime({ nodes })`,
      {
        type: name,
        file: blueprint.file,
        ...decl.at,
      },
    );
  }

  #body(decl: NodeDecl, blueprint: Blueprint, depth: number): Template {
    const body: Body = decl.body ?? { nodes: new Map(), outputs: new Map() };
    const outputs = [...body.outputs].map(([name, from]) => ({ name, from }));
    return this.#graph({ nodes: body.nodes, outputs }, blueprint, depth + 1, false);
  }

  /** Nodes without a configuration of their own share the parsed defaults. */
  #configOf(decl: NodeDecl, def: AnyNodeDef): ReturnType<typeof compileConfig> {
    if (Object.keys(decl.with).length > 0) return compileConfig(decl, def);
    let known = this.#defaults.get(def);
    if (!known) this.#defaults.set(def, (known = compileConfig(decl, def)));
    return known;
  }

  #outputsOf(ports: NodePorts): Pick<PlanNode, "outputs" | "streams"> {
    const known = this.#outputs.get(ports);
    if (known) return known;
    const outputs = new Map(
      [...ports.outputs].flatMap(([name, port]) => (port.def ? [[name, port.def] as const] : [])),
    );
    const streams = [...outputs].flatMap(([name, port]) => (port.mode === "stream" ? [name] : []));
    const own = { outputs, streams };
    this.#outputs.set(ports, own);
    return own;
  }

  /** One text for each port name, not one for each wire: values are looked up by it, and equal texts cost a comparison. */
  #shared(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    this.#names.set(name, name);
    return name;
  }

  /** Most nodes of a large graph share a definition whose ports depend on nothing. */
  #portsOf(decl: NodeDecl, def: AnyNodeDef, config: unknown): NodePorts {
    if (def.ports || def.openInputs) return portsOf(decl, def, config);
    const known = this.#ports.get(def);
    if (known) return known;
    const ports = portsOf(decl, def);
    this.#ports.set(def, ports);
    return ports;
  }

  /** What makes two plans the same: the graph, the exact versions, the configuration. Not positions, names or `ui`. */
  #digest(graph: Graph, blueprint: Blueprint, nodes: readonly PlanNode[]): void {
    this.hash.update(JSON.stringify(["graph", blueprint.id, blueprint.version, blueprint.policy, nodes.length]));
    let at = 0;
    for (const decl of graph.nodes.values()) {
      const node = nodes[at++]!;
      const { id, uses, when, retry, timeoutMs, effect, idempotencyKey, onUnknown } = decl;
      const wires = node.inputs.map(({ name, sources, join }) => [name, sources, join]);
      const own = [
        id,
        uses,
        node.def.version,
        wires,
        node.after,
        when,
        retry,
        timeoutMs,
        effect,
        idempotencyKey,
        onUnknown,
      ];
      this.hash.update(JSON.stringify([...own, decl.with]));
    }
    this.hash.update(JSON.stringify(graph.outputs.map(({ name, from }) => [name, from.text])));
  }
}

/** A node's own limit and that of the Blueprint it runs: whichever ends first. */
function shorter(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** `core/merge` says in its configuration how its wires join; other ports that take several wait for all. */
function joinOf(decl: NodeDecl, def: AnyNodeDef): Join {
  if (def.type !== "core/merge") return "all";
  const mode = decl.with["mode"];
  return mode === "any" || mode === "race" || mode === "zip" ? mode : "all";
}
