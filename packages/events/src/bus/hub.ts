import type { Clock } from "../core/clock.ts";
import type { EventExtra, Origin } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { SessionTable } from "../session/table.ts";
import type { Outcome } from "./ask.ts";
import type { BusLimits, FaultContext, Meta } from "./event-bus.ts";
import type { BusLink } from "./link.ts";
import type { Requests } from "./requests.ts";
import type { Snapshots } from "./snapshots.ts";
import type { Rule, Topics } from "./topics.ts";
import type { Wish } from "./wish.ts";

/** The bus, as its links and requests see it. */
export interface Hub {
  readonly id: string;
  readonly role: string;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: Required<BusLimits>;
  readonly exposesErrors: boolean;
  readonly links: ReadonlySet<BusLink>;
  /** Sessions that peers may come back to. */
  readonly sessions: SessionTable;
  readonly requests: Requests;
  readonly snapshots: Snapshots;
  /** Every bus that is reached over the other links. */
  reachedBeside(link: BusLink): Origin[];
  /** Is there anybody on this bus or behind its other links whom the rule allows to receive? */
  isFor(rule: Rule, link: BusLink): boolean;
  addWish(wish: Wish): void;
  removeWish(wish: Wish): void;
  received(link: BusLink, rule: Rule, data: unknown, meta: Meta, extra: EventExtra): void;
  receivedFor(wish: Wish, link: BusLink, rule: Rule, data: unknown, meta: Meta, extra: EventExtra): void;
  /** Takes a checked request through the middleware. */
  entering(
    link: BusLink,
    rule: Rule,
    data: unknown,
    meta: Meta,
    go: (data: unknown) => void,
    refuse: (outcome: Outcome) => void,
  ): void;
  observed(rule: Rule, data: unknown, to: BusLink | undefined, from?: BusLink, meta?: Meta): void;
  emitLate(rule: Rule, data: unknown, link: BusLink): void;
  missed(gap: Gap): void;
  /** A way for requests may have opened or closed. */
  rerouted(): void;
  reachChanged(link: BusLink, added: readonly Origin[], removed: readonly string[]): void;
  unlinked(link: BusLink): void;
  /** Tells `onError`. Never throws. */
  fault(fault: unknown, context: FaultContext): void;
}
