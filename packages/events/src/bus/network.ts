import type { EventExtra, Origin } from "../session/messages.ts";
import type { Gap, LinkState } from "../session/session.ts";
import type { BusLink } from "./link.ts";
import type { Rule } from "./topics.ts";
import type { Wish } from "./wish.ts";

/** The links of one bus, and what is wanted over them. The buses form a tree: nothing goes back where it came from. */
export class Network {
  readonly links: Set<BusLink> = new Set<BusLink>();
  readonly #role: string;
  readonly #linkHearers: Set<(link: BusLink) => void> = new Set<(link: BusLink) => void>();
  readonly #wishes: Set<Wish> = new Set<Wish>();

  constructor(role: string) {
    this.#role = role;
  }

  add(link: BusLink): void {
    this.links.add(link);
    for (const wish of this.#wishes) link.announcer.add(wish);
  }

  remove(link: BusLink): void {
    this.links.delete(link);
  }

  want(wish: Wish): void {
    this.#wishes.add(wish);
    for (const link of this.links) if (link !== wish.link) link.announcer.add(wish);
  }

  unwant(wish: Wish): void {
    if (!this.#wishes.delete(wish)) return;
    for (const link of this.links) link.announcer.remove(wish);
  }

  /** Told of each link as it is, then after each of its changes. */
  onLink(hear: (state: LinkState, link: BusLink) => void, failed: (fault: unknown, link: BusLink) => void): () => void {
    const tell = (link: BusLink): void => {
      try {
        hear(link.state, link);
      } catch (fault) {
        failed(fault, link);
      }
    };
    this.#linkHearers.add(tell);
    for (const link of this.links) tell(link);
    return () => this.#linkHearers.delete(tell);
  }

  changed(link: BusLink): void {
    for (const tell of Array.from(this.#linkHearers)) tell(link);
  }

  /** Every bus that is reached over the other links. */
  reachedBeside(link: BusLink): Origin[] {
    return [...this.links].filter((other) => other !== link).flatMap((other) => other.reached);
  }

  reachChanged(link: BusLink, added: readonly Origin[], removed: readonly string[]): void {
    for (const other of this.links) {
      if (other !== link && other.hasTold) other.send({ t: "behind", added, removed });
    }
  }

  /** Is there anybody on this bus, or behind a link other than `from`, whom the rule allows to receive? */
  isFor(rule: Rule, from: BusLink): boolean {
    if (this.isForThis(rule)) return true;
    for (const other of this.links) if (other !== from && other.reaches(rule.to)) return true;
    return false;
  }

  isForThis(rule: Rule): boolean {
    return rule.to === undefined || rule.to.has(this.#role);
  }

  hears(rule: Rule, data: unknown): boolean {
    for (const link of this.links) if (link.wants(rule, data)) return true;
    return false;
  }

  /** True while a peer has not told what it wants. */
  get isOpening(): boolean {
    for (const link of this.links) if (!link.isTold) return true;
    return false;
  }

  forward(rule: Rule, data: unknown, extra: EventExtra, from?: BusLink): void {
    const fate = { isAsked: false };
    for (const link of this.links) if (link !== from) link.forward(rule, data, extra, fate, from);
  }

  /** What was lost on the way over `from` is missing behind the other links too. */
  passGap(gap: Gap, from: BusLink): void {
    for (const link of this.links) if (link !== from) link.passGap(gap);
  }

  /** To everybody who listens to a command that `to` (or this bus) answers. */
  forwardObserved(rule: Rule, data: unknown, extra: EventExtra, to?: BusLink, from?: BusLink): void {
    const fate = { isAsked: true };
    for (const link of this.links) if (link !== to && link !== from) link.forward(rule, data, extra, fate, from);
  }

  async flush(): Promise<void> {
    await Promise.all([...this.links].map((link) => link.flush()));
  }

  close(reason: string): void {
    for (const link of Array.from(this.links)) link.close(reason);
    this.#wishes.clear();
    this.#linkHearers.clear();
  }
}
