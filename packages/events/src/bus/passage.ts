import type { Emitter } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import type { EventExtra } from "../session/messages.ts";
import type { Outcome } from "./ask.ts";
import type { FaultContext, Meta, Middleware, Passing } from "./event-bus.ts";
import type { BusLink } from "./link.ts";
import type { Network } from "./network.ts";
import { Onion } from "./onion.ts";
import { enter, leave } from "./permission.ts";
import type { Rule } from "./topics.ts";

/** Names whose meta is remembered. */
const NAMES_KEPT = 10_000;
const PLAIN: EventExtra = Object.freeze({});

export interface Surroundings {
  readonly origin: Meta["origin"];
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
  readonly #metas: Map<string, Meta> = new Map<string, Meta>();

  constructor(around: Surroundings) {
    this.#around = around;
    this.#in = new Onion("in", around.waiting);
    this.#out = new Onion("out", around.waiting);
    this.#local = new Onion("local", around.waiting);
  }

  use(middleware: Middleware): () => void {
    const onions = [this.#in, this.#out, this.#local];
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

  /** A message of this bus; `extra` is there for one that is stored. */
  spread(rule: Rule, data: unknown, extra: EventExtra = PLAIN): void {
    const { network, origin } = this.#around;
    const meta = extra === PLAIN ? this.#metaOf(rule.name) : { name: rule.name, origin, ...extra };
    if (this.#local.isIdle && this.#out.isIdle) {
      this.#dispatch(rule, data, meta, undefined);
      if (network.links.size > 0) network.forward(rule, data, extra);
      return;
    }
    this.staying(rule.name, data, meta, (passed) => this.#dispatch(rule, passed, meta, undefined));
    if (network.links.size > 0) this.leaving(rule.name, data, meta, (passed) => network.forward(rule, passed, extra));
  }

  /** Through `out`, in order with all that leaves. `stopped` is told when it goes no further. */
  leaving(name: string, data: unknown, meta: Meta, go: (data: unknown) => void, stopped?: () => void): void {
    this.#through(this.#out, name, data, meta, go, stopped);
  }

  /** Through `local`, in order with all that this bus hears of itself. */
  staying(name: string, data: unknown, meta: Meta, go: (data: unknown) => void, stopped?: () => void): void {
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
   * else who listens hears it too.
   */
  asking(
    rule: Rule,
    data: unknown,
    isHere: boolean,
    go: (data: unknown) => BusLink | undefined,
    refuse: (outcome: Outcome) => void,
  ): void {
    const { network } = this.#around;
    if (this.#local.isIdle && this.#out.isIdle) return this.observed(rule, data, go(data));
    const { name } = rule;
    const meta = this.#metaOf(name);
    const ask = isHere ? this.#local : this.#out;
    const core = ({ data: passed }: Passing): void => {
      const to = go(passed);
      if (isHere) this.#dispatch(rule, passed, meta, undefined);
      else network.forwardObserved(rule, passed, PLAIN, to);
    };
    ask.pass({ kind: "request", name, data, meta }, core, (why) => refuse(this.#refused(name, why, "this")));
    if (!isHere) this.staying(name, data, meta, (passed) => this.#dispatch(rule, passed, meta, undefined));
    else if (network.links.size > 0)
      this.leaving(name, data, meta, (passed) => network.forwardObserved(rule, passed, PLAIN));
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
    go: (data: unknown) => void,
    refuse: (outcome: Outcome) => void,
  ): void {
    if (this.#in.isIdle) return go(data);
    const { name } = rule;
    const stopped = (why: unknown): void => refuse(this.#refused(name, why, "the receiving", link));
    this.#in.pass({ kind: "request", name, data, meta }, (message) => go(message.data), stopped);
  }

  /** A checked event that is meant for `go` alone. */
  directed(link: BusLink, name: string, data: unknown, meta: Meta, go: (data: unknown) => void): void {
    this.#through(this.#in, name, data, meta, go, undefined, link);
  }

  #through(
    onion: Onion,
    name: string,
    data: unknown,
    meta: Meta,
    go: (data: unknown) => void,
    stopped?: () => void,
    link?: BusLink,
  ): void {
    if (onion.isIdle) return go(data);
    onion.pass(
      { kind: "event", name, data, meta },
      (message) => go(message.data),
      (why) => {
        if (why !== undefined) this.#around.fault(why, link === undefined ? { name } : { name, link });
        stopped?.();
      },
    );
  }

  #refused(name: string, why: unknown, side: string, link?: BusLink): Outcome {
    if (why instanceof EventsError) return { failure: why };
    if (why !== undefined) this.#around.fault(why, link === undefined ? { name } : { name, link });
    const text = `Cannot complete "${name}": a middleware of ${side} side did not pass it on`;
    return { failure: new EventsError("DENIED", text, { name }) };
  }

  /** A command is on its way over `to`, or handled here: everybody else who listens hears it too. */
  observed(rule: Rule, data: unknown, to: BusLink | undefined, from?: BusLink, meta?: Meta): void {
    const { network } = this.#around;
    if (from === undefined || network.isForThis(rule))
      this.#dispatch(rule, data, meta ?? this.#metaOf(rule.name), from);
    if (network.links.size === 0) return;
    network.forwardObserved(rule, data, meta === undefined ? PLAIN : { origin: meta.origin }, to, from);
  }

  clear(): void {
    for (const onion of [this.#in, this.#out, this.#local]) onion.clear();
  }

  #hand(rule: Rule, data: unknown, meta: Meta, link: BusLink, extra: EventExtra): void {
    const { network } = this.#around;
    if (network.isForThis(rule)) this.#dispatch(rule, data, meta, link);
    if (network.links.size > 1) network.forward(rule, data, { ...extra, origin: meta.origin }, link);
  }

  #dispatch(rule: Rule, data: unknown, meta: Meta, link: BusLink | undefined): void {
    const before = enter(link?.peer);
    const over = this.over;
    this.over = link;
    this.#around.emitter.dispatch(rule.name, data, meta);
    this.over = over;
    leave(before);
  }

  #metaOf(name: string): Meta {
    let meta = this.#metas.get(name);
    if (meta === undefined) {
      meta = Object.freeze({ name, origin: this.#around.origin });
      if (this.#metas.size >= NAMES_KEPT) this.#metas.clear();
      this.#metas.set(name, meta);
    }
    return meta;
  }
}
