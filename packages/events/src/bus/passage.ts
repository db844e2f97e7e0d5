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

  /** A message of this bus. */
  spread(rule: Rule, data: unknown): void {
    const { network, fault } = this.#around;
    const meta = this.#metaOf(rule.name);
    if (this.#local.isIdle && this.#out.isIdle) {
      this.#dispatch(rule, data, meta, undefined);
      if (network.links.size > 0) network.forward(rule, data, PLAIN);
      return;
    }
    const stopped = (why: unknown): void => {
      if (why !== undefined) fault(why, { name: rule.name });
    };
    const message = (): Passing => ({ kind: "event", name: rule.name, data, meta });
    this.#local.pass(message(), (passed) => this.#dispatch(rule, passed.data, meta, undefined), stopped);
    if (network.links.size === 0) return;
    this.#out.pass(message(), (passed) => network.forward(rule, passed.data, PLAIN), stopped);
  }

  /** A checked event from a link. */
  received(link: BusLink, rule: Rule, data: unknown, meta: Meta, extra: EventExtra): void {
    if (this.#in.isIdle) return this.#hand(rule, data, meta, link, extra);
    const stopped = (why: unknown): void => {
      if (why !== undefined) this.#around.fault(why, { name: rule.name, link });
    };
    const core = (message: Passing): void => this.#hand(rule, message.data, meta, link, extra);
    this.#in.pass({ kind: "event", name: rule.name, data, meta }, core, stopped);
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
    const stopped = (why: unknown): void => {
      if (why instanceof EventsError) return refuse({ failure: why });
      if (why !== undefined) this.#around.fault(why, { name, link });
      const text = `Cannot complete "${name}": a middleware of the receiving side did not pass it on`;
      refuse({ failure: new EventsError("DENIED", text, { name }) });
    };
    this.#in.pass({ kind: "request", name, data, meta }, (message) => go(message.data), stopped);
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
