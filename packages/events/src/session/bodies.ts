/** Bodies of numbered frames are flat lists: so many slots a message, no object each. docs/protocol.md draws them. */
import { EventsError } from "../core/errors.ts";
import { FRAME_TYPE, LANES } from "../wire/frame.ts";
import { NO_EXTRA } from "./messages.ts";
import type { Address, EventExtra, Message, Origin, Since, Where, WireError } from "./messages.ts";

const AS = ["hear", "handle", "provide"] as const;
const STEPS = ["item", "end", "fail", "pull", "stop"] as const;
const NAME_LIMIT = 256;
const TEXT_LIMIT = 4_096;

const TYPE_OF: Readonly<Record<Message["t"], number>> = {
  sub: FRAME_TYPE.sub,
  unsub: FRAME_TYPE.unsub,
  suback: FRAME_TYPE.suback,
  request: FRAME_TYPE.request,
  reply: FRAME_TYPE.reply,
  error: FRAME_TYPE.error,
  progress: FRAME_TYPE.progress,
  cancel: FRAME_TYPE.cancel,
  flow: FRAME_TYPE.flow,
  behind: FRAME_TYPE.behind,
  lost: FRAME_TYPE.lost,
};

/** Slots a message takes in its frame. EVENTS has two or three an event and is read by itself. */
const STRIDE: ReadonlyMap<number, number> = new Map<number, number>([
  [FRAME_TYPE.sub, 5],
  [FRAME_TYPE.unsub, 1],
  [FRAME_TYPE.suback, 2],
  [FRAME_TYPE.request, 6],
  [FRAME_TYPE.reply, 2],
  [FRAME_TYPE.error, 2],
  [FRAME_TYPE.progress, 2],
  [FRAME_TYPE.cancel, 2],
  [FRAME_TYPE.flow, 3],
  [FRAME_TYPE.behind, 2],
  [FRAME_TYPE.lost, 6],
]);

export function typeOf(message: Message): number {
  return TYPE_OF[message.t];
}

export function slotsOf(message: Message): unknown[] {
  switch (message.t) {
    case "sub":
      return [message.id, AS.indexOf(message.as), message.pattern, message.where ?? null, message.since ?? null];
    case "unsub":
      return [message.id];
    case "suback":
      return [message.id, message.cursor ?? errorSlot(message.error)];
    case "request": {
      const { t: _, id, name, data, timeoutMs, key, ...extra } = message;
      return [id, name, data, timeoutMs, key ?? null, extraSlot(extra) ?? null];
    }
    case "reply":
    case "progress":
      return [message.id, message.data];
    case "error":
      return [message.id, errorSlot(message.error)];
    case "flow":
      return [message.id, message.data, STEPS.indexOf(message.step)];
    case "cancel":
      return [message.id, message.reason ?? null];
    case "behind":
      return [message.added.map(originSlot), [...message.removed]];
    case "lost": {
      const { lane, from, to, reason, names, sub } = message;
      return [LANES.indexOf(lane), from, to, reason, names ?? null, sub ?? null];
    }
  }
}

function errorSlot(error: WireError | undefined): unknown {
  if (error === undefined) return null;
  const slot: Record<string, unknown> = { code: error.code, message: error.message };
  if (error.details !== undefined) slot["details"] = error.details;
  if (error.stack !== undefined) slot["stack"] = error.stack;
  return slot;
}

export function originSlot(origin: Origin | undefined): unknown {
  return origin === undefined ? null : [origin.busId, origin.role];
}

export function extraSlot(extra: EventExtra | undefined): unknown {
  if (extra === undefined || extra === NO_EXTRA) return undefined;
  const slot: Record<string, unknown> = {};
  if (extra.id !== undefined) slot["i"] = extra.id;
  if (extra.origin !== undefined) slot["o"] = originSlot(extra.origin);
  if (extra.ts !== undefined) slot["t"] = extra.ts;
  if (extra.sub !== undefined) slot["s"] = extra.sub;
  if (extra.snapshot === true) slot["n"] = true;
  if (extra.replayed === true) slot["r"] = true;
  if (extra.trace !== undefined) slot["c"] = extra.trace;
  if (extra.to !== undefined) slot["d"] = addressSlot(extra.to);
  if (extra.except !== undefined) slot["x"] = extra.except;
  return Object.keys(slot).length === 0 ? undefined : slot;
}

/** What a receiver gets of `extra`: known fields of the right type, nothing else. Throws PROTOCOL. */
function readExtra(slot: unknown): EventExtra {
  if (slot === null || slot === undefined) return NO_EXTRA;
  const raw = record(slot, "a message's extra");
  const extra: { -readonly [K in keyof EventExtra]: EventExtra[K] } = {};
  if (raw["i"] !== undefined) extra.id = text(raw["i"], "a message's id");
  if (raw["o"] !== undefined) extra.origin = readOrigin(raw["o"]);
  if (raw["t"] !== undefined) extra.ts = finite(raw["t"], "a message's time");
  if (raw["s"] !== undefined) extra.sub = uint(raw["s"], "a message's subscription");
  if (raw["n"] === true) extra.snapshot = true;
  if (raw["r"] === true) extra.replayed = true;
  if (raw["c"] !== undefined) extra.trace = text(raw["c"], "a message's trace");
  if (raw["d"] !== undefined) extra.to = readAddress(raw["d"]);
  if (raw["x"] !== undefined) extra.except = text(raw["x"], "a message's exception");
  return extra;
}

const ADDRESS = ["bus", "role", "one"] as const;

function addressSlot(to: Address): unknown {
  return to.busId === undefined ? [to.one === true ? "one" : "role", to.role] : ["bus", to.busId];
}

function readAddress(slot: unknown): Address {
  if (!Array.isArray(slot) || slot.length !== 2) throw protocol("a message's address is malformed");
  const kind = ADDRESS.find((known) => known === slot[0]);
  if (kind === undefined) throw protocol("a message's address is of no known kind");
  const name = text(slot[1], "a message's address");
  if (kind === "bus") return { busId: name };
  return kind === "one" ? { role: name, one: true } : { role: name };
}

/** What one frame held: messages in order, and the faults of single ones, which fail alone. */
export interface BodyReader {
  event(name: string, data: unknown, extra: EventExtra): void;
  message(message: Message): void;
  fault(error: EventsError): void;
  /** Reading stops: the session ended in the middle of the frame. */
  readonly stopped: boolean;
}

/** Throws PROTOCOL when the body is not a list of whole messages. */
export function readBody(type: number, body: unknown, names: readonly string[], reader: BodyReader): void {
  if (!Array.isArray(body)) throw protocol("a frame's body is not a list");
  if (type === FRAME_TYPE.events) return readEvents(body, names, reader);
  const stride = STRIDE.get(type);
  if (stride === undefined) throw protocol(`type ${type} is not known`);
  if (body.length % stride !== 0) throw protocol(`its ${body.length} slots are not a multiple of ${stride}`);
  for (let at = 0; at < body.length && !reader.stopped; at += stride) {
    let message: Message;
    try {
      message = readMessage(type, body.slice(at, at + stride), names);
    } catch (error) {
      reader.fault(error as EventsError);
      continue;
    }
    reader.message(message);
  }
}

function readEvents(body: readonly unknown[], names: readonly string[], reader: BodyReader): void {
  for (let at = 0; at < body.length && !reader.stopped;) {
    const head = body[at];
    const slots = typeof head === "number" && head >= 0 ? 2 : 3;
    if (at + slots > body.length) return reader.fault(protocol("its last event is cut"));
    const data = body[at + 1];
    const slot = slots === 3 ? body[at + 2] : undefined;
    // Past this event before anything can fail: a bad one is skipped, never read again.
    at += slots;
    let name: string;
    let extra: EventExtra;
    try {
      name = nameOf(head, names);
      extra = readExtra(slot);
    } catch (error) {
      reader.fault(error as EventsError);
      continue;
    }
    reader.event(name, data, extra);
  }
}

function nameOf(head: unknown, names: readonly string[]): string {
  if (typeof head !== "number") return text(head, "an event's name");
  const name = names[head < 0 ? ~head : head];
  if (name === undefined) {
    throw new EventsError("UNKNOWN_EVENT", `Cannot read an event: number ${head} was not agreed`);
  }
  return name;
}

function readMessage(type: number, slots: readonly unknown[], names: readonly string[]): Message {
  const id = type === FRAME_TYPE.behind || type === FRAME_TYPE.lost ? 0 : uint(slots[0], "a message's id");
  switch (type) {
    case FRAME_TYPE.sub: {
      const as = AS[uint(slots[1], "an interest's kind")];
      if (as === undefined) throw protocol("an interest's kind is not known");
      const message = { t: "sub", id, as, pattern: text(slots[2], "an interest's pattern") } as const;
      const where = slots[3] === null ? undefined : (record(slots[3], "an interest's filter") as Where);
      const since = readSince(slots[4]);
      return { ...message, ...(where && { where }), ...(since !== undefined && { since }) };
    }
    case FRAME_TYPE.unsub:
      return { t: "unsub", id };
    case FRAME_TYPE.suback:
      if (typeof slots[1] === "string") return { t: "suback", id, cursor: text(slots[1], "a cursor", TEXT_LIMIT) };
      return { t: "suback", id, ...(slots[1] !== null && { error: readError(slots[1]) }) };
    case FRAME_TYPE.request: {
      const name = typeof slots[1] === "number" ? names[slots[1]] : text(slots[1], "a request's name");
      if (name === undefined)
        throw new EventsError("UNKNOWN_EVENT", "Cannot read a request: its number was not agreed");
      const { origin, trace, to } = readExtra(slots[5]);
      return {
        t: "request",
        id,
        name,
        data: slots[2],
        timeoutMs: finite(slots[3], "a request's deadline"),
        ...(slots[4] !== null && { key: text(slots[4], "a request's key") }),
        ...(origin && { origin }),
        ...(trace !== undefined && { trace }),
        ...(to && { to }),
      };
    }
    case FRAME_TYPE.reply:
      return { t: "reply", id, data: slots[1] };
    case FRAME_TYPE.progress:
      return { t: "progress", id, data: slots[1] };
    case FRAME_TYPE.flow: {
      const step = STEPS[uint(slots[2], "a stream's step")];
      if (step === undefined) throw protocol("a stream's step is not known");
      if (step === "fail") return { t: "flow", id, step, data: readError(slots[1]) };
      return { t: "flow", id, step, data: step === "pull" ? uint(slots[1], "a stream's count") : slots[1] };
    }
    case FRAME_TYPE.error:
      return { t: "error", id, error: readError(slots[1]) };
    case FRAME_TYPE.cancel:
      return { t: "cancel", id, ...(slots[1] !== null && { reason: text(slots[1], "a reason", TEXT_LIMIT) }) };
    case FRAME_TYPE.lost: {
      const lane = LANES[uint(slots[0], "a lane")];
      if (lane === undefined) throw protocol("a lane is not known");
      const from = uint(slots[1], "a number");
      const to = uint(slots[2], "a number");
      const names = slots[4] === null ? undefined : readCounts(slots[4]);
      const reason = text(slots[3], "a reason", TEXT_LIMIT);
      const sub = slots[5] === null ? undefined : uint(slots[5], "a subscription");
      return { t: "lost", lane, from, to, reason, ...(names && { names }), ...(sub !== undefined && { sub }) };
    }
    default: {
      const added = list(slots[0], "buses behind").map(readOrigin);
      const removed = list(slots[1], "buses behind").map((bus) => text(bus, "a bus id"));
      return { t: "behind", added, removed };
    }
  }
}

function readSince(slot: unknown): Since | undefined {
  if (slot === null || slot === undefined) return undefined;
  if (slot === "last" || slot === "all") return slot;
  return { after: text(record(slot, "a start")["after"], "a cursor", TEXT_LIMIT) };
}

/** How many of which name. */
export function readCounts(slot: unknown): Record<string, number> {
  const names: Record<string, number> = {};
  for (const [name, count] of Object.entries(record(slot, "the lost"))) {
    Object.defineProperty(names, name, { value: uint(count, "a count"), enumerable: true });
  }
  return names;
}

export function readOrigin(slot: unknown): Origin {
  const pair = list(slot, "an origin");
  return { busId: text(pair[0], "a bus id"), role: text(pair[1], "a role") };
}

export function readError(slot: unknown): WireError {
  const raw = record(slot, "an error");
  const code = text(raw["code"], "an error's code");
  const message = text(raw["message"], "an error's text", 65_536);
  const details = raw["details"] === undefined ? undefined : record(raw["details"], "an error's details");
  const stack = raw["stack"] === undefined ? undefined : text(raw["stack"], "an error's stack", 65_536);
  return { code, message, ...(details && { details }), ...(stack !== undefined && { stack }) };
}

export function text(value: unknown, what: string, limit: number = NAME_LIMIT): string {
  if (typeof value !== "string") throw protocol(`${what} is not text`);
  if (value.length > limit) throw protocol(`${what} is longer than ${limit}`);
  return value;
}

export function uint(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw protocol(`${what} is not a whole number`);
}

export function finite(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw protocol(`${what} is not a finite number`);
}

export function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return value as Record<string, unknown>;
  }
  throw protocol(`${what} is not an object`);
}

export function list(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw protocol(`${what} is not a list`);
}

export function protocol(what: string): EventsError {
  return new EventsError("PROTOCOL", `Cannot read a frame: ${what}`);
}
