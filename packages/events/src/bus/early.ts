import type { Lane } from "../core/contract.ts";
import type { EventExtra } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { BusLink } from "./link.ts";
import type { Rule } from "./topics.ts";

/** An event that waits until the peer has told what it wants. */
export interface EarlyEvent {
  readonly rule: Rule;
  readonly data: unknown;
  readonly extra: EventExtra;
  readonly from: BusLink | undefined;
  /** Shared by the links that it waits for: a command is asked of one of them. */
  readonly fate: { isAsked: boolean; readonly isOnly?: boolean };
}

/** Events that wait for the handshake, bounded: the oldest go, and are told to the peer as a gap before the rest. */
export class EarlyQueue {
  /** All that was given up, volatile events too, which never wait. */
  dropped: number = 0;
  readonly #limit: number;
  #events: EarlyEvent[] = [];
  readonly #lost: Map<Lane, Map<string, number>> = new Map<Lane, Map<string, number>>();
  #hasOverflown: boolean = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#events.length;
  }

  /** True when it overflows for the first time. */
  push(event: EarlyEvent): boolean {
    if (event.rule.policy.delivery === "volatile") {
      this.dropped += 1;
      return false;
    }
    this.#events.push(event);
    if (this.#events.length <= this.#limit) return false;
    const { name, policy } = (this.#events.shift() as EarlyEvent).rule;
    this.dropped += 1;
    let names = this.#lost.get(policy.lane);
    if (names === undefined) this.#lost.set(policy.lane, (names = new Map()));
    names.set(name, (names.get(name) ?? 0) + 1);
    const isFirst = !this.#hasOverflown;
    this.#hasOverflown = true;
    return isFirst;
  }

  /** What was given up since it was last asked, a gap for each lane. Their numbers count the events. */
  takeGaps(): Gap[] {
    const reason = `more than ${this.#limit} messages waited for the link to open`;
    const gaps = [...this.#lost].map(([lane, names]): Gap => {
      const to = [...names.values()].reduce((sum, count) => sum + count, 0);
      return { from: 1, to, lane, reason, names: Object.fromEntries(names) };
    });
    this.#lost.clear();
    return gaps;
  }

  takeEvents(): EarlyEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
