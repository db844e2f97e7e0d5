import type { Delivery, Lane, QueueLimit } from "../core/contract.ts";
import type { FlowStep } from "../core/stream-fields.ts";

/** Equality match on top-level payload fields: data, so that it travels to the sender. */
export type Where = Readonly<Record<string, unknown>>;

/** Where a subscription starts: with the snapshot or last value, with all that is stored, or after a cursor. */
export type Since = "last" | "all" | { readonly after: string };

/** The bus a message began at. Only a link whose policy says so may name anybody but its own peer. */
export interface Origin {
  readonly busId: string;
  readonly role: string;
}

/** What travels with an event beside its payload. Every field is optional on the wire. */
export interface EventExtra {
  /** Message id, unique per origin; there where journal, dedupe or replay need it. */
  readonly id?: string;
  readonly origin?: Origin;
  /** Milliseconds since 1970 at the origin. */
  readonly ts?: number;
  /** Meant for one subscription of the receiver alone (snapshots, stored tails). */
  readonly sub?: number;
  /** It is part of a snapshot: state so far, not something that happens now. */
  readonly snapshot?: boolean;
  readonly replayed?: boolean;
  /** OpenTelemetry context (`traceparent`). */
  readonly trace?: string;
  /** Whom it is for; left out: everybody who hears it. */
  readonly to?: Address;
  /** The one bus that it is not for. */
  readonly except?: string;
}

/** Of an event with nothing beside its payload; known by being this object. */
export const NO_EXTRA: EventExtra = Object.freeze({});

/** One bus, all buses of a role, or one of them (`one`). */
export type Address =
  | { readonly busId: string; readonly role?: never }
  | { readonly role: string; readonly one?: boolean; readonly busId?: never };

/** How the session treats one event name; made once from the contract, shared by all its messages. */
export interface SendPolicy {
  readonly name: string;
  readonly delivery: Delivery;
  readonly lane: Lane;
  /** For `latest`. Undefined: one key for the event. */
  readonly keyOf?: (data: unknown) => string;
  readonly everyMs?: number;
  /** Names of `latest` events whose value under the same key goes out before this one; without `keyOf` those of all keys. */
  readonly flushes?: readonly { readonly name: string; readonly keyOf?: (data: unknown) => string }[];
  readonly queue?: QueueLimit;
  readonly maxBytes: number;
}

/** A failure as it crosses a boundary: a code and a safe message, never a stack unless the host opted in. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly stack?: string;
}

/** What one bus says to the other, beside events. The session keeps their order in a lane and resends them. */
export type Message =
  | {
      readonly t: "sub";
      /** Chosen by the subscriber, unique in the session. */
      readonly id: number;
      /** hear: events of `pattern` are wanted. handle: requests named `pattern` are answered here. provide: snapshots. */
      readonly as: "hear" | "handle" | "provide";
      readonly pattern: string;
      readonly where?: Where;
      readonly since?: Since;
    }
  | { readonly t: "unsub"; readonly id: number }
  /** The interest is registered; everything that `since` brought stands before it in the same lane. */
  | {
      readonly t: "suback";
      readonly id: number;
      readonly error?: WireError;
      /** What is stored up to it came before; there where the sender has stored events. */
      readonly cursor?: string;
    }
  | {
      readonly t: "request";
      readonly id: number;
      readonly name: string;
      readonly data: unknown;
      readonly timeoutMs: number;
      readonly key?: string;
      readonly origin?: Origin;
      readonly trace?: string;
      /** Who shall answer; left out: whoever handles it. */
      readonly to?: Address;
    }
  | { readonly t: "reply"; readonly id: number; readonly data: unknown }
  | { readonly t: "error"; readonly id: number; readonly error: WireError }
  | { readonly t: "progress"; readonly id: number; readonly data: unknown }
  | { readonly t: "cancel"; readonly id: number; readonly reason?: string }
  /** Of a stream in a payload: its items and its end one way, what its reader says the other way. */
  | { readonly t: "flow"; readonly id: number; readonly data: unknown; readonly step: FlowStep }
  /** Buses that came to or went from behind the sender: ids for the tree check, roles for the direction check. */
  | { readonly t: "behind"; readonly added: readonly Origin[]; readonly removed: readonly string[] }
  /** Something was lost before it came to the sender: a gap of another link, in the place of what is missing. */
  | {
      readonly t: "lost";
      readonly lane: Lane;
      readonly from: number;
      readonly to: number;
      readonly reason: string;
      readonly names?: Readonly<Record<string, number>>;
      /** One subscription of the receiver misses it, and nobody else. */
      readonly sub?: number;
    };
