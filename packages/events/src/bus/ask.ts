import { EventsError, type EventsErrorCode } from "../core/errors.ts";
import type { Address, Origin, WireError } from "../session/messages.ts";
import { fromWire } from "./failures.ts";
import type { BusLink } from "./link.ts";
import type { Rule } from "./topics.ts";

export type Outcome = { readonly reply: unknown } | { readonly failure: EventsError };

/** The requests of the bus, as one of them sees it. */
export interface AskOwner {
  send(ask: Ask, link: BusLink): void;
  forget(ask: Ask): void;
}

/** One request on its way: made here or taken from a link, answered here or passed on. Settles exactly once. */
export class Ask {
  readonly rule: Rule;
  /** A middleware of this side may replace it before it is sent. */
  data: unknown;
  readonly key: string | undefined;
  /** Whom the answer goes back to; undefined for this bus's own. */
  readonly from: BusLink | undefined;
  readonly origin: Origin;
  /** Who shall answer; undefined: whoever handles it. */
  readonly address: Address | undefined;
  readonly dueAt: number;
  readonly onProgress: (data: unknown) => void;
  /** Where it went, and its number there. */
  to: BusLink | undefined;
  id: number = 0;
  isSettled: boolean = false;
  /** Called once, when it is settled by anything but its handler. */
  onAbandon: ((why: EventsError) => void) | undefined;
  /** Called once, with how it ended. */
  onSettled: ((outcome: Outcome) => void) | undefined;
  /** W3C `traceparent` that travels with it. */
  trace: string | undefined;
  stopTimer: () => void = () => undefined;
  readonly #owner: AskOwner;
  readonly #settle: (outcome: Outcome) => void;

  constructor(
    owner: AskOwner,
    facts: Pick<Ask, "rule" | "data" | "key" | "from" | "origin" | "address" | "dueAt" | "onProgress">,
    settle: (outcome: Outcome) => void,
  ) {
    this.#owner = owner;
    this.rule = facts.rule;
    this.data = facts.data;
    this.key = facts.key;
    this.from = facts.from;
    this.origin = facts.origin;
    this.address = facts.address;
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
    this.onSettled?.(outcome);
  }

  fail(code: EventsErrorCode, why: string, cause?: unknown): void {
    this.settle({ failure: this.#failure(code, why, cause) });
  }

  #failure(code: EventsErrorCode, why: string, cause: unknown): EventsError {
    const { name } = this.rule;
    return new EventsError(code, `Cannot complete "${name}": ${why}`, { name }, cause === undefined ? {} : { cause });
  }

  /** Ends it from the caller's side; whoever works on it is told. */
  abandon(code: EventsErrorCode, why: string, cause?: unknown): void {
    if (this.isSettled) return;
    const { to, id, rule } = this;
    this.fail(code, why, cause);
    if (to !== undefined) to.send({ t: "cancel", id, reason: why }, rule.policy.lane);
    this.onAbandon?.(this.#failure(code, why, cause));
  }

  replied(data: unknown): void {
    try {
      const { rule, to } = this;
      this.settle({ reply: rule.checkReply(to === undefined ? data : to.streams.land(rule.replyStreams, data)) });
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
    const isWhole = this.rule.streams === undefined; // What was read of a stream cannot be sent again.
    if (mayResend && isWhole && to !== undefined && this.key !== undefined && this.rule.idempotent)
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
