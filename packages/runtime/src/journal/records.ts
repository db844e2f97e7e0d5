/**
 * What the journal of an execution holds, one frame a record. `seq` and time are the frame's own. Values stand inside up
 * to 32 KiB, as blobs above it (see stored-values.ts).
 */
import type { BlobRef } from "../blueprint/define-node.ts";
import type { RtError } from "../errors.ts";

export type Values = Readonly<Record<string, unknown>>;

/** A value as a record holds it. `lost`: it could not be kept (no copy can be made of it, or a secret stands in it). */
export type StoredValue = { readonly v: unknown } | { readonly blob: BlobRef } | { readonly lost: true };
export type StoredValues = Readonly<Record<string, StoredValue>>;

/** Which Blueprint, as `execute` was given it. */
export type StoredTarget = string | { readonly path: string } | { readonly inline: unknown };

/** How an instance ended. */
export type FinalState = "completed" | "failed" | "skipped" | "cancelled";

export interface Created {
  readonly k: "created";
  readonly id: string;
  readonly target: StoredTarget;
  readonly blueprint: { readonly id: string; readonly name: string; readonly version: string };
  readonly planHash: string;
  readonly input: StoredValues;
  readonly priority: number;
  readonly deadline?: number;
}

/** A final instance. `out` are its outputs, or its error on `error`. */
export interface Settled {
  readonly k: "settled";
  readonly p: string;
  readonly a: number;
  readonly s: FinalState;
  readonly out?: StoredValues;
  readonly error?: RtError;
  readonly why?: string;
}

export interface Terminal {
  readonly k: "terminal";
  readonly s: "completed" | "failed" | "cancelled";
  /** As `runtime:completed` tells it: large outputs by reference. */
  readonly result?: StoredValues;
  readonly error?: RtError;
}

/** `p` is the path of an instance, `a` the number of its attempt. */
export type ExecutionRecord =
  | Created
  /** A host took it: the first, or the next after one died. Names the epoch that begins. */
  | { readonly k: "claimed"; readonly host: string; readonly epoch: number }
  /** A host gave it up in good order: what was running did not kill it. */
  | { readonly k: "released" }
  | { readonly k: "started"; readonly p: string; readonly a: number; readonly key?: string; readonly inside?: true }
  | { readonly k: "step"; readonly p: string; readonly key: string; readonly value: StoredValue }
  | { readonly k: "heartbeat"; readonly p: string; readonly value: StoredValue }
  /** Tried again at `until`, milliseconds since 1970. */
  | { readonly k: "timer"; readonly p: string; readonly a: number; readonly until: number }
  /** Waits for a person or a time, for the `nth` time; `value` is what it said. */
  | { readonly k: "wait"; readonly p: string; readonly a: number; readonly nth: number; readonly value: StoredValue }
  | { readonly k: "answer"; readonly p: string; readonly value: StoredValue }
  | Settled
  | { readonly k: "pause"; readonly reason?: string }
  | { readonly k: "resume" }
  /** From here on it ends as `s`, and no other way. */
  | { readonly k: "cancel"; readonly s: "failed" | "cancelled"; readonly error: RtError }
  | Terminal;
