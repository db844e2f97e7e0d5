import type { Lane } from "../core/contract.ts";
import { EventsError } from "../core/errors.ts";
import type { StreamFields } from "../core/stream-fields.ts";
import { isPattern, matches } from "../core/topic.ts";
import type { EventExtra, Message, Origin, SendPolicy } from "../session/messages.ts";
import { openSession } from "../session/session.ts";
import type { Gap, Hello, LinkState, Peer, Receiver, Session, Violation } from "../session/session.ts";
import { DEFAULT_LIMITS, type Limits } from "../wire/limits.ts";
import type { Transport } from "../wire/transport.ts";
import { admit } from "./admission.ts";
import { Announcer } from "./announcer.ts";
import { Arrivals, believed } from "./arrivals.ts";
import type { Ask } from "./ask.ts";
import { CarriedStreams } from "./carried-streams.ts";
import { EarlyQueue, type EarlyEvent } from "./early.ts";
import type { ConnectPolicy, Link, LinkReport } from "./event-bus.ts";
import { fromWire } from "./failures.ts";
import type { Hub } from "./hub.ts";
import { takeRequest } from "./inbound.ts";
import { namesIn } from "./missing.ts";
import { PeerInterest } from "./peer-interest.ts";
import { grantsRight } from "./permission.ts";
import { lostElsewhere, named, overflow, tooMany } from "./refusals.ts";
import type { Rule } from "./topics.ts";
import type { Wish } from "./wish.ts";

/** An event may ask for more than the defaults; what waits must have room for one of it. */
function limitsFor(maxBytes: number): Partial<Limits> {
  const { messageBytes, outboxBytes } = DEFAULT_LIMITS;
  if (maxBytes <= messageBytes) return {};
  return { messageBytes: maxBytes, outboxBytes: Math.max(outboxBytes, maxBytes) };
}

/** Gaps that `inspect()` shows. */
const GAPS_KEPT = 10;
/** Bytes of stored events that are under way to one peer at once: a small part of what an outbox may hold. */
const ROOM_BYTES = 1_048_576;

/**
 * One link of a bus. Order of its life: `dialing` (events wait, bounded), the session opens (both sides tell their
 * interest, ended by a `behind`), told (what waited is sent where it is wanted), then traffic, `closed`.
 */
export class BusLink implements Link {
  readonly ready: Promise<Peer>;
  readonly announcer: Announcer;
  /** Requests sent over this link, by their number in it. */
  readonly asked: Map<number, Ask> = new Map<number, Ask>();
  /** Requests that came over this link. */
  readonly serving: Map<number, Ask> = new Map<number, Ask>();
  peer: Peer | undefined;
  state: LinkState = { at: "dialing", attempt: 1 };
  /** The peer has told all that it wanted when it connected. */
  isTold: boolean = false;
  /** This side has told it all that is wanted here: from here on it hears of each change. */
  hasTold: boolean = false;
  readonly #hub: Hub;
  #session: Session | undefined;
  readonly #transport: Transport;
  readonly #policy: ConnectPolicy;
  readonly #interest: PeerInterest;
  readonly #arrivals: Arrivals;
  /** Of the session that is open. */
  readonly streams: CarriedStreams;
  readonly #behind: Map<string, Origin> = new Map<string, Origin>();
  readonly #violations: Map<Violation, number> = new Map<Violation, number>();
  readonly #gaps: Gap[] = [];
  readonly #stateHearers: Set<(state: LinkState) => void> = new Set<(state: LinkState) => void>();
  #lost: number = 0;
  #carried: ReadonlySet<string> = new Set<string>();
  readonly #early: EarlyQueue;
  #settleReady: { resolve(peer: Peer): void; reject(fault: EventsError): void } | undefined;

  constructor(hub: Hub, transport: Transport, policy: ConnectPolicy) {
    this.#hub = hub;
    this.#transport = transport;
    this.#policy = policy;
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => undefined); // A refusal shows in `state` and `onError`; nobody has to await `ready`.
    this.#interest = new PeerInterest(hub, this);
    this.#early = new EarlyQueue(hub.limits.waiting);
    this.#arrivals = new Arrivals(hub, this);
    this.streams = new CarriedStreams(hub, this);
    this.announcer = new Announcer(
      this,
      (message) => this.send(message),
      (pattern) => isPattern(pattern) || this.carries(hub.topics.get(pattern)?.contract),
    );
  }

  /** Called once, when the bus knows this link. */
  start(): void {
    const receiver: Receiver = {
      onHello: (hello) => this.#admit(hello),
      onState: (state) => this.#changed(state),
      onEvent: (name, data, extra) => this.#heard(name, data, extra),
      onMessage: (message) => this.#said(message),
      onGap: (gap) => this.#hub.passage.afterArriving(() => this.#missed(gap)),
      onViolation: (kind, error) => this.violate(kind, error),
    };
    this.#session = openSession({
      transport: this.#transport,
      hello: () => this.#hello(),
      receiver,
      clock: this.#hub.clock,
      random: this.#hub.random,
      sessions: this.#hub.sessions,
      codecs: this.#hub.codecs,
      ...(this.#hub.compressor && { compressor: this.#hub.compressor }),
      limits: limitsFor(this.#hub.topics.maxBytes),
    });
  }

  get isClosed(): boolean {
    return this.state.at === "closed";
  }

  /** Ids of the peer and of the buses behind it, as far as it may speak for them. */
  get reached(): Origin[] {
    return this.peer === undefined ? [] : [{ busId: this.peer.busId, role: this.peer.role }, ...this.#behind.values()];
  }

  /** Whose word its stored numbers are: of all that may speak for others, of one user, or of one bus. */
  get scope(): string {
    const { peer } = this;
    return peer === undefined || peer.routes ? "" : (peer.user ?? peer.busId);
  }

  reaches(roles: ReadonlySet<string> | undefined): boolean {
    return roles === undefined || this.reached.some(({ role }) => roles.has(role));
  }

  carries(contract: string | undefined): boolean {
    return contract === undefined || this.#carried.has(contract);
  }

  /** Do events of this rule go over this link: is the contract shared, a receiver there, and the right granted? */
  mayHear({ name, to, needsToHear }: Rule): boolean {
    return this.carries(this.#hub.topics.get(name)?.contract) && this.reaches(to) && this.hasRight(needsToHear);
  }

  hasRight(right: string | undefined): boolean {
    return right === undefined || (this.peer !== undefined && grantsRight(this.peer, right));
  }

  /** Is there anybody behind this link from whom events of this name, or of some name of this pattern, may come? */
  maySend(pattern: string): boolean {
    const from = isPattern(pattern) ? undefined : this.#hub.topics.get(pattern)?.event?.from;
    return from === undefined || this.reached.some(({ role }) => from.has(role));
  }

  /** Does all that comes over this link under this name come from that bus? */
  isOnlySender(busId: string, name: string): boolean {
    const from = this.#hub.topics.get(name)?.event?.from;
    return this.reached.every((origin) => origin.busId === busId || from?.has(origin.role) === false);
  }

  handles(name: string): boolean {
    return this.#interest.handles(name) && this.reaches(this.#hub.topics.get(name)?.command?.to);
  }

  onState(hear: (state: LinkState) => void): () => void {
    this.#stateHearers.add(hear);
    return () => this.#stateHearers.delete(hear);
  }

  close(reason?: string): void {
    this.#session?.close(reason);
  }

  flush(): Promise<void> {
    return this.#session?.flush() ?? Promise.resolve();
  }

  /** Sends an event where the peer, or somebody behind it, wants it. Waits, bounded, until the peer has told. */
  forward(rule: Rule, data: unknown, extra: EventExtra, fate: EarlyEvent["fate"], from?: BusLink): void {
    if (this.isClosed) return;
    if (!this.isTold) {
      if (this.#early.push({ rule, data, extra, fate, from }))
        this.#hub.fault(overflow(rule.name, this.#hub.limits.waiting), { name: rule.name, link: this });
      return;
    }
    // Once a link: the other side hands it to all who want it there.
    if (rule.policy.delivery === "durable") this.#interest.route(rule, data, extra, from);
    else if (this.#interest.hears(rule, data)) this.event(rule.policy, data, extra, rule.streams, fate.isOnly);
  }

  /** Bytes on their way to the peer. */
  get load(): number {
    const gauges = this.#session?.gauges();
    return gauges === undefined ? 0 : gauges.queuedBytes + gauges.unackedBytes;
  }

  /** Resolves when there is room for more that can wait: undefined where there is now. */
  room(): Promise<void> | undefined {
    if (this.load < ROOM_BYTES) return undefined;
    return this.flush().catch(() => undefined); // Lost or closed: whoever waits finds out that it is not wanted.
  }

  wants(rule: Rule, data: unknown): boolean {
    return this.isTold && this.#interest.hears(rule, data);
  }

  event(policy: SendPolicy, data: unknown, extra: EventExtra, streams?: StreamFields, mayMove?: boolean): void {
    try {
      const out = streams === undefined ? data : this.streams.lift(streams, data, policy.name);
      this.#session?.event(policy, out, extra, mayMove);
    } catch (fault) {
      this.#hub.fault(named(fault, policy.name), { name: policy.name, link: this });
    }
  }

  send(message: Message, lane: Lane = "control"): void {
    if (!this.isClosed) this.#session?.send(message, lane);
  }

  report(): LinkReport {
    return {
      peer: this.peer,
      state: this.state,
      transport: this.#transport.name,
      hears: this.#interest.patterns("hear"),
      handles: this.#interest.patterns("handle"),
      announced: this.announcer.patterns,
      openRequests: this.asked.size,
      servedRequests: this.serving.size,
      waiting: this.#early.size,
      dropped: this.#early.dropped,
      lost: this.#lost,
      violations: Object.fromEntries(this.#violations),
      gaps: [...this.#gaps],
      session: this.#session?.gauges(),
      streams: this.streams.gauges(),
      behind: [...this.#behind.values()],
    };
  }

  // What the session calls, through the receiver.

  #admit(hello: Hello): Peer | EventsError {
    const hub = this.#hub;
    const known = new Set([hub.id, ...hub.network.reachedBeside(this).map(({ busId }) => busId)]);
    const verdict = admit(hello, {
      busId: hub.id,
      role: hub.role,
      topics: hub.topics,
      known,
      policy: this.#policy,
      transport: this.#transport,
    });
    if (verdict instanceof EventsError) return verdict;
    const most = hub.limits.behind;
    if (verdict.routes && hello.behind.length > most) return tooMany("buses behind it", most);
    this.#forgetPeer(new EventsError("LINK_LOST", "Cannot go on with the stream: a new session began"));
    this.peer = verdict;
    const theirs = new Set(hello.contracts.map(({ id }) => id));
    this.#carried = new Set(hub.topics.contracts.map(({ id }) => id).filter((id) => theirs.has(id)));
    if (verdict.routes) for (const origin of hello.behind) this.#behind.set(origin.busId, origin);
    return verdict;
  }

  #changed(state: LinkState): void {
    this.state = state;
    if (state.at === "open" && !state.resumed) this.#opened();
    if (state.at === "waiting") this.announcer.away();
    if (state.at === "closed") this.#closed(state.why);
    this.#hub.network.changed(this);
    for (const hear of Array.from(this.#stateHearers)) {
      try {
        hear(state);
      } catch (fault) {
        this.#hub.fault(fault, { link: this });
      }
    }
  }

  #opened(): void {
    const before = [...this.asked.values()];
    this.asked.clear();
    this.announcer.opened();
    // Ends the opening announcement: from here on the peer knows all that is wanted.
    this.send({ t: "behind", added: this.#hub.network.reachedBeside(this), removed: [] });
    this.hasTold = true;
    this.#hub.network.reachChanged(this, this.reached, []);
    // The session before this one could not be resumed: what it carried may or may not have begun.
    for (const ask of before) ask.lostLink(true);
  }

  #closed(why: EventsError): void {
    const gone = this.reached.map(({ busId }) => busId);
    this.#hub.network.remove(this, why.message);
    this.#forgetPeer(why);
    this.announcer.closed();
    this.#early.takeEvents();
    const before = [...this.asked.values()];
    this.asked.clear();
    for (const ask of before) ask.lostLink(false);
    this.#hub.network.reachChanged(this, [], gone);
    this.#settleReady?.reject(why);
    this.#settleReady = undefined;
    this.#hub.rerouted();
    if (why.code !== "CLOSED") this.#hub.fault(why, { link: this });
  }

  #forgetPeer(why: EventsError): void {
    this.streams.end(why);
    this.isTold = false;
    this.hasTold = false;
    this.#interest.clear();
    this.#arrivals.clear();
    this.#behind.clear();
    for (const ask of Array.from(this.serving.values())) ask.callerGone();
    this.serving.clear();
  }

  #heard(name: string, data: unknown, extra: EventExtra): void {
    if (this.peer === undefined) return;
    const arrival = this.#arrivals.check(name, data, extra, this.peer);
    if ("violation" in arrival) return this.violate(arrival.violation, arrival.error);
    const { rule, meta } = arrival;
    if (extra.sub === undefined) return this.#hub.passage.received(this, rule, arrival.data, meta, extra);
    const { sub } = extra;
    this.#hub.passage.directed(this, name, arrival.data, meta, (passed) => {
      for (const wish of this.announcer.wishesOf(sub))
        this.#hub.subscriptions.receivedFor(wish, this, rule, passed, meta, extra);
    });
  }

  #said(message: Message): void {
    const { peer } = this;
    if (peer === undefined) return;
    switch (message.t) {
      case "sub":
        return this.#interest.add(message);
      case "unsub":
        return this.#interest.remove(message.id);
      case "suback":
        if (message.error !== undefined) this.#refused(message.id, fromWire(message.error, "subscription"));
        // Behind what came before it and waits for a middleware.
        return this.#hub.passage.afterArriving(() => this.#acknowledged(message.id, message.cursor));
      case "behind":
        return this.#reaches(message.added, message.removed);
      case "request":
        return takeRequest(this.#hub, this, peer, message, believed(message.origin, peer));
      case "reply":
        return this.asked.get(message.id)?.replied(message.data);
      case "error":
        return this.asked.get(message.id)?.failed(message.error);
      case "progress":
        return this.asked.get(message.id)?.progressed(message.data);
      case "cancel":
        return this.serving.get(message.id)?.cancelled(message.reason);
      case "flow":
        return this.streams.said(message);
      case "lost":
        return this.#hub.passage.afterArriving(() => this.#missedBefore(message));
    }
  }

  #reaches(added: readonly Origin[], removed: readonly string[]): void {
    if (this.peer?.routes === true) {
      const known = new Set([this.#hub.id, ...this.#hub.network.reachedBeside(this).map(({ busId }) => busId)]);
      const twice = added.find(({ busId }) => known.has(busId));
      if (twice !== undefined) return this.close(`bus ${twice.busId} is reached over another link already`);
      const fresh = added.filter(({ busId }) => !this.#behind.has(busId) && busId !== this.peer?.busId);
      const gone = removed.filter((busId) => this.#behind.delete(busId));
      const most = this.#hub.limits.behind;
      if (this.#behind.size + fresh.length > most) return this.close(tooMany("buses behind it", most).message);
      for (const origin of fresh) this.#behind.set(origin.busId, { busId: origin.busId, role: origin.role });
      this.#interest.reachChanged();
      if (fresh.length + gone.length > 0) this.#hub.network.reachChanged(this, fresh, gone);
    }
    if (!this.isTold) this.#told();
  }

  #told(): void {
    this.isTold = true;
    for (const gap of this.#early.takeGaps()) this.passGap(gap);
    for (const { rule, data, extra, fate, from } of this.#early.takeEvents()) {
      if (this.handles(rule.name) && (fate.isAsked || extra.origin === undefined)) {
        // Its handler's side also tells those who listen there.
        if (!fate.isAsked) this.#hub.emitLate(rule, data, this);
        fate.isAsked = true;
      } else this.forward(rule, data, extra, fate, from);
    }
    this.#interest.complete();
    if (this.peer !== undefined) this.#settleReady?.resolve(this.peer);
    this.#settleReady = undefined;
    this.#hub.rerouted();
  }

  #missed(gap: Gap): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > GAPS_KEPT) this.#gaps.shift();
    const { topics, clock } = this.#hub;
    const durable = namesIn(gap, topics).filter((name) => topics.isDurable(name));
    if (durable.length > 0) {
      const isMissed = ({ pattern }: Wish): boolean => durable.some((name) => matches(pattern, name));
      this.announcer.retell(isMissed, (run) => clock.endOfTick(run));
    }
    this.#hub.subscriptions.missed(gap, this);
  }

  #refused(id: number, error: EventsError): void {
    for (const wish of this.announcer.wishesOf(id)) if (error.code === "DENIED") wish.refusal = error;
    this.#hub.fault(error, { link: this });
  }

  #acknowledged(id: number, cursor: string | undefined): void {
    try {
      this.announcer.acknowledged(id, cursor);
    } catch (fault) {
      this.violate("protocol", fault as EventsError);
      this.announcer.acknowledged(id);
    }
  }

  /** Lost on the way to the peer. It can miss only what may come over this link. */
  #missedBefore({ lane, from, to, reason, names, sub }: Extract<Message, { t: "lost" }>): void {
    const gap: Gap = { lane, from, to, reason, ...(names && { names }) };
    if (sub !== undefined) {
      for (const wish of this.announcer.wishesOf(sub)) this.#hub.subscriptions.missedFor(wish, gap);
      return;
    }
    if (namesIn(gap, this.#hub.topics).some((name) => this.maySend(name))) return this.#missed(gap);
    this.violate("direction", lostElsewhere());
  }

  /** Tells the peer what was lost before it came here, where it hears such events. */
  passGap(gap: Gap): void {
    if (!this.isTold || !this.#interest.misses(gap)) return;
    this.send({ t: "lost", ...gap }, gap.lane);
  }

  /** A routed event of the peer found nobody: the first is told, the rest is counted. */
  lose(error: EventsError): void {
    this.#lost += 1;
    if (this.#lost === 1) this.#hub.fault(error, { link: this });
  }

  violate(kind: Violation, error: EventsError): void {
    const count = (this.#violations.get(kind) ?? 0) + 1;
    this.#violations.set(kind, count);
    if (count === 1) this.#hub.fault(error, { link: this }); // The rest is counted: a hostile peer must not flood the log.
    let all = 0;
    for (const each of this.#violations.values()) all += each;
    if (all <= this.#hub.limits.violations || this.isClosed) return;
    this.close(`${all} messages broke the rules, the last one as "${kind}"; see the limit "violations"`);
  }

  #hello(): Hello {
    const { id, role, topics } = this.#hub;
    const { token } = this.#policy;
    return {
      busId: id,
      role,
      contracts: topics.contracts.map((contract) => ({ id: contract.id, hash: contract.hash })),
      names: topics.names().sort(),
      behind: this.#hub.network.reachedBeside(this),
      ...(token === undefined ? {} : { token }),
    };
  }
}
