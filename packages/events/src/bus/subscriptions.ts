import type { Emitter, Listener } from "../core/emitter.ts";
import type { EventsError } from "../core/errors.ts";
import { isPattern, matches } from "../core/topic.ts";
import type { EventExtra } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { Meta, OnOptions } from "./event-bus.ts";
import { Hearing, type Hearer } from "./hearing.ts";
import type { History } from "./history.ts";
import type { Hub } from "./hub.ts";
import type { BusLink } from "./link.ts";
import { concerns } from "./missing.ts";
import { enter, leave } from "./permission.ts";
import { readId } from "./position.ts";
import { noHistory } from "./refusals.ts";
import { directedPolicy } from "./snapshots.ts";
import type { Rule } from "./topics.ts";
import type { Wish } from "./wish.ts";

/** The subscriptions of one bus: their beginning and end, what is meant for one of them alone, and what they miss. */
export class Subscriptions implements Hearer {
  readonly #hub: Hub;
  readonly #emitter: Emitter<Meta, Hearing>;

  constructor(hub: Hub, emitter: Emitter<Meta, Hearing>) {
    this.#hub = hub;
    this.#emitter = emitter;
  }

  listen(pattern: string, hear: (data: any, meta: Meta) => unknown, options: OnOptions): Hearing {
    const { topics } = this.#hub;
    if (typeof hear !== "function") throw new TypeError(`Cannot hear "${pattern}": the listener is no function`);
    if (!isPattern(pattern)) topics.need(pattern, "hear");
    const { signal, since } = options;
    if (since !== undefined && since !== "last" && !topics.hasDurable(pattern)) throw noHistory(pattern);
    const hearing = new Hearing(this, pattern, hear, options);
    if (signal?.aborted === true) {
      hearing.active = false;
      return hearing;
    }
    if (signal !== undefined) {
      const stop = (): void => hearing.stop();
      signal.addEventListener("abort", stop, { once: true });
      hearing.onStop = () => signal.removeEventListener("abort", stop);
    }
    this.#add(hearing);
    return hearing;
  }

  /** What a new link is told. */
  wishes(): Wish[] {
    return this.#emitter.all().flatMap((hearing) => hearing.wishes);
  }

  /** All of `hear` under one name. */
  stop(pattern: string, hear: (data: any, meta: Meta) => unknown): void {
    for (const hearing of this.#emitter.under(pattern)) if (hearing.original === hear) hearing.stop();
  }

  close(why: EventsError): void {
    for (const hearing of this.#emitter.all()) {
      hearing.stop();
      hearing.onClosed?.(why);
    }
  }

  /** To those who opted in to replays. */
  play(name: string, data: unknown, meta: Meta): void {
    for (const hearing of this.#emitter.listeners(name)) if (hearing.replayed) this.hear(hearing, data, meta);
  }

  playGap(gap: Gap): void {
    for (const { replayed, pattern, onGap } of this.#emitter.all()) {
      if (replayed && onGap !== undefined) this.#guard(pattern, () => onGap(gap));
    }
  }

  /** Something was lost on its way over `link`: to all whom it concerns, here and behind the other links. */
  missed(gap: Gap, link: BusLink): void {
    const { topics, network } = this.#hub;
    // What the peer stores comes again: it is not missing.
    const isMissed = (name: string, { wishes }: Hearing): boolean =>
      !topics.isDurable(name) || !wishes.every((wish) => link.announcer.covers(wish));
    for (const hearing of this.#emitter.all()) {
      const concerned = (part: Gap): boolean =>
        concerns(part, hearing.pattern, topics, (name) => isMissed(name, hearing));
      if (hearing.onGap === undefined || !concerned(gap)) continue;
      const part = hearing.missingOf(gap, link);
      if (part !== undefined && concerned(part)) this.#guard(hearing.pattern, () => hearing.onGap?.(part));
    }
    network.passGap(gap, link);
  }

  /** Something that one wish alone misses. */
  missedFor(wish: Wish, gap: Gap): void {
    if (wish.link !== undefined) wish.link.send({ t: "lost", ...gap, sub: wish.remoteId }, gap.lane);
    else this.#guard(wish.pattern, () => wish.owner?.missed?.(gap));
  }

  /** A message that is meant for one wish alone. */
  receivedFor(wish: Wish, link: BusLink, rule: Rule, data: unknown, meta: Meta, extra: EventExtra): void {
    if (wish.link === undefined) {
      wish.owner?.directed?.(wish, data, meta, link);
      return;
    }
    const id = meta.id === undefined ? undefined : readId(meta.id);
    if (id !== undefined) wish.position.advance(id, "");
    wish.link.event(directedPolicy(rule.policy), data, { ...extra, origin: meta.origin, sub: wish.remoteId });
  }

  // What a subscription needs.

  get over(): BusLink | undefined {
    return this.#hub.passage.over;
  }

  remove(hearing: Hearing): void {
    this.#emitter.remove(hearing);
    if (hearing.isAnnounced) for (const wish of hearing.wishes) this.#hub.network.retract(wish);
  }

  hear(listener: Listener<Meta>, data: unknown, meta: Meta, link?: BusLink): void {
    if (!listener.active) return;
    const { passage } = this.#hub;
    const before = enter(meta.peer);
    const { over } = passage;
    passage.over = link;
    this.#emitter.call(listener, meta.name, data, meta);
    passage.over = over;
    leave(before);
  }

  hasDurable(pattern: string): boolean {
    return this.#hub.topics.hasDurable(pattern);
  }

  namesOf(pattern: string): readonly string[] {
    const { topics } = this.#hub;
    return topics.open ? [pattern] : topics.names().filter((name) => matches(pattern, name));
  }

  #add(hearing: Hearing): void {
    const { network, snapshots, history } = this.#hub;
    this.#emitter.add(hearing);
    if (network.links.length === 0 && hearing.isLive) return;
    for (const wish of hearing.wishes) network.announce(wish);
    for (const wish of hearing.wishes) {
      if (wish.since === "last") snapshots.give(wish);
      if (wish.isStored && history !== undefined) this.#read(history, hearing, wish);
    }
  }

  /** Gives it what this bus stored; what is emitted meanwhile comes from the journal too. */
  #read(history: History, hearing: Hearing, wish: Wish): void {
    const { passage } = this.#hub;
    wish.isReading = true;
    void history.serve(wish, wish.start ?? "all", {
      isWanted: () => hearing.active,
      take: ({ name, data, origin, id }, ts) => {
        const meta: Meta = { name, origin, id, ts };
        return new Promise<void>((passed) => {
          const go = (staying: unknown): void => {
            hearing.directed(wish, staying, meta, undefined);
            passed();
          };
          passage.staying(name, data, meta, go, passed);
        });
      },
      gap: (gap) => passage.staysAfter(() => this.missedFor(wish, gap)),
      done: () => {
        wish.isReading = false;
        hearing.wasRead();
      },
    });
  }

  #guard(name: string, run: () => void): void {
    try {
      run();
    } catch (fault) {
      this.#hub.fault(fault, { name });
    }
  }
}
