import type { Clock } from "../core/clock.ts";
import type { EventsError } from "../core/errors.ts";
import type { Lane } from "../core/contract.ts";
import type { Transport } from "../wire/transport.ts";
import type { EventExtra, Message, Origin, SendPolicy } from "./messages.ts";

/** Who is at the other end, as this side decided: nothing of it is read from later frames. */
export interface Peer {
  readonly busId: string;
  readonly role: string;
  /** Rights, as `execute:blueprint`; `*` is all. */
  readonly grants: ReadonlySet<string>;
  readonly user?: string;
  /** Where it connects from, as the transport saw it (an Origin header, "port", "memory"). */
  readonly origin?: string;
  /** It may speak for buses behind it (a host does, a page does not). */
  readonly routes: boolean;
}

/** What a bus says of itself when it connects. */
export interface Hello {
  readonly busId: string;
  readonly role: string;
  /** Empty for a bus that has types only. */
  readonly contracts: readonly { readonly id: string; readonly hash: string }[];
  /** Event names in the order of the numbers that this side uses for them. */
  readonly names: readonly string[];
  /** Buses behind it. */
  readonly behind: readonly Origin[];
  readonly token?: string;
}

export type LinkState =
  | { readonly at: "dialing"; readonly attempt: number }
  | { readonly at: "open"; readonly since: number; readonly resumed: boolean }
  | { readonly at: "waiting"; readonly attempt: number; readonly retryAt: number; readonly why: string }
  | { readonly at: "closed"; readonly why: EventsError };

export interface Gap {
  /** Sequence numbers in the lane, both included. */
  readonly from: number;
  readonly to: number;
  readonly lane: Lane;
  readonly reason: string;
  /** Events lost by name, where the sender knows them. */
  readonly names?: Readonly<Record<string, number>>;
}

export type Violation = "invalid" | "direction" | "denied" | "unknown" | "too-large" | "too-deep" | "too-many" | "protocol";

/** The bus, as the session sees it. All calls are synchronous, in the order of the lane, and never throw. */
export interface Receiver {
  /**
   * The first HELLO of a new session arrived. Return the peer as this side sees it, or the error to refuse it with
   * (unknown contract version, second link to a known bus, role not allowed). Never called for a resume.
   */
  onHello(hello: Hello): Peer | EventsError;
  onState(state: LinkState): void;
  onEvent(name: string, data: unknown, extra: EventExtra): void;
  onMessage(message: Message): void;
  onGap(gap: Gap): void;
  /** A frame was dropped: counted here and at the session. */
  onViolation(kind: Violation, error: EventsError): void;
}

export interface SessionOptions {
  readonly transport: Transport;
  readonly hello: () => Hello;
  readonly receiver: Receiver;
  readonly clock: Clock;
  /** 0 to 1, as Math.random. */
  readonly random: () => number;
}

/** The conversation between two buses over a transport that may be replaced under it. */
export interface Session {
  readonly state: LinkState;
  readonly peer: Peer | undefined;
  /** Queues one event for this tick. Before the handshake is done it waits, bounded. Never throws for a dead link. */
  event(policy: SendPolicy, data: unknown, extra?: EventExtra): void;
  /** Queues anything else. Throws `EventsError` LIMIT or UNCLONEABLE when `message` itself cannot be sent. */
  send(message: Message, lane: Lane): void;
  /** Resolves when all that was queued before is acknowledged by the peer; rejects with CLOSED or LINK_LOST. */
  flush(): Promise<void>;
  /** Idempotent. Says goodbye where it can; the peer does not wait for a resume. */
  close(reason?: string): void;
}
