/**
 * What an execution tells. Rules:
 * 1. `seq` is consumed by started, state, output(value, end), breakpoint, completed and error; the rest carries the last.
 * 2. State changes gather until something else takes a number, a snapshot is asked for, or the microtask ends:
 *    one delta then holds them, in order.
 * 3. Nothing follows the terminal event.
 * 4. What a client that comes late needs is kept, bounded. Without listeners no payload is built.
 */
import type { Clock } from "@atomiton/events";

import type {
  ExecState,
  NodeState,
  RtError,
  RuntimeCompleted,
  RuntimeErrorEvent,
  RuntimeLog,
  RuntimeMessage,
  RuntimeOutput,
  RuntimeProgress,
  RuntimeStarted,
  RuntimeState,
  StopInfo,
  Val,
  WaitInfo,
} from "../../contract.ts";
import { pathOf, type Scope } from "../run/scope.ts";
import { NODE_STATES } from "../run/states.ts";
import type { Redact } from "../values/redact.ts";
import { redacted, toVal } from "../values/values.ts";
import { Ring } from "./ring.ts";
import { isInLoop } from "./snapshot.ts";

/** What a client that comes late is told beside the snapshot. Bounded; oldest logs and loop outputs go first. */
export interface ExecutionHistory {
  readonly started: RuntimeStarted | undefined;
  readonly logs: readonly RuntimeLog[];
  /** Log entries that were let go. */
  readonly logsDropped: number;
  /** The latest of each port. Of loops' bodies the last ones. */
  readonly outputs: readonly RuntimeOutput[];
  /** Failures that were handled or retried, and the one that ended it. */
  readonly errors: readonly RuntimeErrorEvent[];
  readonly progress: RuntimeProgress | undefined;
  readonly terminal: RuntimeCompleted | RuntimeErrorEvent | undefined;
}

/** Entries in one delta at most. */
const DELTA_LIMIT = 256;
const LOGS_KEPT = 1_000;
const ERRORS_KEPT = 200;
/** Outputs outside of loops, by path and port. */
const OUTPUTS_KEPT = 2_000;
const LOOP_OUTPUTS_KEPT = 200;
const LOG_LIMIT = 8_192;

interface KeptOutput {
  readonly seq: number;
  readonly ts: number;
  readonly path: string;
  readonly attempt: number;
  readonly port: string;
  readonly items: number | undefined;
  readonly value: unknown;
  readonly via: RuntimeOutput["via"];
  event: RuntimeOutput | undefined;
}
interface Delta {
  state: ExecState | undefined;
  stops: StopInfo[] | undefined;
  waits: WaitInfo[] | undefined;
  readonly nodes: DeltaNode[];
}
type DeltaNode = { path: string; s: NodeState; a: number; t: number; why?: string };

export interface RecorderOptions {
  readonly executionId: string;
  readonly epoch: number;
  readonly clock: Clock;
  readonly redact: Redact | undefined;
  readonly tell: (message: RuntimeMessage) => void;
  /** Whether anybody listens right now. */
  readonly isHeard: () => boolean;
}

export class Recorder {
  readonly #options: RecorderOptions;
  #seq = 0;
  #lastState = 0;
  #isOver = false;
  #isScheduled = false;
  /** Changes that nobody heard: together they take one number, as a delta would. */
  #hasUnheard = false;
  readonly #deltas: Delta[] = [];
  #started: RuntimeStarted | undefined;
  #progress: RuntimeProgress | undefined;
  #terminal: RuntimeCompleted | RuntimeErrorEvent | undefined;
  readonly #logs = new Ring<RuntimeLog>(LOGS_KEPT);
  readonly #errors = new Ring<RuntimeErrorEvent>(ERRORS_KEPT);
  readonly #outputs = new Map<string, KeptOutput>();
  readonly #loopOutputs = new Ring<KeptOutput>(LOOP_OUTPUTS_KEPT);

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The last number given out. */
  get seq(): number {
    return this.#seq;
  }

  started(data: Omit<RuntimeStarted, "executionId" | "seq" | "epoch" | "ts">): void {
    const input = redacted(data.input, this.#options.redact) as Record<string, unknown>;
    this.#started = { ...this.#take(), ...data, input };
    this.#options.tell({ type: "runtime:started", data: this.#started });
  }

  /** Tells nobody yet: it is called where the engine's own state is half changed. So is `nodeState`. */
  executionState(state: ExecState): void {
    this.#delta().state = state;
  }

  nodeState(scope: Scope, node: number, state: number, why: string | undefined): void {
    if (this.#isOver) return;
    if (!this.#options.isHeard()) {
      this.#hasUnheard = true;
      return;
    }
    const { nodes } = this.#delta();
    const { redact, clock } = this.#options;
    const entry: DeltaNode = {
      path: this.#path(scope, node),
      s: NODE_STATES[state]!,
      a: scope.attempt[node]!,
      t: clock.now(),
    };
    if (why !== undefined) entry.why = redact?.(why) ?? why;
    nodes.push(entry);
  }

  /** All open stops, as they are now. */
  stops(stops: StopInfo[]): void {
    if (!this.#isOver) this.#delta().stops = stops;
  }

  /** All open waits, as they are now. */
  waits(waits: WaitInfo[]): void {
    if (!this.#isOver) this.#delta().waits = this.cleanWaits(waits);
  }

  /** Prompts and schemas without secrets. */
  cleanWaits(waits: WaitInfo[]): WaitInfo[] {
    return redacted(waits, this.#options.redact) as WaitInfo[];
  }

  /** Sends what has gathered. Before a snapshot, a listener that comes, and everything that takes a number. */
  flush(): void {
    if (this.#isOver) return;
    if (this.#hasUnheard) {
      this.#hasUnheard = false;
      this.#lastState = ++this.#seq;
    }
    if (this.#deltas.length === 0) return;
    for (let delta = this.#deltas.shift(); delta; delta = this.#deltas.shift()) {
      const prev = this.#lastState;
      this.#lastState = ++this.#seq;
      if (!this.#options.isHeard()) continue;
      const data: RuntimeState = { ...this.#now(), kind: "delta", prev };
      if (delta.state !== undefined) data.state = delta.state;
      if (delta.nodes.length > 0) data.nodes = delta.nodes;
      if (delta.stops) data.stops = delta.stops;
      if (delta.waits) data.waits = delta.waits;
      this.#options.tell({ type: "runtime:state", data });
    }
  }

  /** The delta that gathers: another one after a change of the execution's own state, and when it is full. */
  #delta(): Delta {
    let last = this.#deltas.at(-1);
    if (!last || last.state !== undefined || last.nodes.length >= DELTA_LIMIT) {
      last = { state: undefined, stops: undefined, waits: undefined, nodes: [] };
      this.#deltas.push(last);
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.flush();
      });
    }
    return last;
  }

  output(
    scope: Scope,
    node: number,
    port: string,
    value: unknown,
    items: number | undefined,
    via: RuntimeOutput["via"],
  ): void {
    if (this.#isOver) return;
    this.flush();
    const { clock, isHeard, tell } = this.#options;
    const kept: KeptOutput = {
      seq: ++this.#seq,
      ts: clock.now(),
      path: this.#path(scope, node),
      attempt: scope.attempt[node]!,
      port,
      items,
      value,
      via,
      event: undefined,
    };
    if (isHeard()) tell({ type: "runtime:output", data: this.#outputEvent(kept) });
    if (this.#isKept(scope, kept)) this.#outputs.set(keyOf(kept), kept);
    else this.#loopOutputs.push(kept);
  }

  /** Outside of loops, while there is room; a scope that opens again takes its outputs' old places. */
  #isKept(scope: Scope, kept: KeptOutput): boolean {
    if (isInLoop(scope)) return false;
    return this.#outputs.size < OUTPUTS_KEPT || (scope.parent !== undefined && this.#outputs.has(keyOf(kept)));
  }

  #outputEvent(kept: KeptOutput): RuntimeOutput {
    if (kept.event) return kept.event;
    const { seq, ts, path, attempt, port, items, via } = kept;
    const { executionId, epoch, redact } = this.#options;
    const value = toVal(kept.value, `${path}#${attempt}.${port}`, redact);
    kept.event = { executionId, seq, epoch, ts, path, attempt, port, kind: "value", value, via };
    if (items !== undefined) {
      kept.event.kind = "end";
      kept.event.items = items;
    }
    return kept.event;
  }

  /** A stop has opened; `values` by name, as `in.rows`. */
  stopped(stop: StopInfo, values: Record<string, unknown>): void {
    if (this.#isOver) return;
    this.#options.tell({ type: "runtime:breakpoint", data: { ...this.#take(), op: "hit", stop } });
    this.inspected(stop, values);
  }

  /** The values at a stop, by name. */
  inspected({ stopId, path, attempt }: StopInfo, values: Record<string, unknown>): void {
    if (this.#isOver) return;
    const { tell, redact } = this.#options;
    const seen = Object.entries(values).map(([name, value]) => [name, toVal(value, `${stopId}.${name}`, redact)]);
    tell({
      type: "runtime:inspect",
      data: { ...this.#now(), stopId, path, attempt, values: Object.fromEntries(seen) as Record<string, Val> },
    });
  }

  cleared(stop: StopInfo): void {
    if (this.#isOver) return;
    this.#options.tell({ type: "runtime:breakpoint", data: { ...this.#take(), op: "cleared", stop } });
  }

  logpoint(id: string, path: string, message: string): void {
    if (this.#isOver) return;
    const { tell, redact } = this.#options;
    const line = redact?.(message) ?? message;
    tell({ type: "runtime:breakpoint", data: { ...this.#take(), op: "logpoint", id, path, message: line } });
  }

  log(
    path: string,
    attempt: number,
    level: RuntimeLog["level"],
    message: string,
    extra: { data?: unknown; stream?: "stdout" | "stderr" } = {},
  ): void {
    if (this.#isOver) return;
    const { redact, tell } = this.#options;
    const clean = redact?.(message) ?? message;
    const text = clean.length > LOG_LIMIT ? `${clean.slice(0, LOG_LIMIT)}… (${clean.length} characters)` : clean;
    const data: RuntimeLog = { ...this.#now(), path, attempt, level, message: text };
    if (extra.data !== undefined) data.data = toVal(extra.data, `${path}#${attempt}`, redact);
    if (extra.stream !== undefined) data.stream = extra.stream;
    this.#logs.push(data);
    tell({ type: "runtime:log", data });
  }

  progress(data: Omit<RuntimeProgress, "executionId" | "seq" | "epoch" | "ts">): void {
    if (this.#isOver) return;
    this.#progress = { ...this.#now(), ...(redacted(data, this.#options.redact) as typeof data) };
    this.#options.tell({ type: "runtime:progress", data: this.#progress });
  }

  nodeError(error: RtError, handled: boolean, willRetryAt: number | undefined): void {
    if (this.#isOver) return;
    this.flush();
    const data = this.#error(error, { scope: "node", handled, terminal: false });
    if (error.path !== undefined) data.path = error.path;
    if (willRetryAt !== undefined) data.willRetryAt = willRetryAt;
    this.#errors.push(data);
    this.#options.tell({ type: "runtime:error", data });
  }

  /** Of the execution as a whole, which goes on. */
  fault(error: RtError): void {
    if (this.#isOver) return;
    this.flush();
    const data = this.#error(error, { scope: "execution", handled: false, terminal: false });
    this.#errors.push(data);
    this.#options.tell({ type: "runtime:error", data });
  }

  completed(data: Omit<RuntimeCompleted, "executionId" | "seq" | "epoch" | "ts">): void {
    this.flush();
    const { executionId, tell, redact } = this.#options;
    const result = redacted(data.result, redact) as Record<string, unknown>;
    const terminal: RuntimeCompleted = { ...this.#take(), ...data, result };
    const { seq, epoch, ts } = terminal;
    tell({ type: "runtime:result", data: { executionId, seq, epoch, ts, result } });
    this.#end(terminal);
    tell({ type: "runtime:completed", data: terminal });
  }

  ended(error: RtError, state: "failed" | "cancelled"): void {
    this.flush();
    const terminal = this.#error(error, { scope: "execution", handled: false, terminal: true });
    terminal.state = state;
    if (error.path !== undefined) terminal.path = error.path;
    this.#end(terminal);
    this.#options.tell({ type: "runtime:error", data: terminal });
  }

  history(): ExecutionHistory {
    const outputs = [...this.#outputs.values(), ...this.#loopOutputs.list()].sort((a, b) => a.seq - b.seq);
    return {
      started: this.#started,
      logs: this.#logs.list(),
      logsDropped: this.#logs.dropped,
      outputs: outputs.map((kept) => this.#outputEvent(kept)),
      errors: this.#errors.list(),
      progress: this.#progress,
      terminal: this.#terminal,
    };
  }

  /** The last value that was told of a port: whole while the execution runs, then as it was told. */
  valueOf(
    path: string,
    port: string,
  ): { attempt: number; value: unknown; event: RuntimeOutput | undefined } | undefined {
    const isIt = (kept: KeptOutput): boolean => kept.path === path && kept.port === port;
    return this.#outputs.get(`${path}\n${port}`) ?? this.#loopOutputs.list().findLast(isIt);
  }

  #end(terminal: RuntimeCompleted | RuntimeErrorEvent): void {
    this.#isOver = true;
    this.#terminal = terminal;
    // From here on the bounded copies stand for the values: a finished execution holds no table of a node.
    for (const kept of this.#outputs.values()) settle(kept, this.#outputEvent(kept));
    for (const kept of this.#loopOutputs.list()) settle(kept, this.#outputEvent(kept));
  }

  #error(error: RtError, rest: Pick<RuntimeErrorEvent, "scope" | "handled" | "terminal">): RuntimeErrorEvent {
    const detail = redacted(error, this.#options.redact) as RtError;
    return { ...this.#take(), error: detail.message, code: detail.code, detail, ...rest };
  }

  #path(scope: Scope, node: number): string {
    const path = pathOf(scope, node);
    return this.#options.redact?.(path) ?? path;
  }

  #take(): { executionId: string; seq: number; epoch: number; ts: number } {
    this.flush();
    this.#seq++;
    return this.#now();
  }

  #now(): { executionId: string; seq: number; epoch: number; ts: number } {
    const { executionId, epoch, clock } = this.#options;
    return { executionId, seq: this.#seq, epoch, ts: clock.now() };
  }
}

const keyOf = ({ path, port }: KeptOutput): string => `${path}\n${port}`;

function settle(kept: KeptOutput, event: RuntimeOutput): void {
  (kept as { value: unknown }).value = undefined;
  kept.event = event;
}
