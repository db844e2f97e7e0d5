import type { Origin } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { Meta } from "./event-bus.ts";
import type { BusLink } from "./link.ts";
import type { Wish } from "./wish.ts";

/** Messages that one gate holds while a peer has not answered. */
const HELD_LIMIT = 1_000;

type Held =
  | { readonly link: BusLink; readonly data: unknown; readonly meta: Meta; readonly gap?: never }
  | { readonly link: BusLink; readonly gap: Gap };

/**
 * Joins a snapshot and the tail behind it. Until a link has answered, what comes over it may be older than the snapshot:
 * it is held. A snapshot stands for all that its origin sent before it, so that is dropped (no double), and what the
 * origin sends later passes. When the link has answered, whatever is held has no snapshot and is delivered (no hole).
 * The same holds for gaps where one bus alone is reached over the link: elsewhere nobody knows whose messages are missing.
 */
export class SinceGate {
  readonly #wish: Wish;
  readonly #deliver: (data: unknown, meta: Meta) => unknown;
  readonly #onGap: (gap: Gap) => void;
  readonly #passing: Map<BusLink, Set<string>> = new Map<BusLink, Set<string>>();
  #held: Held[] = [];

  constructor(wish: Wish, deliver: (data: unknown, meta: Meta) => unknown, onGap: (gap: Gap) => void) {
    this.#wish = wish;
    this.#deliver = deliver;
    this.#onGap = onGap;
  }

  /** True when it keeps the message. */
  holds(data: unknown, meta: Meta, link: BusLink | undefined): boolean {
    if (link === undefined || !this.#wish.pending.has(link)) return false;
    if (this.#passing.get(link)?.has(meta.origin.busId) === true) return false;
    this.#keep({ link, data, meta });
    return true;
  }

  /** True when it keeps the gap. */
  holdsGap(gap: Gap, link: BusLink): boolean {
    if (!this.#wish.pending.has(link) || this.#passing.has(link) || link.reached.length !== 1) return false;
    this.#keep({ link, gap });
    return true;
  }

  snapshot(origin: Origin, link: BusLink | undefined): void {
    if (link === undefined) return;
    const isAlone = link.reached.every(({ busId }) => busId === origin.busId);
    this.#held = this.#held.filter((held) => {
      if (held.link !== link) return true;
      return held.gap === undefined ? held.meta.origin.busId !== origin.busId : !isAlone;
    });
    const passing = this.#passing.get(link) ?? new Set();
    this.#passing.set(link, passing.add(origin.busId));
  }

  answered(link: BusLink): void {
    this.#passing.delete(link);
    const due = this.#held.filter((held) => held.link === link);
    this.#held = this.#held.filter((held) => held.link !== link);
    for (const held of due) {
      if (held.gap === undefined) this.#deliver(held.data, held.meta);
      else this.#onGap(held.gap);
    }
  }

  #keep(held: Held): void {
    this.#held.push(held);
    if (this.#held.length <= HELD_LIMIT) return;
    const oldest = this.#held.shift() as Held;
    const reason = "too much came before the snapshot";
    this.#onGap(oldest.gap ?? { from: 1, to: 1, lane: "main", reason, names: { [oldest.meta.name]: 1 } });
  }
}
