import type { Lane } from "../core/contract.ts";
import { EventsError } from "../core/errors.ts";
import { fits, isPattern, matches } from "../core/topic.ts";
import type { EventExtra, Message, Origin, SendPolicy } from "../session/messages.ts";
import { openSession } from "../session/session.ts";
import type { Gap, Hello, LinkState, Peer, Receiver, Session, Violation } from "../session/session.ts";
import type { Transport } from "../wire/transport.ts";
import { admit } from "./admission.ts";
import { Announcer } from "./announcer.ts";
import type { Ask } from "./ask.ts";
import type { ConnectPolicy, Link, LinkReport, Meta } from "./event-bus.ts";
import { fromWire, toWire } from "./failures.ts";
import type { Hub } from "./hub.ts";
import { takeRequest } from "./inbound.ts";
import { grantsRight } from "./permission.ts";
import { badSub, denied, forged, looped, noHistory, overflow, tooMany, unknown, wrongWay } from "./refusals.ts";
import { ruleFor, type Rule, type Topic } from "./topics.ts";
import { Wish } from "./wish.ts";

/** Gaps that `inspect()` shows. */
const GAPS_KEPT = 10;
/** Names whose hearers or meta are remembered a link. */
const NAMES_KEPT = 10_000;

interface Early {
  readonly rule: Rule;
  readonly data: unknown;
  readonly extra: EventExtra;
  /** Shared by the links that it waits for: a command is asked of one of them. */
  readonly fate: { isAsked: boolean };
}

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
  readonly #hub: Hub;
  #session: Session | undefined;
  readonly #transport: Transport;
  readonly #policy: ConnectPolicy;
  readonly #wishes: Map<number, Wish> = new Map<number, Wish>();
  /** Names that the peer answers: how often it said so. */
  readonly #handled: Map<string, number> = new Map<string, number>();
  readonly #hearers: Map<string, readonly Wish[]> = new Map<string, readonly Wish[]>();
  readonly #metas: Map<string, Meta> = new Map<string, Meta>();
  readonly #behind: Map<string, Origin> = new Map<string, Origin>();
  readonly #violations: Map<Violation, number> = new Map<Violation, number>();
  readonly #gaps: Gap[] = [];
  readonly #stateHearers: Set<(state: LinkState) => void> = new Set<(state: LinkState) => void>();
  #carried: ReadonlySet<string> = new Set<string>();
  #early: Early[] = [];
  /** Answers to subscriptions of the opening announcement, given when it is complete. */
  #owed: (() => void)[] = [];
  #dropped: number = 0;
  #settleReady: { resolve(peer: Peer): void; reject(fault: EventsError): void } | undefined;

  constructor(hub: Hub, transport: Transport, policy: ConnectPolicy) {
    this.#hub = hub;
    this.#transport = transport;
    this.#policy = policy;
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => undefined); // A refusal shows in `state` and `onError`; nobody has to await `ready`.
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
      onGap: (gap) => this.#missed(gap),
      onViolation: (kind, error) => this.violate(kind, error),
    };
    this.#session = openSession({
      transport: this.#transport,
      hello: () => this.#hello(),
      receiver,
      clock: this.#hub.clock,
      random: this.#hub.random,
      sessions: this.#hub.sessions,
    });
  }

  get isClosed(): boolean {
    return this.state.at === "closed";
  }

  /** Ids of the peer and of the buses behind it, as far as it may speak for them. */
  get reached(): Origin[] {
    return this.peer === undefined ? [] : [{ busId: this.peer.busId, role: this.peer.role }, ...this.#behind.values()];
  }

  reaches(roles: ReadonlySet<string> | undefined): boolean {
    return roles === undefined || this.reached.some(({ role }) => roles.has(role));
  }

  carries(contract: string | undefined): boolean {
    return contract === undefined || this.#carried.has(contract);
  }

  /** Is there anybody behind this link from whom events of this name, or of some name of this pattern, may come? */
  maySend(pattern: string): boolean {
    const from = isPattern(pattern) ? undefined : this.#hub.topics.get(pattern)?.event?.from;
    return from === undefined || this.reached.some(({ role }) => from.has(role));
  }

  handles(name: string): boolean {
    return this.#handled.has(name);
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
  forward(rule: Rule, data: unknown, extra: EventExtra, fate: Early["fate"]): void {
    if (this.isClosed) return;
    if (!this.isTold) {
      if (rule.policy.delivery === "volatile") return;
      this.#early.push({ rule, data, extra, fate });
      if (this.#early.length > this.#hub.limits.waiting) {
        this.#early.shift();
        this.#dropped += 1;
        if (this.#dropped === 1)
          this.#hub.fault(overflow(rule.name, this.#hub.limits.waiting), { name: rule.name, link: this });
      }
      return;
    }
    for (const wish of this.#hearersOf(rule)) {
      if (!fits(wish.match, data)) continue;
      this.event(rule.policy, data, extra); // Once a link: the other side hands it to all who want it there.
      return;
    }
  }

  wants(rule: Rule, data: unknown): boolean {
    return this.isTold && this.#hearersOf(rule).some((wish) => fits(wish.match, data));
  }

  event(policy: SendPolicy, data: unknown, extra: EventExtra): void {
    try {
      this.#session?.event(policy, data, extra);
    } catch (fault) {
      this.#hub.fault(fault, { name: policy.name, link: this });
    }
  }

  send(message: Message, lane: Lane = "control"): void {
    if (!this.isClosed) this.#session?.send(message, lane);
  }

  report(): LinkReport {
    const named = (as: Wish["as"]): string[] =>
      [...this.#wishes.values()].filter((wish) => wish.as === as).map(({ pattern }) => pattern);
    return {
      peer: this.peer,
      state: this.state,
      transport: this.#transport.name,
      hears: named("hear"),
      handles: named("handle"),
      announced: this.announcer.patterns,
      openRequests: this.asked.size,
      servedRequests: this.serving.size,
      waiting: this.#early.length,
      dropped: this.#dropped,
      violations: Object.fromEntries(this.#violations),
      gaps: [...this.#gaps],
      behind: [...this.#behind.values()],
    };
  }

  // What the session calls, through the receiver.

  #admit(hello: Hello): Peer | EventsError {
    const hub = this.#hub;
    const known = new Set([hub.id, ...hub.reachedBeside(this).map(({ busId }) => busId)]);
    const verdict = admit(hello, {
      busId: hub.id,
      role: hub.role,
      topics: hub.topics,
      known,
      policy: this.#policy,
      transport: this.#transport,
    });
    if (verdict instanceof EventsError) return verdict;
    this.#forgetPeer();
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
    this.send({ t: "behind", added: this.#hub.reachedBeside(this), removed: [] });
    this.#hub.reachChanged(this, this.reached, []);
    // The session before this one could not be resumed: what it carried may or may not have begun.
    for (const ask of before) ask.lostLink(true);
  }

  #closed(why: EventsError): void {
    const gone = this.reached.map(({ busId }) => busId);
    this.#hub.unlinked(this);
    this.#forgetPeer();
    this.announcer.closed();
    this.#early = [];
    const before = [...this.asked.values()];
    this.asked.clear();
    for (const ask of before) ask.lostLink(false);
    this.#hub.reachChanged(this, [], gone);
    this.#settleReady?.reject(why);
    this.#settleReady = undefined;
    this.#hub.rerouted();
    if (why.code !== "CLOSED") this.#hub.fault(why, { link: this });
  }

  #forgetPeer(): void {
    this.isTold = false;
    this.#owed = [];
    for (const wish of this.#wishes.values()) this.#hub.removeWish(wish);
    this.#wishes.clear();
    this.#handled.clear();
    this.#hearers.clear();
    this.#metas.clear();
    this.#behind.clear();
    for (const ask of Array.from(this.serving.values())) ask.callerGone();
    this.serving.clear();
  }

  #heard(name: string, data: unknown, extra: EventExtra): void {
    const { peer } = this;
    if (peer === undefined) return;
    const topic = this.#hub.topics.get(name);
    if (topic === undefined || !this.carries(topic.contract)) return this.violate("unknown", unknown(name, peer));
    // A recording is played on the bus of whoever looks at it; no link ever carries one.
    if (extra.replayed === true || (extra.snapshot === true && extra.sub === undefined)) {
      return this.violate("protocol", forged(name));
    }
    if (extra.origin?.busId === this.#hub.id) return this.violate("protocol", looped(name));
    const origin = this.#originOf(extra.origin, peer);
    const rule = ruleFor(topic, origin.role);
    if (rule === undefined) return this.violate("direction", wrongWay(name, origin.role, this.#hub.role));
    if (!this.#hub.isFor(rule, this)) return this.violate("direction", wrongWay(name, origin.role, this.#hub.role));
    if (rule.needs !== undefined && !grantsRight(peer, rule.needs)) {
      return this.violate("denied", denied(name, rule.needs, peer));
    }
    let value: unknown;
    try {
      value = rule.check(data);
    } catch (fault) {
      return this.violate("invalid", fault as EventsError);
    }
    const meta = this.#metaOf(name, origin, extra, peer);
    if (extra.sub === undefined) return this.#hub.received(this, rule, value, meta, extra);
    for (const wish of this.announcer.wishesOf(extra.sub)) this.#hub.receivedFor(wish, this, rule, value, meta, extra);
  }

  #said(message: Message): void {
    const { peer } = this;
    if (peer === undefined) return;
    switch (message.t) {
      case "sub":
        return this.#wished(message);
      case "unsub": {
        const wish = this.#wishes.get(message.id);
        if (wish === undefined) return;
        this.#wishes.delete(message.id);
        this.#hearers.clear();
        this.#countHandled(wish, -1);
        return this.#hub.removeWish(wish);
      }
      case "suback":
        if (message.error !== undefined) this.#hub.fault(fromWire(message.error, "subscription"), { link: this });
        return this.announcer.acknowledged(message.id);
      case "behind":
        return this.#reaches(message.added, message.removed);
      case "request":
        return takeRequest(this.#hub, this, peer, message, this.#originOf(message.origin, peer));
      case "reply":
        return this.asked.get(message.id)?.replied(message.data);
      case "error":
        return this.asked.get(message.id)?.failed(message.error);
      case "progress":
        return this.asked.get(message.id)?.progressed(message.data);
      case "cancel":
        return this.serving.get(message.id)?.cancelled(message.reason);
    }
  }

  #wished(message: Extract<Message, { t: "sub" }>): void {
    const refuse = (kind: Violation, error: EventsError): void => {
      this.violate(kind, error);
      this.send({ t: "suback", id: message.id, error: toWire(error, false) });
    };
    const { id, as, pattern, where, since } = message;
    if (this.#wishes.size >= this.#hub.limits.subscriptions)
      return refuse("too-many", tooMany("subscriptions", this.#wishes.size));
    if (this.#wishes.has(id) || as === "provide") return refuse("protocol", badSub(pattern));
    const topic = isPattern(pattern) ? undefined : this.#hub.topics.get(pattern);
    if (as === "handle" && !mayHandle(topic, this.reached)) {
      // No offence: behind it may be one who may, whom this side's policy does not let it speak for.
      const error = wrongWay(pattern, this.#hub.role, this.peer?.role ?? "");
      return this.send({ t: "suback", id, error: toWire(error, false) });
    }
    if (since !== undefined && since !== "last") {
      return this.send({ t: "suback", id, error: toWire(noHistory(pattern), false) });
    }
    let wish: Wish;
    try {
      wish = new Wish(as, pattern, where, since, this, id);
    } catch {
      return refuse("invalid", badSub(pattern));
    }
    this.#wishes.set(id, wish);
    this.#hearers.clear();
    this.#countHandled(wish, 1);
    this.#hub.addWish(wish);
    // In the lane of the event: what the start brought stands before it, what follows behind it.
    const lane = topic?.event?.policy.lane ?? "main";
    const acknowledge = (): void => {
      if (wish.pending.size === 0 && this.#wishes.get(id) === wish) this.send({ t: "suback", id }, lane);
    };
    const begin = (): void => {
      if (this.#wishes.get(id) !== wish) return;
      if (since !== undefined && as === "hear") this.#hub.snapshots.give(wish);
      wish.onAnswer = acknowledge;
      acknowledge();
    };
    // What waited for the handshake was emitted before any snapshot that is taken now, so it goes first.
    if (this.isTold) begin();
    else this.#owed.push(begin);
    if (as === "handle") this.#hub.rerouted();
  }

  #countHandled({ as, pattern }: Wish, change: 1 | -1): void {
    if (as !== "handle") return;
    const count = (this.#handled.get(pattern) ?? 0) + change;
    if (count > 0) this.#handled.set(pattern, count);
    else this.#handled.delete(pattern);
  }

  #reaches(added: readonly Origin[], removed: readonly string[]): void {
    if (this.peer?.routes === true) {
      const known = new Set([this.#hub.id, ...this.#hub.reachedBeside(this).map(({ busId }) => busId)]);
      const twice = added.find(({ busId }) => known.has(busId));
      if (twice !== undefined) return this.close(`bus ${twice.busId} is reached over another link already`);
      const fresh = added.filter(({ busId }) => !this.#behind.has(busId) && busId !== this.peer?.busId);
      for (const origin of fresh) this.#behind.set(origin.busId, { busId: origin.busId, role: origin.role });
      const gone = removed.filter((busId) => this.#behind.delete(busId));
      this.#hearers.clear();
      if (fresh.length + gone.length > 0) this.#hub.reachChanged(this, fresh, gone);
    }
    if (!this.isTold) this.#told();
  }

  #told(): void {
    this.isTold = true;
    const early = this.#early;
    this.#early = [];
    for (const { rule, data, extra, fate } of early) {
      if (this.handles(rule.name) && (fate.isAsked || extra.origin === undefined)) {
        // Its handler's side also tells those who listen there.
        if (!fate.isAsked) this.#hub.emitLate(rule, data, this);
        fate.isAsked = true;
      } else this.forward(rule, data, extra, fate);
    }
    for (const begin of this.#owed.splice(0)) begin();
    if (this.peer !== undefined) this.#settleReady?.resolve(this.peer);
    this.#settleReady = undefined;
    this.#hub.rerouted();
  }

  #missed(gap: Gap): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > GAPS_KEPT) this.#gaps.shift();
    this.#hub.missed(gap);
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

  #originOf(claimed: Origin | undefined, peer: Peer): Origin {
    const own = { busId: peer.busId, role: peer.role };
    return claimed !== undefined && peer.routes && claimed.busId !== peer.busId ? claimed : own;
  }

  #metaOf(name: string, origin: Origin, extra: EventExtra, peer: Peer): Meta {
    const { id, ts, snapshot, replayed, trace } = extra;
    const isPlain = origin.busId === peer.busId && (id ?? ts ?? snapshot ?? replayed ?? trace) === undefined;
    const kept = isPlain ? this.#metas.get(name) : undefined;
    if (kept !== undefined) return kept;
    const meta: Meta = {
      name,
      origin,
      peer,
      ...(id === undefined ? {} : { id }),
      ...(ts === undefined ? {} : { ts }),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(replayed === undefined ? {} : { replayed }),
      ...(trace === undefined ? {} : { trace }),
    };
    if (isPlain) keep(this.#metas, name, Object.freeze(meta));
    return meta;
  }

  #hearersOf(rule: Rule): readonly Wish[] {
    let list = this.#hearers.get(rule.name);
    if (list === undefined) {
      const topic = this.#hub.topics.get(rule.name);
      list =
        this.carries(topic?.contract) && this.reaches(rule.to)
          ? [...this.#wishes.values()].filter((wish) => wish.as === "hear" && matches(wish.pattern, rule.name))
          : [];
      keep(this.#hearers, rule.name, list);
    }
    return list;
  }

  #hello(): Hello {
    const { id, role, topics } = this.#hub;
    const { token } = this.#policy;
    return {
      busId: id,
      role,
      contracts: topics.contracts.map((contract) => ({ id: contract.id, hash: contract.hash })),
      names: topics.names().sort(),
      behind: this.#hub.reachedBeside(this),
      ...(token === undefined ? {} : { token }),
    };
  }
}

function keep<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.size >= NAMES_KEPT) map.clear();
  map.set(name, value);
}

function mayHandle(topic: Topic | undefined, reached: readonly Origin[]): boolean {
  const { command } = topic ?? {};
  return command !== undefined && (command.to === undefined || reached.some(({ role }) => command.to?.has(role)));
}
