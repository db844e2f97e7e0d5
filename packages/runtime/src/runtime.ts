import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";

import type { Clock } from "@atomiton/events";

import { openBlobStore, type BlobStore } from "./blobs/blob-store.ts";
import { createCatalog, type NodeCatalog } from "./blueprint/catalog.ts";
import type { AnyNodeDef } from "./blueprint/define-node.ts";
import type { Blueprint } from "./blueprint/model.ts";
import type { ExecState, ExecutionInfo, RuntimeMessage, RuntimeProgress, RuntimeState } from "./contract.ts";
import { checkInputs, inputsText } from "./engine/blueprint-inputs.ts";
import { systemClock } from "./engine/clock.ts";
import { constructs } from "./engine/constructs.ts";
import { Execution } from "./engine/execution.ts";
import { readFileInputs } from "./engine/file-input.ts";
import { HOST_CONCURRENCY, type EngineHost } from "./engine/host.ts";
import { Listeners } from "./engine/listeners.ts";
import type { Plan } from "./engine/plan.ts";
import { Plans, type BlueprintTarget } from "./engine/plans.ts";
import type { ExecutionHistory } from "./engine/recorder.ts";
import { HostLocks, HostSlots, Pace } from "./engine/slots.ts";
import { RuntimeError } from "./errors.ts";
import { openLibrary, type Library } from "./library/index.ts";
import { coreNodes } from "./nodes/index.ts";

export type { BlueprintTarget } from "./engine/plans.ts";

export interface RuntimeOptions {
  /** Folder of Blueprints; inputs of type `file` may name files below it. Default: the current folder. */
  dir?: string;
  /** Node types beside the core ones. */
  nodes?: readonly AnyNodeDef[];
  /** Instead of the core nodes and `nodes`. */
  catalog?: NodeCatalog;
  /** Node attempts at once, over all executions. Default 64. */
  concurrency?: number;
  /** Where files are kept (`<dataDir>/blobs`). Default: a folder in the system's temporary one, removed by `close`. */
  dataDir?: string;
  /** Instead of `dataDir`. Not closed by `close`. */
  blobs?: BlobStore;
  /** Name to value. A Blueprint gets those that it lists; they show nowhere. */
  secrets?: Readonly<Record<string, string>>;
  /** What expressions see as `vars`. */
  vars?: Readonly<Record<string, unknown>>;
  clock?: Clock;
  /** 0 to 1, for the jitter of retries. Default `Math.random`. */
  random?: () => number;
  /** Finished executions that are kept for those who come late. Default 100. */
  keep?: number;
  /** Further folders whose files inputs may name. */
  fileFolders?: readonly string[];
  /** Hears of listeners that throw. Default: a process warning. */
  onError?: (error: unknown) => void;
}

export interface ExecuteOptions {
  /** Any text that no execution has. Default: a random UUID. */
  executionId?: string;
  /** Higher ones get slots first. Default 0. */
  priority?: number;
  /** Milliseconds since 1970: cancelled when it passes. */
  deadline?: number;
}

/** An execution as lists show it. */
export type ExecutionEntry = ExecutionInfo & {
  /** Last sequence number given out. */
  readonly seq: number;
  readonly planHash: string;
  /** Node instances known so far. */
  readonly nodes: number;
  /** Results and calls of attempts that were over: dropped. */
  readonly late: number;
  /** Blueprints, loop items and the like that are open now. */
  readonly scopes: number;
};

export interface RuntimeGauge {
  /** Those that run, and finished ones that are kept. */
  executions: number;
  /** Node attempts that hold a slot. */
  running: number;
  /** Executions that want one. */
  waitingForSlot: number;
  /** Named locks that are held. */
  locks: number;
  listeners: number;
}

/** Node instances of finished executions that are kept, all together: large graphs are kept for less long. */
const KEPT_NODES = 500_000;

/**
 * Executes Blueprints, in this process. Needs no bus; `RuntimeIPC` serves it on one.
 * @example
 * const runtime = new Runtime({ dir: "blueprints" });
 * const executionId = await runtime.execute("feed", { maxWidth: 320 });
 * const off = runtime.onProgress(executionId, ({ percent }) => console.log(percent));
 * const outputs = await runtime.waitForCompletion(executionId);
 * await runtime.close();
 */
export class Runtime {
  readonly dir: string;
  readonly catalog: NodeCatalog;
  readonly library: Library;
  readonly blobs: BlobStore;
  readonly #plans: Plans;
  readonly #ownsBlobs: boolean;
  readonly #host: EngineHost;
  readonly #secrets: Readonly<Record<string, string>>;
  readonly #folders: readonly string[];
  readonly #keep: number;
  readonly #executions = new Map<string, Execution>();
  /** Ids whose `execute` is under way. */
  readonly #opening = new Set<string>();
  readonly #listeners: Listeners;
  #closing: Promise<void> | undefined;

  constructor(options: RuntimeOptions = {}) {
    this.dir = options.dir ?? ".";
    this.catalog = options.catalog ?? createCatalog([...constructs, ...coreNodes, ...(options.nodes ?? [])]);
    this.library = openLibrary(this.dir, { catalog: this.catalog });
    this.#plans = new Plans(this.dir, this.catalog, this.library);
    this.#ownsBlobs = options.blobs === undefined;
    this.blobs =
      options.blobs ?? openBlobStore(options.dataDir === undefined ? {} : { dir: join(options.dataDir, "blobs") });
    this.#secrets = options.secrets ?? {};
    this.#folders = [this.dir, ...(options.fileFolders ?? [])];
    this.#keep = options.keep ?? 100;
    this.#listeners = new Listeners(options.onError ?? warn);
    this.#host = {
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      slots: new HostSlots(options.concurrency ?? HOST_CONCURRENCY),
      locks: new HostLocks(),
      pace: new Pace(),
      blobs: this.blobs,
      name: hostname(),
      vars: options.vars ?? {},
    };
  }

  /**
   * Accepts an execution and resolves with its id, before any of its work starts. A Blueprint parsed by us is checked and
   * compiled once: whoever changes one makes another.
   * Rejects with `RuntimeError`: `UNKNOWN_BLUEPRINT`, `INVALID_BLUEPRINT` (`details.problems`), `INVALID_INPUT`
   * (`details.problems`), `NOT_YET` (secrets that nobody gave), `E_STATE` (the id is taken), `CLOSED`.
   */
  async execute(
    target: BlueprintTarget,
    input: Record<string, unknown> = {},
    options: ExecuteOptions = {},
  ): Promise<string> {
    const id = options.executionId ?? randomUUID();
    this.#refuseClosed();
    if (this.#executions.has(id) || this.#opening.has(id)) {
      throw new RuntimeError(
        "E_STATE",
        `Cannot start the execution "${id}": there is one of this id; choose another id`,
        {
          executionId: id,
        },
      );
    }
    this.#opening.add(id);
    try {
      const plan = await this.#plans.of(target);
      const { blueprint } = plan;
      const secrets = this.#secretsOf(plan);
      const values = await this.#inputsOf(blueprint, input);
      this.#refuseClosed();
      const execution = new Execution({
        id,
        plan,
        input: values,
        secrets,
        priority: options.priority ?? 0,
        deadline: options.deadline,
        host: this.#host,
        tell: (message) => this.#listeners.tell(message),
        isHeard: () => this.#listeners.isHeard(id),
        onEnd: (ended) => this.#letGo(ended),
      });
      this.#executions.set(id, execution);
      setImmediate(() => execution.start());
      return id;
    } finally {
      this.#opening.delete(id);
    }
  }

  /** Calls `hear` with each progress of the execution, at most ten a second, the last one always. Returns what stops it. */
  onProgress(executionId: string, hear: (progress: Omit<RuntimeProgress, "executionId">) => void): () => void {
    this.#find(executionId);
    return this.on((message) => message.type === "runtime:progress" && hear(message.data), { executionId });
  }

  /**
   * Resolves with the Blueprint's outputs, also when it is over already. They are whole here; events name those above
   * 1 MiB by reference.
   * Rejects with `RuntimeError` `EXECUTION_FAILED`, `CANCELLED` or `TIMEOUT`; `details.error` is the node's error. And with
   * `UNKNOWN_EXECUTION`.
   */
  async waitForCompletion(executionId: string): Promise<Record<string, unknown>> {
    return await this.#find(executionId).wait();
  }

  /** Calls `hear` with every event, or with those of one execution: at once, in order. Returns what stops it. */
  on(hear: (message: RuntimeMessage) => void, { executionId }: { executionId?: string } = {}): () => void {
    // What has gathered belongs to those who were there: the newcomer starts after it.
    for (const execution of this.#executions.values()) {
      if (executionId === undefined || execution.id === executionId) execution.flush();
    }
    return this.#listeners.add(hear, executionId);
  }

  /** The state of an execution and of all its instances, as of its last sequence number. Throws `UNKNOWN_EXECUTION`. */
  snapshot(executionId: string): RuntimeState {
    return this.#find(executionId).snapshot();
  }

  /** What a client that comes late needs beside the snapshot. Throws `UNKNOWN_EXECUTION`. */
  history(executionId: string): ExecutionHistory {
    return this.#find(executionId).history();
  }

  /** Throws `UNKNOWN_EXECUTION`. */
  execution(executionId: string): ExecutionEntry {
    return entryOf(this.#find(executionId));
  }

  /** Those that run, and the last that ended, oldest first. */
  executions(): ExecutionEntry[] {
    return [...this.#executions.values()].map(entryOf);
  }

  /**
   * Ends an execution: signals fire, processes get SIGTERM and, `graceMs` (default 5,000) later, SIGKILL. Resolves once it
   * is over, with how it ended: nothing of it runs then. On one that is over it changes nothing.
   * Rejects with `UNKNOWN_EXECUTION`.
   */
  async cancel(executionId: string, options: { reason?: string; graceMs?: number } = {}): Promise<ExecState> {
    const execution = this.#find(executionId);
    execution.cancel(options.reason ?? "cancelled by its user", options.graceMs);
    await execution.ended();
    return execution.state;
  }

  /** What it holds right now. */
  gauge(): RuntimeGauge {
    const { slots, locks } = this.#host;
    return {
      executions: this.#executions.size,
      running: slots.used,
      waitingForSlot: slots.waiting,
      locks: locks.size,
      listeners: this.#listeners.count,
    };
  }

  /**
   * Cancels everything, waits for it, and gives back what it holds. `reason` is what those who watch are told; default
   * "the host was stopped". Idempotent.
   */
  close({ reason = "the host was stopped" }: { reason?: string } = {}): Promise<void> {
    this.#closing ??= (async () => {
      const running = [...this.#executions.values()].filter((execution) => !execution.isOver);
      for (const execution of running) execution.cancel(reason);
      await Promise.all(running.map((execution) => execution.ended()));
      this.#listeners.close();
      if (this.#ownsBlobs) await this.blobs.close();
    })();
    return this.#closing;
  }

  #refuseClosed(): void {
    if (this.#closing) throw new RuntimeError("CLOSED", "Cannot execute: the runtime is closed; make another");
  }

  #find(executionId: string): Execution {
    const execution = this.#executions.get(executionId);
    if (execution) return execution;
    throw new RuntimeError(
      "UNKNOWN_EXECUTION",
      `Cannot find the execution "${executionId}": it never was, or was let go; the last ${this.#keep} that ended are kept`,
      { executionId },
    );
  }

  #secretsOf({ secrets: names, blueprint }: Plan): Record<string, string> {
    const values: Record<string, string> = {};
    const missing: string[] = [];
    for (const name of names) {
      if (Object.hasOwn(this.#secrets, name)) values[name] = this.#secrets[name]!;
      else missing.push(name);
    }
    if (missing.length === 0) return values;
    throw new RuntimeError(
      "NOT_YET",
      `Cannot run "${blueprint.name}": it needs the secrets ${missing.join(", ")}, and reading them from the environment is not there yet; give them with new Runtime({ secrets })`,
      { secrets: missing },
    );
  }

  async #inputsOf(blueprint: Blueprint, input: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> {
    // A Blueprint's own files lie beside it: there its defaults, and paths given for it, are looked for first.
    const own = blueprint.file.startsWith("<") ? [] : [dirname(resolve(blueprint.file))];
    const files = await readFileInputs(blueprint, input, [...own, ...this.#folders], this.blobs);
    const checked = checkInputs(blueprint, files.values);
    const unread = new Set(files.problems.map((problem) => problem.input));
    const problems = [...files.problems, ...checked.problems.filter((problem) => !unread.has(problem.input))];
    if (problems.length === 0) return checked.values;
    throw new RuntimeError("INVALID_INPUT", `Cannot run "${blueprint.name}": ${inputsText(problems)}`, { problems });
  }

  /** The oldest finished ones go; the one that has just ended stays for whoever waits for it. */
  #letGo(ended: Execution): void {
    // Moved to the end: the map's order is the order in which finished ones are let go.
    this.#executions.delete(ended.id);
    this.#executions.set(ended.id, ended);
    const finished = [...this.#executions.values()].filter((execution) => execution.isOver);
    let nodes = finished.reduce((sum, execution) => sum + execution.kept, 0);
    let count = finished.length;
    for (const execution of finished) {
      if ((count <= this.#keep && nodes <= KEPT_NODES) || execution === ended) break;
      this.#executions.delete(execution.id);
      this.#listeners.forget(execution.id);
      nodes -= execution.kept;
      count--;
    }
  }
}

function entryOf(execution: Execution): ExecutionEntry {
  const { blueprint } = execution.plan;
  return {
    executionId: execution.id,
    state: execution.state,
    blueprint: { id: blueprint.id, name: blueprint.name, version: blueprint.version },
    queuedAt: execution.queuedAt,
    ...(execution.startedAt === undefined ? {} : { startedAt: execution.startedAt }),
    ...(execution.endedAt === undefined ? {} : { endedAt: execution.endedAt }),
    ...(execution.error === undefined ? {} : { error: execution.error }),
    seq: execution.seq,
    planHash: execution.plan.hash,
    nodes: execution.total,
    late: execution.late,
    scopes: execution.liveScopes,
  };
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), "AtomitonListenerError");
}
