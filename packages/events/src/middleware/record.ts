import type { FaultContext, Middleware } from "../bus/event-bus.ts";
import { keeper } from "../bus/record.ts";
import { newId, systemRandom } from "../core/ids.ts";
import type { Journal } from "../journal/journal.ts";

/**
 * Keeps every message that comes in, or that this bus says to itself, in a journal that `replay` plays: also requests, and
 * what no listener asked for. `events.record(journal)` keeps what this bus hears, and asks peers for it; this layer asks
 * nobody. What the journal refuses passes, and the first refusal is told to `onFault`.
 *
 * @example events.use(record(ringJournal(), (fault) => console.error(fault)));
 */
export function record(journal: Journal, onFault: (fault: unknown, context: FaultContext) => void): Middleware {
  const { keep } = keeper(journal, newId(systemRandom), onFault);
  const layer: NonNullable<Middleware["in"]> = ({ data, meta }, next) => {
    keep(data, meta);
    return next();
  };
  return { in: layer, local: layer };
}
