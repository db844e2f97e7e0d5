import type { Clock } from "../core/clock.ts";
import type { Lane } from "../core/contract.ts";
import type { EventsError } from "../core/errors.ts";
import type { Compressor, EventsCodec } from "../wire/codec.ts";
import type { Limits } from "../wire/limits.ts";
import type { Transport } from "../wire/transport.ts";
import { Conversation } from "./conversation.ts";
import type { EventExtra, Message, Origin, SendPolicy } from "./messages.ts";
import type { SessionTable } from "./table.ts";

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

export type Violation =
  | "invalid"
  | "direction"
  | "denied"
  | "unknown"
  | "too-large"
  | "too-deep"
  | "too-many"
  | "protocol";

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
  /** What differs from the defaults of `Limits`. */
  readonly limits?: Partial<Limits>;
  /** Sessions of this bus that peers may resume: one table for all its sessions. Left out: none of a peer's can be. */
  readonly sessions?: SessionTable;
  /** Codecs of events on byte media, the best first. MessagePack need not be named. */
  readonly codecs?: readonly EventsCodec[];
  /** Left out: bodies are sent, and taken, as they are. */
  readonly compressor?: Compressor;
  /** Number of this side's first frame in each lane, below 2^32. Default 0. */
  readonly firstSeq?: number;
}

/** Figures of one session, as they are now. */
export interface SessionGauges {
  /** Not sent yet: what waits, and the rest of messages that leave in chunks. */
  readonly queuedBytes: number;
  readonly queuedMessages: number;
  /** Values of `latest` events that wait for their turn. */
  readonly heldEvents: number;
  /** Keys of `latest` events whose interval is remembered. */
  readonly latestKeys: number;
  readonly unackedBytes: number;
  readonly unackedFrames: number;
  /** Events that were handed to this link for its peer, those among them that were given up later; events that came. */
  readonly sentEvents: number;
  readonly receivedEvents: number;
  /** Events that were given up: volatile without a connection, over a queue's limit, lost with a session. */
  readonly droppedEvents: number;
  readonly duplicateFrames: number;
  readonly receivedFrames: number;
  /** Units handed to the medium that carried numbered frames or acknowledgements. */
  readonly sentUnits: number;
  /** Sent of what was marked with `transfer`, without a copy; sent as a reference to shared memory; and copied all the same. */
  readonly movedBytes: number;
  readonly sharedBytes: number;
  readonly copiedBytes: number;
  /** What the events that this side sends are encoded with: `msgpack`, the name of a codec, or `clone` on ports. */
  readonly codec: string;
  /** Format that bodies may be compressed in; undefined: none was agreed. */
  readonly compression: string | undefined;
  /** Time since the peer was last heard; 0 while not open. */
  readonly silentMs: number;
  readonly violations: Readonly<Partial<Record<Violation, number>>>;
}

/** The conversation between two buses over a transport that may be replaced under it. */
export interface Session {
  readonly state: LinkState;
  readonly peer: Peer | undefined;
  /** Queues one event for this tick. `mayMove`: nobody else needs its buffers. Before the handshake is done it waits, bounded. Never throws for a dead link. */
  event(policy: SendPolicy, data: unknown, extra?: EventExtra, mayMove?: boolean): void;
  /** Queues anything else. Throws `EventsError` LIMIT or UNCLONEABLE when `message` itself cannot be sent. */
  send(message: Message, lane: Lane): void;
  /** Resolves when all that was queued before is acknowledged by the peer; rejects with CLOSED or LINK_LOST. */
  flush(): Promise<void>;
  /** Idempotent. Says goodbye where it can; the peer does not wait for a resume. */
  close(reason?: string): void;
  /** Changes how many unacknowledged bytes the peer may have in a lane; 0 stops it. Ignored while not open. */
  credit(lane: Lane, bytes: number): void;
  gauges(): SessionGauges;
}

/**
 * Begins a session: opens the transport and says HELLO. The receiver is never called before this returns.
 *
 * A link that is lost and comes back as a new session reports `open` with `resumed: false` again, after `onHello`: then
 * interest must be announced anew. A session whose connection turned out to carry on an earlier session ends with CLOSED
 * and `details.resumed`: that is no fault.
 */
export function openSession(options: SessionOptions): Session {
  return new Conversation(options);
}
