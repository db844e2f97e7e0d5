/** What the parts of the check share. */

import type { AnyNodeDef } from "./define-node.ts";
import type { Blueprint, NodeDecl, PortType, Position, Problem, ProblemCode, Ref } from "./model.ts";
import type { NodePorts } from "./ports.ts";

/** Node types with a body, which run it per item. */
export const LOOP_TYPES: ReadonlySet<string> = new Set(["core/forEach", "core/while"]);

/** One scope that is being checked. */
export interface Scope {
  readonly blueprint: Blueprint;
  readonly nodes: ReadonlyMap<string, NodeDecl>;
  /** `$inputs` here: the Blueprint's, or the loop node's wires. */
  readonly inputs: ReadonlyMap<string, PortType>;
  /** Type of `$item`, in a body. */
  readonly item?: PortType;
  /** `nodes.` or `nodes.each.body.nodes.` */
  readonly prefix: string;
  /** Of a body. */
  readonly outputs?: ReadonlyMap<string, Ref>;
}

/** What is known of a node where it stands. */
export interface Known {
  readonly decl: NodeDecl;
  readonly def: AnyNodeDef | Blueprint | undefined;
  readonly ports: NodePorts | undefined;
}

/** All nodes of one scope, by id. */
export type KnownNodes = ReadonlyMap<string, Known>;

/** The node type that names another Blueprint in its configuration: the same as `uses: ./path`. */
const BLUEPRINT_TYPE = "core/blueprint";

/** Path of the Blueprint that a node uses; undefined for nodes of other types. */
export function subPathOf(decl: Pick<NodeDecl, "uses" | "with">): string | undefined {
  if ("path" in decl.uses) return decl.uses.path;
  const path = decl.uses.type === BLUEPRINT_TYPE ? decl.with["path"] : undefined;
  return typeof path === "string" && !path.includes("${") ? path : undefined;
}

/** Takes one problem of the Blueprint that is being checked; `where` in the file's own terms. */
export type Report = (
  code: ProblemCode,
  where: string,
  at: Position,
  message: string,
  severity?: Problem["severity"],
) => void;
