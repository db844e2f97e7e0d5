import type { Clock } from "../core/clock.ts";
import type { SessionTable } from "../session/table.ts";
import type { Compressor, EventsCodec } from "../wire/codec.ts";
import type { BusLimits, FaultContext } from "./event-bus.ts";
import type { History } from "./history.ts";
import type { BusLink } from "./link.ts";
import type { Network } from "./network.ts";
import type { Passage } from "./passage.ts";
import type { Requests } from "./requests.ts";
import type { Snapshots } from "./snapshots.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Rule, Topics } from "./topics.ts";

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
  readonly codecs: readonly EventsCodec[];
  readonly compressor: Compressor | undefined;
  /** Sessions that peers may come back to. */
  readonly sessions: SessionTable;
  readonly requests: Requests;
  readonly snapshots: Snapshots;
  /** What this bus stores; undefined without a journal. */
  readonly history: History | undefined;
  readonly subscriptions: Subscriptions;
  emitLate(rule: Rule, data: unknown, link: BusLink): void;
  /** A way for requests may have opened or closed. */
  rerouted(): void;
  /** Tells `onError`. Never throws. */
  fault(fault: unknown, context: FaultContext): void;
}
