/**
 * What the journal of an execution holds, one frame a record. `seq` and time are the frame's own. Values stand inside up
 * to 32 KiB, as blobs above it (see stored-values.ts).
 */
import type { BlobRef } from "../blueprint/define-node.ts";
import type { Breakpoint, StopInfo } from "../contract.ts";
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
  /** Stops before its first instance. */
  readonly stopsAtEntry?: true;
  /** Skips what acts outside. */
  readonly isDry?: true;
  /** Pins and mocks. */
  readonly standIns?: StoredValue;
  /** Whose results it may take over. */
  readonly from?: StoredFrom;
}

/** `execute`'s `from`. */
export interface StoredFrom {
  readonly executionId: string;
  readonly at: readonly string[];
  readonly reuse: "upstream" | "all-clean";
}

/** An instance stands still. `out` or `error`: what its attempt came to, which nobody has got. */
export interface Stopped {
  readonly k: "stop";
  readonly p: string;
  readonly a: number;
  readonly id: string;
  readonly at: Breakpoint["at"];
  readonly port?: string;
  readonly reason: StopInfo["reason"];
  readonly ids: readonly string[];
  readonly isAll: boolean;
  readonly conditionError?: string;
  readonly out?: StoredValues;
  readonly error?: RtError;
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
  /** Of one whose outputs were taken over from another execution: what `started` says of the others. */
  readonly h?: string;
}

export interface Terminal {
  readonly k: "terminal";
  readonly s: "completed" | "failed" | "cancelled";
  /** As `runtime:completed` tells it: large outputs by reference. */
  readonly result?: StoredValues;
  readonly error?: RtError;
}

/** `h`: hash of what its outputs depend on; left out where that cannot be said. */
export interface Started {
  readonly k: "started";
  readonly p: string;
  readonly a: number;
  readonly key?: string;
  readonly inside?: true;
  readonly h?: string;
}

/** `p` is the path of an instance, `a` the number of its attempt. */
export type ExecutionRecord =
  | Created
  /** A host took it: the first, or the next after one died. Names the epoch that begins. */
  | { readonly k: "claimed"; readonly host: string; readonly epoch: number }
  /** A host gave it up in good order: what was running did not kill it. */
  | { readonly k: "released" }
  | Started
  | { readonly k: "step"; readonly p: string; readonly key: string; readonly value: StoredValue }
  | { readonly k: "heartbeat"; readonly p: string; readonly value: StoredValue }
  /** Tried again at `until`, milliseconds since 1970. */
  | { readonly k: "timer"; readonly p: string; readonly a: number; readonly until: number }
  /** Waits for a person or a time, for the `nth` time; `value` is what it said. */
  | { readonly k: "wait"; readonly p: string; readonly a: number; readonly nth: number; readonly value: StoredValue }
  | { readonly k: "answer"; readonly p: string; readonly value: StoredValue }
  | Settled
  /** All breakpoints from here on. */
  | { readonly k: "breakpoints"; readonly list: readonly Breakpoint[] }
  /** For the `n`th time an instance met what `of` counts: the condition of a breakpoint, or a mock. */
  | { readonly k: "count"; readonly p: string; readonly a: number; readonly of: string; readonly n: number }
  | Stopped
  /** The stop is over: its instance goes on. */
  | { readonly k: "left"; readonly id: string }
  /** A value was put in place of an input (`before`) or an output, at a stop. */
  | {
      readonly k: "override";
      readonly p: string;
      readonly a: number;
      readonly at: Breakpoint["at"];
      readonly port: string;
      readonly value: StoredValue;
    }
  /** A node's configuration was changed: by a list of patches. */
  | { readonly k: "config"; readonly p: string; readonly value: StoredValue }
  | { readonly k: "pause"; readonly reason?: string }
  | { readonly k: "resume" }
  /** An instance is cancelled, alone. */
  | { readonly k: "drop"; readonly p: string; readonly why: string }
  /** From here on it ends as `s`, and no other way. */
  | { readonly k: "cancel"; readonly s: "failed" | "cancelled"; readonly error: RtError }
  | Terminal;
