import type { Lane } from "../core/contract.ts";
import type { EventsError } from "../core/errors.ts";
import { fits, isPattern, matches } from "../core/topic.ts";
import type { EventExtra, Message, Origin } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import { toWire } from "./failures.ts";
import type { Hub } from "./hub.ts";
import type { BusLink } from "./link.ts";
import { concerns } from "./missing.ts";
import { readId, type StoredId } from "./position.ts";
import { badSub, deaf, noHistory, tooMany, wrongWay } from "./refusals.ts";
import { directedPolicy } from "./snapshots.ts";
import type { Rule, Topic } from "./topics.ts";
import { Wish } from "./wish.ts";

/** Rules whose hearers are remembered. */
const RULES_KEPT = 10_000;
/** Readings of stored events for one peer at a time: each holds a file open. The others wait for their turn. */
const READ_AT_ONCE = 4;

type Sub = Extract<Message, { t: "sub" }>;

/** What one peer wants: to hear events, to be asked commands. */
export class PeerInterest {
  readonly #hub: Hub;
  readonly #link: BusLink;
  readonly #wishes: Map<number, Wish> = new Map<number, Wish>();
  /** Names that the peer answers: how often it said so. */
  readonly #handled: Map<string, number> = new Map<string, number>();
  /** By rule, not by name: a command and an event of one name go to different roles. */
  readonly #hearers: Map<Rule, readonly Wish[]> = new Map<Rule, readonly Wish[]>();
  /** Answers to subscriptions of the opening announcement, given when it is complete. */
  #owed: (() => void)[] = [];
  #reading: number = 0;
  #toRead: (() => Promise<void>)[] = [];

  constructor(hub: Hub, link: BusLink) {
    this.#hub = hub;
    this.#link = link;
  }

  patterns(as: Wish["as"]): string[] {
    return [...this.#wishes.values()].filter((wish) => wish.as === as).map(({ pattern }) => pattern);
  }

  handles(name: string): boolean {
    return this.#handled.has(name);
  }

  /** Is anything missing there that the peer wants to hear? */
  misses(gap: Gap): boolean {
    for (const { as, pattern } of this.#wishes.values()) {
      if (as === "hear" && concerns(gap, pattern, this.#hub.topics)) return true;
    }
    return false;
  }

  hears(rule: Rule, data: unknown): boolean {
    for (const wish of this.#hearersOf(rule)) if (fits(wish.match, data)) return true;
    return false;
  }

  /** Who is behind the link has changed, and with it who may hear what. */
  reachChanged(): void {
    this.#hearers.clear();
  }

  add(message: Sub): void {
    const { id, as, pattern, since } = message;
    const { limits } = this.#hub;
    if (this.#wishes.size >= limits.subscriptions) {
      const error = tooMany("subscriptions", this.#wishes.size);
      this.#link.violate("too-many", error);
      return this.#link.send({ t: "suback", id, error: toWire(error, false) });
    }
    const topic = isPattern(pattern) ? undefined : this.#hub.topics.get(pattern);
    if (since !== undefined && since !== "last" && !this.#hub.topics.hasDurable(pattern)) {
      return this.#link.send({ t: "suback", id, error: toWire(noHistory(pattern), false) });
    }
    const wish = this.#wishes.has(id) || as === "provide" ? undefined : this.#wishOf(message, as);
    if (wish === undefined) {
      const error = badSub(pattern);
      this.#link.violate("protocol", error);
      return this.#link.send({ t: "suback", id, error: toWire(error, false) });
    }
    this.#wishes.set(id, wish);
    this.#hearers.clear();
    this.#countHandled(wish, 1);
    this.#hub.network.want(wish);
    wish.isReading = wish.isStored && this.#hub.history !== undefined;
    // What waited for the handshake was emitted before any snapshot that is taken now, so it goes first.
    if (this.#link.isTold) this.#begin(wish, topic);
    else this.#owed.push(() => this.#begin(wish, topic));
    if (as === "handle") this.#hub.rerouted();
  }

  remove(id: number): void {
    const wish = this.#wishes.get(id);
    if (wish === undefined) return;
    this.#wishes.delete(id);
    this.#hearers.clear();
    this.#countHandled(wish, -1);
    this.#hub.network.unwant(wish);
  }

  /** The opening announcement is complete. */
  complete(): void {
    for (const begin of this.#owed.splice(0)) begin();
  }

  clear(): void {
    this.#owed = [];
    this.#toRead = [];
    for (const wish of this.#wishes.values()) this.#hub.network.unwant(wish);
    this.#wishes.clear();
    this.#handled.clear();
    this.#hearers.clear();
  }

  #begin(wish: Wish, topic: Topic | undefined): void {
    const id = wish.remoteId;
    const isWanted = (): boolean => this.#wishes.get(id) === wish;
    if (!isWanted()) return;
    if (wish.as === "handle" && !mayHandle(topic, this.#link.reached)) {
      // No offence: behind it may be one who may, whom this side's policy does not let it speak for.
      this.remove(id);
      const error = wrongWay(wish.pattern, this.#hub.role, this.#link.peer?.role ?? "");
      return this.#link.send({ t: "suback", id, error: toWire(error, false) });
    }
    const refusal = wish.as === "hear" ? this.#refusal(topic?.event) : undefined;
    if (refusal !== undefined) {
      this.remove(id);
      return this.#link.send({ t: "suback", id, error: toWire(refusal, false) });
    }
    if (wish.since === "last" && wish.as === "hear") this.#hub.snapshots.give(wish);
    // In the lane of the event: what the start brought stands before it, what follows behind it.
    const lane = topic?.event?.policy.lane ?? "main";
    const answered = (): void => {
      if (!wish.isPending && !wish.isReading && isWanted()) this.#answer(wish, lane, isWanted);
    };
    wish.owner = { answered };
    if (wish.isReading) this.#readInTurn(() => this.#read(wish, isWanted));
    else answered();
  }

  /** Where the event can come from this side at all: a host passes its pages' interest on to pages that never send it. */
  #refusal(rule: Rule | undefined): EventsError | undefined {
    const { needsToHear: right, from, name } = rule ?? {};
    const { peer } = this.#link;
    if (name === undefined || right === undefined || peer === undefined || this.#link.hasRight(right)) return undefined;
    const { role, network } = this.#hub;
    const comesFromHere =
      from === undefined || from.has(role) || network.reachedBeside(this.#link).some((origin) => from.has(origin.role));
    return comesFromHere ? deaf(name, right, peer) : undefined;
  }

  /** Tells it, behind all that left before, that its start is complete; and where what is stored stands now. */
  #answer(wish: Wish, lane: Lane, isWanted: () => boolean): void {
    const { history, passage, topics } = this.#hub;
    const send = (own: string): void => {
      if (!isWanted()) return;
      const cursor = [wish.position.tell() ?? "", own].filter((part) => part !== "").join(" ");
      passage.afterLeaving(() => {
        wish.isSettled = true;
        if (isWanted()) this.#link.send({ t: "suback", id: wish.remoteId, ...(cursor === "" ? {} : { cursor }) }, lane);
      });
    };
    if (wish.as === "handle") this.#link.send({ t: "suback", id: wish.remoteId }, lane);
    else if (history === undefined || !topics.hasDurable(wish.pattern)) send("");
    else history.whereNow(send);
  }

  #readInTurn(read: () => Promise<void>): void {
    if (this.#reading >= READ_AT_ONCE) {
      this.#toRead.push(read);
      return;
    }
    this.#reading += 1;
    void read().then(() => {
      this.#reading -= 1;
      const next = this.#toRead.shift();
      if (next !== undefined) this.#readInTurn(next);
    });
  }

  /** Sends it what this bus stored, as fast as the peer takes it. */
  async #read(wish: Wish, isWanted: () => boolean): Promise<void> {
    const { history, passage, topics, role } = this.#hub;
    const link = this.#link;
    if (isWanted())
      await history?.serve(wish, wish.since ?? "all", {
        isWanted,
        take: async ({ name, data, origin, id }, ts) => {
          const rule = topics.get(name)?.event;
          if (rule === undefined || !(rule.from?.has(role) ?? true) || !this.#mayHear(rule)) return;
          await new Promise<void>((passed) => {
            const go = (leaving: unknown): void => {
              wish.position.advance(readId(id) as StoredId, "");
              if (isWanted()) link.event(directedPolicy(rule.policy), leaving, { id, ts, origin, sub: wish.remoteId });
              passed();
            };
            passage.leaving(name, data, { name, origin, id, ts }, go, passed);
          });
          await link.room();
        },
        gap: (gap) => passage.afterLeaving(() => link.send({ t: "lost", ...gap, sub: wish.remoteId }, "main")),
        done: () => {
          wish.isReading = false;
          wish.owner?.answered(wish, link);
        },
      });
  }

  /**
   * A stored event: once for all who want it, but for those who still read what is stored. It is theirs in its turn, so
   * while one reads each of the others gets a message of its own.
   */
  route(rule: Rule, data: unknown, extra: EventExtra, from: BusLink | undefined): void {
    const hearers = this.#hearersOf(rule).filter((wish) => fits(wish.match, data));
    if (hearers.length === 0) return;
    const live = hearers.filter((wish) => !wish.isCatching(from));
    const id = extra.id === undefined ? undefined : readId(extra.id);
    if (id !== undefined) for (const wish of live) wish.position.advance(id, "");
    const isForAll = live.length === hearers.length && live.every((wish) => !wish.isStored || wish.isSettled);
    if (id === undefined || isForAll) return this.#link.event(rule.policy, data, extra);
    for (const wish of live) this.#link.event(directedPolicy(rule.policy), data, { ...extra, sub: wish.remoteId });
  }

  #wishOf({ id, pattern, where, since }: Sub, as: Wish["as"]): Wish | undefined {
    try {
      return new Wish(as, pattern, where, since, this.#link, id);
    } catch {
      return undefined; // Its filter holds what cannot be compared.
    }
  }

  #countHandled({ as, pattern }: Wish, change: 1 | -1): void {
    if (as !== "handle") return;
    const count = (this.#handled.get(pattern) ?? 0) + change;
    if (count > 0) this.#handled.set(pattern, count);
    else this.#handled.delete(pattern);
  }

  #mayHear(rule: Rule): boolean {
    return this.#link.mayHear(rule);
  }

  #hearersOf(rule: Rule): readonly Wish[] {
    let list = this.#hearers.get(rule);
    if (list === undefined) {
      const wishes = this.#mayHear(rule) ? [...this.#wishes.values()] : [];
      list = wishes.filter((wish) => wish.as === "hear" && matches(wish.pattern, rule.name));
      if (this.#hearers.size >= RULES_KEPT) this.#hearers.clear();
      this.#hearers.set(rule, list);
    }
    return list;
  }
}

function mayHandle(topic: Topic | undefined, reached: readonly Origin[]): boolean {
  const { command } = topic ?? {};
  return command !== undefined && (command.to === undefined || reached.some(({ role }) => command.to?.has(role)));
}
