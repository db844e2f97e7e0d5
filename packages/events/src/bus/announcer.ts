import { interestKey } from "../core/topic.ts";
import type { Message } from "../session/messages.ts";
import type { BusLink } from "./link.ts";
import type { Wish } from "./wish.ts";

interface Announced {
  id: number;
  readonly key: string | undefined;
  /** Equal wishes are announced once; it is taken back with the last of them. */
  readonly wishes: Set<Wish>;
  acknowledged: boolean;
  /** The peer has said where its stored events stood: told again, the interest goes on from where it has come. */
  hasCursor: boolean;
  /** The number that it is told anew under another one for. */
  stale: number | undefined;
}

/** What this side told one peer that it wants. Survives a session: told again to the next one. */
export class Announcer {
  readonly #link: BusLink;
  readonly #send: (message: Message) => void;
  readonly #byId: Map<number, Announced> = new Map<number, Announced>();
  readonly #byKey: Map<string, Announced> = new Map<string, Announced>();
  readonly #byWish: Map<Wish, Announced> = new Map<Wish, Announced>();
  #lastId: number = 0;
  #isOpen: boolean = false;

  readonly #isCarried: (pattern: string) => boolean;

  constructor(link: BusLink, send: (message: Message) => void, isCarried: (pattern: string) => boolean) {
    this.#link = link;
    this.#send = send;
    this.#isCarried = isCarried;
  }

  get patterns(): string[] {
    return [...this.#byId.values()].flatMap(({ wishes }) => [...wishes].slice(0, 1).map(({ pattern }) => pattern));
  }

  add(wish: Wish): void {
    // A stored start is meant for one subscription alone, so it is never shared.
    const key = wish.since === undefined ? interestKey(wish.as, wish.pattern, wish.match) : undefined;
    let told = key === undefined ? undefined : this.#byKey.get(key);
    // One that reads what it missed is no place for those who want what comes now.
    if (told !== undefined && isCatching(told, this.#link)) told = undefined;
    const isNew = told === undefined;
    if (told === undefined) {
      told = { id: ++this.#lastId, key, wishes: new Set(), acknowledged: false, hasCursor: false, stale: undefined };
      this.#byId.set(told.id, told);
      if (key !== undefined) this.#byKey.set(key, told);
    }
    for (const sibling of told.wishes) {
      if (told.hasCursor) wish.position.copy(sibling.position);
      break;
    }
    told.wishes.add(wish);
    this.#byWish.set(wish, told);
    if (told.acknowledged || !this.#mayTell(told)) return;
    if (this.#isWaitedFor(wish)) wish.pending.add(this.#link);
    if (isNew && this.#isOpen) this.#tell(told);
  }

  remove(wish: Wish): void {
    const told = this.#byWish.get(wish);
    if (told === undefined) return;
    this.#byWish.delete(wish);
    const isKnown = this.#isOpen && this.#mayTell(told);
    told.wishes.delete(wish);
    wish.pending.delete(this.#link);
    wish.catching.delete(this.#link);
    if (told.wishes.size > 0) return;
    this.#byId.delete(told.id);
    if (told.key !== undefined && this.#byKey.get(told.key) === told) this.#byKey.delete(told.key);
    if (isKnown) this.#send({ t: "unsub", id: told.stale ?? told.id });
    told.stale = undefined;
  }

  /** A new session begins: the peer knows nothing yet. */
  opened(): void {
    this.#isOpen = true;
    for (const told of this.#byId.values()) {
      told.acknowledged = false;
      told.stale = undefined;
      if (this.#mayTell(told)) {
        for (const wish of told.wishes) if (this.#isWaitedFor(wish)) wish.pending.add(this.#link);
        this.#tell(told);
      } else for (const wish of told.wishes) wish.answered(this.#link);
    }
  }

  /** Throws JOURNAL for a cursor that is none. */
  acknowledged(id: number, cursor?: string): void {
    const told = this.#byId.get(id);
    if (told === undefined) return;
    told.acknowledged = true;
    if (cursor !== undefined) {
      for (const wish of told.wishes) wish.position.adopt(cursor, this.#link.scope);
      told.hasCursor = true;
    }
    for (const wish of told.wishes) wish.catching.delete(this.#link);
    for (const wish of told.wishes) wish.answered(this.#link);
  }

  /** What the peer stores is not lost to this wish: it will be told anew from where it has come. */
  covers(wish: Wish): boolean {
    const told = this.#byWish.get(wish);
    return told !== undefined && (wish.isStored || told.hasCursor);
  }

  /**
   * Something is missing: asks for stored events again from where each interest has come. What is on its way to the old
   * number is ignored from here on.
   */
  retell(isMissed: (wish: Wish) => boolean, later: (run: () => void) => void): void {
    const missed = [...this.#byId.values()].filter(({ wishes }) =>
      [...wishes].some((wish) => this.covers(wish) && isMissed(wish)),
    );
    for (const told of missed) {
      this.#byId.delete(told.id);
      told.stale ??= told.id;
      told.id = ++this.#lastId;
      told.acknowledged = false;
      this.#byId.set(told.id, told);
      this.#hold(told);
    }
    // A new session may begin in this turn: then everything is told to it anyway.
    later(() => {
      for (const told of missed) {
        const { stale } = told;
        if (stale === undefined || !this.#isOpen) continue;
        told.stale = undefined;
        this.#send({ t: "unsub", id: stale });
        this.#tell(told);
      }
    });
  }

  #hold({ wishes }: Announced): void {
    for (const wish of wishes) {
      wish.catching.add(this.#link);
      if (this.#isWaitedFor(wish)) wish.pending.add(this.#link);
    }
  }

  /** The peer may come back to its session, or not: what other peers wish does not wait for it any more. */
  away(): void {
    for (const wish of Array.from(this.#byWish.keys())) if (wish.link !== undefined) wish.answered(this.#link);
  }

  wishesOf(id: number): Iterable<Wish> {
    return this.#byId.get(id)?.wishes ?? [];
  }

  closed(): void {
    this.#isOpen = false;
    const wishes = [...this.#byWish.keys()];
    this.#byId.clear();
    this.#byKey.clear();
    this.#byWish.clear();
    for (const wish of wishes) wish.catching.delete(this.#link);
    for (const wish of wishes) wish.answered(this.#link);
  }

  /**
   * A peer's wish waits for no link that is not there now, and for none that can never send what it wants: its own
   * acknowledgement, and with it its start, would hang on a page that sleeps.
   */
  #isWaitedFor(wish: Wish): boolean {
    if (wish.link === undefined) return true;
    return this.#isOpen && this.#link.state.at === "open" && this.#link.maySend(wish.pattern);
  }

  /** A name of a contract that the peer does not have is no news to it. Before the handshake nobody knows. */
  #mayTell({ wishes }: Announced): boolean {
    for (const { pattern } of wishes) return !this.#isOpen || this.#isCarried(pattern);
    return false;
  }

  #tell(told: Announced): void {
    const { id, wishes, hasCursor } = told;
    for (const wish of wishes) {
      const { as, pattern, where, position } = wish;
      // What is stored goes on behind what came; a state would hide what was stored meanwhile.
      const after = hasCursor && !wish.isStored ? position.tell() : undefined;
      const since = after === undefined ? wish.start : { after };
      if (since !== undefined && since !== "last") this.#hold(told);
      const filter = where === undefined ? {} : { where };
      this.#send({ t: "sub", id, as, pattern, ...filter, ...(since === undefined ? {} : { since }) });
      return; // They are equal: the first speaks for all.
    }
  }
}

function isCatching({ wishes }: Announced, link: BusLink): boolean {
  for (const wish of wishes) return wish.catching.has(link);
  return false;
}
