import type { BusReport, EventBus, Middleware, Passing } from "../bus/event-bus.ts";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/system-clock.ts";

/** Names that are counted each by itself; the rest is counted together, as `…`. */
const NAMES_KEPT = 1_000;
const REST = "…";
/** Seconds over which a rate is taken. */
const RATE_S = 10;

/** `in`: from a link. `out`: on its way to the links. `local`: to the listeners of this bus. */
export type Way = "in" | "out" | "local";

/** One message that passed, without its payload. */
export interface PassedMessage {
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly way: Way;
  readonly kind: Passing["kind"];
  readonly name: string;
  /** Role of the bus that it began at. */
  readonly from: string;
}

export interface NameTraffic {
  readonly name: string;
  /** Since the inspector was made. */
  readonly count: Readonly<Record<Way, number>>;
  /** Messages a second, over the last ten, or since the inspector was made. */
  readonly perSecond: Readonly<Record<Way, number>>;
}

/** What `inspect()` shows, and what has passed since the inspector was made. */
export interface InspectorReport extends BusReport {
  /** Busiest first. */
  readonly traffic: readonly NameTraffic[];
  /** Newest last. */
  readonly last: readonly PassedMessage[];
}

export interface InspectorOptions {
  /** Messages that are kept. Default 100. */
  readonly last?: number;
  readonly clock?: Clock;
}

export interface Inspector {
  report(): InspectorReport;
  /** Takes it out of the bus. Idempotent. */
  close(): void;
}

/**
 * Watches what passes a bus, for people: rates by name and the last messages, beside what `inspect()` shows. It stands in
 * the way of each message while it is there, so make it when somebody looks, and close it afterwards.
 *
 * @example
 * const inspector = inspect(events);
 * console.table(inspector.report().traffic);
 * inspector.close();
 */
export function inspect(
  events: Pick<EventBus, "inspect" | "use">,
  { last: limit = 100, clock = systemClock }: InspectorOptions = {},
): Inspector {
  const names = new Map<string, Record<Way, Meter>>();
  const last: PassedMessage[] = [];
  const second = (): number => Math.floor(clock.monotonic() / 1_000);
  const began = second();
  const metersOf = (name: string): Record<Way, Meter> => {
    const key = names.has(name) || names.size < NAMES_KEPT ? name : REST;
    let meters = names.get(key);
    if (meters === undefined) names.set(key, (meters = { in: new Meter(), out: new Meter(), local: new Meter() }));
    return meters;
  };
  const layer =
    (way: Way): NonNullable<Middleware["in"]> =>
    ({ kind, name, meta }, next) => {
      metersOf(name)[way].count(second());
      last.push({ ts: clock.now(), way, kind, name, from: meta.origin.role });
      if (last.length > limit) last.shift();
      return next();
    };
  const close = events.use({ in: layer("in"), out: layer("out"), local: layer("local") });
  return {
    report() {
      const now = second();
      const traffic = [...names].map(([name, meters]): NameTraffic => {
        const each = (read: (meter: Meter) => number): Record<Way, number> => ({
          in: read(meters.in),
          out: read(meters.out),
          local: read(meters.local),
        });
        return { name, count: each(({ total }) => total), perSecond: each((meter) => meter.perSecond(now, began)) };
      });
      traffic.sort((a, b) => busy(b.perSecond) - busy(a.perSecond) || busy(b.count) - busy(a.count));
      return { ...events.inspect(), traffic, last: [...last] };
    },
    close,
  };
}

const busy = (by: Readonly<Record<Way, number>>): number => by.in + by.out + by.local;

/** Counts by second, the present one and the ten whole ones before it. */
class Meter {
  total: number = 0;
  readonly #slots: { second: number; count: number }[] = [];

  count(second: number): void {
    this.total += 1;
    const newest = this.#slots.at(-1);
    if (newest?.second === second) newest.count += 1;
    else this.#slots.push({ second, count: 1 });
    if (this.#slots.length > RATE_S + 1) this.#slots.shift();
  }

  perSecond(now: number, began: number): number {
    const start = Math.max(began, now - RATE_S);
    let sum = 0;
    for (const { second, count } of this.#slots) if (second < now && second >= start) sum += count;
    return sum / Math.max(1, now - start);
  }
}
