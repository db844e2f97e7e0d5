import type { Clock } from "../core/clock.ts";
import type { Contract } from "../core/contract.ts";
import { Emitter, type Listener } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import { newId, systemRandom } from "../core/ids.ts";
import { systemClock } from "../core/system-clock.ts";
import { isPattern, matches } from "../core/topic.ts";
import type { Journal } from "../journal/journal.ts";
import type { EventExtra, Where } from "../session/messages.ts";
import type { Gap, Peer } from "../session/session.ts";
import { SessionTable } from "../session/table.ts";
import type { Transport } from "../wire/transport.ts";
import type { Outcome } from "./ask.ts";
import { joinSurroundings } from "./environment.ts";
import type {
  AnyCommands,
  AnyEvents,
  BusLimits,
  BusOptions,
  BusReport,
  ConnectPolicy,
  EventBus as Instance,
  EventBusConstructor,
  FaultContext,
  HandlerContext,
  Link,
  Meta,
  Middleware,
  NextOptions,
  OnOptions,
  Recording,
  RecordOptions,
  ReplayOptions,
  RequestOptions,
  StreamItem,
  StreamOptions,
  Subscription,
} from "./event-bus.ts";
import { Hearing, subscriptionOf, type Hearer } from "./hearing.ts";
import { History } from "./history.ts";
import type { Hub } from "./hub.ts";
import { BusLink } from "./link.ts";
import { concerns } from "./missing.ts";
import { Network } from "./network.ts";
import { Passage } from "./passage.ts";
import { enter, leave } from "./permission.ts";
import { readId } from "./position.ts";
import { record } from "./record.ts";
import { noHistory, noJournal, wrongWay } from "./refusals.ts";
import { replay } from "./replay.ts";
import { Requests } from "./requests.ts";
import { directedPolicy, Snapshots } from "./snapshots.ts";
import { ruleFor, Topics, type Rule } from "./topics.ts";
import { nextMessage, openStream } from "./waits.ts";
import type { Wish } from "./wish.ts";

type Options = BusOptions & { contract?: Contract; contracts?: readonly Contract[] };

const LIMITS: Required<BusLimits> = { subscriptions: 10_000, requests: 1_024, waiting: 1_000, violations: 100 };

/** The bus behind `EventBus`: names and payloads are checked here at run time, typed there. */
class Bus implements Hub, Hearer {
  readonly id: string;
  readonly role: string;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: Required<BusLimits>;
  readonly exposesErrors: boolean;
  readonly network: Network;
  readonly passage: Passage;
  readonly sessions: SessionTable = new SessionTable();
  readonly requests: Requests;
  readonly snapshots: Snapshots;
  readonly history: History | undefined;
  readonly #emitter: Emitter<Meta>;
  readonly #hearings: Set<Hearing> = new Set<Hearing>();
  readonly #onError: (fault: unknown, context: FaultContext) => void;
  readonly #checksOwn: boolean;
  /** For replays that are under way; everything else asks `#isClosed`, which costs an emit nothing. */
  readonly #closing: AbortController = new AbortController();
  #isClosed: boolean = false;
  #hasSaid: boolean = false;
  readonly #leaveSurroundings: () => void;

  constructor(options: Options = {}) {
    const { contract, contracts = contract === undefined ? [] : [contract], role = "" } = options;
    this.topics = new Topics(contracts);
    if (this.topics.roles.size > 0 && !this.topics.roles.has(role)) {
      const known = [...this.topics.roles].join(", ");
      throw new TypeError(`Cannot make a bus with role "${role}": its contracts name ${known}; choose one of them`);
    }
    this.role = role;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.id = newId(this.random);
    this.limits = { ...LIMITS, ...options.limits };
    this.exposesErrors = options.exposeErrors ?? false;
    this.#checksOwn = (options.validate ?? "both") === "both";
    this.#onError = options.onError ?? printFault;
    this.#emitter = new Emitter((fault, name) => this.fault(fault, { name }));
    const { journal } = options;
    this.history =
      journal && new History(journal, { busId: this.id, role, fault: (what, where) => this.fault(what, where) });
    this.requests = new Requests(this);
    this.snapshots = new Snapshots(this);
    this.network = new Network(role);
    this.passage = new Passage({
      origin: Object.freeze({ busId: this.id, role }),
      emitter: this.#emitter,
      network: this.network,
      waiting: this.limits.waiting,
      fault: (fault, context) => this.fault(fault, context),
    });
    this.#leaveSurroundings = options.connect === false ? () => {} : joinSurroundings(this);
  }

  on(pattern: string, hear: (data: any, meta: Meta) => unknown, options: OnOptions = {}): Subscription {
    const hearing = this.#listen(pattern, hear, options);
    return subscriptionOf(() => hearing.stop(), hearing.whenReady());
  }

  once(name: string, hear: (data: any, meta: Meta) => unknown, options: OnOptions = {}): Subscription {
    return this.on(name, hear, { ...options, once: true });
  }

  off(pattern: string, hear: (data: any, meta: Meta) => unknown): void {
    for (const hearing of this.#hearings) {
      if (hearing.pattern === pattern && hearing.original === hear) hearing.stop();
    }
  }

  emit(name: string, data: unknown): void {
    this.#assertOpen("emit", name);
    const topic = this.topics.need(name, "emit");
    const rule =
      topic.contract === undefined
        ? this.requests.hasWay(name)
          ? topic.command
          : topic.event
        : ruleFor(topic, this.role);
    if (rule === undefined) throw wrongWay(name, this.role, receivers(topic.event ?? topic.command));
    const value = this.#checksOwn ? rule.check(data) : data;
    if (rule.kind === "command") this.#emitCommand(rule, value);
    else this.#spread(rule, value);
  }

  batch(items: readonly { type: string; data: unknown }[]): void {
    let first: unknown;
    const failed: number[] = [];
    for (const [index, item] of items.entries()) {
      try {
        this.emit(item.type, item.data);
      } catch (fault) {
        if (failed.push(index) === 1) first = fault;
      }
    }
    if (failed.length === 0) return;
    if (!(first instanceof EventsError)) throw first as Error;
    throw new EventsError(
      first.code,
      `${first.message} (item ${failed.join(", ")} of the batch; the other ${items.length - failed.length} were emitted)`,
      { ...first.details, failed },
      { cause: first },
    );
  }

  next(name: string, options: NextOptions = {}): Promise<unknown> {
    return nextMessage((...how) => this.#listen(...how), this.requests.deadlines, name, options);
  }

  stream(pattern: string, options: StreamOptions = {}): AsyncIterableIterator<StreamItem<any>> {
    return openStream((...how) => this.#listen(...how), pattern, options);
  }

  request(name: string, input: unknown, options: RequestOptions = {}): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(closed("request", name));
    return this.requests.request(name, input, options);
  }

  handle(name: string, answer: (input: any, context: HandlerContext) => unknown): Subscription {
    this.#assertOpen("handle", name);
    const wish = this.requests.handle(name, answer);
    const waiters: (() => void)[] = [];
    const settle = (): void => {
      for (const resolve of waiters.splice(0)) resolve();
    };
    wish.onAnswer = () => {
      if (wish.pending.size === 0) settle();
    };
    return subscriptionOf(
      () => {
        this.requests.handlers.remove(name, wish);
        settle();
      },
      wish.pending.size === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve)),
    );
  }

  provide(name: string, snapshot: (where: Where | undefined, peer: Peer | undefined) => unknown): Subscription {
    this.#assertOpen("provide", name);
    return subscriptionOf(this.snapshots.add(name, snapshot), Promise.resolve());
  }

  record(journal: Journal, options: RecordOptions = {}): Recording {
    const fault = (what: unknown, context: FaultContext): void => this.fault(what, context);
    return record({ listen: (...how) => this.#listen(...how), busId: this.id, fault }, journal, options);
  }

  replay(journal: Journal, options: ReplayOptions = {}): Promise<number> {
    const optedIn = (name: string): Hearing[] =>
      [...this.#hearings].filter((hearing) => hearing.replayed && matches(hearing.pattern, name));
    const { topics, clock } = this;
    return replay(
      {
        topics,
        clock,
        closed: this.#closing.signal,
        play: (name, data, meta) => {
          for (const hearing of optedIn(name)) this.hear(hearing.listener, data, meta);
        },
        playGap: (gap) => this.#tellGap(gap, (hearing) => hearing.replayed),
        fault: (what, context) => this.fault(what, context),
      },
      journal,
      options,
    );
  }

  use(middleware: Middleware): () => void {
    return this.passage.use(middleware);
  }

  connect(transport: Transport, policy: ConnectPolicy = {}): Link {
    this.#assertOpen("connect", transport.name);
    this.#sayOpen();
    const link = new BusLink(this, transport, policy);
    this.network.add(link);
    link.start();
    return link;
  }

  inspect(): BusReport {
    return {
      id: this.id,
      role: this.role,
      contracts: this.topics.contracts.map(({ id, hash }) => ({ id, hash })),
      listeners: this.#emitter.size,
      handlers: this.requests.handlers.names,
      providers: this.snapshots.names,
      links: [...this.network.links].map((link) => link.report()),
      parkedRequests: this.requests.parked,
      rememberedKeys: this.requests.keys.size,
      deadlines: this.requests.deadlines.size,
      journal: this.history?.stats(),
    };
  }

  async flush(): Promise<void> {
    await Promise.all([this.history?.flush(), this.network.flush()]);
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#closing.abort();
      this.#leaveSurroundings();
      const why = closed("use", "the bus");
      for (const hearing of Array.from(this.#hearings)) {
        hearing.stop();
        hearing.onClosed?.(why);
      }
      this.requests.close();
      this.network.close("the bus was closed");
      this.passage.clear();
      this.#emitter.clear();
    }
    return Promise.resolve();
  }

  // What links, requests and subscriptions call.

  add(hearing: Hearing): void {
    this.#emitter.add(hearing.listener);
    this.#hearings.add(hearing);
    for (const wish of hearing.wishes) this.network.want(wish);
    for (const wish of hearing.wishes) {
      if (wish.since === "last") this.snapshots.give(wish);
      if (wish.isStored && this.history !== undefined) this.#read(this.history, hearing, wish);
    }
  }

  get over(): BusLink | undefined {
    return this.passage.over;
  }

  remove(hearing: Hearing): void {
    this.#emitter.remove(hearing.listener);
    this.#hearings.delete(hearing);
    for (const wish of hearing.wishes) this.network.unwant(wish);
  }

  hear(listener: Listener<Meta>, data: unknown, meta: Meta, link?: BusLink): void {
    if (!listener.active) return;
    const before = enter(meta.peer);
    const { over } = this.passage;
    this.passage.over = link;
    this.#emitter.call(listener, meta.name, data, meta);
    this.passage.over = over;
    leave(before);
  }

  hasDurable(pattern: string): boolean {
    return this.topics.hasDurable(pattern);
  }

  namesOf(pattern: string): readonly string[] {
    return this.topics.open ? [pattern] : this.topics.names().filter((name) => matches(pattern, name));
  }

  receivedFor(wish: Wish, link: BusLink, rule: Rule, data: unknown, meta: Meta, extra: EventExtra): void {
    if (wish.link === undefined) {
      wish.onDirected?.(data, meta, link);
      return;
    }
    const id = meta.id === undefined ? undefined : readId(meta.id);
    if (id !== undefined) wish.position.advance(id, "");
    wish.link.event(directedPolicy(rule.policy), data, { ...extra, origin: meta.origin, sub: wish.remoteId });
  }

  missedFor(wish: Wish, gap: Gap): void {
    if (wish.link !== undefined) wish.link.send({ t: "lost", ...gap, sub: wish.remoteId }, gap.lane);
    else this.#guard(wish.pattern, () => wish.onGap?.(gap));
  }

  /** An emitted command that waited for a handshake has found a handler behind `link`. */
  emitLate(rule: Rule, data: unknown, link: BusLink): void {
    const command = this.topics.get(rule.name)?.command;
    if (command === undefined) return;
    this.requests.send(
      this.requests.start(command, data, {}, (outcome) => this.#unheard(outcome, command, data)),
      link,
    );
  }

  missed(gap: Gap, link: BusLink): void {
    // What the peer stores comes again: it is not missing.
    const isMissed = (name: string, { wishes }: Hearing): boolean =>
      !this.topics.isDurable(name) || !wishes.every((wish) => link.announcer.covers(wish));
    this.#tellGap(gap, (hearing) => concerns(gap, hearing.pattern, this.topics, (name) => isMissed(name, hearing)));
    this.network.passGap(gap, link);
  }

  rerouted(): void {
    this.requests.retry();
  }

  fault(fault: unknown, context: FaultContext): void {
    try {
      this.#onError(fault, context);
    } catch (second) {
      printFault(second, context);
    }
  }

  #listen(pattern: string, hear: (data: any, meta: Meta) => unknown, options: OnOptions): Hearing {
    this.#assertOpen("hear", pattern);
    if (typeof hear !== "function") throw new TypeError(`Cannot hear "${pattern}": the listener is no function`);
    if (!isPattern(pattern)) this.topics.need(pattern, "hear");
    const { signal, since } = options;
    if (since !== undefined && since !== "last" && !this.topics.hasDurable(pattern)) throw noHistory(pattern);
    const hearing = new Hearing(this, pattern, hear, options);
    if (signal?.aborted === true) {
      hearing.listener.active = false;
      return hearing;
    }
    if (signal !== undefined) {
      const stop = (): void => hearing.stop();
      signal.addEventListener("abort", stop, { once: true });
      hearing.onStop = () => signal.removeEventListener("abort", stop);
    }
    this.add(hearing);
    return hearing;
  }

  #tellGap(gap: Gap, concerns: (hearing: Hearing) => boolean): void {
    for (const hearing of Array.from(this.#hearings)) {
      if (hearing.onGap !== undefined && concerns(hearing)) this.#guard(hearing.pattern, () => hearing.onGap?.(gap));
    }
  }

  #guard(name: string, run: () => void): void {
    try {
      run();
    } catch (fault) {
      this.fault(fault, { name });
    }
  }

  /** Gives a subscription of this bus what this bus stored; what comes meanwhile waits in the journal. */
  #read(history: History, hearing: Hearing, wish: Wish): void {
    wish.isReading = true;
    history.serve(wish, wish.start ?? "all", {
      isWanted: () => hearing.listener.active,
      take: ({ name, data, origin, id }, ts) => {
        const meta: Meta = { name, origin, id, ts };
        return new Promise<void>((passed) => {
          const go = (staying: unknown): void => {
            wish.onDirected?.(staying, meta, undefined);
            passed();
          };
          this.passage.staying(name, data, meta, go, passed);
        });
      },
      gap: (gap) => this.passage.staysAfter(() => this.missedFor(wish, gap)),
      done: () => {
        wish.isReading = false;
        hearing.wasRead();
      },
    });
  }

  #emitCommand(rule: Rule, data: unknown): void {
    if (this.requests.hasWay(rule.name)) {
      this.requests.depart(this.requests.start(rule, data, {}, (outcome) => this.#unheard(outcome, rule, data)));
      return;
    }
    if (!this.network.isOpening && !this.#isHeard(rule, data)) this.#unheard(noHandler(rule.name), rule, data);
    this.#spread(rule, data);
  }

  #isHeard(rule: Rule, data: unknown): boolean {
    return this.#emitter.listeners(rule.name).length > 0 || this.network.hears(rule, data);
  }

  /** Nobody waits for the answer to an emitted command: what went wrong is told to `onError`. */
  #unheard(outcome: Outcome, rule: Rule, data: unknown): void {
    if (!("failure" in outcome) || this.#isClosed) return;
    if (outcome.failure.code === "NO_HANDLER" && this.#isHeard(rule, data)) return;
    this.fault(outcome.failure, { name: rule.name });
  }

  #spread(rule: Rule, data: unknown): void {
    const { delivery } = rule.policy;
    if (delivery === "latest") this.snapshots.keep(rule, data);
    if (delivery !== "durable") return this.passage.spread(rule, data);
    if (this.history === undefined) throw noJournal(rule.name);
    this.passage.spread(rule, data, { id: this.history.store(rule.name, data), ts: this.clock.now() });
  }

  /** Once, for whoever linked buses without a contract and thinks that it protects them. */
  #sayOpen(): void {
    if (!this.topics.open || this.#hasSaid || typeof console === "undefined") return;
    this.#hasSaid = true;
    console.warn(
      `EventBus ${this.id} links without a contract: payloads, directions and rights are not checked; give it one to have them checked`,
    );
  }

  #assertOpen(action: string, what: string): void {
    if (this.#isClosed) throw closed(action, what);
  }
}

function receivers(rule: Rule | undefined): string {
  return [...(rule?.to ?? [])].join(", ");
}

function closed(action: string, what: string): EventsError {
  return new EventsError("CLOSED", `Cannot ${action} "${what}": the bus was closed; make a new one`);
}

function noHandler(name: string): Outcome {
  const text = `Cannot complete "${name}": nobody handles it and nobody hears it; start its handler, and check the contract's direction`;
  return { failure: new EventsError("NO_HANDLER", text, { name }) };
}

function printFault(fault: unknown, { name }: FaultContext): void {
  if (typeof console === "undefined") return;
  console.error(name === undefined ? "EventBus:" : `EventBus, "${name}":`, fault);
}

/** See `interface EventBus`. */
export const EventBus: EventBusConstructor = Bus as unknown as EventBusConstructor;
// One name for the class and its instances.
export type EventBus<E = AnyEvents, C = AnyCommands> = Instance<E, C>;
