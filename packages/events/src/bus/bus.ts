import { joinSurroundings } from "#environment";

import type { Clock } from "../core/clock.ts";
import type { Contract } from "../core/contract.ts";
import { Emitter } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import { newId, systemRandom } from "../core/ids.ts";
import { systemClock } from "../core/system-clock.ts";
import type { Journal } from "../journal/journal.ts";
import type { Where } from "../session/messages.ts";
import type { LinkState, Peer } from "../session/session.ts";
import { SessionTable } from "../session/table.ts";
import type { Compressor, EventsCodec } from "../wire/codec.ts";
import type { Transport } from "../wire/transport.ts";
import type { Outcome } from "./ask.ts";
import type {
  AnyCommands,
  AnyEvents,
  BusLimits,
  BusOptions,
  BusReport,
  ConnectPolicy,
  EmitOptions,
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
import { subscriptionOf, type Hearing } from "./hearing.ts";
import { History } from "./history.ts";
import type { Hub } from "./hub.ts";
import { BusLink } from "./link.ts";
import { Network } from "./network.ts";
import { Passage } from "./passage.ts";
import { record } from "./record.ts";
import { noJournal, wrongWay } from "./refusals.ts";
import { replay } from "./replay.ts";
import { Requests } from "./requests.ts";
import { isRouted, wayOf } from "./route.ts";
import { Snapshots } from "./snapshots.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Topics, type Rule } from "./topics.ts";
import { nextMessage, openStream } from "./waits.ts";

type Options = BusOptions & { contract?: Contract; contracts?: readonly Contract[] };

const PLAIN: OnOptions = Object.freeze({});
const ONCE: OnOptions = Object.freeze({ once: true });
const LIMITS: Required<BusLimits> = {
  subscriptions: 10_000,
  requests: 1_024,
  behind: 10_000,
  waiting: 1_000,
  violations: 100,
};

/** The bus behind `EventBus`: names and payloads are checked here at run time, typed there. */
class Bus implements Hub {
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
  readonly codecs: readonly EventsCodec[];
  readonly compressor: Compressor | undefined;
  readonly requests: Requests;
  readonly snapshots: Snapshots;
  readonly history: History | undefined;
  readonly subscriptions: Subscriptions;
  readonly #emitter: Emitter<Meta, Hearing>;
  readonly #onError: (fault: unknown, context: FaultContext) => void;
  readonly #checksOwn: boolean;
  /** For replays that are under way; everything else asks `#isClosed`, which costs an emit nothing. */
  readonly #closing: AbortController = new AbortController();
  #isClosed: boolean = false;
  #hasSaid: boolean = false;
  readonly #leaveSurroundings: () => void;

  constructor(options: Options = {}) {
    const { contract, contracts = contract === undefined ? [] : [contract], role = "" } = options;
    this.topics = new Topics(contracts, role);
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
    this.codecs = options.codecs ?? [];
    if (!Array.isArray(this.codecs)) throw new TypeError("Cannot use codecs: it is no list; use [compiledCodec(…)]");
    if (typeof options.compression === "function")
      throw new TypeError("Cannot use compression: it is a function that makes one; call it, as deflate()");
    this.compressor = options.compression;
    this.#checksOwn = (options.validate ?? "both") === "both";
    this.#onError = options.onError ?? printFault;
    this.#emitter = new Emitter((fault, name) => this.fault(fault, { name }));
    const { journal } = options;
    this.history =
      journal && new History(journal, { busId: this.id, role, fault: (what, where) => this.fault(what, where) });
    this.requests = new Requests(this);
    this.snapshots = new Snapshots(this);
    this.subscriptions = new Subscriptions(this, this.#emitter);
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

  on(pattern: string, hear: (data: any, meta: Meta) => unknown, options: OnOptions = PLAIN): Subscription {
    const hearing = this.#listen(pattern, hear, options);
    return subscriptionOf(() => hearing.stop(), hearing.whenReady());
  }

  once(name: string, hear: (data: any, meta: Meta) => unknown, options: OnOptions = PLAIN): Subscription {
    return this.on(name, hear, options === PLAIN ? ONCE : { ...options, once: true });
  }

  off(pattern: string, hear: (data: any, meta: Meta) => unknown): void {
    this.subscriptions.stop(pattern, hear);
  }

  emit(name: string, data: unknown, options?: EmitOptions): void {
    if (this.#isClosed) throw closed("emit", name);
    const topic = this.topics.need(name, "emit");
    // Types alone do not tell an event from a command: what is handled is one.
    const rule = topic.contract === undefined && this.requests.hasWay(name) ? topic.command : topic.own;
    if (rule === undefined) throw wrongWay(name, this.role, receivers(topic.event ?? topic.command));
    const value = this.#checksOwn ? rule.check(data) : data;
    if (options !== undefined && isRouted(wayOf(options))) this.passage.send(rule, value, wayOf(options));
    else if (rule.kind === "command") this.#emitCommand(rule, value);
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
    wish.owner = {
      answered: () => {
        if (!wish.isPending) settle();
      },
    };
    return subscriptionOf(
      () => {
        this.requests.handlers.remove(name, wish);
        settle();
      },
      !wish.isPending ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve)),
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
    const { topics, clock, subscriptions } = this;
    return replay(
      {
        topics,
        clock,
        closed: this.#closing.signal,
        play: (name, data, meta) => subscriptions.play(name, data, meta),
        playGap: (gap) => subscriptions.playGap(gap),
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
    const grants = policy.peer?.grants;
    if (typeof grants === "string")
      throw new TypeError(
        `Cannot grant "${grants as string}": grants is a list of rights; use ["${grants as string}"]`,
      );
    this.#sayOpen();
    const link = new BusLink(this, transport, policy);
    this.network.add(link, this.subscriptions.wishes());
    this.network.changed(link);
    link.start();
    return link;
  }

  onLink(hear: (state: LinkState, link: Link) => void): () => void {
    this.#assertOpen("hear", "links");
    return this.network.onLink(hear, (fault, link) => this.fault(fault, { link }));
  }

  inspect(): BusReport {
    return {
      id: this.id,
      role: this.role,
      contracts: this.topics.contracts.map(({ id, hash }) => ({ id, hash })),
      listeners: this.#emitter.size,
      handlers: this.requests.handlers.names,
      providers: this.snapshots.names,
      links: this.network.links.map((link) => link.report()),
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
      this.subscriptions.close(why);
      this.requests.close();
      this.network.close("the bus was closed");
      this.passage.clear();
      this.#emitter.clear();
    }
    return Promise.resolve();
  }

  // What links, requests and subscriptions call.

  /** An emitted command that waited for a handshake has found a handler behind `link`. */
  emitLate(rule: Rule, data: unknown, link: BusLink): void {
    const command = this.topics.get(rule.name)?.command;
    if (command === undefined) return;
    this.requests.send(
      this.requests.start(command, data, {}, (outcome) => this.#unheard(outcome, command, data)),
      link,
    );
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
    return this.subscriptions.listen(pattern, hear, options);
  }

  #emitCommand(rule: Rule, data: unknown): void {
    if (this.requests.hasWay(rule.name)) {
      this.requests.depart(this.requests.start(rule, data, {}, (outcome) => this.#unheard(outcome, rule, data)));
      return;
    }
    if (!this.network.isOpening && !this.#isHeard(rule, data)) this.#unheard(this.#noHandler(rule.name), rule, data);
    this.#spread(rule, data);
  }

  #noHandler(name: string): Outcome {
    const { text, links } = this.network.wayOut();
    return { failure: new EventsError("NO_HANDLER", `Cannot complete "${name}": ${text}`, { name, links }) };
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
    const { delivery } = rule;
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

function printFault(fault: unknown, { name }: FaultContext): void {
  if (typeof console === "undefined") return;
  console.error(name === undefined ? "EventBus:" : `EventBus, "${name}":`, fault);
}

/** See `interface EventBus`. */
export const EventBus: EventBusConstructor = Bus as unknown as EventBusConstructor;
// One name for the class and its instances.
export type EventBus<E = AnyEvents, C = AnyCommands> = Instance<E, C>;
