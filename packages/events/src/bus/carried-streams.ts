import { EventsError } from "../core/errors.ts";
import type { FlowStep, LinkStreams, StreamFields, StreamGauges, StreamPlace } from "../core/stream-fields.ts";
import type { Message, WireError } from "../session/messages.ts";
import { asFailure, fromWire, isHidden, toWire } from "./failures.ts";
import type { Hub } from "./hub.ts";
import type { BusLink } from "./link.ts";

type Flow = Extract<Message, { t: "flow" }>;

/** The streams in payloads that cross one link: a number stands for each of them on the wire. */
export class CarriedStreams {
  readonly #hub: Hub;
  readonly #link: BusLink;
  /** Those of the session; made when the first one crosses. */
  #streams: LinkStreams | undefined;

  constructor(hub: Hub, link: BusLink) {
    this.#hub = hub;
    this.#link = link;
  }

  /** The payload as it leaves. Throws LIMIT, and LINK_LOST where nobody can read them any more. */
  lift(fields: StreamFields | undefined, data: unknown, name: string): unknown {
    if (fields === undefined || typeof data !== "object" || data === null) return data;
    if (this.#link.isClosed) throw new EventsError("LINK_LOST", "Cannot send a stream: the link is gone");
    const streams = this.#open(fields);
    const lifted: Record<string, unknown> = { ...data };
    for (const field of fields.names)
      if (lifted[field] !== undefined) lifted[field] = streams.give(lifted[field], { name, field });
    return lifted;
  }

  /** The payload as it came, with streams to read. Throws PROTOCOL or LIMIT. */
  land(fields: StreamFields | undefined, data: unknown): unknown {
    if (fields === undefined || typeof data !== "object" || data === null) return data;
    const streams = this.#open(fields);
    const landed: Record<string, unknown> = { ...data };
    for (const name of fields.names) if (Object.hasOwn(landed, name)) landed[name] = streams.take(landed[name]);
    return landed;
  }

  said({ id, step, data }: Flow): void {
    if (this.#streams === undefined) {
      return this.#link.violate("protocol", new EventsError("PROTOCOL", `Cannot read stream ${id}: none was opened`));
    }
    this.#streams.said(step, id, step === "fail" ? fromWire(data as WireError, "the stream") : data);
  }

  end(why: EventsError): void {
    const streams = this.#streams;
    this.#streams = undefined;
    streams?.end(why);
  }

  gauges(): StreamGauges | undefined {
    return this.#streams?.gauges();
  }

  #open(fields: StreamFields): LinkStreams {
    this.#streams ??= fields.open({
      clock: this.#hub.clock,
      room: () => this.#link.room(),
      send: (step, id, data) => this.#send(step, id, data),
      fail: (id, fault, place) => this.#fail(id, fault, place),
    });
    return this.#streams;
  }

  /** What the reader says overtakes; what the giver says stays in order, and behind everything else. */
  #send(step: FlowStep, id: number, data: unknown): void {
    this.#link.send({ t: "flow", id, step, data }, step === "pull" || step === "stop" ? "control" : "bulk");
  }

  #fail(id: number, fault: unknown, { name, field }: StreamPlace): void {
    const { exposesErrors } = this.#hub;
    if (isHidden(fault)) this.#hub.fault(fault, { name, link: this.#link });
    this.#send("fail", id, toWire(asFailure(fault, name, exposesErrors, field), exposesErrors));
  }
}
