/**
 * Many connections over one: what several buses of a process have to say to one server goes over one socket.
 *
 * 1. A frame of the trunk is `kind u8 | channel u32 (little endian) | frame`. Kinds: 0 frame, 1 open, 2 close with its
 *    reason in UTF-8.
 * 2. Only the side that dialled opens channels, with numbers that it never gives twice. Frames of a channel that is
 *    closed here are late, and dropped.
 * 3. Each channel is a session of its own: its own handshake, rights, order and resume. When the trunk breaks, all
 *    channels end; the first that dials again dials for all.
 */
import type { CloseCause, Connection, ConnectionEvents, Frame, Transport } from "../wire/transport.ts";

const FRAME = 0;
const OPEN = 1;
const CLOSE = 2;
const HEADER_BYTES = 5;
/** Channels that a peer may have open on one trunk. */
const MAX_CHANNELS = 64;
/** Frames that wait for the session of a new channel. */
const MAX_EARLY = 64;
/** A trunk that was dialled for nobody is closed. */
const EMPTY_MS = 10_000;

/**
 * One connection for all that `open` it: it is dialled with the first, and closed with the last. The other side calls
 * `acceptTrunk` on what it accepts.
 */
export function sharedTransport(transport: Transport): Transport {
  let trunk: Trunk | undefined;
  return {
    ...transport,
    open(events) {
      if (trunk === undefined || trunk.isOver) trunk = new Trunk(transport);
      return trunk.dial(events);
    },
  };
}

/** Calls `onChannel` for each connection that the other side opens over this one. A throw closes that one alone. */
export function acceptTrunk(
  transport: Transport,
  onChannel: (channel: Transport) => void,
  onError: (fault: unknown) => void,
): void {
  new Trunk(transport, { onChannel, onError });
}

interface Acceptor {
  onChannel(channel: Transport): void;
  onError(fault: unknown): void;
}

class Trunk implements ConnectionEvents {
  isOver = false;
  readonly #transport: Transport;
  readonly #acceptor: Acceptor | undefined;
  readonly #channels = new Map<number, Channel>();
  readonly #connection: Connection;
  #isOpen = false;
  #lastNumber = 0;
  #emptyTimer: unknown;

  constructor(transport: Transport, acceptor?: Acceptor) {
    this.#transport = transport;
    this.#acceptor = acceptor;
    this.#connection = transport.open(this);
    if (acceptor) this.#watchEmpty();
  }

  dial(events: ConnectionEvents): Connection {
    const channel = new Channel(this, ++this.#lastNumber, events);
    this.#channels.set(channel.number, channel);
    if (this.#isOpen) queueMicrotask(() => this.#begin(channel));
    return channel;
  }

  send(kind: number, number: number, body: Uint8Array): boolean {
    const unit = new Uint8Array(HEADER_BYTES + body.byteLength);
    unit[0] = kind;
    new DataView(unit.buffer).setUint32(1, number, true);
    unit.set(body, HEADER_BYTES);
    return this.isOver || this.#connection.send(unit);
  }

  /** Tells the other side, and ends the trunk with its last channel. */
  leave(channel: Channel, reason: string): void {
    if (!this.#channels.delete(channel.number)) return;
    if (this.#isOpen) this.send(CLOSE, channel.number, new TextEncoder().encode(reason));
    this.#left(reason);
  }

  onOpen(): void {
    this.#isOpen = true;
    for (const channel of this.#channels.values()) this.#begin(channel);
  }

  onFrame(unit: Frame): void {
    const bytes = unit as Uint8Array;
    const number =
      bytes.byteLength < HEADER_BYTES ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
    const channel = this.#channels.get(number);
    const kind = bytes[0];
    if (number === 0 || kind === undefined || kind > CLOSE) return this.#end("a frame of the trunk was malformed");
    if (kind === OPEN) return this.#accept(number);
    if (kind === FRAME) return channel?.take(bytes.slice(HEADER_BYTES));
    if (!this.#channels.delete(number)) return;
    channel!.end({ kind: "gone", reason: new TextDecoder().decode(bytes.subarray(HEADER_BYTES)), mayRetry: true });
    this.#left("its last channel was closed");
  }

  onDrain(): void {
    for (const channel of this.#channels.values()) channel.drained();
  }

  onClose(cause: CloseCause): void {
    this.isOver = true;
    clearTimeout(this.#emptyTimer);
    const all = [...this.#channels.values()];
    this.#channels.clear();
    for (const channel of all) channel.end(cause);
  }

  #begin(channel: Channel): void {
    if (this.isOver || this.#channels.get(channel.number) !== channel) return;
    this.send(OPEN, channel.number, new Uint8Array());
    channel.begin();
  }

  #accept(number: number): void {
    if (this.#acceptor === undefined || number <= this.#lastNumber) return this.#end("a channel was opened twice");
    this.#lastNumber = number;
    if (this.#channels.size >= MAX_CHANNELS) {
      this.send(CLOSE, number, new TextEncoder().encode(`More than ${MAX_CHANNELS} channels on one connection`));
      return;
    }
    clearTimeout(this.#emptyTimer);
    const channel = new Channel(this, number);
    this.#channels.set(number, channel);
    try {
      this.#acceptor.onChannel({ ...this.#transport, open: (events) => channel.open(events) });
    } catch (fault) {
      this.#acceptor.onError(fault);
      this.leave(channel, "The server failed");
    }
  }

  /** The side that dialled ends what it needs no more; the other waits a while for a channel. */
  #left(reason: string): void {
    if (this.#channels.size > 0 || this.isOver) return;
    if (this.#acceptor) this.#watchEmpty();
    else this.#end(reason);
  }

  #end(reason: string): void {
    this.isOver = true;
    this.#connection.close(reason);
    // Who breaks the rules of a trunk ends all that is on it.
    this.onClose({ kind: "gone", reason, mayRetry: false });
  }

  #watchEmpty(): void {
    this.#emptyTimer = setTimeout(() => this.#end("nobody speaks over this connection"), EMPTY_MS);
    (this.#emptyTimer as { unref?(): void }).unref?.();
  }
}

class Channel implements Connection {
  readonly number: number;
  readonly #trunk: Trunk;
  #events: ConnectionEvents | undefined;
  #isOpen = false;
  #isFull = false;
  #isOver = false;
  #early: Uint8Array[] = [];

  constructor(trunk: Trunk, number: number, events?: ConnectionEvents) {
    this.#trunk = trunk;
    this.number = number;
    this.#events = events;
  }

  /** The accepting side's session. */
  open(events: ConnectionEvents): Connection {
    if (this.#events)
      throw new TypeError("Cannot open this connection twice: it was accepted, and is not dialled again");
    this.#events = events;
    queueMicrotask(() => this.begin());
    return this;
  }

  begin(): void {
    if (this.#isOver || this.#isOpen) return;
    this.#isOpen = true;
    this.#events?.onOpen();
    for (const frame of this.#early.splice(0)) this.take(frame);
  }

  take(frame: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#isOpen) this.#events?.onFrame(frame);
    else if (this.#early.push(frame) > MAX_EARLY) this.close("nobody listens to this channel");
  }

  drained(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#events?.onDrain();
  }

  send(frame: Frame): boolean {
    if (this.#isOver) return true;
    if (!this.#trunk.send(FRAME, this.number, frame as Uint8Array)) this.#isFull = true;
    return !this.#isFull;
  }

  close(reason = "Closed here"): void {
    if (this.#isOver) return;
    this.#trunk.leave(this, reason);
    queueMicrotask(() => this.end({ kind: "local", reason, mayRetry: false }));
  }

  /** Once, whoever ended it. */
  end(cause: CloseCause): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#early = [];
    this.#events?.onClose(cause);
  }
}
