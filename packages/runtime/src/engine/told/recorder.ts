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
import { Deltas, type DeltaNode } from "./deltas.ts";
import { KeptOutputs, type KeptOutput } from "./kept-outputs.ts";
import { Ring } from "./ring.ts";

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

const LOGS_KEPT = 1_000;
const ERRORS_KEPT = 200;
const LOG_LIMIT = 8_192;

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
  /** Changes that nobody heard: together they take one number, as a delta would. */
  #hasUnheard = false;
  readonly #deltas = new Deltas(() => this.flush());
  #started: RuntimeStarted | undefined;
  #progress: RuntimeProgress | undefined;
  #terminal: RuntimeCompleted | RuntimeErrorEvent | undefined;
  readonly #logs = new Ring<RuntimeLog>(LOGS_KEPT);
  readonly #errors = new Ring<RuntimeErrorEvent>(ERRORS_KEPT);
  readonly #outputs = new KeptOutputs();

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
    this.#deltas.last().state = state;
  }

  nodeState(scope: Scope, node: number, state: number, why: string | undefined): void {
    if (this.#isOver) return;
    if (!this.#options.isHeard()) {
      this.#hasUnheard = true;
      return;
    }
    const { nodes } = this.#deltas.last();
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
    if (!this.#isOver) this.#deltas.last().stops = stops;
  }

  /** All open waits, as they are when that is told: asked for then, for they may be many. */
  waits(waits: () => WaitInfo[]): void {
    if (!this.#isOver) this.#deltas.last().waits = waits;
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
    for (let delta = this.#deltas.shift(); delta; delta = this.#deltas.shift()) {
      const prev = this.#lastState;
      this.#lastState = ++this.#seq;
      if (!this.#options.isHeard()) continue;
      const data: RuntimeState = { ...this.#now(), kind: "delta", prev };
      if (delta.state !== undefined) data.state = delta.state;
      if (delta.nodes.length > 0) data.nodes = delta.nodes;
      if (delta.stops) data.stops = delta.stops;
      if (delta.waits) data.waits = this.cleanWaits(delta.waits());
      this.#options.tell({ type: "runtime:state", data });
    }
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
    this.#outputs.keep(scope, kept);
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
    return {
      started: this.#started,
      logs: this.#logs.list(),
      logsDropped: this.#logs.dropped,
      outputs: this.#outputs.list().map((kept) => this.#outputEvent(kept)),
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
    return this.#outputs.find(path, port);
  }

  #end(terminal: RuntimeCompleted | RuntimeErrorEvent): void {
    this.#isOver = true;
    this.#terminal = terminal;
    this.#outputs.settle((kept) => this.#outputEvent(kept));
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
