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
import type {
  AskInput,
  AskName,
  CancelOptions,
  ConfigPatch,
  ConfigReply,
  Execution,
  InspectOptions,
  InspectReply,
  InspectTarget,
  PushReply,
  VerifiedBreakpoint,
} from "./handle.ts";
import type { LinkWatch } from "./link-watch.ts";
import { Reader } from "./reader.ts";
import { isTerminal, watch, type ExecutionMessage } from "./watch.ts";

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

  async happened(subject: string, value: unknown): Promise<number> {
    const { accepted } = await this.#parts.ask("runtime:input", {
      kind: "event",
      subject,
      value: { t: "json", v: value },
    });
    return accepted;
  }

  async push(path: string, port: string, items: readonly unknown[], end?: boolean): Promise<PushReply> {
    const values = items.map((v) => ({ t: "json" as const, v }));
    const request = { kind: "push" as const, path, port, items: values, ...(end === undefined ? {} : { end }) };
    const { accepted, credit } = await this.#parts.ask("runtime:input", request);
    return { accepted, credit };
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
