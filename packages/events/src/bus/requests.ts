import { Deadlines } from "../core/deadlines.ts";
import { EventsError } from "../core/errors.ts";
import { Ask, type AskOwner, type Outcome } from "./ask.ts";
import type { RequestOptions } from "./event-bus.ts";
import { Handlers, type Handler } from "./handlers.ts";
import type { Hub } from "./hub.ts";
import { MAX_TIMEOUT_MS } from "./inbound.ts";
import { KeyMemory } from "./key-memory.ts";
import type { BusLink } from "./link.ts";
import { named, tooMany, wrongWay } from "./refusals.ts";
import { addresseeOf, isMeant, noPeer } from "./route.ts";
import type { Rule } from "./topics.ts";
import type { Wish } from "./wish.ts";

/** Requests of one bus: handlers, routes, deadlines, keys. Every wait ends: answer, deadline, cancel or close. */
export class Requests implements AskOwner {
  readonly deadlines: Deadlines;
  readonly keys: KeyMemory;
  readonly #hub: Hub;
  readonly handlers: Handlers;
  /** No way yet, but a link that may bring one is opening. */
  readonly #parked: Set<Ask> = new Set<Ask>();
  readonly #open: Set<Ask> = new Set<Ask>();
  #lastId: number = 0;

  constructor(hub: Hub) {
    this.#hub = hub;
    this.deadlines = new Deadlines(hub.clock);
    this.keys = new KeyMemory(hub.clock);
    this.handlers = new Handlers(hub, this.keys);
  }

  get parked(): number {
    return this.#parked.size;
  }

  handle(name: string, handler: Handler): Wish {
    const wish = this.handlers.add(this.#command(name, "handle"), handler);
    this.retry();
    return wish;
  }

  /** Is there a way for `name`, here or over a link other than `except`? */
  hasWay(name: string, except?: BusLink): boolean {
    const { links } = this.#hub.network;
    if (this.handlers.isEmpty && links.length === 0) return false;
    if (this.handlers.has(name)) return true;
    for (const link of links) if (link !== except && link.handles(name)) return true;
    return false;
  }

  request(name: string, input: unknown, options: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const rule = this.#command(name, "request");
      if (rule.from !== undefined && !rule.from.has(this.#hub.role)) {
        throw wrongWay(name, this.#hub.role, [...(rule.to ?? [])].join(", "));
      }
      const data = rule.check(input);
      if (signal?.aborted === true) throw cancelledBefore(name, signal.reason);
      const stop = (): void => ask.abandon("CANCELLED", "the caller cancelled it", signal?.reason);
      const ask = this.start(rule, data, options, (outcome) => {
        signal?.removeEventListener("abort", stop);
        if ("failure" in outcome) reject(outcome.failure);
        else resolve(outcome.reply);
      });
      signal?.addEventListener("abort", stop, { once: true });
      this.depart(ask);
    });
  }

  /** An own request begins: through the middleware, on its way, heard by whoever listens. */
  depart(ask: Ask): void {
    const go = (data: unknown): BusLink | undefined => {
      if (ask.isSettled) return undefined; // Cancelled, or too late, while a middleware awaited.
      ask.data = data;
      return this.route(ask);
    };
    this.#hub.passage.asking(ask, this.#isForThis(ask) && this.handlers.has(ask.rule.name), go);
  }

  /** An own request, not on its way yet: `route` sends it. */
  start(rule: Rule, data: unknown, options: RequestOptions, settle: (outcome: Outcome) => void): Ask {
    const timeoutMs = options.timeoutMs ?? rule.timeoutMs;
    if (!(timeoutMs >= 0)) throw new RangeError(`Cannot request "${rule.name}" within ${timeoutMs} ms: use 0 or more`);
    const origin = { busId: this.#hub.id, role: this.#hub.role };
    const key = options.key ?? (rule.idempotent ? `${this.#hub.id}:${++this.#lastId}` : undefined);
    const report = options.onProgress;
    const onProgress = (progress: unknown): void => {
      try {
        report?.(progress);
      } catch (fault) {
        this.#hub.fault(fault, { name: rule.name });
      }
    };
    const address = options.to && addresseeOf(options.to);
    return this.begin({ rule, data, key, from: undefined, origin, address, onProgress }, timeoutMs, settle);
  }

  #isForThis({ rule, address }: Ask): boolean {
    const { id, role } = this.#hub;
    return address === undefined || isMeant(rule, { to: address }, { busId: id, role });
  }

  #leadsTo(link: BusLink, { rule, address }: Ask): boolean {
    return address === undefined || link.reached.some((origin) => isMeant(rule, { to: address }, origin));
  }

  #refuse(ask: Ask): void {
    const { rule, address, from } = ask;
    const links = this.#hub.network.links.filter((link) => link !== from);
    if (address !== undefined && !this.#isForThis(ask) && !links.some((link) => this.#leadsTo(link, ask)))
      return ask.settle({ failure: noPeer(rule.name, { to: address }) });
    const who = address && (address.busId ?? address.role);
    // What became of the links of this bus is told to its own callers alone.
    const { text } = this.#hub.network.wayOut();
    const plain = `nobody${who === undefined ? "" : ` of "${who}"`} handles it; start its handler, and check the contract's direction`;
    ask.fail("NO_HANDLER", from === undefined && who === undefined ? text : plain);
  }

  /** Sends it where it is handled: here, else over the link with the fewest open requests. Gives back the link. */
  route(ask: Ask): BusLink | undefined {
    const { rule } = ask;
    if (this.#isForThis(ask) && this.handlers.serve(ask)) return undefined;
    let best: BusLink | undefined;
    let isOpening = false;
    for (const link of this.#hub.network.links) {
      if (link === ask.from || link.isClosed) continue;
      if (!link.isTold) isOpening = true;
      if (!link.handles(rule.name) || !this.#leadsTo(link, ask)) continue;
      if (best === undefined || link.asked.size < best.asked.size) best = link;
    }
    if (best !== undefined) this.send(ask, best);
    else if (!isOpening) this.#refuse(ask);
    else if (this.#parked.size >= this.#hub.limits.waiting) {
      ask.fail("LIMIT", `${this.#parked.size} requests wait for a link to open already; wait for link.ready`);
    } else this.#parked.add(ask);
    return best;
  }

  send(ask: Ask, link: BusLink): void {
    const { rule, data, key, from, origin, trace, address } = ask;
    if (link.asked.size >= this.#hub.limits.requests) {
      return ask.settle({ failure: tooMany("requests", this.#hub.limits.requests) });
    }
    const id = ++this.#lastId;
    ask.id = id;
    ask.to = link;
    link.asked.set(id, ask);
    const timeoutMs = Math.max(1, ask.dueAt - this.#hub.clock.monotonic());
    try {
      link.send(
        {
          t: "request",
          id,
          name: rule.name,
          data: link.streams.lift(rule.streams, data, rule.name),
          timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : MAX_TIMEOUT_MS,
          ...(key === undefined ? {} : { key }),
          ...(from === undefined ? {} : { origin }),
          ...(trace === undefined ? {} : { trace }),
          ...(address === undefined ? {} : { to: address }),
        },
        rule.policy.lane,
      );
    } catch (fault) {
      ask.settle({ failure: named(fault, rule.name) });
    }
  }

  /** A way may have opened or closed: what is parked tries again. */
  retry(): void {
    for (const ask of Array.from(this.#parked)) {
      this.#parked.delete(ask);
      this.route(ask);
    }
  }

  forget(ask: Ask): void {
    this.#open.delete(ask);
    this.#parked.delete(ask);
    ask.to?.asked.delete(ask.id);
  }

  close(): void {
    for (const ask of Array.from(this.#open)) ask.abandon("CLOSED", "its bus was closed");
    this.deadlines.clear();
    this.keys.clear(new EventsError("CLOSED", "Cannot complete the request: its bus was closed"));
    this.handlers.clear();
  }

  begin(
    facts: Omit<ConstructorParameters<typeof Ask>[1], "dueAt">,
    timeoutMs: number,
    settle: (outcome: Outcome) => void,
  ): Ask {
    const dueAt = this.#hub.clock.monotonic() + timeoutMs;
    const ask = new Ask(this, { ...facts, dueAt }, settle);
    this.#open.add(ask);
    ask.stopTimer = this.deadlines.add(timeoutMs, () =>
      ask.abandon("TIMEOUT", `no answer within ${timeoutMs} ms; raise timeoutMs, or see why its handler takes so long`),
    );
    return ask;
  }

  #command(name: string, action: string): Rule {
    const rule = this.#hub.topics.need(name, action).command;
    if (rule !== undefined) return rule;
    throw new EventsError(
      "NOT_A_COMMAND",
      `Cannot ${action} "${name}": the contract has it as an event; use emit and on, or define it with command(…)`,
      { name },
    );
  }
}

function cancelledBefore(name: string, cause: unknown): EventsError {
  const text = `Cannot request "${name}": its signal was aborted before it began`;
  return new EventsError("CANCELLED", text, { name }, { cause });
}
