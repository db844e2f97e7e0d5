/**
 * What flows in an open session: numbered frames in three lanes, their acknowledgements and credit.
 *
 * 1. Everything queued in one tick leaves together; a full frame leaves at once.
 * 2. A frame is numbered in its lane, kept until the peer acknowledged it, and sent again after a resume.
 * 3. The receiver takes frames in order only: an old number is acknowledged again and dropped, a hole is asked for.
 * 4. Unacknowledged bytes of a lane never exceed the window that the peer granted.
 */
import type { Clock } from "../core/clock.ts";
import type { Lane as LaneName } from "../core/contract.ts";
import { EventsError } from "../core/errors.ts";
import type { Codec } from "../wire/codec.ts";
import { FLAG_RESEND, FRAME_TYPE, LANES, nextSerial, packFrame, patchAck, type RawFrame } from "../wire/frame.ts";
import type { Limits } from "../wire/limits.ts";
import { copyOut, moveOut, tooLarge, type Outgoing, type Reach } from "../wire/payload.ts";
import type { Medium } from "../wire/transport.ts";
import { extraSlot, list, protocol, slotsOf, typeOf, uint } from "./bodies.ts";
import type { Agreed } from "./coding.ts";
import type { Greeting } from "./handshake.ts";
import { Intake } from "./intake.ts";
import { Lane, type Sent } from "./lane.ts";
import { Latest } from "./latest.ts";
import type { EventExtra, Message, SendPolicy } from "./messages.ts";
import { gapEntry, type Entry } from "./outbox.ts";
import type { Road } from "./road.ts";
import type { Receiver, Violation } from "./session.ts";

/** What stands around a payload in its message. */
const ENVELOPE_BYTES = 1_024;

export interface TrafficOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly codec: Codec;
  readonly medium: Medium;
  readonly reach: Reach;
  readonly receiver: Receiver;
  readonly violation: (kind: Violation, error: EventsError) => void;
  /** An event asked to end the link when its queue is full. */
  readonly overflow: (error: EventsError) => void;
}

/** A sender keeps to nine tenths of the peer's limit: 1,000 ms in a second, divided by that. */
const PACE_DIVISOR = 1_000 / 0.9;
/** Longest wait of a sender that nears the peer's frame limit. */
const PACE_MS = 5;

export class Traffic {
  readonly lanes: readonly Lane[];
  readonly #options: TrafficOptions;
  readonly #latest: Latest;
  readonly #intake: Intake;
  #road: Road | undefined;
  #names: ReadonlyMap<string, number> = new Map();
  readonly #reach: Reach;
  /** Of what goes to others too: it cannot move. */
  readonly #reachOfMany: Reach;
  #stopped = false;
  /** A session of this link is over, and another begins. */
  #hasForgotten = false;
  #scheduled = false;
  #cancelAck: (() => void) | undefined;
  #cancelPace: (() => void) | undefined;
  /** Units that may be sent now without nearing the peer's limit. */
  #tokens = Infinity;
  #tokensAt = 0;
  #unitsPerSecond = Infinity;
  /** Known from its HELLO; what is queued before that is measured by our own limits. */
  #peerMessageBytes = Infinity;
  #waiters: { readonly upTo: readonly number[]; done(): void; failed(error: EventsError): void }[] = [];

  sentEvents = 0;
  droppedEvents = 0;
  sentUnits = 0;
  movedBytes = 0;
  sharedBytes = 0;
  copiedBytes = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
    const { codec, medium, limits, reach } = options;
    this.#reach = reach;
    this.#reachOfMany = { ...reach, moves: false };
    this.lanes = LANES.map((_, code) => new Lane(code, codec, medium, limits.chunkBytes));
    this.#intake = new Intake({
      ...options,
      received: (lane, bytes) => this.#received(lane, bytes),
      send: (message, lane) => this.send(message, lane),
      isStopped: () => this.#stopped,
    });
    this.#latest = new Latest(options.clock, (entry) => this.#push(this.#laneOf(entry.policy!.lane), entry));
  }

  get duplicateFrames(): number {
    return this.#intake.duplicateFrames;
  }

  get receivedFrames(): number {
    return this.#intake.receivedFrames;
  }

  get receivedEvents(): number {
    return this.#intake.receivedEvents;
  }

  get heldEvents(): number {
    return this.#latest.held;
  }

  get latestKeys(): number {
    return this.#latest.keys;
  }

  /** All that is not sent yet. */
  get queuedBytes(): number {
    let sum = this.#waitingBytes;
    for (const lane of this.lanes) sum += lane.uncutBytes;
    return sum;
  }

  /** What the limits of the outbox count. The message that each lane cuts into chunks has a limit of its own. */
  get #waitingBytes(): number {
    let sum = 0;
    for (const lane of this.lanes) sum += lane.outbox.bytes;
    return sum;
  }

  event(policy: SendPolicy, data: unknown, extra?: EventExtra, mayMove = false): void {
    if (policy.flushes !== undefined) {
      for (const { name, keyOf } of policy.flushes) {
        const ended = latestKey(name, keyOf?.(data) ?? "");
        if (keyOf === undefined) this.#latest.flushAll(ended);
        else this.#latest.flush(ended);
        for (const lane of this.lanes) lane.outbox.seal(ended, keyOf === undefined);
      }
    }
    if (policy.delivery === "volatile" && this.#road === undefined) {
      this.droppedEvents++;
      return;
    }
    const slot = extraSlot(extra);
    const copy = this.#copy(data, policy.maxBytes, mayMove);
    this.sentEvents++;
    const isLatest = policy.delivery === "latest" && extra?.sub === undefined;
    const key = isLatest ? latestKey(policy.name, policy.keyOf?.(data) ?? "") : undefined;
    const slots = slot === undefined ? [policy.name, copy.value] : [policy.name, copy.value, slot];
    const entry = newEntry(FRAME_TYPE.events, slots, copy, policy, key);
    if (key !== undefined && policy.everyMs !== undefined) this.#latest.offer(key, policy.everyMs, entry);
    else this.#push(this.#laneOf(policy.lane), entry);
  }

  send(message: Message, laneName: LaneName): void {
    const lane = this.#laneOf(laneName);
    const { limits } = this.#options;
    if (this.#waitingBytes > limits.outboxBytes * 2) {
      throw new EventsError(
        "QUEUE_FULL",
        `Cannot send a ${message.t}: ${this.#waitingBytes} bytes wait for a slow peer already`,
      );
    }
    const copy = "data" in message ? this.#copy(message.data, limits.messageBytes, true) : undefined;
    const plain = copy === undefined ? message : ({ ...message, data: undefined } as Message);
    const rest = this.#copy(slotsOf(plain), limits.messageBytes, false, copy?.asBytes);
    const slots = rest.value as unknown[];
    if (copy !== undefined) slots[message.t === "request" ? 2 : 1] = copy.value;
    if (message.t === "reply" || message.t === "error") this.#intake.answered(message.id);
    const bytes = rest.bytes + (copy?.bytes ?? 0);
    const lowered = rest.lowered || copy?.lowered === true;
    this.#push(
      lane,
      newEntry(typeOf(message), slots, {
        bytes,
        lowered,
        asBytes: (copy ?? rest).asBytes,
        moves: copy?.moves,
        ownMoves: copy?.ownMoves,
      }),
    );
  }

  #copy(value: unknown, maxBytes: number, mayMove: boolean, forceBytes = false): Outgoing {
    const { codec, medium, limits } = this.#options;
    const most = Math.min(maxBytes, this.#peerMessageBytes - ENVELOPE_BYTES);
    const reach = mayMove ? this.#reach : this.#reachOfMany;
    let copy = copyOut(value, forceBytes ? "bytes" : medium, most, limits.depth, reach);
    if (!copy.asBytes && copy.bytes - copy.inPlaceBytes > limits.chunkBytes) {
      copy = copyOut(value, "bytes", most, limits.depth);
    }
    // Text may take three bytes a character: near the peer's limit it is measured, or it would be refused there.
    const mayExceed = copy.asBytes && copy.bytes * 3 > this.#peerMessageBytes;
    if (mayExceed && codec.encode(copy.value).byteLength > most) throw tooLarge(most);
    this.movedBytes += copy.movedBytes;
    this.sharedBytes += copy.sharedBytes;
    this.copiedBytes += copy.copiedBytes;
    const { moves, ownMoves = [] } = copy;
    return moves === undefined ? copy : { ...copy, ...moveOut(copy.value, [...moves, ...ownMoves]) };
  }

  #push(lane: Lane, entry: Entry): void {
    const { limits, overflow } = this.#options;
    if (this.#stopped) return;
    if (entry.policy !== undefined && lane.outbox.overflows(entry.policy, entry.bytes)) {
      const { name } = entry.policy;
      return overflow(
        new EventsError("QUEUE_FULL", `Cannot keep the link: "${name}" is full for a slow peer and says to close`, {
          name,
        }),
      );
    }
    lane.push(entry);
    let queued = this.#waitingBytes;
    while (queued > limits.outboxBytes) {
      if (entry.policy?.delivery === "volatile") {
        lane.outbox.remove((each) => each === entry);
        this.droppedEvents++;
        break;
      }
      if (!this.#dropOldest(lane, entry)) break;
      queued = this.#waitingBytes;
    }
    // A full frame gains nothing by waiting for the end of the tick, and a long burst would fill the outbox.
    if (lane.outbox.bytes >= limits.chunkBytes && this.#road !== undefined && !this.#scheduledPump()) this.pump();
    this.schedule();
  }

  #scheduledPump(): boolean {
    return this.#cancelPace !== undefined;
  }

  #dropOldest(lane: Lane, keep: Entry): boolean {
    const reason = `more than ${this.#options.limits.outboxBytes} bytes waited for a slow peer`;
    for (const each of [lane, ...this.lanes]) {
      if (!each.outbox.dropOldest(reason, keep)) continue;
      this.droppedEvents++;
      return true;
    }
    return false;
  }

  #laneOf(name: LaneName): Lane {
    return this.lanes[LANES.indexOf(name)]!;
  }

  schedule(): void {
    if (this.#scheduled || this.#stopped || this.#road === undefined) return;
    this.#scheduled = true;
    this.#options.clock.endOfTick(() => {
      this.#scheduled = false;
      this.pump();
    });
  }

  /** Hands over what credit, the medium and the peer's frame limit allow. */
  pump(): void {
    const { limits } = this.#options;
    const road = this.#road;
    while (road !== undefined && road === this.#road && !road.isFull && !road.isClosed && this.#mayPace()) {
      const unit: { lane: Lane; sent: Sent }[] = [];
      let bytes = 0;
      for (const lane of this.lanes) {
        while (bytes < limits.chunkBytes) {
          const sent = lane.take(this.#names);
          if (sent === undefined) break;
          bytes += sent.bytes;
          unit.push({ lane, sent });
        }
        if (bytes >= limits.chunkBytes) break;
      }
      const acks = this.lanes.filter((lane) => lane.ackDue && !unit.some((each) => each.lane === lane));
      if (unit.length === 0 && acks.length === 0) return;
      this.#write(road, unit, acks);
    }
  }

  #write(road: Road, unit: readonly { lane: Lane; sent: Sent }[], acks: readonly Lane[]): void {
    const frames: unknown[] = unit.map(({ lane, sent }) => {
      const { type, flags, seq, payload } = sent;
      if (road.medium === "clone") return [type, flags, lane.code, seq, lane.seen, payload];
      patchAck(payload as Uint8Array, lane.seen);
      return payload;
    });
    for (const lane of acks) {
      const flags = lane.resendDue ? FLAG_RESEND : 0;
      if (road.medium === "clone") frames.push([FRAME_TYPE.ack, flags, lane.code, 0, lane.seen, null]);
      else frames.push(packFrame(FRAME_TYPE.ack, flags, lane.code, 0, lane.seen, NO_BODY));
    }
    for (const { lane } of unit) if (!lane.resendDue) clearAck(lane);
    for (const lane of acks) clearAck(lane);
    if (this.lanes.every((lane) => lane.unackedReceivedBytes === 0)) this.#stopAckTimer();
    this.sentUnits++;
    this.#tokens--;
    road.send(
      road.medium === "clone"
        ? frames.length === 1
          ? (frames[0] as unknown[])
          : frames
        : join(frames as Uint8Array[]),
      movesIn(unit),
    );
  }

  /** False, and a timer set, when the peer's frame limit is near: what waits then leaves in fuller frames. */
  #mayPace(): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    if (this.#cancelPace !== undefined) return false;
    const now = this.#options.clock.monotonic();
    this.#tokens = Math.min(
      this.#unitsPerSecond / 4,
      this.#tokens + ((now - this.#tokensAt) * this.#unitsPerSecond) / PACE_DIVISOR,
    );
    this.#tokensAt = now;
    if (this.#tokens >= 1) return true;
    this.#cancelPace = this.#options.clock.after(PACE_MS, () => {
      this.#cancelPace = undefined;
      this.pump();
    });
    return false;
  }

  /** A new session: what both sides said in HELLO. */
  begin(agreed: Agreed, firstSeq: number, peer: Greeting): void {
    const { names, peerNames } = agreed;
    this.#names = new Map(names.map((name, number) => [name, number]));
    this.#intake.begin(peerNames);
    this.#unitsPerSecond = peer.framesPerSecond > 0 ? peer.framesPerSecond : Infinity;
    this.#peerMessageBytes = peer.messageBytes;
    this.#tokens = this.#unitsPerSecond / 4;
    this.#tokensAt = this.#options.clock.monotonic();
    for (const lane of this.lanes) {
      // Said after the last session was given up: the bus tells it to this one when it opens.
      if (this.#hasForgotten) lane.dropMessages();
      lane.begin(firstSeq);
      lane.coding.begin(agreed);
      lane.seen = (peer.firstSeq - 1) >>> 0;
      lane.window = peer.windowBytes[lane.code]!;
    }
  }

  attach(road: Road): void {
    this.#road = road;
    this.schedule();
  }

  detach(): void {
    if (this.#road === undefined) return;
    this.#road = undefined;
    this.#stopAckTimer();
    this.#cancelPace?.();
    this.#cancelPace = undefined;
    for (const lane of this.lanes) this.droppedEvents += lane.dropVolatile();
  }

  get seen(): number[] {
    return this.lanes.map((lane) => lane.seen);
  }

  /** The peer came back: it has everything up to `seen`, the rest goes out again. */
  resumeFrom(seen: readonly number[]): boolean {
    if (!this.lanes.every((lane) => lane.acknowledge(seen[lane.code]!))) return false;
    for (const lane of this.lanes) lane.resend();
    this.#settle();
    return true;
  }

  /** The session is over, the link goes on: leaves a marker for what is lost, on both sides. */
  forgetSession(reason: string): void {
    for (const lane of this.lanes) {
      const from = nextSerial(lane.seen);
      const lost = lane.forgetSession();
      if (lost.size > 0) lane.outbox.unshift(gapEntry(lost, reason, lane.queuedIndex));
      for (const count of lost.values()) this.droppedEvents += count;
      this.#options.receiver.onGap({ from, to: from, lane: LANES[lane.code]!, reason });
    }
    this.#hasForgotten = true;
    this.#intake.forget();
    this.fail(new EventsError("LINK_LOST", `Cannot tell whether all arrived: ${reason}`));
  }

  stop(error: EventsError): void {
    this.#stopped = true;
    this.detach();
    this.#latest.clear();
    this.#intake.forget();
    for (const lane of this.lanes) lane.outbox.remove(() => true);
    this.fail(error);
  }

  releaseHeld(): void {
    this.#latest.flushAll();
  }

  flush(): Promise<void> {
    this.releaseHeld();
    const upTo = this.lanes.map((lane) => lane.queuedIndex);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ upTo, done: resolve, failed: reject });
      this.pump();
      this.#settle();
    });
  }

  get isWaitedFor(): boolean {
    return this.#waiters.length > 0;
  }

  #settle(): void {
    if (this.#waiters.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => {
      if (this.lanes.some((lane) => lane.oldestIndex <= waiter.upTo[lane.code]!)) return true;
      waiter.done();
      return false;
    });
  }

  /** What waits for acknowledgements waits no longer. */
  fail(error: EventsError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.failed(error);
  }

  /** A numbered frame, ACK or CREDIT. Throws `EventsError` PROTOCOL for a header that no sender makes. */
  receive(frame: RawFrame): void {
    const lane = this.lanes[frame.lane];
    if (lane === undefined) throw protocol(`lane ${frame.lane} is not known`);
    if (!lane.acknowledge(frame.ack)) throw protocol("it acknowledges what was never sent");
    if (frame.type === FRAME_TYPE.ack) {
      if ((frame.flags & FLAG_RESEND) !== 0) lane.resend();
    } else if (frame.type === FRAME_TYPE.credit) {
      lane.window = uint(list(this.#intake.decode(frame.body, 1).value, "CREDIT")[0], "a window");
    } else {
      this.#intake.take(lane, frame);
    }
    this.#settle();
    if (lane.hasMore || lane.ackDue) this.schedule();
  }

  #received(lane: Lane, bytes: number): void {
    const { limits, clock } = this.#options;
    lane.unackedReceivedBytes += bytes + 1;
    if (lane.unackedReceivedBytes >= limits.ackBytes) lane.ackDue = true;
    else
      this.#cancelAck ??= clock.after(limits.ackMs, () => {
        this.#cancelAck = undefined;
        this.acknowledgeAll();
        this.pump();
      });
  }

  /** Remembers what was sent before a PING. */
  probe(): void {
    for (const lane of this.lanes) lane.probe();
  }

  /** PONG came: what was sent before the PING and is not acknowledged was lost by the medium. */
  answered(): void {
    for (const lane of this.lanes) if (lane.resendProbed()) this.schedule();
  }

  /** Everything received is acknowledged with the next unit. */
  acknowledgeAll(): void {
    for (const lane of this.lanes) if (lane.unackedReceivedBytes > 0) lane.ackDue = true;
  }

  #stopAckTimer(): void {
    this.#cancelAck?.();
    this.#cancelAck = undefined;
  }
}

const NO_BODY = new Uint8Array(0);

function movesIn(unit: readonly { readonly sent: Sent }[]): readonly ArrayBuffer[] | undefined {
  return unit.some(({ sent }) => sent.moves !== undefined) ? unit.flatMap(({ sent }) => sent.moves ?? []) : undefined;
}

function clearAck(lane: Lane): void {
  lane.ackDue = false;
  lane.resendDue = false;
  lane.unackedReceivedBytes = 0;
}

function latestKey(name: string, key: string): string {
  return `${name}\u0000${key}`;
}

function newEntry(
  type: number,
  slots: unknown[],
  copy: Pick<Outgoing, "bytes" | "lowered" | "asBytes" | "moves" | "ownMoves">,
  policy?: SendPolicy,
  key?: string,
): Entry {
  return {
    type,
    slots,
    bytes: copy.bytes,
    lowered: copy.lowered,
    asBytes: copy.asBytes,
    moves: copy.moves ?? copy.ownMoves,
    policy,
    key,
    index: 0,
    lost: undefined,
    reason: "",
    previous: undefined,
    next: undefined,
    queued: false,
  };
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  // Always a copy: the transport owns what it gets, the frame may have to be sent again.
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
