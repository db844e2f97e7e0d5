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
 * The same holds for gaps where the peer alone may send such messages: elsewhere nobody knows whose are missing.
 */
export class SinceGate {
  readonly #wish: Wish;
  readonly #deliver: (data: unknown, meta: Meta) => unknown;
  readonly #onGap: (gap: Gap) => void;
  readonly #passing: Map<BusLink, Set<string>> = new Map<BusLink, Set<string>>();
  #held: Held[] = [];
  /** Before all that is held of a link. */
  readonly #lost: Map<BusLink, Gap> = new Map<BusLink, Gap>();

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
    if (!this.#wish.pending.has(link) || this.#passing.has(link) || !this.#isPeersAlone(link)) return false;
    this.#keep({ link, gap });
    return true;
  }

  snapshot(origin: Origin, link: BusLink | undefined): void {
    if (link === undefined) return;
    const isAlone = origin.busId === link.peer?.busId && this.#isPeersAlone(link);
    if (isAlone) this.#lost.delete(link);
    this.#held = this.#held.filter((held) => {
      if (held.link !== link) return true;
      return held.gap === undefined ? held.meta.origin.busId !== origin.busId : !isAlone;
    });
    const passing = this.#passing.get(link) ?? new Set();
    this.#passing.set(link, passing.add(origin.busId));
  }

  answered(link: BusLink): void {
    this.#passing.delete(link);
    const lost = this.#lost.get(link);
    this.#lost.delete(link);
    const due = this.#held.filter((held) => held.link === link);
    this.#held = this.#held.filter((held) => held.link !== link);
    if (lost !== undefined) this.#onGap(lost);
    for (const held of due) {
      if (held.gap === undefined) this.#deliver(held.data, held.meta);
      else this.#onGap(held.gap);
    }
  }

  #keep(held: Held): void {
    this.#held.push(held);
    if (this.#held.length <= HELD_LIMIT) return;
    const { link, gap = tooMuch(this.#wish.pattern) } = this.#held.shift() as Held;
    // The snapshot may stand for it: what was let go is told when there is none.
    if (this.#isPeersAlone(link)) this.#lost.set(link, together(this.#lost.get(link), gap));
    else this.#onGap(gap);
  }

  #isPeersAlone(link: BusLink): boolean {
    return link.isOnlySender(link.peer?.busId ?? "", this.#wish.pattern);
  }
}

function tooMuch(name: string): Gap {
  return { from: 1, to: 1, lane: "main", reason: "too much came before the snapshot", names: { [name]: 1 } };
}

/** Their numbers count the events. */
function together(first: Gap | undefined, second: Gap): Gap {
  if (first === undefined) return second;
  const names = { ...first.names };
  for (const [name, count] of Object.entries(second.names ?? {})) names[name] = (names[name] ?? 0) + count;
  return { ...first, from: 1, to: Object.values(names).reduce((sum, count) => sum + count, 0), names };
}
