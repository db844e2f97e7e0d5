import type { EventsError } from "../core/errors.ts";
import { compileWhere, type Match } from "../core/topic.ts";
import type { Since, Where } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { Meta } from "./event-bus.ts";
import type { BusLink } from "./link.ts";
import { Position } from "./position.ts";

/** Who is told how a wish of this bus, or of a peer, comes on. */
export interface WishOwner {
  /** A peer answered, or is gone. */
  answered(wish: Wish, link: BusLink): void;
  /** Of this bus's own: takes what is meant for it alone. */
  directed?(wish: Wish, data: unknown, meta: Meta, link: BusLink | undefined): void;
  missed?(gap: Gap): void;
}

/**
 * Something that is wanted, by a subscription of this bus or by a peer: to hear a pattern, or to be asked a command.
 * Every wish is announced on every link but the one it came from.
 */
export class Wish {
  readonly as: "hear" | "handle";
  readonly pattern: string;
  readonly where: Where | undefined;
  readonly match: Match | undefined;
  readonly since: Since | undefined;
  /** The link it came over, and its number there; undefined for this bus's own. */
  readonly link: BusLink | undefined;
  readonly remoteId: number;
  #pending: Set<BusLink> | undefined;
  #catching: Set<BusLink> | undefined;
  /** The same for what this bus stored itself. */
  isReading: boolean = false;
  /** Of a peer: it was told that its start is complete. */
  isSettled: boolean = false;
  owner: WishOwner | undefined;
  /** Why a peer does not let this side hear it. */
  refusal: EventsError | undefined;
  #position: Position | undefined;

  constructor(
    as: "hear" | "handle",
    pattern: string,
    where: Where | undefined,
    since: Since | undefined,
    link?: BusLink,
    remoteId: number = 0,
  ) {
    this.as = as;
    this.pattern = pattern;
    this.where = where;
    this.match = compileWhere(where);
    this.since = since;
    this.link = link;
    this.remoteId = remoteId;
    if (typeof since === "object") this.position.adopt(since.after, "");
  }

  /** It starts with stored events. */
  get isStored(): boolean {
    return this.since !== undefined && this.since !== "last";
  }

  /** Links that were told and have not answered yet. */
  get pending(): Set<BusLink> {
    return (this.#pending ??= new Set());
  }

  get isPending(): boolean {
    return this.#pending !== undefined && this.#pending.size > 0;
  }

  /** Links that were told a stored start and have not come to its end: what they send to all may come too early. */
  get catching(): Set<BusLink> {
    return (this.#catching ??= new Set());
  }

  /** How far it has come in what is stored. */
  get position(): Position {
    return (this.#position ??= new Position());
  }

  /** Where it starts when it is told now: a stored start goes on behind what came already. */
  get start(): Since | undefined {
    const after = this.isStored ? this.position.tell() : undefined;
    return after === undefined ? this.since : { after };
  }

  isCatching(from: BusLink | undefined): boolean {
    return from === undefined ? this.isReading : this.#catching?.has(from) === true;
  }

  answered(link: BusLink): void {
    if (this.#pending?.delete(link) === true) this.owner?.answered(this, link);
  }
}
