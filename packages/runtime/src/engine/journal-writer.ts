/**
 * What the engine records, and what waits for it. Rules:
 * R1. `started` is on the disk before a node of effect `write` or `idempotent` runs; once a host has died with the
 *     execution, before any node does: who kills its host is found out.
 * R2. What has settled is on the disk before such a node starts (records are stored in order, so R1 says it), and before
 *     an event that tells of it leaves (see EventGate).
 */
import type { Clock } from "@atomiton/events";

import type { BlobAccess } from "../blueprint/define-node.ts";
import type { Breakpoint, RuntimeMessage, StopInfo } from "../contract.ts";
import type { RtError } from "../errors.ts";
import type { ExecutionJournal } from "../journal/execution-journal.ts";
import type { Past } from "../journal/past.ts";
import type { ExecutionRecord, FinalState, Stopped, StoredValue, StoredValues } from "../journal/records.ts";
import { storeValue, storeValues, type ValueStore } from "../journal/stored-values.ts";
import type { Attempt } from "./run/attempt.ts";
import { pathOf, type Scope, type Values } from "./run/scope.ts";
import { NODE_STATES } from "./run/states.ts";
import type { AbsoluteWait } from "./run/waits.ts";
import type { Redact } from "./values/redact.ts";
import { redacted, sizeOf } from "./values/values.ts";

/** Heartbeats of one instance are recorded no more often, ms. */
const HEARTBEAT_MS = 1_000;

export interface JournalWriterOptions {
  readonly journal: ExecutionJournal;
  readonly blobs: BlobAccess;
  readonly redact: Redact | undefined;
  readonly clock: Clock;
  /** What was recorded by hosts before. */
  readonly past: Past | undefined;
}

export class JournalWriter {
  readonly journal: ExecutionJournal;
  readonly #options: JournalWriterOptions;
  readonly #store: ValueStore;
  readonly #beats = new Map<string, number>();
  readonly #taken = new Map<string, string>();

  constructor(options: JournalWriterOptions) {
    this.#options = options;
    this.journal = options.journal;
    this.#store = valueStore(options.blobs, options.redact);
  }

  /** An attempt is about to run. A promise: not before it resolves. */
  started(attempt: Attempt, dependsOn: string | undefined): Promise<void> | undefined {
    const { node, number, path, prepared } = attempt;
    const isInside = node.kind !== "node";
    const key = prepared?.idempotencyKey;
    this.journal.append({
      k: "started",
      p: path,
      a: number,
      ...(key === undefined ? {} : { key }),
      ...(isInside ? { inside: true as const } : {}),
      ...(dependsOn === undefined ? {} : { h: dependsOn }),
    });
    if (isInside) return undefined;
    const actsOutside = node.effect === "write" || node.effect === "idempotent";
    return actsOutside || (this.#options.past?.deaths ?? 0) > 0 ? this.journal.durable() : undefined;
  }

  /** The outputs with which the instance is about to settle are those of another execution. */
  takesOver(path: string, dependsOn: string): void {
    this.#taken.set(path, dependsOn);
  }

  settled(
    scope: Scope,
    node: number,
    state: number,
    why: string | undefined,
    came: Values | RtError | undefined,
  ): void {
    const path = pathOf(scope, node);
    // It stands there already.
    if (this.#options.past?.isFinal(path)) return;
    this.#beats.delete(path);
    const s = NODE_STATES[state] as FinalState;
    const h = this.#taken.get(path);
    this.#taken.delete(path);
    const record = {
      k: "settled" as const,
      p: path,
      a: scope.attempt[node]!,
      s,
      ...(why === undefined ? {} : { why }),
      ...(h === undefined ? {} : { h }),
    };
    if (s === "failed") this.journal.append({ ...record, error: this.#clean(came as RtError) });
    else this.#appendWith(came as Values | undefined, (out) => (out ? { ...record, out } : record));
  }

  timer(scope: Scope, node: number, until: number): void {
    const path = pathOf(scope, node);
    this.#options.past?.forgetInside(path);
    this.journal.append({ k: "timer", p: path, a: scope.attempt[node]!, until });
  }

  /** It is the instance's `nth`. */
  wait(scope: Scope, node: number, wait: AbsoluteWait, nth: number): void {
    const record = { k: "wait" as const, p: pathOf(scope, node), a: scope.attempt[node]!, nth };
    this.#appendValue(wait, (value) => ({ ...record, value }));
  }

  answer(scope: Scope, node: number, answer: unknown): void {
    const p = pathOf(scope, node);
    this.#appendValue(answer, (value) => ({ k: "answer", p, value }));
  }

  /** Resolves when the step's result is on the disk. */
  step(path: string, key: string, value: unknown): Promise<void> | undefined {
    this.#appendValue(value, (stored) => ({ k: "step", p: path, key, value: stored }));
    return this.journal.durable();
  }

  heartbeat(path: string, value: unknown): void {
    const now = this.#options.clock.monotonic();
    if (now - (this.#beats.get(path) ?? -Infinity) < HEARTBEAT_MS) return;
    this.#beats.set(path, now);
    this.#appendValue(value, (stored) => ({ k: "heartbeat", p: path, value: stored }));
  }

  breakpoints(list: readonly Breakpoint[]): void {
    this.journal.append({ k: "breakpoints", list });
  }
  count(p: string, a: number, of: string, n: number): void {
    this.journal.append({ k: "count", p, a, of, n });
  }
  config(p: string, ops: unknown): void {
    this.#appendValue(ops, (value) => ({ k: "config", p, value }));
  }
  override(p: string, a: number, at: Breakpoint["at"], port: string, value: unknown): void {
    this.#appendValue(value, (stored) => ({ k: "override", p, a, at, port, value: stored }));
  }

  /** An instance stands still; `came`: what its attempt came to, where that can be had again. */
  stopped(
    { stopId, path, attempt, reason, breakpointIds, allStopped, conditionError }: StopInfo,
    at: Breakpoint["at"],
    port: string | undefined,
    came: { outputs?: Values; error?: RtError } | undefined,
  ): void {
    const record: Stopped = {
      k: "stop",
      p: path,
      a: attempt,
      id: stopId,
      at,
      reason,
      ids: breakpointIds,
      isAll: allStopped,
      ...(port === undefined ? {} : { port }),
      ...(conditionError === undefined ? {} : { conditionError }),
      ...(came?.error ? { error: this.#clean(came.error) } : {}),
    };
    this.#appendWith(came?.outputs, (out) => (out ? { ...record, out } : record));
  }
  dropped(p: string, why: string): void {
    this.journal.append({ k: "drop", p, why });
  }
  left(stopId: string): void {
    this.journal.append({ k: "left", id: stopId });
  }

  paused(reason?: string): void {
    this.journal.append({ k: "pause", ...(reason === undefined ? {} : { reason }) });
  }
  resumed(): void {
    this.journal.append({ k: "resume" });
  }
  cancelling(error: RtError): void {
    this.journal.append({ k: "cancel", s: "cancelled", error: this.#clean(error) });
  }

  /** The end: nothing is recorded after it. */
  ended(s: "completed" | "failed" | "cancelled", { result, error }: { result?: Values; error?: RtError }): void {
    const stored = result && storeValues(result, this.#store);
    const record = { k: "terminal" as const, s, ...(error ? { error: this.#clean(error) } : {}) };
    if (stored instanceof Promise) this.journal.end(stored.then((values) => ({ ...record, result: values })));
    else this.journal.end(stored ? { ...record, result: stored } : record);
  }

  #appendWith(values: Values | undefined, make: (stored: StoredValues | undefined) => ExecutionRecord): void {
    const stored = values && storeValues(values, this.#store);
    this.journal.append(stored instanceof Promise ? stored.then(make) : make(stored));
  }

  #appendValue(value: unknown, make: (stored: StoredValue) => ExecutionRecord): void {
    const stored = storeValue(value, this.#store);
    this.journal.append(stored instanceof Promise ? stored.then(make) : make(stored));
  }

  #clean(error: RtError): RtError {
    return redacted(error, this.#options.redact) as RtError;
  }
}

export function valueStore(blobs: BlobAccess, redact: Redact | undefined): ValueStore {
  const asIs: Redact = (text) => text;
  return {
    blobs,
    sizeOf,
    isSecret: redact
      ? (value) => JSON.stringify(redacted(value, redact)) !== JSON.stringify(redacted(value, asIs))
      : () => false,
  };
}

/**
 * Holds events back until what they tell of is on the disk, in order. While the disk fails they pass: the execution is
 * paused, and whoever watches must learn of it.
 */
export class EventGate {
  readonly #journal: ExecutionJournal;
  readonly #tell: (message: RuntimeMessage) => void;
  readonly #held: { readonly position: number; readonly message: RuntimeMessage }[] = [];

  constructor(journal: ExecutionJournal, tell: (message: RuntimeMessage) => void) {
    this.#journal = journal;
    this.#tell = tell;
  }

  tell(message: RuntimeMessage): void {
    const { position, stored, failure } = this.#journal;
    if (this.#held.length === 0 && (position <= stored || failure)) {
      this.#tell(message);
      return;
    }
    this.#held.push({ position, message });
    this.#journal.whenStored(position, () => this.#passUpTo(this.#journal.stored));
  }

  /** Lets everything pass: to those who were there before somebody else comes, and when nothing will be stored. */
  open(): void {
    this.#passUpTo(Infinity);
  }

  #passUpTo(position: number): void {
    while (this.#held.length > 0 && this.#held[0]!.position <= position) this.#tell(this.#held.shift()!.message);
  }
}
