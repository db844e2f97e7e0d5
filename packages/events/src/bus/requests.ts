import { Deadlines } from "../core/deadlines.ts";
import { isThenable } from "../core/emitter.ts";
import { EventsError, type EventsErrorCode } from "../core/errors.ts";
import type { Message, Origin, WireError } from "../session/messages.ts";
import type { Peer } from "../session/session.ts";
import type { HandlerContext, RequestOptions } from "./event-bus.ts";
import { asFailure, fromWire, isHidden, toWire } from "./failures.ts";
import type { Hub } from "./hub.ts";
import { KeyMemory } from "./key-memory.ts";
import type { BusLink } from "./link.ts";
import { enter, grantsRight, leave } from "./permission.ts";
import { denied, tooMany, unknown, wrongWay } from "./refusals.ts";
import type { Rule } from "./topics.ts";
import { Wish } from "./wish.ts";

export type Handler = (input: unknown, context: HandlerContext) => unknown;
export type Outcome = { readonly reply: unknown } | { readonly failure: EventsError };
type RequestMessage = Extract<Message, { t: "request" }>;

/** One request on its way: made here or taken from a link, answered here or passed on. Settles exactly once. */
export class Ask {
  readonly rule: Rule;
  readonly data: unknown;
  readonly key: string | undefined;
  /** Whom the answer goes back to; undefined for this bus's own. */
  readonly from: BusLink | undefined;
  readonly origin: Origin;
  readonly dueAt: number;
  readonly onProgress: (data: unknown) => void;
  /** Where it went, and its number there. */
  to: BusLink | undefined;
  id: number = 0;
  isSettled: boolean = false;
  /** Called once, when it is settled by anything but its handler. */
  onAbandon: ((why: EventsError) => void) | undefined;
  stopTimer: () => void = () => undefined;
  readonly #owner: Requests;
  readonly #settle: (outcome: Outcome) => void;

  constructor(
    owner: Requests,
    facts: Pick<Ask, "rule" | "data" | "key" | "from" | "origin" | "dueAt" | "onProgress">,
    settle: (outcome: Outcome) => void,
  ) {
    this.#owner = owner;
    this.rule = facts.rule;
    this.data = facts.data;
    this.key = facts.key;
    this.from = facts.from;
    this.origin = facts.origin;
    this.dueAt = facts.dueAt;
    this.onProgress = facts.onProgress;
    this.#settle = settle;
  }

  settle(outcome: Outcome): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.stopTimer();
    this.#owner.forget(this);
    this.#settle(outcome);
  }

  fail(code: EventsErrorCode, why: string): void {
    this.settle({
      failure: new EventsError(code, `Cannot complete "${this.rule.name}": ${why}`, { name: this.rule.name }),
    });
  }

  /** Ends it from the caller's side; whoever works on it is told. */
  abandon(code: EventsErrorCode, why: string): void {
    if (this.isSettled) return;
    const { to, id, rule } = this;
    this.fail(code, why);
    if (to !== undefined) to.send({ t: "cancel", id, reason: why }, rule.policy.lane);
    this.onAbandon?.(new EventsError(code, `Cannot complete "${rule.name}": ${why}`, { name: rule.name }));
  }

  replied(data: unknown): void {
    try {
      this.settle({ reply: this.rule.checkReply(data) });
    } catch (fault) {
      this.settle({ failure: fault as EventsError });
    }
  }

  failed(error: WireError): void {
    this.settle({ failure: fromWire(error, this.rule.name) });
  }

  progressed(data: unknown): void {
    if (!this.isSettled) this.onProgress(data);
  }

  cancelled(reason: string | undefined): void {
    this.abandon("CANCELLED", reason ?? "the caller cancelled it");
  }

  /** The link it was sent over is closed, or began a new session (`mayResend`) that knows nothing of it. */
  lostLink(mayResend: boolean): void {
    const { to } = this;
    this.to = undefined;
    if (this.isSettled) return;
    if (mayResend && to !== undefined && this.key !== undefined && this.rule.idempotent)
      return this.#owner.send(this, to);
    this.fail(
      "OUTCOME_UNKNOWN",
      "the link was lost after it was sent, and its handler may or may not have run; ask for the state, or make the command idempotent",
    );
  }

  /** The caller's link is gone. What is remembered by its key runs on: the caller may come back and ask again. */
  callerGone(): void {
    if (this.key === undefined) this.abandon("LINK_LOST", "the caller's link is gone");
    else this.settle({ failure: new EventsError("LINK_LOST", "the caller's link is gone") });
  }
}

/** Requests of one bus: handlers, routes, deadlines, keys. Every wait ends: answer, deadline, cancel or close. */
export class Requests {
  readonly deadlines: Deadlines;
  readonly keys: KeyMemory;
  readonly #hub: Hub;
  readonly #handlers: Map<string, { handler: Handler; wish: Wish }> = new Map<
    string,
    { handler: Handler; wish: Wish }
  >();
  /** No way yet, but a link that may bring one is opening. */
  readonly #parked: Set<Ask> = new Set<Ask>();
  readonly #open: Set<Ask> = new Set<Ask>();
  #lastId: number = 0;

  constructor(hub: Hub) {
    this.#hub = hub;
    this.deadlines = new Deadlines(hub.clock);
    this.keys = new KeyMemory(hub.clock);
  }

  get names(): string[] {
    return [...this.#handlers.keys()];
  }

  get parked(): number {
    return this.#parked.size;
  }

  handlerWish(name: string): Wish | undefined {
    return this.#handlers.get(name)?.wish;
  }

  handle(name: string, handler: Handler): Wish {
    const rule = this.#command(name, "handle");
    if (rule.to !== undefined && !rule.to.has(this.#hub.role))
      throw wrongWay(name, [...(rule.from ?? [])].join(", "), this.#hub.role);
    if (this.#handlers.has(name)) {
      throw new EventsError(
        "HANDLER_EXISTS",
        `Cannot handle "${name}": this bus has a handler for it; stop that one first`,
        { name },
      );
    }
    const wish = new Wish("handle", name, undefined, undefined);
    this.#handlers.set(name, { handler, wish });
    this.#hub.addWish(wish);
    this.retry();
    return wish;
  }

  unhandle(name: string, wish: Wish): void {
    if (this.#handlers.get(name)?.wish !== wish) return;
    this.#handlers.delete(name);
    this.#hub.removeWish(wish);
  }

  /** Is there a way for `name`, here or over a link other than `except`? */
  hasWay(name: string, except?: BusLink): boolean {
    if (this.#handlers.has(name)) return true;
    for (const link of this.#hub.links) if (link !== except && link.handles(name)) return true;
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
      if (signal?.aborted === true) throw cancelledBefore(name);
      const stop = (): void => ask.abandon("CANCELLED", "the caller cancelled it");
      const ask = this.start(rule, data, options, (outcome) => {
        signal?.removeEventListener("abort", stop);
        if ("failure" in outcome) reject(outcome.failure);
        else resolve(outcome.reply);
      });
      signal?.addEventListener("abort", stop, { once: true });
      this.#hub.observed(rule, data, this.route(ask));
    });
  }

  /** An own request, not on its way yet: `route` sends it. */
  start(rule: Rule, data: unknown, options: RequestOptions, settle: (outcome: Outcome) => void): Ask {
    const timeoutMs = options.timeoutMs ?? rule.timeoutMs;
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
    return this.#begin({ rule, data, key, from: undefined, origin, onProgress }, timeoutMs, settle);
  }

  /** A request from a link. Checked here: direction, right, payload, count. */
  received(link: BusLink, peer: Peer, message: RequestMessage, origin: Origin): void {
    const { id, name } = message;
    const topic = this.#hub.topics.get(name);
    const rule = topic?.command;
    const lane = rule?.policy.lane ?? "control";
    const answer = (outcome: Outcome): void => {
      link.serving.delete(id);
      this.#answer(link, id, lane, outcome);
    };
    const refuse = (kind: "unknown" | "direction" | "denied" | "invalid" | "too-many", failure: EventsError): void => {
      link.violate(kind, failure);
      this.#answer(link, id, lane, { failure });
    };
    if (rule === undefined || !link.carries(topic?.contract)) return refuse("unknown", unknown(name, peer));
    if (link.serving.has(id) || link.serving.size >= this.#hub.limits.requests) {
      return refuse("too-many", tooMany("requests", this.#hub.limits.requests));
    }
    if (rule.from !== undefined && !rule.from.has(origin.role))
      return refuse("direction", wrongWay(name, origin.role, this.#hub.role));
    if (rule.needs !== undefined && !grantsRight(peer, rule.needs))
      return refuse("denied", denied(name, rule.needs, peer));
    let data: unknown;
    try {
      data = rule.check(message.data);
    } catch (fault) {
      return refuse("invalid", fault as EventsError);
    }
    const key = typeof message.key === "string" ? message.key.slice(0, 256) : undefined;
    const timeoutMs = message.timeoutMs > 0 ? Math.min(message.timeoutMs, MAX_TIMEOUT_MS) : rule.timeoutMs;
    const onProgress = (progress: unknown): void => this.#progress(link, id, lane, progress);
    this.#hub.entering(
      link,
      rule,
      data,
      { name, origin, peer },
      (passed) => {
        const ask = this.#begin({ rule, data: passed, key, from: link, origin, onProgress }, timeoutMs, answer);
        link.serving.set(id, ask);
        this.#hub.observed(rule, passed, this.route(ask), link, { name, origin, peer });
      },
      answer,
    );
  }

  /** Sends it where it is handled: here, else over the link with the fewest open requests. Gives back the link. */
  route(ask: Ask): BusLink | undefined {
    const { name, to } = ask.rule;
    const own = this.#handlers.get(name);
    if (own !== undefined) {
      this.#serve(ask, own.handler);
      return undefined;
    }
    let best: BusLink | undefined;
    let isOpening = false;
    for (const link of this.#hub.links) {
      if (link === ask.from || link.isClosed) continue;
      if (!link.isTold) isOpening = true;
      if (!link.handles(name) || !link.reaches(to)) continue;
      if (best === undefined || link.asked.size < best.asked.size) best = link;
    }
    if (best !== undefined) this.send(ask, best);
    else if (!isOpening)
      ask.fail("NO_HANDLER", "nobody handles it; start its handler, and check the contract's direction");
    else if (this.#parked.size >= this.#hub.limits.waiting) {
      ask.fail("LIMIT", `${this.#parked.size} requests wait for a link to open already; wait for link.ready`);
    } else this.#parked.add(ask);
    return best;
  }

  send(ask: Ask, link: BusLink): void {
    const { rule, data, key, from, origin } = ask;
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
          data,
          timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : MAX_TIMEOUT_MS,
          ...(key === undefined ? {} : { key }),
          ...(from === undefined ? {} : { origin }),
        },
        rule.policy.lane,
      );
    } catch (fault) {
      ask.settle({ failure: fault as EventsError });
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
    this.keys.clear();
    this.#handlers.clear();
  }

  #begin(
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

  #serve(ask: Ask, handler: Handler): void {
    if (ask.key === undefined) {
      this.#run(ask, handler, ask);
      return;
    }
    const scope = ask.from?.peer?.user ?? ask.from?.peer?.busId ?? this.#hub.id;
    const key = `${scope}\n${ask.rule.name}\n${ask.key}`;
    const known = this.keys.find(key);
    if (known !== undefined) return known.wait(ask);
    const keyed = this.keys.begin(key);
    if (keyed === undefined) return ask.fail("LIMIT", "too many keyed requests are open; wait for some to end");
    keyed.wait(ask);
    this.#run(ask, handler, keyed);
  }

  #run(ask: Ask, handler: Handler, work: Pick<Ask, "settle" | "onAbandon">): void {
    const { rule, from, origin } = ask;
    let controller: AbortController | undefined;
    let abandoned: EventsError | undefined;
    work.onAbandon = (why) => {
      abandoned = why;
      controller?.abort(why);
    };
    const context: HandlerContext = {
      ...(from?.peer === undefined ? {} : { peer: from.peer }),
      origin,
      // Made when it is asked for: most handlers never look.
      get signal() {
        if (controller === undefined) {
          controller = new AbortController();
          if (abandoned !== undefined) controller.abort(abandoned);
        }
        return controller.signal;
      },
      progress: (data) => ask.progressed(data),
    };
    const succeed = (reply: unknown): void => {
      try {
        work.settle({ reply: rule.checkReply(reply) });
      } catch (fault) {
        // The handler's own mistake: its side must see it too.
        if (from !== undefined) this.#hub.fault(fault, { name: rule.name, link: from });
        work.settle({ failure: fault as EventsError });
      }
    };
    const fail = (fault: unknown): void => {
      if (from !== undefined && isHidden(fault)) this.#hub.fault(fault, { name: rule.name, link: from });
      work.settle({ failure: asFailure(fault, rule.name, this.#hub.exposesErrors) });
    };
    const before = enter(from?.peer);
    try {
      const result = handler(ask.data, context);
      if (isThenable(result)) result.then(succeed, fail);
      else succeed(result);
    } catch (fault) {
      fail(fault);
    } finally {
      leave(before);
    }
  }

  #answer(link: BusLink, id: number, lane: Rule["policy"]["lane"], outcome: Outcome): void {
    const failure = "failure" in outcome ? outcome.failure : this.#tryReply(link, id, lane, outcome.reply);
    if (failure === undefined) return;
    try {
      link.send({ t: "error", id, error: toWire(failure, this.#hub.exposesErrors) }, lane);
    } catch {
      // Details that cannot cross: the code and the text always can.
      link.send({ t: "error", id, error: { code: failure.code, message: failure.message } }, lane);
    }
  }

  #tryReply(link: BusLink, id: number, lane: Rule["policy"]["lane"], data: unknown): EventsError | undefined {
    try {
      link.send({ t: "reply", id, data }, lane);
      return undefined;
    } catch (fault) {
      this.#hub.fault(fault, { link });
      return fault as EventsError;
    }
  }

  #progress(link: BusLink, id: number, lane: Rule["policy"]["lane"], data: unknown): void {
    try {
      link.send({ t: "progress", id, data }, lane);
    } catch (fault) {
      this.#hub.fault(fault, { link });
    }
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

/** A day: longer than any caller waits, and a bound on what a peer can make this side keep. */
const MAX_TIMEOUT_MS = 86_400_000;

function cancelledBefore(name: string): EventsError {
  return new EventsError("CANCELLED", `Cannot request "${name}": its signal was aborted before it began`, { name });
}
