import type { Origin } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { Meta } from "./event-bus.ts";
import type { BusLink } from "./link.ts";
import type { Wish } from "./wish.ts";

/** Messages that one gate holds while a peer has not answered. */
const HELD_LIMIT = 1_000;

interface Held {
  readonly link: BusLink;
  readonly data: unknown;
  readonly meta: Meta;
}

/**
 * Joins a snapshot and the tail behind it. Until a link has answered, what comes over it may be older than the snapshot:
 * it is held. A snapshot stands for all that its origin sent before it, so that is dropped (no double), and what the
 * origin sends later passes. When the link has answered, whatever is held has no snapshot and is delivered (no hole).
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
    this.#held.push({ link, data, meta });
    if (this.#held.length <= HELD_LIMIT) return true;
    this.#held.shift();
    this.#onGap({
      from: 1,
      to: 1,
      lane: "main",
      reason: "too much came before the snapshot",
      names: { [meta.name]: 1 },
    });
    return true;
  }

  snapshot(origin: Origin, link: BusLink | undefined): void {
    if (link === undefined) return;
    this.#held = this.#held.filter((held) => held.link !== link || held.meta.origin.busId !== origin.busId);
    const passing = this.#passing.get(link) ?? new Set();
    this.#passing.set(link, passing.add(origin.busId));
  }

  answered(link: BusLink): void {
    this.#passing.delete(link);
    const due = this.#held.filter((held) => held.link === link);
    this.#held = this.#held.filter((held) => held.link !== link);
    for (const { data, meta } of due) this.#deliver(data, meta);
  }
}
