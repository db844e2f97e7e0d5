import type { Address, EventExtra, Origin } from "../session/messages.ts";
import type { Gap, LinkState } from "../session/session.ts";
import type { BusLink } from "./link.ts";
import { isMeant, isRouted, type Way } from "./route.ts";
import type { Rule } from "./topics.ts";
import type { Wish } from "./wish.ts";

/** Less than a chunk under way tells nothing of how fast a peer is. */
const LOAD_STEP_BYTES = 65_536;

/** The links of one bus, and what is wanted over them. The buses form a tree: nothing goes back where it came from. */
export class Network {
  /** Replaced, never changed: whoever walks through it sees the links that there were. */
  links: readonly BusLink[] = [];
  readonly #role: string;
  readonly #linkHearers: Set<(link: BusLink) => void> = new Set<(link: BusLink) => void>();
  readonly #wishes: Set<Wish> = new Set<Wish>();
  /** When each link was last the one of its kind. */
  readonly #turns: WeakMap<BusLink, number> = new WeakMap<BusLink, number>();
  #turn: number = 0;
  /** Why the link that was lost last is gone. */
  #lost: string | undefined;

  constructor(role: string) {
    this.#role = role;
  }

  /** `own`: what this bus's subscriptions want, which they keep themselves. */
  add(link: BusLink, own: Iterable<Wish>): void {
    this.links = [...this.links, link];
    for (const wish of own) link.announcer.add(wish);
    for (const wish of this.#wishes) link.announcer.add(wish);
  }

  remove(link: BusLink, why: string): void {
    this.links = this.links.filter((other) => other !== link);
    this.#lost = why;
  }

  /** Why nobody handles what this bus asks for, and what would work. */
  wayOut(): { readonly text: string; readonly links: number } {
    const links = this.links.length;
    const text =
      links > 0
        ? `nobody handles it here or over the ${links} ${links === 1 ? "link" : "links"}; start its handler, await handle(…).ready there, and check the contract's direction`
        : `nobody handles it here, and this bus has no link${this.#lost === undefined ? "" : ` (the last one ended: ${this.#lost})`}; connect one and await link.ready, or handle it here`;
    return { text, links };
  }

  want(wish: Wish): void {
    this.#wishes.add(wish);
    this.announce(wish);
  }

  unwant(wish: Wish): void {
    if (this.#wishes.delete(wish)) this.retract(wish);
  }

  announce(wish: Wish): void {
    for (const link of this.links) if (link !== wish.link && !link.isClosed) link.announcer.add(wish);
  }

  retract(wish: Wish): void {
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
    return this.links.filter((other) => other !== link).flatMap((other) => other.reached);
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

  /** False: it is for some alone, and none of them is behind these links. */
  forward(rule: Rule, data: unknown, extra: EventExtra, from?: BusLink): boolean {
    const fate = { isAsked: false, isOnly: this.links.length === 1 };
    const links = isRouted(extra) ? this.#ways(rule, data, extra, from) : this.links;
    let found = false;
    for (const link of links) {
      if (link === from) continue;
      found = true;
      link.forward(rule, data, extra, fate, from);
    }
    return found || !isRouted(extra);
  }

  /** Is there anybody behind these links whom a routed message is for? */
  leadsTo(rule: Rule, data: unknown, way: Way): boolean {
    return this.#candidates(rule, data, way).length > 0;
  }

  /** Does the contract let the addressed receive it? One that nobody knows receives nothing. */
  allows(rule: Rule, to: Address | undefined, self: Origin): boolean {
    if (to === undefined || rule.to === undefined) return true;
    if (to.busId === undefined) return rule.to.has(to.role);
    const known = [self, ...this.links.flatMap((link) => link.reached)].find(({ busId }) => busId === to.busId);
    return known === undefined || rule.to.has(known.role);
  }

  #ways(rule: Rule, data: unknown, way: Way, from: BusLink | undefined): readonly BusLink[] {
    const links = this.#candidates(rule, data, way, from);
    if (way.to?.busId !== undefined || way.to?.one !== true || links.length === 0) return links;
    const turnOf = (link: BusLink): number => this.#turns.get(link) ?? 0;
    const loadOf = (link: BusLink): number => Math.floor(link.load / LOAD_STEP_BYTES);
    const best = links.reduce((a, b) => ((loadOf(b) - loadOf(a) || turnOf(b) - turnOf(a)) < 0 ? b : a));
    this.#turns.set(best, ++this.#turn);
    return [best];
  }

  #candidates(rule: Rule, data: unknown, way: Way, from?: BusLink): readonly BusLink[] {
    const isOne = way.to?.busId === undefined && way.to?.one === true;
    return this.links.filter(
      (link) =>
        link !== from &&
        link.reached.some((origin) => isMeant(rule, way, origin)) &&
        (!isOne || link.wants(rule, data)),
    );
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
    await Promise.all(this.links.map((link) => link.flush()));
  }

  close(reason: string): void {
    for (const link of this.links) link.close(reason);
    this.#wishes.clear();
    this.#linkHearers.clear();
  }
}
