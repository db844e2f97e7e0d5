import type { Clock } from "../../src/core/clock.ts";
import type { EventsError } from "../../src/core/errors.ts";
import type { EventExtra, Message, SendPolicy } from "../../src/session/messages.ts";
import { openSession } from "../../src/session/session.ts";
import type {
  Gap,
  Hello,
  LinkState,
  Peer,
  Receiver,
  Session,
  SessionOptions,
  Violation,
} from "../../src/session/session.ts";
import { SessionTable } from "../../src/session/table.ts";
import { fakeClock, type FakeClock } from "../../src/testing/fake-clock.ts";
import { faultyLink, type FaultyLink, type FaultyLinkOptions } from "../../src/testing/faulty-link.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import type { Limits } from "../../src/wire/limits.ts";
import type { Transport } from "../../src/wire/transport.ts";

/** One side of a link, and everything its session told the bus. */
export class Side implements Receiver {
  readonly session: Session;
  readonly events: { name: string; data: unknown; extra: EventExtra }[] = [];
  readonly messages: Message[] = [];
  readonly gaps: Gap[] = [];
  readonly states: LinkState[] = [];
  readonly violations: { kind: Violation; error: EventsError }[] = [];
  readonly hellos: Hello[] = [];
  /** Events and gaps in the order they came. */
  readonly log: unknown[] = [];
  hear: (name: string, data: unknown) => void = () => undefined;
  refuse: EventsError | undefined;
  readonly busId: string;

  constructor(busId: string, transport: Transport, clock: Clock, options: Partial<SessionOptions> = {}) {
    this.busId = busId;
    this.session = openSession({
      transport,
      clock,
      random: seededRandom(busId.length),
      receiver: this,
      hello: () => ({
        busId,
        role: `role of ${busId}`,
        contracts: [],
        names: ["one", "two", "log", "progress", "done"],
        behind: [],
      }),
      ...options,
    });
  }

  get data(): unknown[] {
    return this.events.map((event) => event.data);
  }

  get at(): LinkState["at"] {
    return this.session.state.at;
  }

  get why(): EventsError | undefined {
    return this.session.state.at === "closed" ? this.session.state.why : undefined;
  }

  emit(data: unknown, policy: Partial<SendPolicy> = {}, extra?: EventExtra): void {
    this.session.event(
      { name: "one", delivery: "reliable", lane: "main", maxBytes: 16 * 1024 * 1024, ...policy },
      data,
      extra,
    );
  }

  onHello(hello: Hello): Peer | EventsError {
    this.hellos.push(hello);
    return this.refuse ?? { busId: hello.busId, role: hello.role, grants: new Set(), routes: true };
  }

  onState(state: LinkState): void {
    this.states.push(state);
  }

  onEvent(name: string, data: unknown, extra: EventExtra): void {
    this.events.push({ name, data, extra });
    this.log.push(data);
    this.hear(name, data);
  }

  onMessage(message: Message): void {
    this.messages.push(message);
  }

  onGap(gap: Gap): void {
    this.gaps.push(gap);
    this.log.push({ gap: gap.names ?? gap.reason });
  }

  onViolation(kind: Violation, error: EventsError): void {
    this.violations.push({ kind, error });
  }
}

export interface Road {
  readonly clock: FakeClock;
  readonly link: FaultyLink;
  readonly table: SessionTable;
  /** The dialling side. */
  readonly a: Side;
  /** Every session that the accepting side opened; the first is the one that lives on when the dialler resumes. */
  readonly accepted: Side[];
  readonly b: Side;
  /** Frames cross and ticks end until nothing moves. */
  readonly settle: () => void;
  /** Time passes in small steps, frames cross in between. */
  readonly pass: (ms: number) => void;
}

export interface RoadOptions extends Omit<FaultyLinkOptions, "accept"> {
  readonly limits?: Partial<Limits>;
  readonly acceptLimits?: Partial<Limits>;
  readonly firstSeq?: number;
  /** For both sides, unless the accepting one has its own. */
  readonly session?: Partial<SessionOptions>;
  readonly acceptSession?: Partial<SessionOptions>;
  /** The accepting side keeps no table: nothing can be resumed. */
  readonly forgets?: boolean;
}

/** A dialling and an accepting session over a faulty road, on a clock that the test holds. */
export function road(options: RoadOptions = {}): Road {
  const clock = fakeClock({ manualTicks: true, now: 1_000_000 });
  const table = new SessionTable();
  const accepted: Side[] = [];
  const shared: Partial<SessionOptions> = options.firstSeq === undefined ? {} : { firstSeq: options.firstSeq };
  const link = faultyLink({
    ...options,
    accept: (transport) =>
      accepted.push(
        new Side("b", transport, clock, {
          ...shared,
          ...(options.acceptSession ?? options.session),
          ...(options.forgets !== true && { sessions: table }),
          limits: { ...options.limits, ...options.acceptLimits },
        }),
      ),
  });
  const a = new Side("a", link.dialer, clock, { ...shared, ...options.session, limits: { ...options.limits } });
  const settle = (): void => {
    for (let moved = 1; moved > 0;) moved = clock.endTick() + link.flush();
  };
  return {
    clock,
    link,
    table,
    a,
    accepted,
    get b() {
      return accepted[0]!;
    },
    settle,
    pass(ms) {
      settle();
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(Math.min(50, ms - passed));
        settle();
      }
    },
  };
}

export function openRoad(options: RoadOptions = {}): Road {
  const opened = road(options);
  opened.settle();
  return opened;
}
