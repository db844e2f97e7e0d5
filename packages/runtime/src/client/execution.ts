/** One execution, as a client holds it: its result to await, its events to hear or to iterate, and its end to ask for. */
import type {
  Breakpoint,
  ExecState,
  RuntimeBus,
  RuntimeCommands,
  RuntimeErrorEvent,
  RuntimeProgress,
} from "../contract.ts";
import { RuntimeError } from "../errors.ts";
import type { LinkWatch } from "./link-watch.ts";
import { Reader } from "./reader.ts";
import { isTerminal, watch, type ExecutionMessage } from "./watch.ts";

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
}

export interface CancelOptions {
  readonly reason?: string;
  /** How long child processes may take to end by themselves. Default 5,000. */
  readonly graceMs?: number;
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
  /** Stops watching. The execution goes on; `result` rejects with CLOSED if it has not settled. */
  close(): void;
}

export interface ExecutionParts {
  readonly bus: RuntimeBus;
  readonly executionId: string;
  readonly links: LinkWatch;
  cancel(options: CancelOptions | undefined): Promise<ExecState>;
  /** Sends a command about this execution; failures are `RuntimeError` where they come from the runtime. */
  ask<K extends AskName>(name: K, input: AskInput<K>): Promise<RuntimeCommands[K]["reply"]>;
  /** Rejects when the host does not know it; asked again when another session with a host began. */
  check(): Promise<void>;
}

export class WatchedExecution implements Execution {
  readonly executionId: string;
  readonly result: Promise<Record<string, unknown>>;
  readonly closed: Promise<void>;
  readonly #parts: ExecutionParts;
  /** Listeners of the execution's events; they see its end by themselves. */
  readonly #watches = new Set<() => void>();
  /** What ends with the execution. */
  readonly #stops = new Set<() => void>();
  #resolve!: (result: Record<string, unknown>) => void;
  #reject!: (error: unknown) => void;
  #close!: () => void;
  #stopListening: () => void = () => {};
  #isOver = false;

  constructor(parts: ExecutionParts) {
    const { executionId, links } = parts;
    this.#parts = parts;
    this.executionId = executionId;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => {});
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.#listen();
    this.#stops.add(() => this.#stopListening());
    this.#stops.add(
      links.wait(
        (why) => this.fail(lost(executionId, why)),
        () => {
          // A new session: what was told between the two is asked for again, if the host still knows of it.
          this.#listen();
          parts.check().catch((error: unknown) => this.fail(error));
        },
      ),
    );
  }

  /** Hears the end, also one that is in the past already. Again where something was lost. */
  #listen(): void {
    if (this.#isOver) return;
    const { bus, executionId } = this.#parts;
    const before = this.#stopListening;
    const only = { where: { executionId }, since: "last", onGap: () => this.#listen() } as const;
    const completed = bus.on("runtime:completed", ({ result }) => this.#over(() => this.#resolve(result)), only);
    // A refused command is told by its own reply, with more.
    const failed = bus.on(
      "runtime:error",
      (event) => event.terminal && event.scope !== "command" && this.fail(endedBy(event)),
      only,
    );
    completed.ready.catch((error: unknown) => this.fail(error));
    this.#stopListening = () => {
      completed();
      failed();
    };
    before();
  }

  // oxlint-disable-next-line unicorn/no-thenable -- awaiting a handle for its result is what it is for.
  then<A = Record<string, unknown>, B = never>(
    onResult?: ((result: Record<string, unknown>) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(onResult, onError);
  }

  on(hear: (message: ExecutionMessage) => void): () => void {
    const { stop } = watch(this.#parts.bus, this.executionId, (message) => {
      hear(message);
      // Nothing of it follows: the listener is given back by itself.
      if (isTerminal(message)) end();
    });
    const end = (): void => {
      this.#watches.delete(end);
      stop();
    };
    this.#watches.add(end);
    return end;
  }

  onProgress(hear: (progress: RuntimeProgress) => void): () => void {
    const stop = this.#parts.bus.on("runtime:progress", hear, {
      where: { executionId: this.executionId },
      since: "last",
    });
    const end = (): void => {
      this.#stops.delete(end);
      stop();
    };
    this.#stops.add(end);
    return end;
  }

  cancel(options?: CancelOptions): Promise<ExecState> {
    return this.#parts.cancel(options);
  }

  async pause(mode: "drain" | "now" = "drain"): Promise<ExecState> {
    return (await this.#parts.ask("runtime:pause", { mode })).state;
  }

  async resume(stopId?: string): Promise<ExecState> {
    return (await this.#parts.ask("runtime:resume", stopId === undefined ? {} : { stopId })).state;
  }

  async step(step: "over" | "into" | "out", stopId?: string): Promise<ExecState> {
    return (await this.#parts.ask("runtime:resume", stopId === undefined ? { step } : { step, stopId })).state;
  }

  async setBreakpoints(breakpoints: readonly Breakpoint[]): Promise<VerifiedBreakpoint[]> {
    return (await this.#parts.ask("runtime:breakpoint", { op: "set", breakpoints: [...breakpoints] })).breakpoints;
  }

  inspect(target: InspectTarget, options: InspectOptions = {}): Promise<InspectReply> {
    return this.#parts.ask("runtime:inspect", { target, ...options });
  }

  async answer(waitId: string, value: unknown): Promise<void> {
    await this.#parts.ask("runtime:input", { kind: "answer", waitId, value: { t: "json", v: value } });
  }

  configure(path: string, patch: ConfigPatch, ifHash?: string): Promise<ConfigReply> {
    return this.#parts.ask("runtime:config", { path, patch, ...(ifHash === undefined ? {} : { ifHash }) });
  }

  async override(stopId: string, port: string, value: unknown): Promise<void> {
    await this.#parts.ask("runtime:input", { kind: "override", stopId, port, value: { t: "json", v: value } });
  }

  close(): void {
    for (const stop of this.#watches) stop();
    this.#watches.clear();
    this.fail(
      new RuntimeError("CLOSED", `Cannot wait for execution "${this.executionId}": its watching was ended here`),
    );
  }

  /** Ends it with an error, unless it has ended before. */
  fail(error: unknown): void {
    this.#over(() => this.#reject(error));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecutionMessage, void, undefined> {
    const reader = new Reader();
    const { stop, ready } = watch(this.#parts.bus, this.executionId, (message) => reader.push(message));
    this.#watches.add(stop);
    void Promise.all([this.closed, ready]).then(() => reader.end());
    try {
      for (;;) {
        const message = await reader.next();
        if (message === undefined) {
          // The link ended before the execution did: the reader learns why.
          await this.result;
          return;
        }
        yield message;
        if (isTerminal(message)) return;
      }
    } finally {
      this.#watches.delete(stop);
      stop();
    }
  }

  #over(settle: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    settle();
    // A turn later: listeners of the same event, subscribed after us, still hear it.
    void this.result.then(nothing, nothing).then(() => {
      for (const stop of this.#stops) stop();
      this.#stops.clear();
      this.#close();
    });
  }
}

const nothing = (): void => {};

function lost(executionId: string, why: string): RuntimeError {
  return new RuntimeError(
    "CLOSED",
    `Cannot wait for execution "${executionId}": ${why}; connect again and attach to it`,
    { executionId },
  );
}

function endedBy({ executionId, error, detail, state }: RuntimeErrorEvent): RuntimeError {
  const code = state !== "cancelled" ? "EXECUTION_FAILED" : detail.code === "TIMEOUT" ? "TIMEOUT" : "CANCELLED";
  return new RuntimeError(code, error, { executionId, error: detail });
}
