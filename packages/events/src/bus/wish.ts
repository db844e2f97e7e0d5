import { compileWhere, type Match } from "../core/topic.ts";
import type { Since, Where } from "../session/messages.ts";
import type { BusLink } from "./link.ts";

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
  /** Links that were told and have not answered yet. */
  readonly pending: Set<BusLink> = new Set<BusLink>();
  /** A peer answered, or is gone. */
  onAnswer: ((link: BusLink) => void) | undefined;
  /** For this bus's own wish with `since`: takes what is meant for it alone. */
  onSnapshot: ((data: unknown, extra: SnapshotExtra, link: BusLink | undefined) => void) | undefined;

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
  }

  answered(link: BusLink): void {
    if (this.pending.delete(link)) this.onAnswer?.(link);
  }
}

export interface SnapshotExtra {
  readonly name: string;
  readonly origin: { readonly busId: string; readonly role: string };
  readonly snapshot?: boolean;
}
