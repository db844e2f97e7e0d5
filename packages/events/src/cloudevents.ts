/** CloudEvents 1.0 at the edge: a message of the bus as an envelope that other systems read, in the structured JSON mode. */
import type { Meta } from "./bus/event-bus.ts";
import { EventsError } from "./core/errors.ts";
import { newId, systemRandom } from "./core/ids.ts";
import { systemClock } from "./core/system-clock.ts";
import { pathText } from "./wire/path.ts";

/** Media type of one envelope in JSON. */
export const CLOUDEVENT_TYPE = "application/cloudevents+json";

/** The envelope, ready for `JSON.stringify`. Attributes that are not named here stand beside them. */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  /** URI of where it happened. */
  readonly source: string;
  /** The name of the event. */
  readonly type: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly data?: unknown;
  /** Bytes, in place of `data`. */
  readonly data_base64?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
  readonly [attribute: string]: unknown;
}

export interface CloudEventOptions {
  /** Default: `urn:atomiton:<role>:<bus id>` of the origin. */
  readonly source?: string;
}

/** What an envelope says. Believe of it what you believe of whoever sent it. */
export interface FromCloudEvent {
  readonly name: string;
  readonly data: unknown;
  readonly id: string;
  readonly source: string;
  /** Milliseconds since 1970. */
  readonly ts?: number;
  readonly trace?: string;
}

/** As deep as a payload may be anywhere. */
const MAX_DEPTH = 64;

/**
 * Puts a message in an envelope. `id` and `time` are those of the message where it has them (durable events do), else new.
 * Bytes (`Uint8Array`) become `data_base64`. Throws UNCLONEABLE, with the path, for what JSON would drop or change.
 *
 * @example events.on("runtime:completed", (data, meta) => post(JSON.stringify(toCloudEvent(data, meta))));
 */
export function toCloudEvent(
  data: unknown,
  meta: Pick<Meta, "name" | "origin" | "id" | "ts" | "trace">,
  options: CloudEventOptions = {},
): CloudEvent {
  if (typeof meta?.name !== "string" || meta.origin === undefined)
    throw new TypeError("Cannot make a CloudEvent: its meta has no name and origin; use what on() hears: (data, meta)");
  const { name, origin, id = newId(systemRandom), ts = systemClock.now(), trace } = meta;
  const head = {
    specversion: "1.0" as const,
    id,
    source:
      options.source ?? `urn:atomiton:${encodeURIComponent(origin.role || "bus")}:${encodeURIComponent(origin.busId)}`,
    type: name,
    time: new Date(ts).toISOString(),
    ...(trace === undefined ? {} : { traceparent: trace }),
  };
  if (data === undefined) return head;
  if (data instanceof Uint8Array) {
    return { ...head, datacontenttype: "application/octet-stream", data_base64: base64Of(data) };
  }
  refuseLoss(name, data, ["data"], new Set());
  return { ...head, datacontenttype: "application/json", data };
}

/**
 * Reads an envelope, parsed from JSON. Throws INVALID_PAYLOAD where it is no CloudEvent 1.0. What is then emitted is
 * checked by the contract, as everything is.
 *
 * @example
 * const { name, data } = fromCloudEvent(JSON.parse(body));
 * if (name === "order:placed") events.emit(name, data as Order);
 */
export function fromCloudEvent(envelope: unknown): FromCloudEvent {
  if (typeof envelope !== "object" || envelope === null) throw invalid("it is no object");
  const { specversion, id, source, type, time, data, data_base64, traceparent } = envelope as Record<string, unknown>;
  if (specversion !== "1.0") throw invalid(`its specversion is ${JSON.stringify(specversion)}; use "1.0"`);
  const ts = time === undefined ? undefined : readTime(time);
  if (data_base64 !== undefined && data !== undefined) throw invalid("it has data and data_base64; leave one out");
  if (traceparent !== undefined && typeof traceparent !== "string") throw invalid("its traceparent is not text");
  return {
    name: textOf(type, "type"),
    data: data_base64 === undefined ? data : bytesOf(data_base64),
    id: textOf(id, "id"),
    source: textOf(source, "source"),
    ...(ts === undefined ? {} : { ts }),
    ...(traceparent === undefined ? {} : { trace: traceparent }),
  };
}

function invalid(why: string): EventsError {
  return new EventsError("INVALID_PAYLOAD", `Cannot read a CloudEvent: ${why}`);
}

function textOf(value: unknown, attribute: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`its ${attribute} is not a text of one character or more`);
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function readTime(time: unknown): number {
  const ts = typeof time === "string" && RFC_3339.test(time) ? Date.parse(time.toUpperCase()) : Number.NaN;
  if (Number.isNaN(ts)) throw invalid("its time is not as RFC 3339 writes it");
  return ts;
}

function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function bytesOf(base64: unknown): Uint8Array {
  try {
    return Uint8Array.from(atob(textOf(base64, "data_base64")), (char) => char.charCodeAt(0));
  } catch {
    throw invalid("its data_base64 is no base64");
  }
}

function refuseLoss(name: string, value: unknown, path: readonly (string | number)[], above: Set<unknown>): void {
  const refuse = (what: string): never => {
    const at = path.length === 1 ? "the payload" : pathText(path);
    throw new EventsError(
      "UNCLONEABLE",
      `Cannot write "${name}" as a CloudEvent: ${at} is ${what}, which JSON cannot carry; send plain data`,
      {
        name,
        path: pathText(path),
      },
    );
  };
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0)
      ? undefined
      : refuse(`${Object.is(value, -0) ? "-0" : value}`);
  if (typeof value !== "object") return refuse(typeof value);
  const isPlain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!isPlain) return refuse("an instance of a class");
  if (above.has(value)) return refuse("a cycle");
  if (path.length > MAX_DEPTH) return refuse(`deeper than ${MAX_DEPTH}`);
  above.add(value);
  const isList = Array.isArray(value);
  // A hole of a list is undefined here, and null in JSON.
  for (const [key, each] of isList ? value.entries() : Object.entries(value)) {
    // An own key without a value is left out by JSON, and means the same.
    if (each !== undefined || isList) refuseLoss(name, each, [...path, key], above);
  }
  above.delete(value);
}
