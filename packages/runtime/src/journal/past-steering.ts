/**
 * How an execution was steered, as its records say: what is in force again when the next host takes it up. Rules:
 * 1. What was met, counted or edited in an attempt holds while the instance has that attempt, and goes when it ends.
 * 2. A stop that was not left is open: its instance stands there again, with what its attempt had come to.
 */
import type { BlobAccess } from "../blueprint/define-node.ts";
import type { Breakpoint } from "../contract.ts";
import type { RtError } from "../errors.ts";
import type { ExecutionRecord, Stopped, Values } from "./records.ts";
import { loadValue, loadValues } from "./stored-values.ts";

/** A value that was put in place of another. */
export interface Override {
  readonly a: number;
  readonly at: Breakpoint["at"];
  readonly port: string;
  /** As it is stored, until `load` has run. */
  value: unknown;
}
/** What an attempt came to, before anybody got it. */
export type KnownOutcome =
  | { readonly kind: "completed"; readonly outputs: Values }
  | { readonly kind: "failed"; readonly error: RtError };

interface Steered {
  /** `attempt id` of breakpoints that it met, and of what it counted for. */
  readonly met: Set<string>;
  readonly counted: Set<string>;
  readonly overrides: Override[];
  outcome: { readonly a: number; readonly stored: Stopped; known: KnownOutcome | undefined } | undefined;
}

export class PastSteering {
  breakpoints: readonly Breakpoint[] = [];
  /** By what they count. */
  readonly counts: Map<string, number> = new Map();
  /** Changes of configuration, in order. `value`: as it is stored, until `load` has run. */
  readonly edits: { readonly path: string; value: unknown }[] = [];
  /** Number of the last stop that there was. */
  lastStop = 0;
  readonly #steered = new Map<string, Steered>();
  readonly #open = new Map<string, Stopped>();

  add(record: ExecutionRecord): void {
    switch (record.k) {
      case "breakpoints":
        this.#forgetCounts(record.list);
        this.breakpoints = record.list;
        return;
      case "count":
        this.counts.set(record.of, record.n);
        this.#at(record.p).counted.add(`${record.a} ${record.of}`);
        return;
      case "stop": {
        const steered = this.#at(record.p);
        this.#open.set(record.id, record);
        this.lastStop = Math.max(this.lastStop, Number(record.id.replace(/^\D+/, "")) || 0);
        for (const id of record.ids) steered.met.add(`${record.a} ${id}`);
        if (record.out || record.error) steered.outcome = { a: record.a, stored: record, known: undefined };
        return;
      }
      case "left":
        this.#open.delete(record.id);
        return;
      case "override": {
        const { p, a, at, port, value } = record;
        this.#at(p).overrides.push({ a, at, port, value });
        return;
      }
      case "config":
        this.edits.push({ path: record.p, value: record.value });
        return;
      case "timer":
      case "settled":
      case "drop":
        this.#steered.delete(record.p);
        for (const [id, stop] of this.#open) if (stop.p === record.p) this.#open.delete(id);
        return;
      case "created":
      case "claimed":
      case "released":
      case "started":
      case "step":
      case "heartbeat":
      case "wait":
      case "answer":
      case "pause":
      case "resume":
      case "cancel":
      case "terminal":
        return;
    }
  }

  /** Reads values back. Throws `RuntimeError` BLOB_LOST where an edit could not be kept: going on without it would be another run. */
  async load(blobs: BlobAccess): Promise<void> {
    for (const edit of this.edits) edit.value = await loadValue(edit.value as never, blobs);
    for (const steered of this.#steered.values()) {
      for (const override of steered.overrides) override.value = await loadValue(override.value as never, blobs);
      const { outcome } = steered;
      if (outcome) outcome.known = await outcomeOf(outcome.stored, blobs);
    }
  }

  /** The instance has met this breakpoint in this attempt. */
  hasMet(path: string, attempt: number, breakpointId: string): boolean {
    return this.#steered.get(path)?.met.has(`${attempt} ${breakpointId}`) ?? false;
  }
  /** The instance has been counted in this attempt. */
  hasCounted(path: string, attempt: number, of: string): boolean {
    return this.#steered.get(path)?.counted.has(`${attempt} ${of}`) ?? false;
  }
  overrides(path: string, attempt: number): readonly Override[] {
    return this.#steered.get(path)?.overrides.filter(({ a }) => a === attempt) ?? [];
  }
  /** What the attempt had come to when it stood still. */
  outcome(path: string, attempt: number): KnownOutcome | undefined {
    const outcome = this.#steered.get(path)?.outcome;
    return outcome?.a === attempt ? outcome.known : undefined;
  }

  /** The instance stands at a stop, or something inside of it does. */
  isStopped(path: string): boolean {
    for (const { p, at } of this.#open.values()) {
      if (p === path ? at !== "edge" : p.startsWith(path) && "/[".includes(p[path.length]!)) return true;
    }
    return false;
  }
  /** Hands the open stop of an instance out, once. */
  takeStop(path: string, at: readonly Breakpoint["at"][], port?: string): Stopped | undefined {
    for (const stop of this.#open.values()) {
      if (stop.p !== path || !at.includes(stop.at) || stop.port !== port) continue;
      this.#open.delete(stop.id);
      return stop;
    }
    return undefined;
  }

  /** A breakpoint that is another now counts anew. */
  #forgetCounts(next: readonly Breakpoint[]): void {
    const stay = new Set(next.map((breakpoint) => JSON.stringify(breakpoint)));
    for (const breakpoint of this.breakpoints) {
      if (!stay.has(JSON.stringify(breakpoint))) this.counts.delete(countOf(breakpoint));
    }
  }

  #at(path: string): Steered {
    let steered = this.#steered.get(path);
    if (!steered) {
      steered = { met: new Set(), counted: new Set(), overrides: [], outcome: undefined };
      this.#steered.set(path, steered);
    }
    return steered;
  }
}

/** What `count` records of a breakpoint, and of a mock, count for. */
export const countOf = ({ id }: { readonly id: string }): string => `breakpoint ${id}`;
export const mockCountOf = (path: string): string => `mock ${path}`;

/** Undefined where the values could not be kept: then it is as if nothing were known. */
async function outcomeOf({ out, error }: Stopped, blobs: BlobAccess): Promise<KnownOutcome | undefined> {
  if (error) return { kind: "failed", error };
  try {
    return { kind: "completed", outputs: await loadValues(out!, blobs) };
  } catch {
    return undefined;
  }
}
