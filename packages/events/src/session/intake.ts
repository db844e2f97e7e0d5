import type { Lane as LaneName } from "../core/contract.ts";
import { EventsError } from "../core/errors.ts";
import type { Codec } from "../wire/codec.ts";
import {
  FLAG_COMPILED,
  FLAG_FIRST,
  FLAG_LAST,
  FLAG_LOWERED,
  FRAME_TYPE,
  LANES,
  nextSerial,
  serialDistance,
  type RawFrame,
} from "../wire/frame.ts";
import type { Limits } from "../wire/limits.ts";
import { measure, raise } from "../wire/raise.ts";
import type { Medium } from "../wire/transport.ts";
import { addPart, beginAssembly, CHUNK_HEADER } from "./assembly.ts";
import { list, protocol, readBody, readCounts, text } from "./bodies.ts";
import type { Lane } from "./lane.ts";
import type { Message } from "./messages.ts";
import type { Receiver, Violation } from "./session.ts";

export interface IntakeOptions {
  readonly limits: Limits;
  readonly codec: Codec;
  readonly medium: Medium;
  readonly receiver: Receiver;
  readonly violation: (kind: Violation, error: EventsError) => void;
  /** So many bytes came in a lane: they are acknowledged in time. */
  readonly received: (lane: Lane, bytes: number) => void;
  readonly send: (message: Message, lane: LaneName) => void;
  readonly isStopped: () => boolean;
}

/** Containers around a payload: the list of the frame, the lists that lowered values need. */
const BODY_DEPTH = 2;
/** A body on the wire nests deeper than the payload it was lowered from: each Map or Error is three containers. */
const LOWERED_DEPTH = 3;

/** Takes numbered frames in order, checks them before anything is built, and hands the bus what they hold. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #subs = new Set<number>();
  readonly #requests = new Set<number>();
  #names: readonly string[] = [];
  duplicateFrames: number = 0;
  receivedFrames: number = 0;
  receivedEvents: number = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** A new session: the names that the peer numbers. */
  begin(names: readonly string[]): void {
    this.#names = names;
  }

  /** The peer's session is over, and what it held open here with it. */
  forget(): void {
    this.#subs.clear();
    this.#requests.clear();
  }

  /** This side answered: the request is no longer open. */
  answered(id: number): void {
    this.#requests.delete(id);
  }

  /** A numbered frame. */
  take(lane: Lane, frame: RawFrame): void {
    const expected = nextSerial(lane.seen);
    const distance = serialDistance(frame.seq, expected);
    if (distance < 0) {
      this.duplicateFrames++;
      lane.ackDue = true;
      return;
    }
    if (distance > 0) {
      if (lane.askedAt === expected) return;
      lane.askedAt = expected;
      lane.resendDue = true;
      lane.ackDue = true;
      return;
    }
    lane.seen = frame.seq;
    lane.askedAt = -1;
    this.receivedFrames++;
    try {
      this.#open(lane, frame);
    } catch (error) {
      // Its number is taken: sent again, it would be as bad. What it held is lost, and says so.
      const fault = error instanceof EventsError ? error : protocol(`its body cannot be read: ${String(error)}`);
      this.#options.violation(kindOf(fault), fault);
      this.#options.receiver.onGap({ from: frame.seq, to: frame.seq, lane: LANES[lane.code]!, reason: fault.message });
    }
  }

  #open(lane: Lane, frame: RawFrame): void {
    if (frame.type === FRAME_TYPE.chunk) return this.#chunk(lane, frame);
    const { value, bytes } = this.#decode(lane, frame);
    this.#options.received(lane, bytes);
    if (frame.type === FRAME_TYPE.gap) return this.#gap(lane, frame.seq, value);
    this.#deliver(frame.type, needsRaise(frame.flags) ? raise(value) : value);
  }

  #decode(lane: Lane, { type, flags, body }: RawFrame): { value: unknown; bytes: number } {
    const { medium, limits } = this.#options;
    if (medium === "clone" || !(body instanceof Uint8Array)) return this.decode(body, limits.depth);
    const depth = limits.depth * LOWERED_DEPTH + BODY_DEPTH;
    return { value: lane.coding.decode(type, flags, body, depth, limits.messageBytes), bytes: body.byteLength };
  }

  /** The value of a body, measured and checked. Throws `EventsError` PROTOCOL or LIMIT. */
  decode(body: unknown, depth: number): { value: unknown; bytes: number } {
    const { medium, limits, codec } = this.#options;
    if (medium === "bytes") {
      if (!(body instanceof Uint8Array)) throw protocol("its body is not bytes");
      return { value: codec.decode(body, depth * LOWERED_DEPTH + BODY_DEPTH), bytes: body.byteLength };
    }
    return { value: body, bytes: measure(body, limits.messageBytes, depth * LOWERED_DEPTH + BODY_DEPTH) };
  }

  #gap(lane: Lane, seq: number, value: unknown): void {
    const [reason, counts] = list(value, "GAP");
    const names = readCounts(counts);
    this.#options.receiver.onGap({
      from: seq,
      to: seq,
      lane: LANES[lane.code]!,
      reason: text(reason, "a reason", 4_096),
      names,
    });
  }

  #chunk(lane: Lane, frame: RawFrame): void {
    const part = frame.body;
    if (!(part instanceof Uint8Array)) throw protocol("a chunk is not bytes");
    this.#options.received(lane, part.byteLength);
    const isLast = (frame.flags & FLAG_LAST) !== 0;
    if ((frame.flags & FLAG_FIRST) !== 0) {
      lane.skipping = false;
      lane.assembly = undefined;
      try {
        lane.assembly = beginAssembly(part, this.#options.limits.messageBytes);
      } catch (error) {
        lane.skipping = !isLast;
        throw error;
      }
    } else if (lane.skipping) {
      lane.skipping = !isLast;
      return;
    }
    const { assembly } = lane;
    if (assembly === undefined) throw protocol("a chunk has no beginning");
    addPart(assembly, (frame.flags & FLAG_FIRST) !== 0 ? part.subarray(CHUNK_HEADER) : part);
    if (!isLast) return;
    lane.assembly = undefined;
    if (assembly.at !== assembly.total) throw protocol("its chunks are shorter than the message");
    const { limits } = this.#options;
    const { type, flags, total } = assembly;
    const bytes = assembly.bytes.subarray(0, total);
    const depth = limits.depth * LOWERED_DEPTH + BODY_DEPTH;
    const value = lane.coding.decode(type, flags, bytes, depth, limits.messageBytes);
    this.#deliver(type, needsRaise(flags) ? raise(value) : value);
  }

  #deliver(type: number, body: unknown): void {
    const { receiver, violation } = this.#options;
    const { isStopped } = this.#options;
    readBody(type, body, this.#names, {
      event: (name, data, extra) => {
        this.receivedEvents++;
        receiver.onEvent(name, data, extra);
      },
      message: (message) => this.#admit(message),
      fault: (error) => violation(kindOf(error), error),
      get stopped() {
        return isStopped();
      },
    });
  }

  /** Counts what the peer holds open here; over the limit it is answered, not served. */
  #admit(message: Message): void {
    const { receiver, limits } = this.#options;
    if (message.t === "sub" || message.t === "request") {
      const isSub = message.t === "sub";
      const open = isSub ? this.#subs : this.#requests;
      const limit = isSub ? limits.subscriptions : limits.openRequests;
      if (open.size >= limit && !open.has(message.id)) return this.#refuse(message, limit);
      open.add(message.id);
    } else if (message.t === "unsub") this.#subs.delete(message.id);
    else if (message.t === "cancel") this.#requests.delete(message.id);
    receiver.onMessage(message);
  }

  #refuse(message: Message & { t: "sub" | "request" }, limit: number): void {
    const what = message.t === "sub" ? "subscriptions" : "open requests";
    const error = new EventsError("LIMIT", `Cannot serve more: the link has ${limit} ${what} already`, { limit });
    this.#options.violation("too-many", error);
    const wire = { code: error.code, message: error.message, details: { limit } };
    const { id } = message;
    this.#options.send(
      message.t === "sub" ? { t: "suback", id, error: wire } : { t: "error", id, error: wire },
      "control",
    );
  }
}

/** Compiled frames are read as what they stand for. */
function needsRaise(flags: number): boolean {
  return (flags & (FLAG_LOWERED | FLAG_COMPILED)) === FLAG_LOWERED;
}

export function kindOf(error: EventsError): Violation {
  if (error.code === "UNKNOWN_EVENT") return "unknown";
  if (error.code !== "LIMIT") return "protocol";
  return "depth" in error.details ? "too-deep" : "too-large";
}
