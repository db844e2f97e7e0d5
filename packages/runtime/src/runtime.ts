import { randomUUID } from "node:crypto";
import { availableParallelism, hostname } from "node:os";
import { dirname, join, resolve } from "node:path";

import type { Clock } from "@atomiton/events";

import { openBlobStore, type BlobStore } from "./blobs/blob-store.ts";
import type { NodeCatalog } from "./blueprint/catalog.ts";
import type { AnyNodeDef } from "./blueprint/define-node.ts";
import type { Blueprint } from "./blueprint/model.ts";
import type { Breakpoint, ExecState, RuntimeMessage, RuntimeProgress, RuntimeState } from "./contract.ts";
import { systemClock } from "./engine/clock.ts";
import type { ExecutionControl } from "./engine/control/execution-control.ts";
import type { InspectedPast } from "./engine/control/inspect-past.ts";
import type { InspectRequest } from "./engine/control/inspect.ts";
import { StandIns, type StandInOptions } from "./engine/control/stand-ins.ts";
import { entryOf, stuckEntry, type ExecutionEntry } from "./engine/entries.ts";
import { Execution } from "./engine/execution.ts";
import { HOST_CONCURRENCY, type EngineHost } from "./engine/host.ts";
import { Keeper } from "./engine/keeper.ts";
import { Listeners } from "./engine/listeners.ts";
import { constructs } from "./engine/plan/constructs.ts";
import type { Plan } from "./engine/plan/plan.ts";
import { Plans, type BlueprintTarget } from "./engine/plan/plans.ts";
import type { OnUnknown } from "./engine/run/recall.ts";
import { Reuse } from "./engine/run/reuse.ts";
import type { Values } from "./engine/run/scope.ts";
import { HostLocks, HostSlots, Pace } from "./engine/run/slots.ts";
import type { ExecutionHistory } from "./engine/told/recorder.ts";
import { checkInputs, inputsText } from "./engine/values/blueprint-inputs.ts";
import { readFileInputs } from "./engine/values/file-input.ts";
import { RuntimeError } from "./errors.ts";
import type { OpenFile } from "./journal/data-folder.ts";
import type { Retention, Unfinished } from "./journal/execution-store.ts";
import type { Reusable } from "./journal/reusable.ts";
import { openLibrary, type Library } from "./library/index.ts";
import { coreNodes } from "./nodes/index.ts";
import { hostCatalog } from "./nodes/optional.ts";
import { Pool } from "./pool/pool.ts";
import { secretsFrom, type SecretSource } from "./secrets/index.ts";

export type { ExecutionEntry } from "./engine/entries.ts";
export type { BlueprintTarget } from "./engine/plan/plans.ts";

export interface RuntimeOptions {
  /** Folder of Blueprints; inputs of type `file` may name files below it. Default: the current folder. */
  dir?: string;
  /** Node types beside the core ones. */
  nodes?: readonly AnyNodeDef[];
  /** Instead of the core nodes and `nodes`. */
  catalog?: NodeCatalog;
  /** Node attempts at once, over all executions. Default 64. */
  concurrency?: number;
  /** Threads and processes that nodes run in at once. Default: one a core. */
  workers?: number;
  /**
   * Where executions and files are kept: with it they survive the process, and `recover` goes on with them. One runtime at
   * a time has it (`LOCKED`). Default: executions end with the process, and files are in a temporary folder until `close`.
   */
  dataDir?: string;
  /** Of finished executions in `dataDir`. Default: the last 1,000, for 30 days. */
  retention?: Retention;
  /** What happens to a node of effect `write` whose host died, where its Blueprint says nothing. Default `fail`. */
  onUnknown?: OnUnknown;
  /** Opens journals in `dataDir`; for tests of disks that fail. Default: files. */
  openJournal?: OpenFile;
  /** Instead of `dataDir`. Not closed by `close`. */
  blobs?: BlobStore;
  /**
   * Name to value, or where the values are found: `secretsFromEnvironment()`, `secretsFromFile(path)`,
   * `secretsFromKeychain()`, `firstOf(…)`. A Blueprint gets those that it lists; they show nowhere. Default: none.
   */
  secrets?: Readonly<Record<string, string>> | SecretSource;
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
  /** In force from the start. */
  breakpoints?: readonly Breakpoint[];
  /**
   * `debug`: stops before the first instance. `dry`: skips nodes of effect `write` and `idempotent` that no mock or pin
   * stands in for. Default `run`.
   */
  mode?: "run" | "debug" | "dry";
  /**
   * Runs again from some nodes of an execution of `dataDir`: what need not run is taken over, told as `cache`. Inputs that
   * are left out are that execution's.
   */
  from?: RunFrom;
  /** By path, by port: what nodes are taken to have given; they do not run. */
  pins?: StandInOptions["pins"];
  /** By path: what runs instead of nodes. */
  mocks?: StandInOptions["mocks"];
}

/** What a new execution runs again, and what it takes over. */
export interface RunFrom {
  executionId: string;
  /** Paths of nodes that run again, with what is inside of them. */
  at: readonly string[];
  /**
   * Of the other nodes, those that completed there with the same type, configuration and inputs are not run: with
   * `upstream` where they lead to `at`, with `all-clean` wherever they stand.
   */
  reuse: "upstream" | "all-clean";
}

/** One that `recover` has seen. `error`: why it cannot go on. */
export interface Recovered {
  readonly executionId: string;
  readonly error?: unknown;
}

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
  /** Threads and processes of the pool. */
  workers: number;
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
  readonly #secrets: SecretSource;
  readonly #folders: readonly string[];
  readonly #keep: number;
  readonly #executions = new Map<string, Execution>();
  /** Those of them that are over, in the order in which they ended. */
  readonly #finished = new Set<Execution>();
  /** Ids whose `execute` is under way. */
  readonly #opening = new Set<string>();
  readonly #listeners: Listeners;
  readonly #keeper: Keeper<ExecutionEntry> | undefined;
  /** Executions that could not be taken up again, and why. */
  readonly #stuck = new Map<string, ExecutionEntry>();
  readonly #pool: Pool;
  #closing: Promise<void> | undefined;

  constructor(options: RuntimeOptions = {}) {
    this.dir = options.dir ?? ".";
    this.catalog = options.catalog ?? hostCatalog([...constructs, ...coreNodes, ...(options.nodes ?? [])], this.dir);
    this.library = openLibrary(this.dir, { catalog: this.catalog });
    this.#plans = new Plans(this.dir, this.catalog, this.library);
    this.#ownsBlobs = options.blobs === undefined;
    this.blobs =
      options.blobs ?? openBlobStore(options.dataDir === undefined ? {} : { dir: join(options.dataDir, "blobs") });
    this.#secrets = isSource(options.secrets) ? options.secrets : secretsFrom(options.secrets ?? {});
    this.#folders = [this.dir, ...(options.fileFolders ?? [])];
    this.#keep = options.keep ?? 100;
    this.#listeners = new Listeners(options.onError ?? warn);
    this.#pool = new Pool(options.clock ?? systemClock, options.workers ?? availableParallelism());
    this.#host = {
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      slots: new HostSlots(options.concurrency ?? HOST_CONCURRENCY),
      locks: new HostLocks(),
      pace: new Pace(),
      blobs: this.blobs,
      pool: this.#pool,
      name: hostname(),
      vars: options.vars ?? {},
      onUnknown: options.onUnknown ?? "fail",
    };
    const { dataDir: dir, retention, openJournal: openFile } = options;
    const { clock, name, blobs } = this.#host;
    this.#keeper = dir === undefined ? undefined : new Keeper({ dir, clock, host: name, blobs, retention, openFile });
  }

  /**
   * Accepts an execution and resolves with its id, before any of its work starts. A Blueprint parsed by us is checked and
   * compiled once: whoever changes one makes another.
   * Rejects with `RuntimeError`: `UNKNOWN_BLUEPRINT`, `INVALID_BLUEPRINT` (`details.problems`), `INVALID_INPUT`
   * (`details.problems`), `SECRET` (secrets that are nowhere, or cannot be read), `E_STATE` (the id is taken), `CLOSED`.
   */
  async execute(
    target: BlueprintTarget,
    input?: Record<string, unknown>,
    options: ExecuteOptions = {},
  ): Promise<string> {
    const { from } = options;
    const id = options.executionId ?? randomUUID();
    this.#refuseClosed();
    if (this.#executions.has(id) || this.#opening.has(id) || this.#keeper?.has(id)) {
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
      const secrets = await this.#secretsOf(plan);
      const source = from && (await this.#sourceOf(from));
      const values = await this.#inputsOf(blueprint, input ?? source?.input ?? {});
      this.#refuseClosed();
      const { deadline, priority = 0, pins, mocks } = options;
      const stopsAtEntry = options.mode === "debug";
      const isDry = options.mode === "dry";
      const given = pins || mocks ? { pins, mocks } : undefined;
      const standIns = given && new StandIns(plan.root, given);
      const reuse = from && source && new Reuse(plan.root, from, source.reusable, this.blobs);
      const run = { id, target, plan, input: values, secrets, priority, deadline };
      const accepted = { ...run, stopsAtEntry, isDry, from, standIns: given };
      const journal = await this.#keeper?.begin(accepted);
      const execution = new Execution({
        id,
        plan,
        input: values,
        secrets,
        priority,
        deadline,
        ...(journal ? { journal } : {}),
        stopsAtEntry,
        isDry,
        standIns,
        reuse,
        host: this.#host,
        tell: (message) => this.#listeners.tell(message),
        isHeard: () => this.#listeners.isHeard(id),
        onEnd: (ended) => this.#letGo(ended),
      });
      if (options.breakpoints) execution.control.setBreakpoints(options.breakpoints);
      this.#executions.set(id, execution);
      setImmediate(() => execution.start());
      return id;
    } finally {
      this.#opening.delete(id);
    }
  }

  /**
   * Goes on with the executions of `dataDir` that had not ended when their host did, or with one of them. What had
   * settled is not run again; what was running is, where its effect allows. Resolves when all are under way, with those
   * that cannot go on: `PLAN_CHANGED`, `JOURNAL`, `BLOB_LOST`, `SECRET`. They stay as they are.
   * Rejects with `LOCKED` when another host has the folder. Without `dataDir` there is nothing to recover.
   * @example
   * const runtime = new Runtime({ dir: "blueprints", dataDir: "data" });
   * for (const { executionId, error } of await runtime.recover()) if (error) console.error(executionId, error);
   */
  async recover({ executionId }: { executionId?: string } = {}): Promise<Recovered[]> {
    const store = await this.#keeper?.open();
    const all: Recovered[] = [];
    for (const left of (await store?.unfinished()) ?? []) {
      const id = left.past.created?.id ?? left.place;
      if (executionId !== undefined && id !== executionId) continue;
      try {
        if (left.error) throw left.error;
        await this.#resume(left);
        all.push({ executionId: id });
      } catch (error) {
        this.#stuck.set(id, stuckEntry(id, left, error));
        all.push({ executionId: id, error });
      }
    }
    return all;
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
    const summary = this.#executions.has(executionId) ? undefined : this.#keeper?.summary(executionId);
    if (summary) return await this.#keeper!.result(summary);
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
    return this.#kept(executionId)?.snapshot ?? this.#find(executionId).snapshot();
  }

  /** What a client that comes late needs beside the snapshot. Throws `UNKNOWN_EXECUTION`. */
  history(executionId: string): ExecutionHistory {
    return this.#kept(executionId)?.history ?? this.#find(executionId).history();
  }

  /** Throws `UNKNOWN_EXECUTION`. */
  execution(executionId: string): ExecutionEntry {
    return this.#stuck.get(executionId) ?? this.#kept(executionId)?.entry ?? entryOf(this.#find(executionId));
  }

  /** Those that run, and the last that ended, oldest first. */
  executions(): ExecutionEntry[] {
    const before = (this.#keeper?.entries() ?? []).filter(({ executionId }) => !this.#executions.has(executionId));
    return [...before, ...this.#stuck.values(), ...[...this.#executions.values()].map(entryOf)];
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

  /** To pause, step, debug and feed an execution. Throws `UNKNOWN_EXECUTION`. */
  control(executionId: string): ExecutionControl {
    return this.#find(executionId).control;
  }

  /**
   * A value, an instance or (`{ path: "", what: "timeline" }`) the whole state as it was at record `at` of an execution of
   * `dataDir`, running or over; `at` in the answer is the last record that was read. Nothing is changed.
   * Rejects with `CONFIG` without `dataDir`, `INVALID_INPUT` for what is not recorded, `UNKNOWN_EXECUTION`, `BLOB_LOST`.
   */
  async inspectPast(executionId: string, request: InspectRequest): Promise<InspectedPast> {
    const keeper = this.#keeperFor("inspect", executionId);
    await this.#executions.get(executionId)?.control.stored();
    return await keeper.inspectPast(executionId, request);
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
      workers: this.#pool.gauge().members,
    };
  }

  /**
   * Cancels everything, waits for it, and gives back what it holds. `reason` is what those who watch are told; default
   * "the host was stopped". Idempotent.
   */
  close({ reason = "the host was stopped" }: { reason?: string } = {}): Promise<void> {
    this.#closing ??= (async () => {
      const running = [...this.#executions.values()].filter((execution) => !execution.isOver);
      for (const execution of running) {
        if (this.#keeper) execution.release(reason);
        else execution.cancel(reason);
      }
      await Promise.all(running.map((execution) => execution.ended()));
      await this.#keeper?.close();
      this.#listeners.close();
      await this.#pool.close();
      if (this.#ownsBlobs) await this.blobs.close();
    })();
    return this.#closing;
  }

  async #resume(left: Unfinished): Promise<void> {
    const { past } = left;
    const { id, target, priority, deadline, stopsAtEntry, isDry, from } = past.created!;
    const plan = await this.#plans.of(target);
    const secrets = await this.#secretsOf(plan);
    const source = from && (await this.#sourceOf(from));
    const { journal, input, standIns } = await this.#keeper!.resume(left, plan);
    const execution = new Execution({
      id,
      plan,
      input,
      secrets,
      priority,
      deadline,
      ...(journal ? { journal } : {}),
      past,
      stopsAtEntry: stopsAtEntry === true && past.steering.lastStop === 0,
      ...(isDry ? { isDry } : {}),
      standIns: standIns && new StandIns(plan.root, standIns),
      reuse: from && source && new Reuse(plan.root, from, source.reusable, this.blobs),
      host: this.#host,
      tell: (message) => this.#listeners.tell(message),
      isHeard: () => this.#listeners.isHeard(id),
      onEnd: (ended) => this.#letGo(ended),
    });
    this.#executions.set(id, execution);
    setImmediate(() => execution.start());
  }

  /** Of an execution that an earlier host finished. */
  #kept(executionId: string): ReturnType<Keeper<ExecutionEntry>["summary"]> {
    return this.#executions.has(executionId) ? undefined : this.#keeper?.summary(executionId);
  }

  #sourceOf({ executionId }: RunFrom): Promise<{ reusable: Reusable; input: Values }> {
    return this.#keeperFor("run from", executionId).source(executionId);
  }

  /** Without a data folder nothing is kept that could be read again. */
  #keeperFor(what: string, executionId: string): Keeper<ExecutionEntry> {
    if (this.#keeper) return this.#keeper;
    throw new RuntimeError(
      "CONFIG",
      `Cannot ${what} "${executionId}" as it was: this host keeps nothing of its executions; give it a data folder (\`dataDir\`)`,
      { executionId },
    );
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

  async #secretsOf({ secrets: names, blueprint }: Plan): Promise<Record<string, string>> {
    const values: [string, string][] = [];
    const missing: string[] = [];
    for (const name of names) {
      const value = await this.#secrets.read(name);
      if (value === undefined) missing.push(name);
      else values.push([name, value]);
    }
    if (missing.length === 0) return Object.fromEntries(values);
    const looked = missing.map((name) => `"${name}" is not in ${this.#secrets.where(name)}`).join("; ");
    throw new RuntimeError(
      "SECRET",
      `Cannot run "${blueprint.name}": its secret ${looked}; put it there, or give it with new Runtime({ secrets }), or --secret name=VARIABLE of the command`,
      {
        secrets: missing,
      },
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
    this.#keeper?.finish(ended, entryOf(ended));
    // Moved to the end: the map's order is the order in which finished ones are let go.
    this.#executions.delete(ended.id);
    this.#executions.set(ended.id, ended);
    this.#finished.add(ended);
    const finished = [...this.#finished];
    let nodes = finished.reduce((sum, execution) => sum + execution.kept, 0);
    let count = finished.length;
    for (const execution of finished) {
      if ((count <= this.#keep && nodes <= KEPT_NODES) || execution === ended) break;
      this.#executions.delete(execution.id);
      this.#finished.delete(execution);
      this.#listeners.forget(execution.id);
      nodes -= execution.kept;
      count--;
    }
  }
}

function isSource(secrets: RuntimeOptions["secrets"]): secrets is SecretSource {
  return typeof secrets?.["read"] === "function";
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), "AtomitonListenerError");
}
