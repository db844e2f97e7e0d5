import type { EventsError } from "../core/errors.ts";
import { NO_EXTRA } from "../session/messages.ts";
import type { EventExtra, Origin } from "../session/messages.ts";
import type { Peer, Violation } from "../session/session.ts";
import type { Meta } from "./event-bus.ts";
import type { Hub } from "./hub.ts";
import type { BusLink } from "./link.ts";
import { grantsRight } from "./permission.ts";
import { denied, forged, looped, unknown, wrongWay } from "./refusals.ts";
import { isRouted } from "./route.ts";
import { ruleFor, type Rule } from "./topics.ts";

/** Names whose meta is remembered a link: most events of one name and peer share all that is known of them. */
const NAMES_KEPT = 10_000;

export type Arrival =
  | { readonly rule: Rule; readonly data: unknown; readonly meta: Meta }
  | { readonly violation: Violation; readonly error: EventsError };

/** What comes over one link, checked in this order: known, not forged, direction, right, payload. */
export class Arrivals {
  readonly #hub: Hub;
  readonly #link: BusLink;
  readonly #metas: Map<string, Meta> = new Map<string, Meta>();
  /** Names whose events with nothing beside the payload pass every check but that of the payload, as long as the peer is this one. */
  readonly #passing: Map<string, { readonly rule: Rule; readonly meta: Meta }> = new Map<
    string,
    { readonly rule: Rule; readonly meta: Meta }
  >();

  constructor(hub: Hub, link: BusLink) {
    this.#hub = hub;
    this.#link = link;
  }

  /** The peer is another one, or is seen in another way. */
  clear(): void {
    this.#metas.clear();
    this.#passing.clear();
  }

  check(name: string, data: unknown, extra: EventExtra, peer: Peer): Arrival {
    const passing = extra === NO_EXTRA ? this.#passing.get(name) : undefined;
    if (passing !== undefined) return this.#read(passing.rule, data, passing.meta);
    const { topics, id, role, network } = this.#hub;
    const topic = topics.get(name);
    if (topic === undefined || !this.#link.carries(topic.contract)) return refused("unknown", unknown(name, peer));
    // A recording is played on the bus of whoever looks at it; no link ever carries one.
    if (extra.replayed === true || (extra.snapshot === true && extra.sub === undefined)) {
      return refused("protocol", forged(name));
    }
    if (extra.origin?.busId === id) return refused("protocol", looped(name));
    const origin = believed(extra.origin, peer);
    const rule = ruleFor(topic, origin.role);
    if (rule === undefined || !network.isFor(rule, this.#link)) {
      return refused("direction", wrongWay(name, origin.role, role));
    }
    if (isRouted(extra) && (rule.policy.delivery === "latest" || rule.policy.delivery === "durable")) {
      return refused("protocol", forged(name));
    }
    if (!network.allows(rule, extra.to, { busId: id, role })) {
      return refused("direction", wrongWay(name, origin.role, extra.to?.role ?? role));
    }
    if (rule.needs !== undefined && !grantsRight(peer, rule.needs)) {
      return refused("denied", denied(name, rule.needs, peer));
    }
    const meta = this.#metaOf(name, origin, extra, peer);
    // Not what is for others alone: buses behind other links come and go.
    if (extra === NO_EXTRA && network.isForThis(rule) && this.#passing.size < NAMES_KEPT)
      this.#passing.set(name, { rule, meta });
    return this.#read(rule, data, meta);
  }

  #read(rule: Rule, data: unknown, meta: Meta): Arrival {
    try {
      return { rule, data: rule.check(this.#link.streams.land(rule.streams, data)), meta };
    } catch (fault) {
      return refused("invalid", fault as EventsError);
    }
  }

  #metaOf(name: string, origin: Origin, extra: EventExtra, peer: Peer): Meta {
    const { id, ts, snapshot, replayed, trace } = extra;
    const isPlain = origin.busId === peer.busId && (id ?? ts ?? snapshot ?? replayed ?? trace) === undefined;
    const kept = isPlain ? this.#metas.get(name) : undefined;
    if (kept !== undefined) return kept;
    const meta: Meta = {
      name,
      origin,
      peer,
      ...(id === undefined ? {} : { id }),
      ...(ts === undefined ? {} : { ts }),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(replayed === undefined ? {} : { replayed }),
      ...(trace === undefined ? {} : { trace }),
    };
    if (!isPlain) return meta;
    if (this.#metas.size >= NAMES_KEPT) this.#metas.clear();
    this.#metas.set(name, Object.freeze(meta));
    return meta;
  }
}

/** The bus a message began at: the peer itself, unless this side's policy lets it speak for others. */
export function believed(claimed: Origin | undefined, peer: Peer): Origin {
  if (claimed !== undefined && peer.routes && claimed.busId !== peer.busId) return claimed;
  return { busId: peer.busId, role: peer.role };
}

function refused(violation: Violation, error: EventsError): Arrival {
  return { violation, error };
}
