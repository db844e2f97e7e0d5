import type { EventsError } from "../core/errors.ts";
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

  constructor(hub: Hub, link: BusLink) {
    this.#hub = hub;
    this.#link = link;
  }

  /** The peer is another one, or is seen in another way. */
  clear(): void {
    this.#metas.clear();
  }

  check(name: string, data: unknown, extra: EventExtra, peer: Peer): Arrival {
    const { topics, id, role } = this.#hub;
    const topic = topics.get(name);
    if (topic === undefined || !this.#link.carries(topic.contract)) return refused("unknown", unknown(name, peer));
    // A recording is played on the bus of whoever looks at it; no link ever carries one.
    if (extra.replayed === true || (extra.snapshot === true && extra.sub === undefined)) {
      return refused("protocol", forged(name));
    }
    if (extra.origin?.busId === id) return refused("protocol", looped(name));
    const origin = believed(extra.origin, peer);
    const rule = ruleFor(topic, origin.role);
    if (rule === undefined || !this.#hub.network.isFor(rule, this.#link)) {
      return refused("direction", wrongWay(name, origin.role, role));
    }
    if (isRouted(extra) && (rule.policy.delivery === "latest" || rule.policy.delivery === "durable")) {
      return refused("protocol", forged(name));
    }
    if (!this.#hub.network.allows(rule, extra.to, { busId: id, role })) {
      return refused("direction", wrongWay(name, origin.role, extra.to?.role ?? role));
    }
    if (rule.needs !== undefined && !grantsRight(peer, rule.needs)) {
      return refused("denied", denied(name, rule.needs, peer));
    }
    try {
      return {
        rule,
        data: rule.check(this.#link.streams.land(rule.streams, data)),
        meta: this.#metaOf(name, origin, extra, peer),
      };
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
