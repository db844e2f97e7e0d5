/** What the page needs of a host. The one that ships speaks over the bus (bus-host.ts); model tests bring their own. */
import type { EventBus } from "@atomiton/events";
import type { Execution as Handle } from "@atomiton/runtime/client";

import type { Execution, ExecutionEvent } from "../model/execution.ts";
import type { Rights } from "../model/steer.ts";

export type {
  BlueprintEntry,
  BlueprintInfo,
  ExecutionInfo,
  GraphNode,
  NodeTypeInfo,
  Wire,
} from "@atomiton/runtime/contract";
import type {
  BlueprintEntry,
  BlueprintInfo,
  Breakpoint,
  ExecutionInfo,
  NodeTypeInfo,
} from "@atomiton/runtime/contract";

export type Link =
  | { readonly at: "connecting" }
  | { readonly at: "live" }
  /** It was live; a new attempt is under way. */
  | { readonly at: "reconnecting"; readonly attempt: number }
  /** No further attempt will be made by itself. */
  | { readonly at: "lost"; readonly reason: string; readonly code: string };

export interface Watcher {
  readonly hear: (events: readonly ExecutionEvent[]) => void;
  /** What was heard so far is void: what follows tells everything from the start, or from the state `from`. */
  readonly onRestart: (from?: Execution) => void;
  /** `count` events are lost for good. */
  readonly onGap: (count: number) => void;
  /** It was refused, the host does not know it, or the link is gone for good (code CLOSED). */
  readonly onFault: (error: Error) => void;
}

/** Asks the host about one execution that is watched. Refusals reject with the host's words and code. */
export type Steered = Pick<
  Handle,
  "pause" | "resume" | "step" | "setBreakpoints" | "inspect" | "override" | "configure" | "answer"
>;

export interface Host {
  /** The bus to it, to be looked into; a recording has none. */
  readonly bus?: EventBus<any, any>;
  /** Calls at once with the present state, then at every change. */
  onLink(hear: (link: Link) => void): () => void;
  onLibraryChange(hear: (what: "blueprints" | "executions", ids: readonly string[]) => void): () => void;
  blueprints(): Promise<readonly BlueprintEntry[]>;
  blueprint(id: string): Promise<BlueprintInfo>;
  executions(): Promise<readonly ExecutionInfo[]>;
  /** The node types: the schemas of their configurations. */
  nodes(): Promise<readonly NodeTypeInfo[]>;
  /** What this page may do; asked anew with each link. */
  rights(): Promise<Rights>;
  /** Starts a run and returns its id at once: watch it; a refusal is a fault of the watch. */
  execute(blueprintId: string, input: Record<string, unknown>, breakpoints: readonly Breakpoint[]): string;
  /** Undefined for an execution that is not watched. */
  steer(executionId: string): Steered | undefined;
  cancel(executionId: string): Promise<void>;
  /** What has happened so far, then everything after it, without hole or double. */
  watch(executionId: string, watcher: Watcher): () => void;
  /** The bytes of a file that a node gave out. */
  download(blob: string): Promise<Blob>;
  /** Tries again now. */
  reconnect(): void;
  close(): void;
}
