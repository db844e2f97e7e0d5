/**
 * An execution as the page knows it, folded from its `runtime:*` events. Pure: the same events give the same state.
 *
 * Rules: (1) events of a lower epoch are dropped, a higher one starts afresh; (2) a state delta counts once, by `seq`;
 * (3) a snapshot replaces what the deltas built; (4) after a terminal event nothing moves any more; (5) everything
 * that grows is bounded, and says what it forgot.
 */
import type {
  ExecState,
  NodeState,
  RtError,
  RuntimeBreakpointEvent,
  RuntimeCompleted,
  RuntimeErrorEvent,
  RuntimeMessage,
  RuntimeOutput,
  RuntimeProgress,
  RuntimeStarted,
  RuntimeState,
  WaitInfo,
} from "@atomiton/runtime/contract";

import { append, emptyLog, type LogBook, type LogEntry } from "./log-book.ts";
import { FAULT_LIMIT, isFinal, stateOf, unseen, type Fault, type NodeView } from "./node-view.ts";
import { noOutputs, withOutputs, type NodeOutputs } from "./outputs.ts";
import { nodePathOf } from "./path.ts";
import { noStops, withStop, withStops, withValues, type Stops } from "./stops.ts";

/** One event of an execution, by its name. */
export type ExecutionEvent = RuntimeMessage;

/** One node instance. */
export interface Instance {
  readonly state: NodeState;
  readonly attempt: number;
  readonly startedAt?: number | undefined;
  readonly endedAt?: number | undefined;
  readonly why?: string | undefined;
}

/** Instances kept one by one; beyond it the oldest final ones are kept in their node's counts alone. */
export const INSTANCES_KEPT = 20_000;

export interface Execution {
  readonly id: string;
  readonly state: ExecState;
  readonly epoch: number;
  /** Of the last state event. */
  readonly seq: number;
  readonly started?: RuntimeStarted | undefined;
  readonly startedAt?: number | undefined;
  readonly endedAt?: number | undefined;
  readonly progress?: RuntimeProgress | undefined;
  readonly completed?: RuntimeCompleted | undefined;
  /** Why it failed or was cancelled. */
  readonly error?:
    | { readonly message: string; readonly path?: string | undefined; readonly detail: RtError }
    | undefined;
  readonly instances: ReadonlyMap<string, Instance>;
  /** By the node's path in the graph. */
  readonly nodes: ReadonlyMap<string, NodeView>;
  readonly outputs: ReadonlyMap<string, NodeOutputs>;
  readonly waits: readonly WaitInfo[];
  readonly stops: Stops;
  readonly log: LogBook;
  /** Events that did not arrive and that nothing will bring. */
  readonly missed: number;
}

export const newExecution = (id: string): Execution => ({
  id,
  state: "queued",
  epoch: 0,
  seq: -1,
  instances: new Map(),
  nodes: new Map(),
  outputs: new Map(),
  waits: [],
  stops: noStops,
  log: emptyLog,
  missed: 0,
});

const TERMINAL: ReadonlySet<ExecState> = new Set(["completed", "failed", "cancelled"]);
export const isTerminal = (state: ExecState): boolean => TERMINAL.has(state);

/** Folds a batch in: maps are copied once a batch, not once an event. */
export function fold(before: Execution, batch: readonly ExecutionEvent[]): Execution {
  const draft = new Draft(before);
  for (const event of batch) draft.take(event);
  return draft.finish();
}

/** `count` events are lost; the page says so. */
export const withGap = (before: Execution, count: number): Execution => ({ ...before, missed: before.missed + count });

/** Steps that are done, of those known: what failed or was cancelled is over, not done, as in the percentage. */
export function stepsOf({ state, progress, nodes }: Execution): { done: number; total: number } | undefined {
  if (progress === undefined) return undefined;
  if (state !== "failed" && state !== "cancelled") return { done: progress.done, total: progress.total };
  let done = 0;
  for (const { counts } of nodes.values()) done += (counts.completed ?? 0) + (counts.skipped ?? 0);
  return { done, total: Math.max(done, progress.total) };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Draft {
  private now: Mutable<Execution>;
  private readonly before: Execution;
  private instances: Map<string, Instance> | undefined;
  private nodes: Map<string, NodeView> | undefined;
  /** By node, in the order in which they came. */
  private readonly gave = new Map<string, RuntimeOutput[]>();
  private logs: LogEntry[] = [];
  private changed = false;

  constructor(before: Execution) {
    this.before = before;
    this.now = { ...before };
  }

  finish(): Execution {
    if (isTerminal(this.now.state) && (this.now.stops.size > 0 || this.now.waits.length > 0)) {
      this.now.stops = noStops;
      this.now.waits = [];
    }
    if (this.logs.length > 0) this.now.log = append(this.now.log, this.logs);
    if (this.instances !== undefined) this.now.instances = bounded(this.instances);
    if (this.nodes !== undefined) this.now.nodes = this.nodes;
    if (this.gave.size > 0) {
      const outputs = new Map(this.now.outputs);
      for (const [node, events] of this.gave) outputs.set(node, withOutputs(outputs.get(node) ?? noOutputs, events));
      this.now.outputs = outputs;
    }
    return this.changed || this.logs.length > 0 ? this.now : this.before;
  }

  take(event: ExecutionEvent): void {
    const { data } = event;
    if (data.executionId !== this.now.id) return;
    if ("epoch" in data) {
      if (data.epoch < this.now.epoch) return;
      if (data.epoch > this.now.epoch) {
        this.now.epoch = data.epoch;
        this.changed = true;
      }
    }
    switch (event.type) {
      case "runtime:started":
        return this.onStarted(event.data);
      case "runtime:progress":
        return this.onProgress(event.data);
      case "runtime:completed":
        return this.onCompleted(event.data);
      case "runtime:error":
        return this.onError(event.data);
      case "runtime:output":
        return this.onOutput(event.data);
      case "runtime:state":
        return this.onState(event.data);
      case "runtime:log":
        this.logs.push(event.data);
        return;
      case "runtime:breakpoint":
        return this.onBreakpoint(event.data);
      case "runtime:inspect":
        return this.setStops(withValues(this.now.stops, event.data.stopId, event.data.values));
      case "runtime:result":
        // It repeats `completed`.
        return;
    }
  }

  private onBreakpoint(data: RuntimeBreakpointEvent): void {
    if (data.op === "hit") this.setStops(withStop(this.now.stops, data.stop));
    else if (data.op === "logpoint") {
      const { ts, seq, path, message } = data;
      this.logs.push({ ts, seq, level: "info", path, attempt: 1, message });
    }
    // That one is over is told by the state as well, which says what is left.
  }

  private setStops(stops: Stops): void {
    this.now.stops = stops;
    this.changed = true;
  }

  private onStarted(data: RuntimeStarted): void {
    this.changed = true;
    this.now.started = data;
    this.now.startedAt ??= data.ts;
    if (this.now.state === "queued") this.now.state = "running";
  }

  private onProgress(data: RuntimeProgress): void {
    this.changed = true;
    this.now.progress = data;
    for (const { path, ...work } of data.nodes ?? []) {
      const node = nodePathOf(path);
      // One item's own progress says nothing of all items.
      if (node !== path) continue;
      const view = this.node(node);
      if (!isFinal(view.state)) this.setNode(node, { ...view, work });
    }
  }

  private onCompleted(data: RuntimeCompleted): void {
    this.changed = true;
    this.now.completed = data;
    this.now.state = "completed";
    this.now.endedAt = data.ts;
  }

  private onError(data: RuntimeErrorEvent): void {
    if (data.scope === "command") return;
    this.changed = true;
    if (data.path !== undefined && data.scope === "node") this.addFault(data, data.path);
    if (!data.terminal) return;
    this.logEnd(data);
    this.now.state = data.state ?? "failed";
    this.now.endedAt = data.ts;
    this.now.error = { message: data.error, path: data.path ?? data.detail.path, detail: data.detail };
  }

  private addFault(data: RuntimeErrorEvent, path: string): void {
    const key = nodePathOf(path);
    const view = this.node(key);
    const attempt = data.detail.attempt ?? 1;
    // The host tells a client that joins what went before: the same fault again is the same fault.
    if (view.faults.some((known) => known.path === path && known.attempt === attempt && known.ts === data.ts)) return;
    const fault: Fault = {
      path,
      attempt,
      ts: data.ts,
      error: data.detail,
      handled: data.handled,
      willRetryAt: data.willRetryAt,
    };
    this.setNode(key, {
      ...view,
      faults: [fault, ...view.faults].slice(0, FAULT_LIMIT),
      faultCount: view.faultCount + 1,
    });
    const isMended = data.handled || data.willRetryAt !== undefined;
    const after = data.handled ? " (handled)" : data.willRetryAt === undefined ? "" : " (tried again)";
    const message = `${data.detail.code}: ${data.detail.message}${after}`;
    this.logError(data, isMended ? "warn" : "error", path, message);
  }

  /** The error that ended it stands there already where its node told it. */
  private logEnd(data: RuntimeErrorEvent): void {
    const path = data.path ?? data.detail.path ?? "";
    const isKnown = path !== "" && this.node(nodePathOf(path)).faults.some((fault) => fault.path === path);
    if (isKnown || isTerminal(this.now.state)) return;
    if (data.state === "cancelled") this.logError(data, "warn", path, `Cancelled: ${data.error}`);
    else this.logError(data, "error", path, `${data.detail.code}: ${data.error}`);
  }

  private logError(data: RuntimeErrorEvent, level: LogEntry["level"], path: string, message: string): void {
    const { ts, seq, detail } = data;
    this.logs.push({ ts, seq, level, path, attempt: detail.attempt ?? 1, message, isError: true });
  }

  private onOutput(data: RuntimeOutput): void {
    this.changed = true;
    const node = nodePathOf(data.path);
    const known = this.gave.get(node);
    if (known === undefined) this.gave.set(node, [data]);
    else known.push(data);
  }

  private onState(data: RuntimeState): void {
    if (data.kind === "snapshot") return this.onSnapshot(data);
    if (data.seq <= this.now.seq) return;
    this.changed = true;
    this.now.seq = data.seq;
    if (data.state !== undefined) this.moveTo(data.state, data.ts);
    for (const { path, s, a, t, why } of data.nodes ?? []) {
      const old = (this.instances ?? this.now.instances).get(path);
      this.setInstance(path, {
        state: s,
        attempt: a,
        startedAt: s === "running" ? (old?.startedAt ?? t) : old?.startedAt,
        endedAt: isFinal(s) ? t : undefined,
        why,
      });
    }
    if (data.waits !== undefined) this.now.waits = data.waits;
    if (data.stops !== undefined) this.setStops(withStops(this.now.stops, data.stops));
  }

  private onSnapshot(data: Extract<RuntimeState, { kind: "snapshot" }>): void {
    if (data.seq < this.now.seq) return;
    this.changed = true;
    this.now.seq = data.seq;
    this.moveTo(data.state, data.ts);
    this.now.waits = data.waits;
    this.setStops(withStops(this.now.stops, data.stops));
    const old = this.nodes ?? this.now.nodes;
    this.instances = new Map();
    this.nodes = new Map();
    for (const [path, view] of old) {
      const { work, faults, faultCount } = view;
      if (work !== undefined || faultCount > 0) this.nodes.set(path, { ...unseen, work, faults, faultCount });
    }
    for (const { path, counts, a, t0, t1 } of data.counted ?? []) {
      const view = this.node(path);
      const instances = Object.values(counts).reduce((sum, count) => sum + count, 0);
      this.setNode(path, { ...view, counts, instances, attempt: a, startedAt: t0, endedAt: t1 });
    }
    for (const { path, s, a, t0, t1, why } of data.nodes) {
      this.setInstance(path, { state: s, attempt: a, startedAt: t0, endedAt: t1, why });
    }
  }

  private moveTo(state: ExecState, ts: number): void {
    if (isTerminal(this.now.state)) return;
    this.now.state = state;
    if (state === "running") this.now.startedAt ??= ts;
    if (isTerminal(state)) this.now.endedAt ??= ts;
  }

  private setInstance(path: string, next: Instance): void {
    this.instances ??= new Map(this.now.instances);
    const old = this.instances.get(path);
    this.instances.set(path, next);
    const key = nodePathOf(path);
    const view = this.node(key);
    const counts = { ...view.counts };
    if (old !== undefined) counts[old.state] = (counts[old.state] ?? 1) - 1;
    counts[next.state] = (counts[next.state] ?? 0) + 1;
    const state = stateOf(counts);
    this.setNode(key, {
      ...view,
      counts,
      state,
      instances: view.instances + (old === undefined ? 1 : 0),
      attempt: Math.max(view.attempt, next.attempt),
      startedAt: least(view.startedAt, next.startedAt),
      endedAt: isFinal(state) ? most(view.endedAt, next.endedAt) : undefined,
      why: next.why,
      work: isFinal(state) ? undefined : view.work,
    });
  }

  private node(key: string): NodeView {
    return (this.nodes ?? this.now.nodes).get(key) ?? unseen;
  }

  private setNode(key: string, view: NodeView): void {
    this.changed = true;
    this.nodes ??= new Map(this.now.nodes);
    this.nodes.set(key, view);
  }
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
function most(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}

function bounded(instances: Map<string, Instance>): Map<string, Instance> {
  if (instances.size <= INSTANCES_KEPT) return instances;
  for (const [path, { state }] of instances) {
    if (instances.size <= INSTANCES_KEPT) break;
    if (isFinal(state)) instances.delete(path);
  }
  return instances;
}
