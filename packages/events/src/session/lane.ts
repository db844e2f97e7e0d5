import type { Codec } from "../wire/codec.ts";
import {
  FLAG_FIRST,
  FLAG_LAST,
  FLAG_LOWERED,
  FRAME_TYPE,
  nextSerial,
  packFrame,
  serialDistance,
} from "../wire/frame.ts";
import type { Medium } from "../wire/transport.ts";
import { CHUNK_HEADER, type Assembly } from "./assembly.ts";
import { Coding } from "./coding.ts";
import { Outbox, type Entry } from "./outbox.ts";

/** One numbered frame until the peer has acknowledged it. */
export interface Sent {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** Whole frame on byte media, body on media that clone. */
  payload: unknown;
  readonly bytes: number;
  /** All its events are volatile: after a lost connection an empty frame takes its number. */
  readonly isVolatile: boolean;
  /** Newest entry in it. */
  readonly index: number;
  /** What is lost when the session is: events by name. */
  readonly names: ReadonlyMap<string, number> | undefined;
  /** Buffers in it that move with it, once. */
  readonly moves?: readonly ArrayBuffer[] | undefined;
}

interface Chunking {
  readonly bytes: Uint8Array;
  at: number;
  readonly isVolatile: boolean;
  readonly index: number;
  readonly names: ReadonlyMap<string, number> | undefined;
}

/** What one frame costs beside its body, in the accounts of credit. */
const FRAME_COST = 64;
const FRAME_MESSAGES = 1_000;

/** One lane of one session: what waits, what is on its way, and where the other direction stands. */
export class Lane {
  readonly code: number;
  readonly outbox: Outbox = new Outbox();
  readonly coding: Coding;
  readonly #codec: Codec;
  readonly #medium: Medium;
  readonly #chunkBytes: number;
  /** Number of the next new frame. */
  #next = 0;
  #unacked: Sent[] = [];
  /** First of `#unacked` to send again. */
  #resendAt = 0;
  /** Number of the next frame when the last PING went out. */
  #probed: number | undefined;
  #chunking: Chunking | undefined;
  #queuedIndex = 0;
  inFlightBytes = 0;
  /** Unacknowledged bytes that the peer allows. */
  window = 0;

  /** Last frame received in order. */
  seen = 0xffffffff;
  unackedReceivedBytes = 0;
  ackDue = false;
  /** Where a resend was last asked for, so that it is asked once a hole. */
  askedAt = -1;
  /** `ackDue` asks for what is missing. */
  resendDue = false;
  /** A message put together from chunks. */
  assembly: Assembly | undefined;
  /** The rest of a message that was refused when its first chunk came. */
  skipping = false;

  constructor(code: number, codec: Codec, medium: Medium, chunkBytes: number) {
    this.code = code;
    this.#codec = codec;
    this.coding = new Coding(codec);
    this.#medium = medium;
    this.#chunkBytes = chunkBytes;
  }

  /** Sequence numbers begin here, told in HELLO. */
  begin(firstSeq: number): void {
    this.#next = firstSeq;
  }

  push(entry: Entry): void {
    entry.index = ++this.#queuedIndex;
    this.outbox.push(entry);
  }

  get queuedIndex(): number {
    return this.#queuedIndex;
  }

  /** Oldest entry that is not yet acknowledged; Infinity when all are. */
  get oldestIndex(): number {
    const sent = this.#unacked[0];
    if (sent !== undefined) return sent.index;
    return this.#chunking?.index ?? this.outbox.first?.index ?? Infinity;
  }

  get unackedFrames(): number {
    return this.#unacked.length;
  }

  /** The rest of a message that leaves in chunks. */
  get uncutBytes(): number {
    return this.#chunking === undefined ? 0 : this.#chunking.bytes.byteLength - this.#chunking.at;
  }

  get hasMore(): boolean {
    return this.#resendAt < this.#unacked.length || this.#chunking !== undefined || this.outbox.first !== undefined;
  }

  /** The next frame that credit allows, numbered; undefined when there is none. */
  take(nameNumbers: ReadonlyMap<string, number>): Sent | undefined {
    const again = this.#unacked[this.#resendAt];
    if (again !== undefined) {
      this.#resendAt++;
      return again;
    }
    const more = this.#chunking !== undefined || this.outbox.first !== undefined;
    // A frame larger than the window still passes when nothing is on its way: otherwise it would wait for ever.
    if (!more || this.window === 0) return undefined;
    if (this.inFlightBytes > 0 && this.inFlightBytes + this.#cost() > this.window) return undefined;
    const sent =
      this.#chunking !== undefined
        ? this.#chunk(this.#chunking)
        : this.#build(nameNumbers, this.window - this.inFlightBytes - FRAME_COST);
    this.#next = nextSerial(this.#next);
    this.#unacked.push(sent);
    this.#resendAt++;
    this.inFlightBytes += sent.bytes;
    return sent;
  }

  #cost(): number {
    const chunking = this.#chunking;
    if (chunking !== undefined) return Math.min(this.#chunkBytes, chunking.bytes.byteLength - chunking.at) + FRAME_COST;
    return Math.min(this.outbox.first!.bytes, this.#chunkBytes) + FRAME_COST;
  }

  /** One run of waiting messages of one type. */
  #build(nameNumbers: ReadonlyMap<string, number>, credit: number): Sent {
    const room = Math.min(this.#chunkBytes, credit);
    const first = this.outbox.shift()!;
    if (first.lost !== undefined) {
      const names = Object.fromEntries(first.lost);
      return this.#frame(FRAME_TYPE.gap, 0, [first.reason, names], MARKER_COST, false, first.index, first.lost);
    }
    const body: unknown[] = [];
    let { bytes, lowered, index } = first;
    let isVolatile = first.policy?.delivery === "volatile";
    const names = first.policy === undefined ? undefined : new Map<string, number>();
    let name = "";
    let run = 0;
    let count = 0;
    for (let entry: Entry | undefined = first; entry !== undefined;) {
      append(body, entry, nameNumbers);
      if (entry.policy !== undefined && entry.policy.name !== name) {
        if (run > 0) names!.set(name, (names!.get(name) ?? 0) + run);
        name = entry.policy.name;
        run = 0;
      }
      run++;
      count++;
      const next: Entry | undefined = this.outbox.first;
      if (next === undefined || next.type !== first.type || next.lost !== undefined) break;
      if (
        (this.#medium === "clone" && (first.asBytes || next.asBytes || first.moves || next.moves)) ||
        count >= FRAME_MESSAGES ||
        bytes + next.bytes > room
      )
        break;
      if (isVolatile !== (next.policy?.delivery === "volatile")) break;
      bytes += next.bytes;
      lowered ||= next.lowered;
      index = next.index;
      entry = this.outbox.shift();
    }
    names?.set(name, (names.get(name) ?? 0) + run);
    let flags = lowered ? FLAG_LOWERED : 0;
    if (this.#medium === "clone" && !first.asBytes) {
      return this.#frame(first.type, flags, body, bytes, isVolatile, index, names, first.moves);
    }
    // A volatile frame may be taken back, a long message be refused unread: no later one may lean on them.
    const isKept = !isVolatile && bytes <= this.#chunkBytes;
    const { bytes: encoded, flags: how } = this.coding.encode(first.type, body, isKept);
    flags |= how;
    if (encoded.byteLength <= this.#chunkBytes && this.#medium === "bytes") {
      return this.#frame(first.type, flags, encoded, encoded.byteLength, isVolatile, index, names);
    }
    const whole = new Uint8Array(CHUNK_HEADER + encoded.byteLength);
    whole[0] = first.type;
    whole[1] = flags;
    new DataView(whole.buffer).setUint32(4, encoded.byteLength, true);
    whole.set(encoded, CHUNK_HEADER);
    this.#chunking = { bytes: whole, at: 0, isVolatile, index, names };
    return this.#chunk(this.#chunking);
  }

  #chunk(chunking: Chunking): Sent {
    const end = Math.min(chunking.at + this.#chunkBytes, chunking.bytes.byteLength);
    const isLast = end === chunking.bytes.byteLength;
    const flags = (chunking.at === 0 ? FLAG_FIRST : 0) | (isLast ? FLAG_LAST : 0);
    const part = chunking.bytes.slice(chunking.at, end);
    chunking.at = end;
    if (isLast) this.#chunking = undefined;
    // The whole message is what is lost with any of its parts; it is named on the last one.
    const names = isLast ? chunking.names : undefined;
    return this.#frame(FRAME_TYPE.chunk, flags, part, part.byteLength, chunking.isVolatile, chunking.index, names);
  }

  #frame(
    type: number,
    flags: number,
    body: unknown,
    bytes: number,
    isVolatile: boolean,
    index: number,
    names: ReadonlyMap<string, number> | undefined,
    moves?: readonly ArrayBuffer[],
  ): Sent {
    const seq = this.#next;
    const onWire = this.#medium === "bytes" && !(body instanceof Uint8Array) ? this.#codec.encode(body) : body;
    const payload = this.#medium === "bytes" ? packFrame(type, flags, this.code, seq, 0, onWire as Uint8Array) : onWire;
    return { type, flags, seq, payload, bytes: bytes + FRAME_COST, isVolatile, index, names, moves };
  }

  /** The peer has everything up to `seq`. False when that was never sent. */
  acknowledge(seq: number): boolean {
    if (serialDistance(seq, this.#next) >= 0) return false;
    let count = 0;
    for (const sent of this.#unacked) {
      if (serialDistance(sent.seq, seq) > 0) break;
      this.inFlightBytes -= sent.bytes;
      count++;
    }
    if (count > 0) this.#unacked.splice(0, count);
    this.#resendAt = Math.max(0, this.#resendAt - count);
    return true;
  }

  /** Everything that is not acknowledged goes out again, in order. */
  resend(): void {
    this.#resendAt = 0;
  }

  /** A PING goes out now. */
  probe(): void {
    this.#probed = this.#next;
  }

  /** True when something sent before the last PING is still not acknowledged: it goes out again. */
  resendProbed(): boolean {
    const oldest = this.#unacked[0];
    const probed = this.#probed;
    this.#probed = undefined;
    if (oldest === undefined || probed === undefined || serialDistance(oldest.seq, probed) >= 0) return false;
    this.#resendAt = 0;
    return true;
  }

  /** The connection is gone: volatile events on their way are not sent again. Returns how many were let go. */
  dropVolatile(): number {
    let dropped = this.outbox.remove((entry) => entry.policy?.delivery === "volatile").length;
    if (this.#chunking?.isVolatile === true) {
      // The peer's part of it is dropped with the next message that comes in chunks.
      this.#chunking = undefined;
      dropped++;
    }
    this.#unacked = this.#unacked.map((sent) => {
      if (!sent.isVolatile) return sent;
      for (const count of sent.names?.values() ?? []) dropped += count;
      const body = this.#medium === "bytes" ? packFrame(FRAME_TYPE.events, 0, this.code, sent.seq, 0, EMPTY_LIST) : [];
      return { ...sent, type: FRAME_TYPE.events, flags: 0, payload: body, names: undefined };
    });
    return dropped;
  }

  /**
   * The session is gone. Events on their way are lost (or arrived: nobody can know). Events that were never sent stay.
   * Returns what is lost.
   */
  forgetSession(): Map<string, number> {
    const lost = new Map<string, number>();
    for (const sent of this.#unacked) merge(lost, sent.names);
    merge(lost, this.#chunking?.names);
    this.#unacked = [];
    this.#resendAt = 0;
    this.#chunking = undefined;
    this.inFlightBytes = 0;
    this.dropMessages();
    this.seen = 0xffffffff;
    this.unackedReceivedBytes = 0;
    this.ackDue = false;
    this.askedAt = -1;
    this.resendDue = false;
    this.assembly = undefined;
    this.skipping = false;
    return lost;
  }

  /** What waits and is no event means something in its own session alone: interest and requests are told anew. */
  dropMessages(): void {
    this.outbox.remove(
      ({ policy, lost, type }) => policy === undefined && lost === undefined && type !== FRAME_TYPE.lost,
    );
  }
}

const MARKER_COST = 32;
/** MessagePack of `[]`. */
const EMPTY_LIST = new Uint8Array([0x90]);

function merge(into: Map<string, number>, from: ReadonlyMap<string, number> | undefined): void {
  if (from === undefined) return;
  for (const [name, count] of from) into.set(name, (into.get(name) ?? 0) + count);
}

function append(body: unknown[], entry: Entry, nameNumbers: ReadonlyMap<string, number>): void {
  const { slots } = entry;
  if (entry.type === FRAME_TYPE.events) {
    const name = slots[0] as string;
    const number = nameNumbers.get(name);
    if (number === undefined) body.push(name, slots[1], slots[2] ?? null);
    else if (slots[2] === undefined) body.push(number, slots[1]);
    else body.push(~number, slots[1], slots[2]);
    return;
  }
  if (entry.type === FRAME_TYPE.request) {
    body.push(slots[0], nameNumbers.get(slots[1] as string) ?? slots[1], ...slots.slice(2));
    return;
  }
  body.push(...slots);
}
