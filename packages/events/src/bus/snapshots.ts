import { EventsError } from "../core/errors.ts";
import { fits, matches } from "../core/topic.ts";
import type { SendPolicy, Where } from "../session/messages.ts";
import type { Peer } from "../session/session.ts";
import type { Meta } from "./event-bus.ts";
import type { Hub } from "./hub.ts";
import { ruleFor, type Rule } from "./topics.ts";
import type { Wish } from "./wish.ts";

/** Keys of one `latest` event whose last value is remembered. */
const KEYS_KEPT = 1_000;

export type Provider = (where: Where | undefined, peer: Peer | undefined) => unknown;

/** State so far for late joiners. Asked synchronously, so that everything emitted afterwards follows in its lane. */
export class Snapshots {
  readonly #hub: Hub;
  readonly #providers: Map<string, Provider> = new Map<string, Provider>();

  readonly #last: Map<string, Map<string, unknown>> = new Map<string, Map<string, unknown>>();

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  get names(): string[] {
    return [...this.#providers.keys()];
  }

  add(name: string, provider: Provider): () => void {
    const topic = this.#hub.topics.need(name, "provide");
    const rule = topic.event;
    if (rule === undefined || (rule.from !== undefined && !rule.from.has(this.#hub.role))) {
      throw new EventsError(
        "WRONG_DIRECTION",
        `Cannot provide "${name}": role "${this.#hub.role}" does not send this event; check "from" in the contract`,
        { name, role: this.#hub.role },
      );
    }
    if (this.#providers.has(name)) {
      throw new EventsError(
        "HANDLER_EXISTS",
        `Cannot provide "${name}": this bus has a provider for it; stop that one first`,
        { name },
      );
    }
    this.#providers.set(name, provider);
    return () => {
      if (this.#providers.get(name) === provider) this.#providers.delete(name);
    };
  }

  /** Remembers the last value of a `latest` event that was emitted here, for each key. */
  keep(rule: Rule, data: unknown): void {
    if (this.#providers.has(rule.name)) return;
    let values = this.#last.get(rule.name);
    if (values === undefined) this.#last.set(rule.name, (values = new Map()));
    const key = rule.policy.keyOf?.(data) ?? "";
    // Behind the others: the key that is silent for longest stands first.
    values.delete(key);
    values.set(key, data);
    if (values.size <= KEYS_KEPT) return;
    for (const oldest of values.keys()) {
      values.delete(oldest);
      return;
    }
  }

  /** Hands what this bus can provide to a wish of its own or of a peer. */
  give(wish: Wish): void {
    for (const [name, provider] of this.#providers) {
      if (!matches(wish.pattern, name)) continue;
      const rule = this.#ruleFor(name, wish);
      if (rule !== undefined) for (const data of this.#ask(name, provider, rule, wish)) this.#send(wish, rule, data);
    }
    for (const [name, values] of this.#last) {
      if (!matches(wish.pattern, name) || this.#providers.has(name)) continue;
      const rule = this.#ruleFor(name, wish);
      if (rule === undefined) continue;
      for (const data of values.values()) if (fits(wish.match, data)) this.#send(wish, rule, data);
    }
  }

  /** Undefined where the wish's side does not receive the event. */
  #ruleFor(name: string, { link }: Wish): Rule | undefined {
    const topic = this.#hub.topics.get(name);
    const rule = topic && ruleFor(topic, this.#hub.role);
    return rule !== undefined && (link === undefined || link.mayHear(rule)) ? rule : undefined;
  }

  #ask(name: string, provider: Provider, rule: Rule, wish: Wish): unknown[] {
    try {
      const state = provider(wish.where, wish.link?.peer);
      if (state === undefined) return [];
      const all: readonly unknown[] = Array.isArray(state) ? state : [state];
      return all.map((data) => rule.check(data)).filter((data) => fits(wish.match, data));
    } catch (fault) {
      this.#hub.fault(fault, { name, ...(wish.link === undefined ? {} : { link: wish.link }) });
      return [];
    }
  }

  #send(wish: Wish, rule: Rule, data: unknown): void {
    const origin = { busId: this.#hub.id, role: this.#hub.role };
    const { name, policy } = rule;
    const meta: Meta = { name, origin, snapshot: true };
    const { passage } = this.#hub;
    const { link, remoteId } = wish;
    // Asked now, told in its place: what was emitted before it and waits for a middleware goes first.
    if (link === undefined)
      passage.staying(name, data, meta, (passed) => wish.owner?.directed?.(wish, passed, meta, undefined));
    else
      passage.leaving(name, data, meta, (passed) =>
        link.event(directedPolicy(policy), passed, { sub: remoteId, snapshot: true }),
      );
  }
}

/** In the lane of its event, never merged with it: it is one subscription's. What is held of the event goes first. */
export function directedPolicy(policy: SendPolicy): SendPolicy {
  const { name, lane, maxBytes } = policy;
  // Of all keys: a snapshot may hold the state of many.
  const held = policy.delivery === "latest" ? { flushes: [{ name }] } : {};
  return { name, delivery: "reliable", lane, maxBytes, ...held };
}
