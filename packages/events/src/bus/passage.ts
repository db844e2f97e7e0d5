import type { Emitter } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import { NO_EXTRA } from "../session/messages.ts";
import type { EventExtra, Origin } from "../session/messages.ts";
import type { Ask, Outcome } from "./ask.ts";
import type { FaultContext, Meta, Middleware, Passing } from "./event-bus.ts";
import type { BusLink } from "./link.ts";
import type { Network } from "./network.ts";
import { Onion } from "./onion.ts";
import { enter, leave } from "./permission.ts";
import { assertRoutable, isMeant, isRouted, noPeer, wayOf } from "./route.ts";
import type { Rule } from "./topics.ts";

/** Takes a message that has passed; `message` is there where it met layers. */
type Go = (data: unknown, message?: Passing) => void;

export interface Surroundings {
  readonly origin: Origin;
  readonly emitter: Emitter<Meta>;
  readonly network: Network;
  readonly waiting: number;
  readonly fault: (fault: unknown, context: FaultContext) => void;
}

/** The way of a message through one bus: the middleware, the listeners here, then the links. */
export class Passage {
  /** The link that the message being dispatched came over. */
  over: BusLink | undefined;
  readonly #around: Surroundings;
  readonly #in: Onion;
  readonly #out: Onion;
  readonly #local: Onion;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#in = new Onion("in", around.waiting);
    this.#out = new Onion("out", around.waiting);
    this.#local = new Onion("local", around.waiting);
  }

  use(middleware: Middleware): () => void {
    const onions = [this.#in, this.#out, this.#local];
    // Read from outside: it may be anything.
    const given = middleware as Middleware | undefined | null;
    if ((["in", "out", "local"] as const).every((stage) => typeof given?.[stage] !== "function"))
      throw new TypeError("Cannot use it as a middleware: it has no in, out or local; call what makes one, as log()");
    // A copy of its own, so that the same middleware can stand twice and each be taken out.
    const layer: Middleware = {
      ...(middleware.in && { in: middleware.in.bind(middleware) }),
      ...(middleware.out && { out: middleware.out.bind(middleware) }),
      ...(middleware.local && { local: middleware.local.bind(middleware) }),
    };
    for (const onion of onions) onion.add(layer);
    return () => {
      for (const onion of onions) onion.remove(layer);
    };
  }

  /** A message of this bus; `extra` is there for one that is stored, or meant for some alone. */
  spread(rule: Rule, data: unknown, extra: EventExtra = NO_EXTRA): void {
    const { network, origin } = this.#around;
    const meta = extra.id === undefined ? this.#metaOf(rule) : { name: rule.name, origin, ...extra };
    const isHere = !isRouted(extra) || this.#isMeantHere(rule, extra, undefined);
    if (this.#local.isIdle && this.#out.isIdle) {
      if (isHere) this.#dispatch(rule, data, meta, undefined);
      if (network.links.length > 0) network.forward(rule, data, extra);
      return;
    }
    if (isHere) this.staying(rule.name, data, meta, (passed) => this.#dispatch(rule, passed, meta, undefined));
    if (network.links.length === 0) return;
    this.leaving(rule.name, data, meta, (passed, message) => {
      const whole = message === undefined ? extra : withEnvelope(rule, extra, message);
      if (!network.forward(rule, passed, whole)) this.#around.fault(noPeer(rule.name, whole), { name: rule.name });
    });
  }

  /** A message of this bus for some alone. Throws TypeError and NO_PEER. */
  send(rule: Rule, data: unknown, extra: EventExtra): void {
    assertRoutable(rule);
    const found = this.#isMeantHere(rule, extra, undefined) || this.#around.network.leadsTo(rule, data, extra);
    if (!found && extra.to !== undefined) throw noPeer(rule.name, extra);
    this.spread(rule, data, extra);
  }

  /** Through `out`, in order with all that leaves. `stopped` is told when it goes no further. */
  leaving(name: string, data: unknown, meta: Meta, go: Go, stopped?: () => void): void {
    this.#through(this.#out, name, data, meta, go, stopped);
  }

  /** Through `local`, in order with all that this bus hears of itself. */
  staying(name: string, data: unknown, meta: Meta, go: Go, stopped?: () => void): void {
    this.#through(this.#local, name, data, meta, go, stopped);
  }

  /** Runs when all that left before is on its way. */
  afterLeaving(run: () => void): void {
    this.#out.after(run);
  }

  /** Runs when all of this bus's own that came before was heard here. */
  staysAfter(run: () => void): void {
    this.#local.after(run);
  }

  /** Runs when all that came from links before was heard. */
  afterArriving(run: () => void): void {
    this.#in.after(run);
  }

  /**
   * An own command on its way: `go` sends it, or runs its handler here, and gives back the link it went over. Everybody
   * else who listens hears it too, unless it has an address.
   */
  asking(ask: Ask, isHere: boolean, go: (data: unknown) => BusLink | undefined): void {
    const { network } = this.#around;
    const { rule, data, address } = ask;
    if (this.#local.isIdle && this.#out.isIdle) return this.observed(ask, go(data));
    const { name } = rule;
    const meta = this.#metaOf(rule);
    const onion = isHere ? this.#local : this.#out;
    const core = ({ data: passed, trace }: Passing): void => {
      ask.trace = trace;
      const to = go(passed);
      if (isHere) this.#dispatch(rule, passed, meta, undefined);
      else if (address === undefined)
        network.forwardObserved(rule, passed, trace === undefined ? NO_EXTRA : { trace }, to);
    };
    const ending = new Ending((fault) => this.#around.fault(fault, { name }));
    ask.onSettled = ending.tell;
    onion.pass({ kind: "request", name, data, meta, onSettled: ending.add }, core, (why) =>
      ask.settle(this.#refused(name, why, "this")),
    );
    if (address !== undefined) return;
    if (!isHere) this.staying(name, data, meta, (passed) => this.#dispatch(rule, passed, meta, undefined));
    else if (network.links.length > 0)
      this.leaving(name, data, meta, (passed) => network.forwardObserved(rule, passed, NO_EXTRA));
  }

  /** A checked event from a link. */
  received(link: BusLink, rule: Rule, data: unknown, meta: Meta, extra: EventExtra): void {
    this.directed(link, rule.name, data, meta, (passed) => this.#hand(rule, passed, meta, link, extra));
  }

  /** A checked request from a link. */
  entering(
    link: BusLink,
    rule: Rule,
    data: unknown,
    meta: Meta,
    go: (data: unknown, settled?: (outcome: Outcome) => void) => void,
    refuse: (outcome: Outcome) => void,
  ): void {
    if (this.#in.isIdle) return go(data);
    const { name } = rule;
    const ending = new Ending((fault) => this.#around.fault(fault, { name, link }));
    const stopped = (why: unknown): void => {
      const outcome = this.#refused(name, why, "the receiving", link);
      ending.tell(outcome);
      refuse(outcome);
    };
    const core = (message: Passing): void => go(message.data, ending.tell);
    this.#in.pass({ kind: "request", name, data, meta, onSettled: ending.add }, core, stopped);
  }

  /** A checked event that is meant for `go` alone. */
  directed(link: BusLink, name: string, data: unknown, meta: Meta, go: Go): void {
    this.#through(this.#in, name, data, meta, go, undefined, link);
  }

  #through(onion: Onion, name: string, data: unknown, meta: Meta, go: Go, stopped?: () => void, link?: BusLink): void {
    if (onion.isIdle) return go(data);
    onion.pass(
      { kind: "event", name, data, meta },
      (message) => go(message.data, message),
      (why) => {
        if (why !== undefined) this.#around.fault(why, link === undefined ? { name } : { name, link });
        stopped?.();
      },
    );
  }

  #refused(name: string, why: unknown, side: string, link?: BusLink): Outcome {
    if (why instanceof EventsError) return { failure: why };
    if (why !== undefined) this.#around.fault(why, link === undefined ? { name } : { name, link });
    const [code, did] =
      why === undefined
        ? (["DENIED", "did not pass it on"] as const)
        : (["HANDLER_FAILED", "threw; see its log"] as const);
    return {
      failure: new EventsError(code, `Cannot complete "${name}": a middleware of ${side} side ${did}`, { name }),
    };
  }

  /**
   * A command is on its way over `to`, or handled here: everybody else who listens hears it too. One with an address is
   * heard where it is handled alone.
   */
  observed(ask: Ask, to: BusLink | undefined, meta?: Meta): void {
    const { network, origin } = this.#around;
    const { rule, data, from, address } = ask;
    const isHere =
      address === undefined
        ? from === undefined || network.isForThis(rule)
        : to === undefined && isMeant(rule, { to: address }, origin);
    if (isHere) this.#dispatch(rule, data, meta ?? this.#metaOf(rule), from);
    if (network.links.length === 0 || address !== undefined) return;
    const extra = meta && { origin: meta.origin, ...(meta.trace === undefined ? {} : { trace: meta.trace }) };
    network.forwardObserved(rule, data, extra ?? NO_EXTRA, to, from);
  }

  clear(): void {
    for (const onion of [this.#in, this.#out, this.#local]) onion.clear();
  }

  #hand(rule: Rule, data: unknown, meta: Meta, link: BusLink, extra: EventExtra): void {
    const { network } = this.#around;
    const isHere = isRouted(extra) ? this.#isMeantHere(rule, extra, link) : network.isForThis(rule);
    if (isHere) this.#dispatch(rule, data, meta, link);
    const isDone = isHere && (extra.to?.busId !== undefined || extra.to?.one === true);
    if (isDone || (network.links.length === 1 && !isRouted(extra))) return;
    const isPassedOn = network.forward(rule, data, { ...extra, origin: meta.origin }, link);
    if (!isPassedOn && !isHere && extra.to !== undefined) link.lose(noPeer(rule.name, extra));
  }

  /** What is for one of a group goes to another than its sender, to one who hears it. */
  #isMeantHere(rule: Rule, way: EventExtra, from: BusLink | undefined): boolean {
    const { emitter, origin } = this.#around;
    if (!isMeant(rule, way, origin)) return false;
    if (way.to?.busId !== undefined || way.to?.one !== true) return true;
    return from !== undefined && emitter.listeners(rule.name).length > 0;
  }

  #dispatch(rule: Rule, data: unknown, meta: Meta, link: BusLink | undefined): void {
    const before = enter(link?.peer);
    const over = this.over;
    this.over = link;
    this.#around.emitter.dispatch(rule, data, meta);
    this.over = over;
    leave(before);
  }

  #metaOf(rule: Rule): Meta {
    return (rule.ownMeta ??= Object.freeze({ name: rule.name, origin: this.#around.origin }));
  }
}

/** What layers of `out` wrote on it. Throws TypeError for a route that such an event cannot have. */
function withEnvelope(rule: Rule, extra: EventExtra, { trace, route }: Passing): EventExtra {
  if (route !== undefined) assertRoutable(rule);
  return { ...extra, ...(trace === undefined ? {} : { trace }), ...(route === undefined ? {} : wayOf(route)) };
}

/** Layers that want to know how a request ended. */
class Ending {
  readonly #failed: (fault: unknown) => void;
  #hearers: ((failure: EventsError | undefined) => void)[] = [];

  constructor(failed: (fault: unknown) => void) {
    this.#failed = failed;
  }

  readonly add = (hear: (failure: EventsError | undefined) => void): void => {
    this.#hearers.push(hear);
  };

  readonly tell = (outcome: Outcome): void => {
    for (const hear of this.#hearers.splice(0)) {
      try {
        hear("failure" in outcome ? outcome.failure : undefined);
      } catch (fault) {
        this.#failed(fault);
      }
    }
  };
}
