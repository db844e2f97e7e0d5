import type { EventsError } from "../core/errors.ts";
import type { Message, Origin } from "../session/messages.ts";
import type { Peer, Violation } from "../session/session.ts";
import type { Outcome } from "./ask.ts";
import type { Meta } from "./event-bus.ts";
import { toWire } from "./failures.ts";
import type { Hub } from "./hub.ts";
import type { BusLink } from "./link.ts";
import { grantsRight } from "./permission.ts";
import { denied, tooMany, unknown, wrongWay } from "./refusals.ts";
import type { Rule } from "./topics.ts";

type RequestMessage = Extract<Message, { t: "request" }>;

/** A day: longer than any caller waits, and a bound on what a peer can make this side keep. */
export const MAX_TIMEOUT_MS = 86_400_000;
/** Characters of an idempotency key that count. */
const KEY_LENGTH = 256;

/** Takes a request from a link: checked (name, count, direction, right, payload), through the middleware, on its way. */
export function takeRequest(hub: Hub, link: BusLink, peer: Peer, message: RequestMessage, origin: Origin): void {
  const { id, name } = message;
  const topic = hub.topics.get(name);
  const rule = topic?.command;
  const back = new WayBack(hub, link, id, rule);
  const refuse = (kind: Violation, failure: EventsError): void => {
    link.violate(kind, failure);
    back.answer({ failure });
  };
  if (rule === undefined || !link.carries(topic?.contract)) return refuse("unknown", unknown(name, peer));
  if (link.serving.has(id) || link.serving.size >= hub.limits.requests) {
    return refuse("too-many", tooMany("requests", hub.limits.requests));
  }
  if (rule.from !== undefined && !rule.from.has(origin.role)) {
    return refuse("direction", wrongWay(name, origin.role, hub.role));
  }
  if (!hub.network.allows(rule, message.to, { busId: hub.id, role: hub.role })) {
    return refuse("direction", wrongWay(name, origin.role, message.to?.role ?? hub.role));
  }
  if (rule.needs !== undefined && !grantsRight(peer, rule.needs)) {
    return refuse("denied", denied(name, rule.needs, peer));
  }
  let data: unknown;
  try {
    data = rule.check(link.streams.land(rule.streams, message.data));
  } catch (fault) {
    return refuse("invalid", fault as EventsError);
  }
  const meta = metaOf(message, origin, peer);
  const go = (passed: unknown, settled?: (outcome: Outcome) => void): void =>
    begin(hub, link, rule, passed, message, origin, back, settled);
  hub.passage.entering(link, rule, data, meta, go, (outcome) => back.answer(outcome));
}

function begin(
  hub: Hub,
  link: BusLink,
  rule: Rule,
  data: unknown,
  message: RequestMessage,
  origin: Origin,
  back: WayBack,
  settled: ((outcome: Outcome) => void) | undefined,
): void {
  const { peer } = link;
  if (link.isClosed || peer === undefined) return; // It closed while a middleware awaited: nobody waits for an answer.
  const { id, key, timeoutMs, trace } = message;
  const ask = hub.requests.begin(
    {
      rule,
      data,
      key: key?.slice(0, KEY_LENGTH),
      from: link,
      origin,
      address: message.to,
      onProgress: (progress) => back.progress(progress),
    },
    timeoutMs > 0 ? Math.min(timeoutMs, MAX_TIMEOUT_MS) : rule.timeoutMs,
    (outcome) => {
      link.serving.delete(id);
      back.answer(outcome);
    },
  );
  ask.onSettled = settled;
  ask.trace = trace;
  link.serving.set(id, ask);
  hub.passage.observed(ask, hub.requests.route(ask), metaOf(message, origin, peer));
}

function metaOf({ name, trace }: RequestMessage, origin: Origin, peer: Peer): Meta {
  return { name, origin, peer, ...(trace === undefined ? {} : { trace }) };
}

/** How one request is answered. What cannot cross is a fault of this side, and the caller hears of it too. */
class WayBack {
  readonly #hub: Hub;
  readonly #link: BusLink;
  readonly #id: number;
  readonly #rule: Rule | undefined;

  constructor(hub: Hub, link: BusLink, id: number, rule: Rule | undefined) {
    this.#hub = hub;
    this.#link = link;
    this.#id = id;
    this.#rule = rule;
  }

  answer(outcome: Outcome): void {
    const failure =
      "failure" in outcome ? outcome.failure : this.#send({ t: "reply", id: this.#id, data: outcome.reply });
    if (failure === undefined) return;
    const { code, message } = failure;
    const error = toWire(failure, this.#hub.exposesErrors);
    // Details may hold what cannot cross; the code and the text always can.
    if (this.#send({ t: "error", id: this.#id, error }) !== undefined) {
      this.#send({ t: "error", id: this.#id, error: { code, message } });
    }
  }

  progress(data: unknown): void {
    this.#send({ t: "progress", id: this.#id, data });
  }

  #send(message: Message): EventsError | undefined {
    try {
      const { name = "", policy, replyStreams } = this.#rule ?? {};
      const out =
        message.t === "reply"
          ? { ...message, data: this.#link.streams.lift(replyStreams, message.data, name) }
          : message;
      this.#link.send(out, policy?.lane ?? "control");
      return undefined;
    } catch (fault) {
      this.#hub.fault(fault, { link: this.#link });
      return fault as EventsError;
    }
  }
}
