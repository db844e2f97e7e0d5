/** What a client holds of one execution: the words of `WatchedExecution`. */
import type { Breakpoint, ExecState, RuntimeCommands, RuntimeProgress } from "../contract.ts";
import type { ExecutionMessage } from "./watch.ts";

export type AskName =
  | "runtime:pause"
  | "runtime:config"
  | "runtime:resume"
  | "runtime:breakpoint"
  | "runtime:inspect"
  | "runtime:input";
/** Without the id of the execution, which the handle knows. */
export type AskInput<K extends AskName> = WithoutId<RuntimeCommands[K]["input"]>;
type WithoutId<T> = T extends unknown ? Omit<T, "executionId"> : never;

export type VerifiedBreakpoint = RuntimeCommands["runtime:breakpoint"]["reply"]["breakpoints"][number];
/** A port, the configuration, the error or the log of an instance; an expression at a stop; a value by its reference. */
export type InspectTarget = RuntimeCommands["runtime:inspect"]["input"]["target"];
export type ConfigPatch = RuntimeCommands["runtime:config"]["input"]["patch"];
export type ConfigReply = RuntimeCommands["runtime:config"]["reply"];
export type InspectReply = RuntimeCommands["runtime:inspect"]["reply"];
export interface InspectOptions {
  /** Part of a list, of an object's keys or of a text. At most 10,000. */
  readonly range?: { start: number; count: number };
  /** Levels of lists and objects. Default 32. */
  readonly depth?: number;
  /** Above it the value is cut. Default 32 KiB, at most 1 MiB. */
  readonly maxBytes?: number;
  /** As it was at this record, as `at` of an answer gives it. Needs a host with a data folder. */
  readonly at?: number;
}
export type PushReply = Pick<RuntimeCommands["runtime:input"]["reply"], "accepted" | "credit">;

export interface CancelOptions {
  readonly reason?: string;
  /** How long child processes may take to end by themselves. Default 5,000. */
  readonly graceMs?: number;
  /** Of the one instance to cancel, with what is inside of it. Left out: the whole execution. */
  readonly path?: string;
}

/** Made by `RuntimeClient.execute` and `attach`. Awaiting it gives the Blueprint's outputs. */
export interface Execution extends PromiseLike<Record<string, unknown>>, AsyncIterable<ExecutionMessage> {
  readonly executionId: string;
  /**
   * The Blueprint's outputs. Rejects with `RuntimeError`: EXECUTION_FAILED and CANCELLED (the node's error in
   * `details.error`), what the host refused the command with, CLOSED when the link to the host is gone for good.
   * It need not be awaited: nothing is reported as unhandled.
   */
  readonly result: Promise<Record<string, unknown>>;
  /** Resolves when nothing more comes: ended, refused, link gone, or `close`. Never rejects. */
  readonly closed: Promise<void>;
  /** Hears everything of this execution: first what happened so far (`snapshot`), then what follows. */
  on(hear: (message: ExecutionMessage) => void): () => void;
  onProgress(hear: (progress: RuntimeProgress) => void): () => void;
  /** Asks the host to cancel; resolves with the state it is then in. The end itself is in `result`. */
  cancel(options?: CancelOptions): Promise<ExecState>;
  /**
   * Starts nothing more. `drain` (default): what runs ends by itself; `now`: what may be repeated is ended and begins
   * again later. Resolves with the state, `pausing` or `paused`. Rejects with E_STATE on an execution that is over.
   */
  pause(mode?: "drain" | "now"): Promise<ExecState>;
  /** Goes on, and leaves every stop; with a `stopId` that stop alone. Rejects with E_STATE on an execution that is over. */
  resume(stopId?: string): Promise<ExecState>;
  /** Runs one instance (`over`), up to the first inside it (`into`) or its scope (`out`), and stops at what follows. */
  step(kind: "over" | "into" | "out", stopId?: string): Promise<ExecState>;
  /** Replaces all breakpoints of this execution; says of each whether it stands. Needs `debug:execution`. */
  setBreakpoints(breakpoints: readonly Breakpoint[]): Promise<VerifiedBreakpoint[]>;
  /** Reads a value: bounded, in pages. Rejects with INVALID_INPUT where there is none. */
  inspect(target: InspectTarget, options?: InspectOptions): Promise<InspectReply>;
  /** At a stop: puts `value` in place of an input (before the node ran) or of an output (after). */
  override(stopId: string, port: string, value: unknown): Promise<void>;
  /**
   * Changes a node's configuration by JSON Patch: of one instance, or, by a path without items, in every item to come.
   * Rejects with E_STATE when it runs and the key is not a live one, or `ifHash` is not its hash any more; an empty patch
   * reads the hash.
   */
  configure(path: string, patch: ConfigPatch, ifHash?: string): Promise<ConfigReply>;
  /**
   * Answers a wait that `runtime:state` has named. Rejects with E_STATE when somebody was faster or its time was over,
   * with INVALID_INPUT when the answer does not fit the wait's schema.
   */
  answer(waitId: string, value: unknown): Promise<void>;
  /** Tells every node that waits for an event of this subject (`core/event.wait`); resolves with how many did. */
  happened(subject: string, value: unknown): Promise<number>;
  /**
   * Items for a node that takes them (`core/input.stream`), in order; `end`: they are the last. Takes as many as there is
   * room for: send the rest again, `credit` at a time. Rejects with INVALID_INPUT, or E_STATE when it takes none now.
   */
  push(path: string, port: string, items: readonly unknown[], end?: boolean): Promise<PushReply>;
  /** Stops watching. The execution goes on; `result` rejects with CLOSED if it has not settled. */
  close(): void;
}
