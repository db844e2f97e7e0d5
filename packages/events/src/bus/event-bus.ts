/// <reference lib="esnext.disposable" preserve="true" />
import type { Clock } from "../core/clock.ts";
import type { CommandsOf, Contract, EventsOf, Reply } from "../core/contract.ts";
import type { EventsError } from "../core/errors.ts";
import type { StreamGauges } from "../core/stream-fields.ts";
import type { Journal, JournalStats } from "../journal/journal.ts";
import type { Address, Origin, Since, Where } from "../session/messages.ts";
import type { Gap, LinkState, Peer, SessionGauges, Violation } from "../session/session.ts";
import type { Compressor, EventsCodec } from "../wire/codec.ts";
import type { Transport } from "../wire/transport.ts";

/** What is known of a message beside its payload. */
export interface Meta {
  readonly name: string;
  /** The bus it began at, as far as the link it came over may be believed. */
  readonly origin: Origin;
  /** Who handed it to this bus, as this bus decided when it connected; undefined for what this bus emits itself. */
  readonly peer?: Peer;
  /** Of a durable event: unique, and the same each time it is delivered. */
  readonly id?: string;
  /** Of a durable event: keep it to go on later, in another process too, with `since: { after: cursor }`. */
  readonly cursor?: string;
  /** Milliseconds since 1970 at the origin, where it was stamped. */
  readonly ts?: number;
  /** State so far, not something that happens now. */
  readonly snapshot?: boolean;
  readonly replayed?: boolean;
  readonly trace?: string;
}

/** Call it, or dispose of it, to stop hearing. Both may be done twice. */
export interface Subscription extends Disposable {
  (): void;
  /**
   * Resolves when every peer that was linked has acknowledged the interest (or has gone). Rejects with DENIED where a
   * peer does not let this side hear it; need not be awaited, `onError` is told too.
   */
  readonly ready: Promise<void>;
}

/** Something is missing here: `from` to `to` (both included) in its lane, and why. */
export type StreamItem<T> =
  | { readonly data: T; readonly meta: Meta; readonly gap?: never }
  | { readonly gap: Gap; readonly data?: never; readonly meta?: never };

export interface OnOptions {
  /** Stops the subscription. One that is already aborted: nothing is subscribed. */
  readonly signal?: AbortSignal;
  /** Equality on top-level payload fields; travels to the sender, so that what nobody wants never crosses. */
  readonly where?: Where;
  /**
   * `last`: first a snapshot (`meta.snapshot`) or the last value, then everything after it, without hole or double.
   * `all` and `{ after: meta.cursor }`: first the stored durable events (a gap stands for those that the journal does not
   * keep any more), then everything after them, without hole or double. Throws JOURNAL where no event of the name is
   * durable, and for a cursor that is none.
   */
  readonly since?: Since;
  /** Called in the place of messages that are missing, before anything later. */
  readonly onGap?: (gap: Gap) => void;
  /** Stops after the first message. */
  readonly once?: boolean;
  /** Also hears what `replay` plays (`meta.replayed`). Default false: a replay repeats no side effect. */
  readonly replayed?: boolean;
}

/** Whom one event is for. It still goes only to those who hear it. */
export interface EmitOptions {
  /**
   * One bus (a `Peer` or an `Origin` will do), every bus of a role, or with `one` a single one of them that hears it: the
   * one with the least under way (in steps of 64 KiB), equals in turn. Left out: everybody.
   */
  readonly to?: Address | Origin;
  /** Not this bus: `meta.origin` of what is being answered means all but its sender. */
  readonly except?: Origin | string;
}

export interface NextOptions {
  readonly where?: Where;
  readonly since?: Since;
  readonly signal?: AbortSignal;
  /** Rejects with TIMEOUT. Left out: waits until the bus closes. */
  readonly timeoutMs?: number;
}

export interface StreamOptions extends Omit<OnOptions, "once" | "onGap"> {
  /**
   * Messages that may wait for the reader. Default 1,000; the oldest go first and leave a gap. Stored events come as fast
   * as the disk: with `since: "all"` choose it as large as the past that you want whole.
   */
  readonly max?: number;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Default: the contract's `timeoutMs`, 30,000. */
  readonly timeoutMs?: number;
  /** Idempotency key: the handler starts at most once for it in 10 minutes. Made up for idempotent commands. */
  readonly key?: string;
  /** What the handler reports through `progress`. */
  readonly onProgress?: (data: any) => void;
  /**
   * Who shall answer: one bus (a `Peer` or an `Origin` will do), or one of a role that handles it. Nobody else hears of
   * the request. Left out: whoever handles it.
   */
  readonly to?: Address | Origin;
}

export interface HandlerContext {
  /** Who asks; undefined for a request of this bus itself. */
  readonly peer?: Peer;
  /** The bus that the request began at. */
  readonly origin: Origin;
  /** Aborted when the caller cancels, its deadline passes or its link is gone. */
  readonly signal: AbortSignal;
  /** Reports to the caller's `onProgress`. */
  readonly progress: (data: unknown) => void;
}

/** How the other end of a link is seen. Decided here, never read from its messages. */
export interface ConnectPolicy {
  readonly peer?: {
    /** Left out: the role that the peer claims, where a contract names it and it is not our own. */
    readonly role?: string;
    /** Rights, as `execute:blueprint`; `*` is all. Left out: none. */
    readonly grants?: Iterable<string>;
    readonly user?: string;
    /** May it speak for buses behind it? Default: true where this side dialled and for memory pairs, else false. */
    readonly routes?: boolean;
  };
  /** Shown to the other side when connecting. */
  readonly token?: string;
}

/** One connection to another bus. */
export interface Link {
  readonly state: LinkState;
  readonly peer: Peer | undefined;
  /** Resolves when both sides know what the other hears. Rejects when the link closes before that. */
  readonly ready: Promise<Peer>;
  /** Calls `hear` after each change of state; returns the function that stops it. */
  onState(hear: (state: LinkState) => void): () => void;
  /** Idempotent. */
  close(reason?: string): void;
}

/** A message on its way through a bus. `data` may be replaced. */
export interface Passing {
  readonly kind: "event" | "request";
  readonly name: string;
  data: unknown;
  readonly meta: Meta;
  /** W3C `traceparent` that shall travel with it: for layers of `out`. What came stands in `meta.trace`. */
  trace?: string;
  /** Whom it shall go to: for layers of `out`, and events that are neither `latest` nor `durable`. */
  route?: EmitOptions;
  /** Of a request: calls `hear` once it has ended, with what it failed with. */
  readonly onSettled?: (hear: (failure: EventsError | undefined) => void) => void;
}

/**
 * One layer of the onion. Call `next` to pass the message on; what is not passed on goes no further. Messages keep
 * their order when a layer awaits: the later ones wait for it.
 */
export interface Middleware {
  /** From a link, after it was checked, before anybody hears it. */
  in?(message: Passing, next: () => void | Promise<void>): void | Promise<void>;
  /** Emitted here, on its way to the links. */
  out?(message: Passing, next: () => void | Promise<void>): void | Promise<void>;
  /** Emitted here, on its way to the listeners of this bus. */
  local?(message: Passing, next: () => void | Promise<void>): void | Promise<void>;
}

export interface BusLimits {
  /** Subscriptions of one link. Default 10,000. */
  readonly subscriptions?: number;
  /** Open requests of one link. Default 1,024. */
  readonly requests?: number;
  /** Buses behind one link, of a peer that may speak for others. Default 10,000; one with more is refused. */
  readonly behind?: number;
  /** Messages that wait for a handshake, or for a middleware that awaits. Default 1,000. */
  readonly waiting?: number;
  /** Dropped messages after which a peer is disconnected. Default 100. */
  readonly violations?: number;
}

export interface RecordOptions {
  /** Default `*`: everything. Peers are asked for what it names. */
  readonly pattern?: string;
  readonly where?: Where;
}

/** Call it to stop recording. The journal stays open: it belongs to the caller. */
export interface Recording {
  (): void;
  readonly recorded: number;
  /** Messages that the journal refused. The first one is told to `onError`. */
  readonly failed: number;
}

export interface ReplayOptions {
  /** Numbers in the journal, both included. Default: all that it has. */
  readonly from?: number;
  readonly to?: number;
  readonly pattern?: string;
  readonly where?: Where;
  /** 1 keeps the recorded pauses, 2 halves them; 0 (the default) and Infinity make none. */
  readonly speed?: number;
  readonly signal?: AbortSignal;
}

/** A replay under way. Await it for the number of messages that were played; steer it meanwhile. */
export interface Replay extends Promise<number> {
  /** Number of the entry that was played or passed over last; one less than where it begins before the first. */
  readonly position: number;
  /** Nothing is played from here on until `resume`. Both may be called twice, and after the end. */
  pause(): void;
  /** Goes on with the next entry, at once. */
  resume(): void;
  /**
   * Goes on with entry `seq`, forwards or backwards, but not before `from`; paused it stays paused. Entries are played
   * again or left out: state that was built from them is the listener's to rebuild. Throws RangeError for what is no
   * number of an entry; CLOSED when the replay is over.
   */
  seek(seq: number): void;
}

/** Where a fault came up. */
export interface FaultContext {
  readonly name?: string;
  readonly link?: Link;
}

export interface BusOptions {
  readonly clock?: Clock;
  /** 0 to 1, as `Math.random`. */
  readonly random?: () => number;
  /** Hears what has no caller: faults of listeners, refused links, first violations. Default: `console.error`. */
  readonly onError?: (fault: unknown, context: FaultContext) => void;
  readonly limits?: BusLimits;
  /** Check payloads from links only, or also what is emitted here. Default `both`. */
  readonly validate?: "in" | "both";
  /** Let unknown errors of handlers cross with their text and stack. Default false: a code and a safe message. */
  readonly exposeErrors?: boolean;
  /**
   * Codecs for the events of links that carry bytes (WebSocket), the best first: `compiledCodec(contract)` of
   * `@atomiton/events/codec`. Each link uses the first that the other side has too, else MessagePack. Default: none.
   */
  readonly codecs?: readonly EventsCodec[];
  /**
   * Compresses long frames on links that carry bytes, where the other side has it too: `deflate()` of
   * `@atomiton/events/node`, or of `@atomiton/events/deflate` in pages. Default: none, as loopback is faster without.
   */
  readonly compression?: Compressor;
  /** False: never connects by itself to the process that started this one. */
  readonly connect?: boolean;
  /** What this bus is: one of the roles that its contracts name. */
  readonly role?: string;
  /**
   * Keeps the durable events that this bus emits: a journal of its own, opened before and closed after the bus by whoever
   * made it. Without it `emit` of a durable event throws JOURNAL.
   */
  readonly journal?: Journal;
}

export interface LinkReport {
  readonly peer: Peer | undefined;
  readonly state: LinkState;
  readonly transport: string;
  /** What the peer wants to hear, and what was announced to it. */
  readonly hears: readonly string[];
  readonly announced: readonly string[];
  readonly handles: readonly string[];
  readonly openRequests: number;
  readonly servedRequests: number;
  /** Waits for the handshake. */
  readonly waiting: number;
  /** Dropped before the handshake: volatile events, and what found no room. */
  readonly dropped: number;
  /** Of the peer's events that were for one bus or a role: those that found nobody. */
  readonly lost: number;
  readonly violations: Readonly<Partial<Record<Violation, number>>>;
  readonly gaps: readonly Gap[];
  /** What waits, what is on its way and what was given up, over all sessions of this link. */
  readonly session: SessionGauges | undefined;
  /** Streams in payloads; undefined where none has crossed. */
  readonly streams: StreamGauges | undefined;
  readonly behind: readonly Origin[];
}

/** What `inspect()` shows: copies, safe to keep. */
export interface BusReport {
  readonly id: string;
  readonly role: string;
  readonly contracts: readonly { readonly id: string; readonly hash: string }[];
  readonly listeners: number;
  readonly handlers: readonly string[];
  readonly providers: readonly string[];
  readonly links: readonly LinkReport[];
  /** Requests that wait for a link to be ready. */
  readonly parkedRequests: number;
  /** Idempotency keys that are remembered. */
  readonly rememberedKeys: number;
  readonly deadlines: number;
  /** Of the durable events; undefined without a journal. */
  readonly journal: JournalStats | undefined;
}

/** `*` or `area:*`. */
export type Pattern = `${string}*`;

/** Payloads of all events that begin like the pattern. */
export type PatternPayload<E, P extends string> = P extends `${infer Start}*`
  ? E[Extract<keyof E, `${Start}${string}`>]
  : never;

/** The part that a stand-in must have; a class of one's own may implement no more than `emit`. */
export interface IEventBus {
  emit(name: string, data: any): void;
  on?(name: string, hear: (data: any, meta: any) => unknown, options?: OnOptions): () => void;
  once?(name: string, hear: (data: any, meta: any) => unknown, options?: OnOptions): () => void;
  off?(name: string, hear: (data: any, meta: any) => unknown): void;
  batch?(items: readonly { type: string; data: any }[]): void;
  request?(name: string, input: any, options?: RequestOptions): Promise<any>;
  handle?(name: string, answer: (input: any, context: any) => unknown): () => void;
  close?(): Promise<void>;
}

/**
 * One typed event bus, the same in every process. An emit reaches every subscriber of the bus network once: those of
 * this bus at once, in subscription order, then those behind links.
 *
 * `E` maps names to payloads, `C` names to `{ input, reply }`.
 */
export interface EventBus<E = AnyEvents, C = AnyCommands> {
  /** Unguessable, new for each bus. */
  readonly id: string;
  readonly role: string;

  /**
   * Hears `name`, or every name of a pattern (`*`, `runtime:*`). A fault of `hear` goes to `onError` and to nobody else.
   * Throws UNKNOWN_EVENT, CLOSED; TypeError for a `where` that cannot travel.
   */
  on<T extends keyof E & string>(name: T, hear: (data: E[T], meta: Meta) => unknown, options?: OnOptions): Subscription;
  on<P extends Pattern>(
    pattern: P,
    hear: (data: PatternPayload<E, P>, meta: Meta) => unknown,
    options?: OnOptions,
  ): Subscription;

  /** As `on`, for the first message only. */
  once<T extends keyof E & string>(
    name: T,
    hear: (data: E[T], meta: Meta) => unknown,
    options?: OnOptions,
  ): Subscription;

  /** Stops every subscription of `hear` under `name`. What was not subscribed is not missed. */
  off<T extends (keyof E & string) | Pattern>(name: T, hear: (data: any, meta: Meta) => unknown): void;

  /**
   * Tells everybody who hears `name`. A command is a request whose reply is dropped; what goes wrong with it is told to
   * `onError`. Throws UNKNOWN_EVENT, WRONG_DIRECTION, INVALID_PAYLOAD, CLOSED; of a durable event also JOURNAL, LIMIT,
   * QUEUE_FULL and UNCLONEABLE: then nobody hears it. With `to`, NO_PEER where nobody of that address is linked, and
   * TypeError for a command and for `latest` and `durable` events.
   *
   * What a link cannot carry (a function, a Promise, more than `maxBytes`) is not thrown, as listeners of this bus may have
   * heard it: `onError` is told.
   *
   * @example events.emit("job:do", job, { to: { role: "worker", one: true } });
   */
  emit<T extends keyof E & string>(name: T, data: E[T], options?: EmitOptions): void;

  /** Emits all, in order, in one frame. An item that fails is left out and thrown (the first) when the rest is sent. */
  batch(items: readonly { [T in keyof E & string]: { type: T; data: E[T] } }[keyof E & string][]): void;

  /** The next message of `name`. Rejects with TIMEOUT, CANCELLED or CLOSED. */
  next<T extends keyof E & string>(name: T, options?: NextOptions): Promise<E[T]>;

  /** Messages as they come, with a `gap` in the place of what is missing. Ended by `signal`, `return`, `close`. */
  stream<T extends keyof E & string>(name: T, options?: StreamOptions): AsyncIterableIterator<StreamItem<E[T]>>;
  stream<P extends Pattern>(
    pattern: P,
    options?: StreamOptions,
  ): AsyncIterableIterator<StreamItem<PatternPayload<E, P>>>;

  /**
   * Asks whoever handles command `name`, or the one that `to` names. Rejects with what the handler threw,
   * INVALID_PAYLOAD, INVALID_REPLY, DENIED, WRONG_DIRECTION, NOT_A_COMMAND, NO_HANDLER, TIMEOUT, CANCELLED,
   * OUTCOME_UNKNOWN, LIMIT or CLOSED; with `to`, NO_PEER where nobody of that address is linked.
   */
  request<T extends keyof C & string>(name: T, input: InputOf<C, T>, options?: RequestOptions): Promise<Reply<C, T>>;

  /** Answers command `name`. Throws HANDLER_EXISTS, NOT_A_COMMAND, WRONG_DIRECTION. Call the result to stop. */
  handle<T extends keyof C & string>(
    name: T,
    answer: (input: InputOf<C, T>, context: HandlerContext) => Reply<C, T> | Promise<Reply<C, T>>,
  ): Subscription;

  /**
   * Gives late joiners (`since: "last"`) the state so far, called synchronously: everything emitted afterwards follows
   * it. An array is several messages, in order; undefined: nothing to tell. One provider a name.
   */
  provide<T extends keyof E & string>(
    name: T,
    snapshot: (where: Where | undefined, peer: Peer | undefined) => E[T] | readonly E[T][] | undefined,
  ): Subscription;

  /**
   * Keeps what this bus hears in `journal`, in order, until the result is called. Neither snapshots nor replays.
   *
   * @example const stop = events.record(ringJournal(), { pattern: "runtime:*" });
   */
  record(journal: Journal, options?: RecordOptions): Recording;

  /**
   * Plays a recording to the subscriptions of this bus that opted in with `replayed: true`: with the ids and times that
   * were recorded, neither recorded again nor forwarded, and no handler runs. Resolves with how many were played; what
   * this bus's contracts do not allow is left out and told to `onError`. Rejects with CANCELLED, CLOSED or JOURNAL;
   * RangeError for a speed below 0.
   *
   * @example
   * const replay = events.replay(journal, { speed: 2 });
   * replay.pause();
   * replay.seek(100);
   * replay.resume();
   * const played = await replay;
   */
  replay(journal: Journal, options?: ReplayOptions): Replay;

  /** Adds an outermost layer. Call the result to take it out. */
  use(middleware: Middleware): () => void;

  /** Links another bus over `transport`. Refusals show in `link.state` and `onError`. */
  connect(transport: Transport, policy?: ConnectPolicy): Link;

  /**
   * Calls `hear` with each link of this bus as it is now, then whenever one comes or changes its state: what a page shows
   * as "connected". Local, and never sent to anybody. Call the result to stop.
   *
   * @example events.onLink(({ at }) => (banner.hidden = at === "open"));
   */
  onLink(hear: (state: LinkState, link: Link) => void): () => void;

  inspect(): BusReport;

  /**
   * Resolves when durable events that were emitted before are stored, and every open link has acknowledged what was
   * emitted before. Rejects with JOURNAL, LINK_LOST or CLOSED.
   */
  flush(): Promise<void>;

  /** Idempotent: ends links, subscriptions, streams and waits (CLOSED). */
  close(): Promise<void>;
}

export type AnyEvents = { [name: string]: any };
export type AnyCommands = { [name: string]: { input: any; reply: any } };
export type InputOf<C, T extends keyof C> = C[T] extends { input: infer I } ? I : never;
/** Without a contract any name may be requested, and its reply has no type. */
export type UntypedCommands<E> = { [K in keyof E]: { input: E[K]; reply: any } };

export type EventsOfAll<L> = L extends readonly [infer A extends Contract<any>, ...infer R]
  ? EventsOf<A> & EventsOfAll<R>
  : unknown;
export type CommandsOfAll<L> = L extends readonly [infer A extends Contract<any>, ...infer R]
  ? CommandsOf<A> & CommandsOfAll<R>
  : unknown;

export interface EventBusConstructor {
  /** With a contract: checked at run time, on both ends of every link. */
  new <K extends Contract<any>>(options: BusOptions & { contract: K }): EventBus<EventsOf<K>, CommandsOf<K>>;
  new <const L extends readonly Contract<any>[]>(
    options: BusOptions & { contracts: L },
  ): EventBus<EventsOfAll<L>, CommandsOfAll<L>>;
  /** Without types or with types only: links to its like, checks nothing. */
  new (options?: BusOptions): EventBus;
  new <E extends object>(options?: BusOptions): EventBus<E, UntypedCommands<E>>;
  readonly prototype: EventBus;
}
