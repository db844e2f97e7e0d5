import type { Lane as LaneName } from "../core/contract.ts";
/**
 * One session from the first HELLO to its end, over roads that come and go.
 *
 * 1. Both sides say HELLO and answer the other's with WELCOME or REJECT. A side is open when it was welcomed and has
 *    welcomed.
 * 2. A side that can dial again says RESUME instead, with the secret of the last WELCOME; every secret serves once.
 * 3. News of a road that the session has left is not heard.
 */
import { EventsError } from "../core/errors.ts";
import { messagePackCodec, type Compressor, type EventsCodec } from "../wire/codec.ts";
import { FRAME_TYPE, isSequenced, LANES, type RawFrame } from "../wire/frame.ts";
import { DEFAULT_LIMITS, LOCAL_LIMITS, type Limits } from "../wire/limits.ts";
import type { CloseCause, Frame, Medium } from "../wire/transport.ts";
import { list, protocol, text } from "./bodies.ts";
import { agree, type Agreed } from "./coding.ts";
import { Gate } from "./gate.ts";
import {
  greetingBody,
  newSecret,
  readGreeting,
  readReject,
  readResume,
  readWelcome,
  rejectBody,
  resumeBody,
  welcomeBody,
  type Greeting,
  type Reject,
  type Resume,
} from "./handshake.ts";
import { Heartbeat } from "./heartbeat.ts";
import { kindOf } from "./intake.ts";
import type { EventExtra, Message, SendPolicy } from "./messages.ts";
import { Road, type RoadOwner } from "./road.ts";
import type { LinkState, Peer, Session, SessionGauges, SessionOptions, Violation } from "./session.ts";
import type { Resumable } from "./table.ts";
import { Traffic } from "./traffic.ts";

/** HELLO is said again until it is answered: a port may have nobody behind it yet. */
const REPEAT_MS = 1_000;
/** A port's other side may still be loading: it gets this many times the handshake limit. */
const PORT_PATIENCE = 6;

export class Conversation implements Session, RoadOwner, Resumable {
  readonly #options: SessionOptions;
  readonly #limits: Limits;
  readonly #medium: Medium;
  readonly #redials: boolean;
  readonly #codec = messagePackCodec();
  readonly #gate: Gate;
  readonly #traffic: Traffic;
  readonly #heartbeat: Heartbeat;
  readonly #violations = new Map<Violation, number>();
  #state: LinkState = { at: "dialing", attempt: 1 };
  #peer: Peer | undefined;
  #road: Road | undefined;
  /** Each session of this object has its own. */
  #epoch = newSecret();
  #ours: Greeting | undefined;
  #theirs: Greeting | undefined;
  #agreed: Agreed | undefined;
  /** Never changes: tells a new session of this link from a second link of the same bus. */
  readonly #link = newSecret();
  #isWelcomed = false;
  #hasBegun = false;
  /** The bus has not heard `open` of this session yet. */
  #isFirstOpen = true;
  #isResuming = false;
  /** HELLO of the other side while we ask to resume: it counts if the resume is refused. */
  #waitingGreeting: Greeting | undefined;
  /** What we present to resume (dialling side). */
  #ticket: { readonly id: string; readonly secret: string } | undefined;
  /** What we honour (accepting side): the newest secret, and the one before until the newest has proved to be known. */
  #issued: { readonly id: string; secret: string; previous: string | undefined } | undefined;
  #attempt = 1;
  #cancelHandshake: (() => void) | undefined;
  #cancelDial: (() => void) | undefined;
  #cancelWindow: (() => void) | undefined;
  #isStarting = true;
  readonly #isLocal: boolean;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#medium = options.transport.medium;
    const { moves = false, shares = false } = options.transport;
    this.#isLocal = options.transport.isLocal ?? this.#medium === "clone";
    this.#limits = { ...DEFAULT_LIMITS, ...(this.#isLocal && LOCAL_LIMITS), ...options.limits };
    this.#redials = options.transport.redials;
    this.#gate = new Gate(this.#medium, this.#limits, this.#codec, options.clock);
    this.#traffic = new Traffic({
      clock: options.clock,
      limits: this.#limits,
      codec: this.#codec,
      medium: this.#medium,
      reach: { moves, movesCopies: moves, shares },
      receiver: options.receiver,
      violation: (kind, error) => this.#violation(kind, error),
      overflow: (error) => this.#leave(error),
    });
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      everyMs: this.#limits.heartbeatMs,
      deadAfterMs: () => this.#deadAfterMs,
      needsAnswer: () => this.#traffic.lanes.some((lane) => lane.unackedFrames > 0),
      ping: () => this.#ping(),
      dead: (silentMs) => this.#silent(silentMs),
    });
    this.#dial();
    this.#isStarting = false;
    if (this.#state.at !== "dialing") options.clock.endOfTick(() => options.receiver.onState(this.#state));
  }

  get state(): LinkState {
    return this.#state;
  }

  get peer(): Peer | undefined {
    return this.#peer;
  }

  get peerBusId(): string | undefined {
    return this.#peer?.busId;
  }

  /** What the next resume will present. For tests that play a thief. */
  get resumeTicket(): { readonly id: string; readonly secret: string } | undefined {
    return this.#ticket;
  }

  /** Media that clone need none. */
  get #codecs(): readonly EventsCodec[] {
    return this.#medium === "bytes" ? (this.#options.codecs ?? []) : [];
  }

  get #compressor(): Compressor | undefined {
    return this.#medium === "bytes" ? this.#options.compressor : undefined;
  }

  get #isClosed(): boolean {
    return this.#state.at === "closed";
  }

  event(policy: SendPolicy, data: unknown, extra?: EventExtra, mayMove?: boolean): void {
    if (!this.#isClosed) this.#traffic.event(policy, data, extra, mayMove);
  }

  send(message: Message, lane: LaneName): void {
    if (!this.#isClosed) this.#traffic.send(message, lane);
  }

  flush(): Promise<void> {
    if (this.#state.at === "closed") return Promise.reject(this.#state.why);
    const flushed = this.#traffic.flush();
    // The peer need not acknowledge a little at once; it answers a PING at once, acknowledgements first.
    if (this.#traffic.isWaitedFor && this.#state.at === "open") this.#ping();
    return flushed;
  }

  close(reason = "closed by this side"): void {
    if (this.#isClosed) return;
    this.#traffic.releaseHeld();
    this.#leave(new EventsError("CLOSED", `Cannot use the link: ${reason}`));
  }

  credit(lane: LaneName, bytes: number): void {
    if (this.#state.at === "open") this.#sendBare(FRAME_TYPE.credit, [bytes], LANES.indexOf(lane));
  }

  gauges(): SessionGauges {
    const { lanes, queuedBytes, heldEvents, latestKeys, droppedEvents, duplicateFrames, receivedFrames, sentUnits } =
      this.#traffic;
    const { sentEvents, receivedEvents, movedBytes, sharedBytes, copiedBytes } = this.#traffic;
    return {
      queuedBytes,
      queuedMessages: lanes.reduce((sum, lane) => sum + lane.outbox.count, 0),
      heldEvents,
      latestKeys,
      unackedBytes: lanes.reduce((sum, lane) => sum + lane.inFlightBytes, 0),
      unackedFrames: lanes.reduce((sum, lane) => sum + lane.unackedFrames, 0),
      sentEvents,
      receivedEvents,
      droppedEvents,
      duplicateFrames,
      receivedFrames,
      sentUnits,
      movedBytes,
      sharedBytes,
      copiedBytes,
      codec: this.#medium === "clone" ? "clone" : (this.#agreed?.sends?.name ?? this.#codec.name),
      compression: this.#agreed?.compresses === true ? this.#compressor?.name : undefined,
      silentMs: this.#heartbeat.silentMs,
      violations: Object.fromEntries(this.#violations),
    };
  }

  #dial(): void {
    this.#cancelDial = undefined;
    this.#setState({ at: "dialing", attempt: this.#attempt });
    try {
      this.#road = new Road(this.#options.transport, this);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return this.#end(new EventsError("LINK_LOST", `Cannot open the transport: ${why}`, {}, { cause }));
    }
    this.#road.start();
  }

  roadOpen(road: Road): void {
    if (road !== this.#road) return;
    if (this.#redials && this.#ticket !== undefined) {
      this.#isResuming = true;
      this.#sayResume();
    } else {
      this.#sayHello();
    }
    this.#awaitHandshake(0);
  }

  /** Repeats what was said until it is answered, and gives up in the end. */
  #awaitHandshake(waitedMs: number): void {
    const limitMs = this.#limits.handshakeMs * (this.#isLocal && !this.#redials ? PORT_PATIENCE : 1);
    this.#cancelHandshake?.();
    this.#cancelHandshake = this.#options.clock.after(REPEAT_MS, () => {
      const waited = waitedMs + REPEAT_MS;
      if (waited >= limitMs) {
        this.#roadFailed({
          kind: "failed",
          reason: `no handshake within ${limitMs} ms; see that the other side connects a bus`,
          mayRetry: true,
        });
        return;
      }
      if (this.#isResuming) this.#sayResume();
      else this.#sayHello();
      this.#awaitHandshake(waited);
    });
  }

  #sayResume(): void {
    const ticket = this.#ticket!;
    this.#sendBare(FRAME_TYPE.resume, resumeBody({ ...ticket, seen: this.#traffic.seen }));
  }

  #sayHello(): void {
    this.#ours ??= {
      hello: this.#options.hello(),
      epoch: this.#epoch,
      link: this.#link,
      redials: this.#redials,
      firstSeq: this.#options.firstSeq ?? 0,
      windowBytes: this.#limits.windowBytes,
      messageBytes: this.#limits.messageBytes,
      framesPerSecond: this.#limits.framesPerSecond,
      codecs: [...this.#codecs.map(({ name }) => name), this.#codec.name],
      compression: this.#compressor === undefined ? [] : [this.#compressor.name],
    };
    this.#sendBare(FRAME_TYPE.hello, greetingBody(this.#ours));
  }

  roadFrame(road: Road, unit: Frame): void {
    if (road !== this.#road || this.#isClosed) return;
    this.#heartbeat.heard();
    if (!this.#gate.admits()) {
      return this.#violation(
        "too-many",
        new EventsError("LIMIT", `Cannot take a frame: more than ${this.#limits.framesPerSecond} came in a second`),
      );
    }
    try {
      for (const frame of this.#gate.unpack(unit)) {
        if (road !== this.#road || this.#isClosed) return;
        try {
          this.#frame(frame, road);
        } catch (error) {
          this.#fault(error);
        }
      }
    } catch (error) {
      this.#fault(error);
    }
  }

  #frame(frame: RawFrame, road: Road): void {
    const { type } = frame;
    if (isSequenced(type) || type === FRAME_TYPE.ack || type === FRAME_TYPE.credit) {
      if (this.#state.at !== "open") throw protocol(`type ${type} came before the handshake was done`);
      this.#confirmSecret();
      return this.#traffic.receive(frame);
    }
    switch (type) {
      case FRAME_TYPE.hello:
        return this.#hello(readGreeting(this.#gate.body(frame)));
      case FRAME_TYPE.welcome:
        return this.#welcome(this.#gate.body(frame));
      case FRAME_TYPE.resume:
        return this.#resume(readResume(this.#gate.body(frame)), road);
      case FRAME_TYPE.reject:
        return this.#rejected(readReject(this.#gate.body(frame)));
      case FRAME_TYPE.ping:
        if (this.#state.at !== "open") return;
        this.#confirmSecret();
        this.#traffic.acknowledgeAll();
        this.#traffic.pump();
        return this.#sendBare(FRAME_TYPE.pong, null);
      case FRAME_TYPE.pong:
        if (this.#state.at === "open") this.#traffic.answered();
        return;
      case FRAME_TYPE.bye: {
        const reason = text(list(this.#gate.body(frame), "BYE")[0], "a reason", 4_096);
        return this.#end(new EventsError("CLOSED", `Cannot use the link: the peer closed it: ${reason}`));
      }
      default:
        throw protocol(`type ${type} is not known`);
    }
  }

  #hello(greeting: Greeting): void {
    if (this.#isResuming) {
      this.#waitingGreeting = greeting;
      return;
    }
    if (this.#theirs?.epoch === greeting.epoch) {
      // It did not hear our answer, or the medium doubled the frame.
      if (this.#state.at !== "open") this.#sayWelcome();
      return;
    }
    if (this.#theirs !== undefined) {
      // Who can dial begins anew on a new connection: this one is late.
      if (this.#redials || this.#theirs.redials) return;
      this.#beginAnew("the peer began a new session");
    }
    this.#options.sessions?.supersede(greeting.hello.busId, greeting.link);
    const peer = this.#options.receiver.onHello(greeting.hello);
    if (this.#isClosed) return;
    if (peer instanceof EventsError) {
      // A link that was closed while its road was dead is known to the accepting side until its silence or window is
      // over: dialling again helps. Who dials a real second way knows the peer's bus, and ends by itself.
      const isDuplicate = peer.code === "DUPLICATE_LINK";
      this.#sendBare(FRAME_TYPE.reject, rejectBody({ error: peer, mayRetry: isDuplicate, resume: false }));
      if (isDuplicate && this.#redials && peer.details["reached"] === this.#ours?.hello.busId) {
        return this.#roadFailed({ kind: "refused", reason: peer.message, mayRetry: true });
      }
      return this.#end(peer);
    }
    this.#peer = peer;
    this.#theirs = greeting;
    this.#issue(greeting);
    this.#sayWelcome();
    if (this.#isWelcomed) this.#open(false);
  }

  /** A peer that dials can come back: it gets an id and a secret for that. */
  #issue(greeting: Greeting): void {
    const { sessions } = this.#options;
    if (!greeting.redials || this.#redials || sessions === undefined) return;
    const id = newSecret();
    if (sessions.add(id, this)) this.#issued = { id, secret: newSecret(), previous: undefined };
  }

  #sayWelcome(seen?: readonly number[]): void {
    const session = this.#issued === undefined ? undefined : { id: this.#issued.id, secret: this.#issued.secret };
    this.#sendBare(FRAME_TYPE.welcome, welcomeBody({ ...(session && { session }), ...(seen && { seen }) }));
  }

  #welcome(body: unknown): void {
    const welcome = readWelcome(body);
    if (this.#state.at === "open") return;
    if (this.#isResuming) {
      if (welcome.seen === undefined) return;
      if (!this.#traffic.resumeFrom(welcome.seen)) throw protocol("the peer has seen what was never sent");
      this.#ticket = welcome.session;
      this.#isResuming = false;
      this.#waitingGreeting = undefined;
      return this.#open(true);
    }
    if (this.#redials) this.#ticket = welcome.session;
    this.#isWelcomed = true;
    if (this.#theirs !== undefined) this.#open(false);
  }

  /** The peer asks for one of this bus's sessions: it moves here, and this one was only its door. */
  #resume(resume: Resume, road: Road): void {
    if (this.#theirs !== undefined) throw protocol("RESUME came after HELLO");
    const target = this.#options.sessions?.find(resume.id);
    const refusal: Reject | undefined =
      target === undefined
        ? {
            error: new EventsError(
              "REJECTED",
              "Cannot resume: the session is not known here; say HELLO to begin a new one",
            ),
            mayRetry: false,
            resume: true,
          }
        : target.takeOver(resume, road);
    if (refusal !== undefined) return this.#sendBare(FRAME_TYPE.reject, rejectBody(refusal));
    this.#road = undefined;
    this.#end(
      new EventsError("CLOSED", "Cannot use the link: its connection carries on an earlier session", {
        resumed: resume.id,
      }),
    );
  }

  takeOver(resume: Resume, road: Road): Reject | undefined {
    const issued = this.#issued;
    const isNewest = issued !== undefined && resume.secret === issued.secret;
    const isPrevious = issued?.previous !== undefined && resume.secret === issued.previous;
    if (issued === undefined || this.#isClosed || !(isNewest || isPrevious)) {
      const error = new EventsError(
        "REJECTED",
        "Cannot resume: the secret was used already, or is not the session's; say HELLO to begin a new session",
      );
      return { error, mayRetry: false, resume: true };
    }
    if (isPrevious && this.#state.at === "open") {
      // Somebody who knew it is being served on a connection that lives. It may also be ours, half open: then it will
      // be found dead, and the next attempt is let in.
      const error = new EventsError(
        "REJECTED",
        "Cannot resume: the session goes on over another connection; try again later",
      );
      return { error, mayRetry: true, resume: false };
    }
    // Its WELCOME to us was lost: it is open, this side is not yet.
    if (!this.#hasBegun) this.#begin();
    if (!this.#traffic.resumeFrom(resume.seen)) {
      const error = new EventsError("PROTOCOL", "Cannot resume: the peer has seen what was never sent");
      return { error, mayRetry: false, resume: true };
    }
    const old = this.#road;
    this.#traffic.detach();
    this.#road = road;
    road.owner = this;
    old?.close("the session moved to another connection");
    issued.previous = resume.secret;
    issued.secret = newSecret();
    this.#sayWelcome(this.#traffic.seen);
    this.#open(true);
    return undefined;
  }

  superseded(link: string): void {
    // Another link of the same bus is not ours to judge; the same link can only be in one place.
    if (this.#theirs?.link !== link) return;
    this.#end(new EventsError("LINK_LOST", "Cannot use the link: the peer began a new session"));
  }

  /** The peer spoke after our WELCOME: it knows the newest secret, the one before is spent. */
  #confirmSecret(): void {
    if (this.#issued !== undefined) this.#issued.previous = undefined;
  }

  #rejected(reject: Reject): void {
    if (this.#state.at === "open") throw protocol("REJECT came after the handshake");
    if (reject.resume) {
      // RESUME was repeated on a slow road: this answers one of before.
      if (!this.#isResuming) return;
      const greeting = this.#waitingGreeting;
      this.#beginAnew(reject.error.message);
      this.#sayHello();
      if (greeting !== undefined) this.#hello(greeting);
      return;
    }
    if (reject.mayRetry && this.#redials) {
      return this.#roadFailed({ kind: "refused", reason: reject.error.message, mayRetry: true });
    }
    this.#end(reject.error);
  }

  #open(resumed: boolean): void {
    const { clock } = this.#options;
    const road = this.#road!;
    this.#cancelHandshake?.();
    this.#cancelHandshake = undefined;
    this.#cancelWindow?.();
    this.#cancelWindow = undefined;
    this.#attempt = 1;
    const isFirst = this.#isFirstOpen;
    this.#isFirstOpen = false;
    if (!this.#hasBegun) this.#begin();
    this.#heartbeat.start();
    this.#setState({ at: "open", since: clock.now(), resumed: resumed && !isFirst });
    if (road !== this.#road || this.#isClosed) return;
    this.#traffic.attach(road);
    // The peer that was resumed must hear something of us, so that the old secret is spent.
    if (resumed && this.#redials) this.#ping();
  }

  /** A port cannot be dialled again: a worker that computes for minutes is not dead, and its end has an event of its own. */
  get #deadAfterMs(): number {
    const isPort = this.#isLocal && !this.#redials && this.#theirs?.redials !== true;
    return this.#options.limits?.deadAfterMs ?? (isPort ? 0 : this.#limits.deadAfterMs);
  }

  #begin(): void {
    const theirs = this.#theirs!;
    const ours = this.#ours!;
    this.#hasBegun = true;
    this.#agreed = {
      sends: agree(this.#codecs, ours.codecs, theirs.codecs),
      hears: agree(this.#codecs, theirs.codecs, ours.codecs),
      compressor: this.#compressor,
      compresses: theirs.compression.some((name) => name === this.#compressor?.name),
      names: ours.hello.names,
      peerNames: theirs.hello.names,
    };
    this.#traffic.begin(this.#agreed, ours.firstSeq, theirs);
  }

  /** Forgets the session, keeps the link: the next handshake begins a new one. */
  #beginAnew(reason: string): void {
    this.#traffic.detach();
    this.#heartbeat.stop();
    if (this.#issued !== undefined) this.#options.sessions?.delete(this.#issued.id);
    this.#issued = undefined;
    this.#ticket = undefined;
    this.#isResuming = false;
    this.#waitingGreeting = undefined;
    const hadSession = this.#theirs !== undefined;
    this.#theirs = undefined;
    this.#ours = undefined;
    this.#isWelcomed = false;
    this.#hasBegun = false;
    this.#isFirstOpen = true;
    this.#epoch = newSecret();
    if (hadSession) this.#traffic.forgetSession(reason);
    if (this.#state.at === "open") {
      this.#setState({ at: "dialing", attempt: this.#attempt });
      this.#sayHello();
      this.#awaitHandshake(0);
    }
  }

  roadDrained(road: Road): void {
    if (road === this.#road) this.#traffic.pump();
  }

  roadClosed(road: Road, cause: CloseCause): void {
    if (road === this.#road) this.#roadFailed(cause);
  }

  #roadFailed(cause: CloseCause): void {
    const { clock } = this.#options;
    this.#road?.close(cause.reason);
    this.#road = undefined;
    this.#cancelHandshake?.();
    this.#cancelHandshake = undefined;
    this.#heartbeat.stop();
    this.#traffic.detach();
    const isRefused = cause.kind === "refused";
    const canWait = this.#redials ? cause.mayRetry : this.#issued !== undefined;
    if (!canWait) {
      return this.#end(new EventsError(isRefused ? "REJECTED" : "LINK_LOST", `Cannot use the link: ${cause.reason}`));
    }
    this.#cancelWindow ??= clock.after(this.#limits.resumeMs, () => this.#windowOver(cause.reason));
    if (!this.#redials) {
      const retryAt = clock.now() + this.#limits.resumeMs;
      return this.#setState({ at: "waiting", attempt: 0, retryAt, why: cause.reason });
    }
    // WELCOME may have come without HELLO: there is nothing to resume then either.
    if (this.#theirs === undefined || this.#ticket === undefined) this.#beginAnew(cause.reason);
    const [first, longest] = this.#limits.backoffMs;
    const delayMs = Math.floor(
      this.#options.random() * Math.min(longest, first * 2 ** Math.min(this.#attempt - 1, 30)),
    );
    this.#attempt++;
    this.#isResuming = false;
    this.#cancelDial = clock.after(delayMs, () => this.#dial());
    this.#setState({ at: "waiting", attempt: this.#attempt, retryAt: clock.now() + delayMs, why: cause.reason });
  }

  /** Nobody came back in time. The dialling side goes on dialling, for a new session. */
  #windowOver(reason: string): void {
    this.#cancelWindow = undefined;
    const why = `not resumed within ${this.#limits.resumeMs} ms: ${reason}`;
    if (!this.#redials) return this.#end(new EventsError("LINK_LOST", `Cannot use the link: ${why}`));
    if (this.#isResuming) {
      // A RESUME is on its way: its answer decides.
      return;
    }
    // HELLO is on its way: this is a new session already.
    if (this.#cancelHandshake === undefined) this.#beginAnew(why);
    this.#traffic.fail(new EventsError("LINK_LOST", `Cannot tell whether all arrived: ${why}`));
  }

  #ping(): void {
    this.#traffic.probe();
    this.#sendBare(FRAME_TYPE.ping, null);
  }

  #silent(silentMs: number): void {
    this.#roadFailed({ kind: "gone", reason: `nothing heard for ${Math.round(silentMs)} ms`, mayRetry: true });
  }

  /** Says goodbye and ends. */
  #leave(error: EventsError): void {
    if (this.#isClosed) return;
    if (this.#state.at === "open") this.#traffic.pump();
    this.#sendBare(FRAME_TYPE.bye, [error.message.slice(0, 1_024)]);
    this.#end(error);
  }

  #end(error: EventsError): void {
    if (this.#isClosed) return;
    const road = this.#road;
    this.#road = undefined;
    for (const cancel of [this.#cancelHandshake, this.#cancelDial, this.#cancelWindow]) cancel?.();
    this.#heartbeat.stop();
    this.#traffic.stop(error);
    if (this.#issued !== undefined) this.#options.sessions?.delete(this.#issued.id);
    road?.close(error.message);
    this.#setState({ at: "closed", why: error });
  }

  #setState(state: LinkState): void {
    this.#state = state;
    if (!this.#isStarting) this.#options.receiver.onState(state);
  }

  /** A frame that is not numbered. */
  #sendBare(type: number, body: unknown, lane = 0): void {
    const ack = type === FRAME_TYPE.credit ? this.#traffic.lanes[lane]!.seen : 0;
    if (this.#road?.isOpen === true) this.#road.send(this.#gate.bare(type, body, lane, ack));
  }

  #fault(error: unknown): void {
    const fault = error instanceof EventsError ? error : protocol(`it cannot be read: ${String(error)}`);
    this.#violation(kindOf(fault), fault);
    if (fault.code !== "VERSION_MISMATCH" || this.#state.at === "open") return;
    this.#sendBare(FRAME_TYPE.reject, rejectBody({ error: fault, mayRetry: false, resume: false }));
    this.#end(fault);
  }

  #violation(kind: Violation, error: EventsError): void {
    this.#violations.set(kind, (this.#violations.get(kind) ?? 0) + 1);
    this.#options.receiver.onViolation(kind, error);
  }
}
