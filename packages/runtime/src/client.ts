/** `RuntimeClient`: the SDK for user interfaces. Runs wherever the bus runs, pages included. */
import { EventBus, type Clock } from "@atomiton/events";

import { WatchedExecution } from "./client/execution.ts";
import type { CancelOptions, Execution } from "./client/handle.ts";
import { newId } from "./client/ids.ts";
import { LinkWatch } from "./client/link-watch.ts";
import {
  libraryContract,
  runtimeContract,
  type BlueprintEntry,
  type BlueprintInfo,
  type ExecState,
  type ExecuteRequest,
  type ExecutionInfo,
  type NodeTypeInfo,
  type RuntimeBus,
  type RuntimeProgress,
} from "./contract.ts";
import { RuntimeError, type RuntimeErrorCode } from "./errors.ts";

export type {
  CancelOptions,
  ConfigPatch,
  ConfigReply,
  Execution,
  InspectOptions,
  InspectReply,
  InspectTarget,
  PushReply,
  VerifiedBreakpoint,
} from "./client/handle.ts";
export type { ExecutionMessage } from "./client/watch.ts";
export * from "./contract.ts";
export { RuntimeError } from "./errors.ts";

export interface RuntimeClientOptions {
  /** For the watch over links; default: the platform's timers. */
  readonly clock?: Pick<Clock, "after">;
}

const platformClock: Pick<Clock, "after"> = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Runs Blueprints on a host and watches them.
 * @example
 * const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "ui" });
 * bus.connect(webSocketTransport(address, { token }));
 * const client = new RuntimeClient(bus);
 * const { report } = await client.executeBlueprint("7c9f6c1e-3d0a-4b7e-9a55-0f6a2f1f7b10", { maxWidth: 800 });
 */
export class RuntimeClient {
  private readonly events: RuntimeBus;
  readonly #ownsBus: boolean;
  readonly #links: LinkWatch;
  readonly #open = new Set<WatchedExecution>();
  #isClosed = false;

  /** `bus`: left out, one of its own in the role `ui`, which connects by itself where a host awaits it. */
  constructor(bus?: RuntimeBus, options: RuntimeClientOptions = {}) {
    this.#ownsBus = bus === undefined;
    this.events = bus ?? new EventBus({ contracts: [runtimeContract, libraryContract], role: "ui" });
    this.#links = new LinkWatch(this.events, options.clock ?? platformClock);
  }

  /**
   * Runs a stored Blueprint and resolves with its outputs. Two at once never cross: each has its own execution id.
   * Rejects as `Execution.result` does, and with UNKNOWN_BLUEPRINT, INVALID_BLUEPRINT, INVALID_INPUT.
   */
  executeBlueprint(blueprintId: string, input?: Record<string, unknown>): Promise<Record<string, unknown>> {
    return this.execute(input === undefined ? { blueprintId } : { blueprintId, input }).result;
  }

  /**
   * Runs a Blueprint. Returns at once: await the handle for the outputs, iterate it for the events. It has its execution
   * id from the start, so that nothing of it is missed.
   */
  execute(request: ExecuteRequest): Execution {
    const executionId = request.executionId ?? newId();
    const commandId = request.commandId ?? newId();
    const execution = this.#watch(executionId);
    if (this.#isClosed) return execution;
    this.events
      .request("runtime:execute", { ...request, executionId, commandId }, { key: commandId })
      .catch((error: unknown) => execution.fail(asRuntimeError(error)));
    return execution;
  }

  /**
   * Watches an execution that somebody began, running or ended: what happened so far, then what follows. `result`
   * rejects with UNKNOWN_EXECUTION where the host does not know it.
   */
  attach(executionId: string): Execution {
    const execution = this.#watch(executionId);
    if (!this.#isClosed) this.#check(executionId).catch((error: unknown) => execution.fail(error));
    return execution;
  }

  /** Hears the progress of every execution of the host, at most ten times a second each. */
  onProgress(hear: (progress: RuntimeProgress) => void): () => void {
    return this.events.on("runtime:progress", hear);
  }

  /** Hears that `blueprints()` or `executions()` would now answer differently. */
  onLibraryChange(hear: (change: { what: "blueprints" | "executions"; ids: string[] }) => void): () => void {
    return this.events.on("library:changed", hear);
  }

  /** Asks the host to cancel; resolves with the state that the execution is then in. Rejects with UNKNOWN_EXECUTION. */
  async cancel(executionId: string, options: CancelOptions = {}): Promise<ExecState> {
    const { state } = await this.#ask(
      this.events.request("runtime:cancel", { executionId, commandId: newId(), ...options }),
    );
    return state;
  }

  /** The Blueprints of the host's folder. */
  async blueprints(): Promise<BlueprintEntry[]> {
    return (await this.#ask(this.events.request("library:blueprints", {}))).blueprints;
  }

  /** One Blueprint: source, graph, inputs, problems. By id, or by its file's path. Rejects with UNKNOWN_BLUEPRINT. */
  blueprint(id: string): Promise<BlueprintInfo> {
    return this.#ask(this.events.request("library:blueprint", { id }));
  }

  /** The node types that Blueprints of this host can use. */
  async nodes(): Promise<NodeTypeInfo[]> {
    return (await this.#ask(this.events.request("library:nodes", {}))).nodes;
  }

  /** The executions that the host knows, newest first. */
  async executions(): Promise<ExecutionInfo[]> {
    return (await this.#ask(this.events.request("library:executions", {}))).executions;
  }

  /** Idempotent. Stops watching (what is awaited rejects with CLOSED; executions go on) and closes a bus of its own. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const execution of this.#open) execution.close();
    if (this.#ownsBus) await this.events.close();
  }

  #watch(executionId: string): WatchedExecution {
    const execution = new WatchedExecution({
      bus: this.events,
      executionId,
      links: this.#links,
      cancel: (options) => this.cancel(executionId, options),
      ask: (name, input) => {
        const command = name === "runtime:inspect" ? {} : { commandId: newId() };
        return this.#ask<any>(this.events.request(name, { executionId, ...command, ...input } as never));
      },
      check: () => this.#check(executionId),
    });
    this.#open.add(execution);
    void execution.closed.then(() => this.#open.delete(execution));
    if (this.#isClosed) execution.close();
    return execution;
  }

  async #check(executionId: string): Promise<void> {
    const known = await this.executions();
    if (known.some((execution) => execution.executionId === executionId)) return;
    throw new RuntimeError(
      "UNKNOWN_EXECUTION",
      `Cannot attach to execution "${executionId}": the host does not know it (any more); executions() lists those it knows`,
      { executionId },
    );
  }

  async #ask<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      throw asRuntimeError(error);
    }
  }
}

/** Codes that only a runtime gives: such a refusal came from the host, whatever class carried it here. */
const OURS: ReadonlySet<string> = new Set<RuntimeErrorCode>([
  "UNKNOWN_BLUEPRINT",
  "INVALID_BLUEPRINT",
  "INVALID_INPUT",
  "UNKNOWN_EXECUTION",
  "UNKNOWN_NODE_TYPE",
  "E_STATE",
  "NOT_YET",
  "EXPRESSION",
  "CONFIG",
]);

function asRuntimeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, details } = error as { code?: unknown; details?: Readonly<Record<string, unknown>> };
  if (typeof code !== "string" || !OURS.has(code)) return error;
  return new RuntimeError(code as RuntimeErrorCode, error.message, details ?? {}, { cause: error });
}
