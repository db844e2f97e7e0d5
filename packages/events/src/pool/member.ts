import { EventBus } from "../bus/bus.ts";
import type { BusOptions, ConnectPolicy, EventBus as Bus, Link, OnOptions, RequestOptions } from "../bus/event-bus.ts";
import type { Clock } from "../core/clock.ts";
import type { Contract } from "../core/contract.ts";
import { EventsError } from "../core/errors.ts";
import type { Transport } from "../wire/transport.ts";

/** One of the equal peers, just started. */
export interface PoolMember {
  readonly transport: Transport;
  /** How the member is seen. Default: the role that it claims, with every right. */
  readonly peer?: ConnectPolicy["peer"];
  /** Ends what was started: called once, when the member is idle too long, dead, terminated or the pool closes. */
  terminate?(): unknown;
}

export interface MemberReport {
  readonly state: "stopped" | "starting" | "ready" | "away";
  readonly openRequests: number;
  /** Requests that it answered, in all its lives. */
  readonly served: number;
  /** How often it was started. */
  readonly starts: number;
}

/** A subscription of the pool, made anew on each member. */
export interface Hearing {
  readonly pattern: string;
  readonly hear: (data: any, meta: any) => unknown;
  readonly options: OnOptions;
  readonly stops: Map<Member, () => void>;
}

/** What a member asks of its pool. */
export interface MemberOwner {
  readonly clock: Clock;
  readonly idleMs: number | undefined;
  readonly busOptions: BusOptions & { contracts: readonly Contract[] };
  readonly hearings: ReadonlySet<Hearing>;
  start(): PoolMember | Promise<PoolMember>;
  /** It became ready, came back or has room. */
  ready(): void;
  /** It could not be started. */
  failed(member: Member, why: EventsError): void;
  fault(fault: unknown): void;
  /** Something that `close` waits for. */
  ending(work: Promise<void>): void;
}

/** First and longest wait before a member that could not be started is started again. */
const BACKOFF_MS = [100, 10_000] as const;

/** A place in the pool, and the peer that holds it at the moment. */
export class Member {
  readonly #owner: MemberOwner;
  #bus: Bus | undefined;
  #link: Link | undefined;
  #started: PoolMember | undefined;
  #isReady = false;
  /** Starts since the last one that worked. */
  #failures = 0;
  #restsUntil = -Infinity;
  #stopIdle: () => void = () => undefined;
  #open = 0;
  #served = 0;
  #starts = 0;
  /** Changes with each life: news of an earlier one is nobody's. */
  #life = 0;

  constructor(owner: MemberOwner) {
    this.#owner = owner;
  }

  get isStopped(): boolean {
    return this.#bus === undefined;
  }

  get isReady(): boolean {
    return this.#isReady && this.#link?.state.at === "open";
  }

  get isStarting(): boolean {
    return this.#bus !== undefined && !this.#isReady;
  }

  get openRequests(): number {
    return this.#open;
  }

  /** How long until it may be started again after it failed. */
  get restMs(): number {
    return Math.max(0, this.#restsUntil - this.#owner.clock.monotonic());
  }

  start(): void {
    if (this.#bus !== undefined || this.restMs > 0) return;
    const life = ++this.#life;
    this.#starts++;
    this.#bus = new EventBus({ ...this.#owner.busOptions, connect: false }) as unknown as Bus;
    for (const hearing of this.#owner.hearings) this.hear(hearing);
    // Awaited by `close`: what is started while the pool closes is ended too.
    this.#owner.ending(this.#begin(life, this.#bus));
  }

  async request(name: string, input: unknown, options: RequestOptions): Promise<unknown> {
    const life = this.#life;
    this.#open++;
    this.#stopIdle();
    try {
      const reply = await this.#bus!.request(name, input, options);
      this.#served++;
      this.#free(life);
      return reply;
    } catch (fault) {
      const { code } = fault as EventsError;
      if (life !== this.#life || (code !== "TIMEOUT" && code !== "CANCELLED")) this.#free(life);
      else void this.#freeWhenHeard(life, this.#bus!);
      throw fault;
    }
  }

  emit(name: string, data: unknown): void {
    this.#bus?.emit(name, data);
  }

  hear({ pattern, hear, options, stops }: Hearing): void {
    // In the place of that of its last life, which ended with its bus.
    if (this.#bus !== undefined) stops.set(this, this.#bus.on(pattern, hear, options));
  }

  /** Ends it in the middle of its work: open requests are `OUTCOME_UNKNOWN`. */
  terminate(reason: string): void {
    if (this.isStarting) this.#ended();
    else this.#link?.close(reason);
  }

  /** Gives everything of this life back. Its open requests end as CLOSED. */
  stop(): void {
    if (this.#bus === undefined) return;
    this.#life++;
    this.#stopIdle();
    this.#isReady = false;
    this.#open = 0;
    const [bus, started] = [this.#bus, this.#started];
    this.#bus = this.#link = this.#started = undefined;
    this.#owner.ending(bus.close());
    if (started) this.#terminate(started);
  }

  report(): MemberReport {
    const state = this.isStopped ? "stopped" : this.isStarting ? "starting" : this.isReady ? "ready" : "away";
    return { state, openRequests: this.#open, served: this.#served, starts: this.#starts };
  }

  async #begin(life: number, bus: Bus): Promise<void> {
    try {
      const started = await Promise.resolve().then(() => this.#owner.start());
      if (life !== this.#life) return this.#terminate(started);
      this.#started = started;
      const link = bus.connect(started.transport, { peer: { grants: ["*"], ...started.peer } });
      this.#link = link;
      link.onState(({ at }) => {
        if (life !== this.#life) return;
        if (at === "closed" && this.#isReady) this.#ended();
        else if (at === "open" && this.#isReady) this.#owner.ready();
      });
      await link.ready;
      if (life !== this.#life) return;
      this.#isReady = true;
      this.#failures = 0;
      this.#idle();
      this.#owner.ready();
    } catch (cause) {
      if (life !== this.#life) return;
      const rest = Math.min(BACKOFF_MS[1], BACKOFF_MS[0] * 2 ** this.#failures++);
      this.#restsUntil = this.#owner.clock.monotonic() + rest;
      this.stop();
      this.#owner.failed(this, notStarted(cause));
    }
  }

  #ended(): void {
    this.stop();
    this.#owner.ready();
  }

  #free(life: number): void {
    if (life !== this.#life) return;
    this.#open--;
    this.#idle();
  }

  /** A peer that is stuck in what was given up takes no more work: it is free when it has heard that it was. */
  async #freeWhenHeard(life: number, bus: Bus): Promise<void> {
    await bus.flush().catch(() => undefined);
    this.#free(life);
    if (life === this.#life) this.#owner.ready();
  }

  #idle(): void {
    const { idleMs, clock } = this.#owner;
    if (idleMs === undefined || this.#open > 0) return;
    this.#stopIdle();
    this.#stopIdle = clock.after(idleMs, () => this.stop());
  }

  #terminate(started: PoolMember): void {
    this.#owner.ending(
      (async () => {
        try {
          await started.terminate?.();
        } catch (fault) {
          this.#owner.fault(fault);
        }
      })(),
    );
  }
}

function notStarted(cause: unknown): EventsError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new EventsError(
    "LINK_LOST",
    `Cannot start a member of the pool: ${why}; it is tried again with the next request`,
    {},
    { cause },
  );
}
