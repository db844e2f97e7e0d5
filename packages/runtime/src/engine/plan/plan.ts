/** A compiled Blueprint: whole numbers instead of names, edges in flat arrays, everything that can be known beforehand. */
import type { AnyNodeDef, Effect, PortDef } from "../../blueprint/define-node.ts";
import type { Blueprint, InputDecl, NodeDecl, RetryPolicy } from "../../blueprint/model.ts";

/** One wire that streams. */
export interface StreamWire {
  /** Its number in the template. */
  readonly wire: number;
  readonly port: string;
  readonly target: number;
}

/** Where an input's value comes from. */
export type Source =
  | {
      readonly from: "node";
      readonly node: number;
      readonly port: string;
      /** Of a wire that streams. */ readonly wire?: number;
    }
  | { readonly from: "inputs"; readonly port: string }
  | { readonly from: "item" | "index" | "key" };

/** When a port that takes several wires is satisfied. */
export type Join = "all" | "any" | "race" | "zip";

export interface PlanInput {
  readonly name: string;
  readonly sources: readonly Source[];
  readonly multi: boolean;
  readonly required: boolean;
  readonly join: Join;
  /** Undefined on open inputs: anything goes. */
  readonly port: PortDef<any, "value" | "stream"> | undefined;
}

/** What expressions see. */
export interface ExpressionScope {
  readonly in: Readonly<Record<string, unknown>>;
  readonly item?: unknown;
  readonly index?: number;
  readonly key?: string;
  readonly run: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, unknown>>;
}

/** A compiled `${ … }`, or a value with some inside. */
export interface Compiled {
  /** No expression inside: `evaluate` always gives the same. */
  readonly isStatic: boolean;
  evaluate(scope: ExpressionScope, signal?: AbortSignal): unknown;
}

export interface PlanNode {
  readonly id: number;
  readonly name: string;
  readonly def: AnyNodeDef;
  readonly kind: "node" | "loop" | "blueprint";
  /** What running it twice does: its type's, or what the Blueprint says instead. */
  readonly effect: Effect;
  readonly inputs: readonly PlanInput[];
  readonly outputs: ReadonlyMap<string, PortDef<any, "value" | "stream">>;
  /** Names of the stream ports among `outputs`. */
  readonly streams: readonly string[];
  /** Wires that its items go out on as they are emitted; undefined where none does. */
  readonly streamsTo: readonly StreamWire[] | undefined;
  /** One of its inputs comes on such a wire. */
  readonly readsStreams: boolean;
  /** Stream ports that somebody reads as a list; undefined where there are none. */
  readonly gathers: ReadonlySet<string> | undefined;
  readonly after: readonly { readonly node: number; readonly port: string | undefined }[];
  readonly when: Compiled | undefined;
  /** The parsed configuration where it has no expression. */
  readonly staticConfig: unknown;
  /** Evaluated and parsed for each attempt; undefined where `staticConfig` stands. */
  readonly config: Compiled | undefined;
  /** Keys that are left as they are. */
  readonly rawConfig: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: Compiled | undefined;
  /** Of effect `write`: what happens when nobody knows whether it was done. Undefined: as its host says. */
  readonly onUnknown: NodeDecl["onUnknown"];
  readonly timeoutMs: number | undefined;
  readonly retry: RetryPolicy | undefined;
  /** Somebody takes its `error` port. */
  readonly handlesError: boolean;
  /** One of its ports takes the first value that comes. */
  readonly races: boolean;
  /** Runs whatever its wires bring, also nothing: no need to look at them before. `when` is another matter. */
  readonly neverSkipped: boolean;
  /** Longest way from here to the end, in nodes. */
  readonly weight: number;
  /** Share in the progress of its scope: 1, or what is inside. */
  readonly size: number;
  /** Body of a loop, or the Blueprint used as a node. */
  readonly child: Template | undefined;
  /** Of a loop: `key`. */
  readonly key: Compiled | undefined;
}

export interface Template {
  readonly nodes: readonly PlanNode[];
  /** Edges of node n: `outTarget[outStart[n]]` up to `outTarget[outStart[n + 1]]`. */
  readonly outStart: Int32Array;
  readonly outTarget: Int32Array;
  /** 1 where an edge is a wire that streams; undefined where none does. */
  readonly outStreams: Uint8Array | undefined;
  /** Edges that end at a node: how many tokens it waits for. */
  readonly need: Int32Array;
  /** Readers of a node's outputs, the scope's own outputs included: at 0 they are let go. */
  readonly readers: Int32Array;
  readonly outputs: readonly { readonly name: string; readonly source: Source }[];
  /** Set where the scope is a Blueprint. */
  readonly inputs: ReadonlyMap<string, InputDecl> | undefined;
  readonly blueprint: Blueprint;
  /** Folder that relative paths are read from. */
  readonly cwd: string;
  readonly onFailure: "cancel" | "drain";
  /** Sum of the nodes' sizes. */
  readonly size: number;
  /** Instances that one scope of it has for certain: nodes, and those of Blueprints used as nodes. */
  readonly instances: number;
  /** Loops among those. */
  readonly loops: number;
}

export interface Plan {
  readonly root: Template;
  readonly hash: string;
  readonly blueprint: Blueprint;
  /** Names that it or a Blueprint inside it lists. */
  readonly secrets: readonly string[];
}
