import type { Clock } from "../core/clock.ts";
import type { EventExtra } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { SessionTable } from "../session/table.ts";
import type { BusLimits, FaultContext, Meta } from "./event-bus.ts";
import type { History } from "./history.ts";
import type { BusLink } from "./link.ts";
import type { Network } from "./network.ts";
import type { Passage } from "./passage.ts";
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
  readonly network: Network;
  readonly passage: Passage;
  /** Sessions that peers may come back to. */
  readonly sessions: SessionTable;
  readonly requests: Requests;
  readonly snapshots: Snapshots;
  /** What this bus stores; undefined without a journal. */
  readonly history: History | undefined;
  receivedFor(wish: Wish, link: BusLink, rule: Rule, data: unknown, meta: Meta, extra: EventExtra): void;
  emitLate(rule: Rule, data: unknown, link: BusLink): void;
  /** Something was lost on its way over `link`. */
  missed(gap: Gap, link: BusLink): void;
  /** Something that one wish alone misses. */
  missedFor(wish: Wish, gap: Gap): void;
  /** A way for requests may have opened or closed. */
  rerouted(): void;
  /** Tells `onError`. Never throws. */
  fault(fault: unknown, context: FaultContext): void;
}
