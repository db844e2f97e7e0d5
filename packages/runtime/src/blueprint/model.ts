/**
 * A parsed Blueprint: what the file says, with positions, nothing resolved. `parse.ts` makes it, `check.ts` judges it
 * against a node catalogue, `engine/plan.ts` compiles it. Maps, not objects: ids come from outside.
 */
import type { Effect } from "./define-node.ts";

/** 1-based, as editors show them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type Severity = "error" | "warning";

/** One thing that is wrong with a file, and what would work. */
export interface Problem {
  readonly code: ProblemCode;
  readonly severity: Severity;
  /** As the user named it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `nodes.check.in.items`: where in the file's own terms. */
  readonly where: string;
  /** `Cannot …: …; …`. */
  readonly message: string;
}

export type ProblemCode =
  | "SYNTAX"
  | "SCHEMA"
  | "UNKNOWN_KEY"
  | "UNKNOWN_NODE_TYPE"
  | "UNKNOWN_NODE"
  | "UNKNOWN_PORT"
  | "MISSING_INPUT"
  | "PORT_TYPE"
  | "NOT_MULTI"
  | "CYCLE"
  | "UNUSED_NODE"
  | "EXPRESSION"
  | "CONFIG"
  | "EFFECT"
  | "UNKNOWN_SECRET"
  | "BLUEPRINT_REF"
  | "RECURSION";

/** `string number integer boolean json file bytes any`, `list<T>`, `stream<T>`, `#name`, or an inline JSON Schema. */
export type PortType =
  | { readonly t: "string" | "number" | "integer" | "boolean" | "json" | "file" | "bytes" | "any" }
  | { readonly t: "list" | "stream"; readonly of: PortType }
  | { readonly t: "named"; readonly name: string }
  | { readonly t: "schema"; readonly schema: Readonly<Record<string, unknown>> };

export interface InputDecl {
  readonly name: string;
  readonly type: PortType;
  readonly required: boolean;
  readonly default?: unknown;
  readonly title?: string;
  readonly description?: string;
  readonly mediaType?: string;
  /** JSON Schema of the value: type, minimum, maximum, enum, … as the file gives them; forms are made from it. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly at: Position;
  /** Of the default's value. */
  readonly defaultAt?: Position;
}

export interface OutputDecl {
  readonly name: string;
  readonly type: PortType;
  readonly from: Ref;
  readonly description?: string;
  readonly at: Position;
}

/** What a wire's source may be. */
export type Ref = (
  | { readonly from: "node"; readonly node: string; readonly port: string }
  | { readonly from: "inputs"; readonly port: string }
  | { readonly from: "item" | "index" | "key" }
) & { readonly text: string; readonly at: Position };

/** `after: [a, b.port]`: control only; with a port it waits for a value there. */
export interface After {
  readonly node: string;
  readonly port?: string;
  readonly at: Position;
}

export interface RetryPolicy {
  /** All attempts, the first included. */
  readonly attempts: number;
  readonly backoff: "fixed" | "linear" | "exponential";
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: "none" | "full";
  /** Error classes or codes that are worth another attempt: `network`, `timeout`, `http.429`, `http.5xx`, `process`, … Left out: whatever the error says (`retryable`). */
  readonly on?: readonly string[];
}

export interface NodeDecl {
  readonly id: string;
  /** For people: what pictures and logs call it. */
  readonly title?: string;
  readonly description?: string;
  /** `core/csv.read@1`, or a path to another Blueprint. */
  readonly uses: { readonly type: string; readonly major?: number } | { readonly path: string };
  /** Port to its source; a list only on multi ports. */
  readonly in: ReadonlyMap<string, Ref | readonly Ref[]>;
  readonly with: Readonly<Record<string, unknown>>;
  readonly when?: string;
  readonly after: readonly After[];
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  readonly effect?: Effect;
  readonly idempotencyKey?: string;
  readonly onUnknown?: "ask" | "fail" | "rerun" | "assumeDone";
  /** Of a loop node. */
  readonly body?: Body;
  readonly at: Position;
  /** Of the values inside: `in.items`, `with.url`, `when`, `uses` → position. */
  readonly positions: ReadonlyMap<string, Position>;
}

export interface Body {
  readonly nodes: ReadonlyMap<string, NodeDecl>;
  readonly outputs: ReadonlyMap<string, Ref>;
}

export interface Policy {
  readonly timeoutMs?: number;
  readonly concurrency?: number;
  readonly onFailure: "cancel" | "drain";
  readonly durability: "sync" | "group" | "off";
}

export interface Blueprint {
  /** Identity; the file may be renamed. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly inputs: ReadonlyMap<string, InputDecl>;
  readonly outputs: ReadonlyMap<string, OutputDecl>;
  readonly types: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Where each type's name stands; left out by Blueprints that were not read from a file. */
  readonly typePositions?: ReadonlyMap<string, Position>;
  readonly secrets: readonly string[];
  readonly policy: Policy;
  readonly nodes: ReadonlyMap<string, NodeDecl>;
  /** Positions on the canvas; never read by the engine. */
  readonly ui: ReadonlyMap<string, readonly [x: number, y: number]>;
  /** As the user named it; `<inline>` where there is none. */
  readonly file: string;
}
