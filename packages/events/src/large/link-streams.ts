/**
 * The streams of one session, both ways.
 *
 * 1. A payload carries a number. Nothing of the stream moves before the first `pull` of its reader.
 * 2. The giver sends while less than the window is unread; the reader says with `pull` how many items it has read.
 * 3. It ends once: `end` or `fail` of the giver, `stop` of the reader, or with the link.
 */
import type { Clock } from "../core/clock.ts";
import { EventsError } from "../core/errors.ts";
import type { FlowStep, LinkStreams, StreamGauges, StreamHost, StreamPlace } from "../core/stream-fields.ts";
import { copyOut } from "../wire/payload.ts";
import { measure } from "../wire/raise.ts";
import { OneReader, taken } from "./one-reader.ts";

/** Bytes of one stream that are under way or unread. Above what the bulk lane has under way, so that it never rests. */
const WINDOW_BYTES = 512 * 1_024;
const WINDOW_ITEMS = 1_024;
/** Open streams of one link, each way. */
const STREAMS = 1_024;
/** A stream that nobody begins to read for this long is given up. */
const UNREAD_MS = 60_000;
const DEPTH = 64;

export function linkStreams(host: StreamHost): LinkStreams {
  return new Streams(host);
}

class Streams implements LinkStreams {
  readonly #host: StreamHost;
  readonly #given: Map<number, Giving> = new Map<number, Giving>();
  readonly #taken: Map<number, Taking> = new Map<number, Taking>();
  #lastId: number = 0;

  constructor(host: StreamHost) {
    this.#host = host;
  }

  give(source: unknown, place: StreamPlace): number {
    const stream = source instanceof OneReader ? source : new OneReader(source);
    if (stream.isTaken) return 0;
    if (this.#given.size >= STREAMS) throw tooMany();
    const id = ++this.#lastId;
    this.#given.set(id, new Giving(this.#host, id, place, stream, () => this.#given.delete(id)));
    return id;
  }

  take(id: unknown): AsyncIterable<unknown> {
    if (id === 0) return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(taken()) }) };
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0 || this.#taken.has(id)) {
      throw new EventsError("PROTOCOL", "Cannot read a payload: a stream's number is malformed");
    }
    if (this.#taken.size >= STREAMS) throw tooMany();
    const taking = new Taking(this.#host, id, () => this.#taken.delete(id));
    this.#taken.set(id, taking);
    return new OneReader(taking);
  }

  /** News of a stream that is over is late, and nobody's fault. */
  said(step: FlowStep, id: number, data: unknown): void {
    if (step === "pull") this.#given.get(id)?.pulled(data as number);
    else if (step === "stop") this.#given.get(id)?.stop();
    else if (step === "item") this.#taken.get(id)?.arrived(data);
    else this.#taken.get(id)?.over(step === "fail" ? (data as EventsError) : undefined);
  }

  end(why: EventsError): void {
    for (const giving of this.#given.values()) giving.stop();
    for (const taking of this.#taken.values()) taking.over(why);
  }

  gauges(): StreamGauges {
    let bufferedBytes = 0;
    for (const taking of this.#taken.values()) bufferedBytes += taking.bytes;
    return { given: this.#given.size, taken: this.#taken.size, bufferedBytes };
  }
}

/** One stream on its way to the peer. */
class Giving {
  readonly #host: StreamHost;
  readonly #id: number;
  readonly #place: StreamPlace;
  readonly #stream: OneReader<unknown>;
  readonly #forget: () => void;
  readonly #stopTimer: ReturnType<Clock["after"]>;
  #source: AsyncIterator<unknown> | undefined;
  /** Sizes of items that the peer has not read, oldest first. */
  #unread: number[] = [];
  #unreadBytes: number = 0;
  #read: number = 0;
  #isPumping: boolean = false;
  #isOver: boolean = false;

  constructor(host: StreamHost, id: number, place: StreamPlace, stream: OneReader<unknown>, forget: () => void) {
    this.#host = host;
    this.#id = id;
    this.#place = place;
    this.#stream = stream;
    this.#forget = forget;
    this.#stopTimer = host.clock.after(UNREAD_MS, () => {
      const why = `Cannot read the stream: nobody began to within ${UNREAD_MS} ms; read it sooner`;
      this.#end("fail", new EventsError("TIMEOUT", why));
    });
  }

  pulled(count: number): void {
    if (count < this.#read || count > this.#read + this.#unread.length) {
      return this.#end("fail", new EventsError("PROTOCOL", "Cannot send a stream: more was read of it than was sent"));
    }
    for (const bytes of this.#unread.splice(0, count - this.#read)) this.#unreadBytes -= bytes;
    this.#read = count;
    this.#stopTimer();
    this.#source ??= this.#stream[Symbol.asyncIterator]();
    if (!this.#isPumping) void this.#pump(this.#source);
  }

  /** Its reader, or the link, is gone. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer();
    this.#forget();
    // One that nobody began to read lets go of its source in the same way.
    const source = this.#source ?? (this.#stream.isTaken ? undefined : this.#stream[Symbol.asyncIterator]());
    void source?.return?.();
  }

  async #pump(source: AsyncIterator<unknown>): Promise<void> {
    this.#isPumping = true;
    try {
      while (!this.#isOver && this.#unreadBytes < WINDOW_BYTES && this.#unread.length < WINDOW_ITEMS) {
        const room = this.#host.room();
        if (room !== undefined) {
          await room;
          continue;
        }
        const { done, value } = await source.next();
        if (this.#isOver) return;
        if (done === true) return this.#end("end", null);
        const bytes = sizeOf(value);
        this.#unread.push(bytes);
        this.#unreadBytes += bytes;
        this.#host.send("item", this.#id, value);
      }
    } catch (fault) {
      this.#end("fail", fault);
    } finally {
      this.#isPumping = false;
    }
  }

  #end(step: "end" | "fail", data: unknown): void {
    if (this.#isOver) return;
    this.stop();
    try {
      if (step === "end") this.#host.send(step, this.#id, data);
      else this.#host.fail(this.#id, data, this.#place);
    } catch {
      // The link is over its limits or gone: the peer's end falls with it.
    }
  }
}

interface Waiter {
  readonly resolve: (result: IteratorResult<unknown>) => void;
  readonly reject: (why: EventsError) => void;
}

/** One stream from the peer; the buffer before its reader. */
class Taking implements AsyncIterable<unknown> {
  bytes: number = 0;
  readonly #host: StreamHost;
  readonly #id: number;
  readonly #forget: () => void;
  #items: { readonly value: unknown; readonly bytes: number }[] = [];
  #waiters: Waiter[] = [];
  #hasBegun: boolean = false;
  #read: number = 0;
  #readBytes: number = 0;
  #told: number = 0;
  #isOver: boolean = false;
  #why: EventsError | undefined;

  constructor(host: StreamHost, id: number, forget: () => void) {
    this.#host = host;
    this.#id = id;
    this.#forget = forget;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return { next: () => this.#next(), return: () => this.#stop() };
  }

  arrived(value: unknown): void {
    const bytes = sizeOf(value);
    // Twice the window: both sides estimate, and need not agree to the byte.
    if (!this.#hasBegun || this.bytes >= WINDOW_BYTES * 2 || this.#items.length >= WINDOW_ITEMS * 2) {
      this.#send("stop", null);
      return this.over(new EventsError("LIMIT", "Cannot take more of a stream: the peer sends faster than it is read"));
    }
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#items.push({ value, bytes });
      this.bytes += bytes;
      return;
    }
    this.#count(bytes);
    waiter.resolve({ done: false, value });
  }

  /** What came before is still read. */
  over(why: EventsError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#why = why;
    this.#forget();
    for (const waiter of this.#waiters.splice(0)) void this.#next().then(waiter.resolve, waiter.reject);
  }

  #next(): Promise<IteratorResult<unknown>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.bytes -= item.bytes;
      this.#count(item.bytes);
      return Promise.resolve({ done: false, value: item.value });
    }
    if (this.#isOver) {
      const why = this.#why;
      this.#why = undefined;
      return why === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(why);
    }
    const waited = new Promise<IteratorResult<unknown>>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    this.#tell();
    return waited;
  }

  #count(bytes: number): void {
    this.#read += 1;
    this.#readBytes += bytes;
    if (this.#readBytes >= WINDOW_BYTES / 2 || this.#waiters.length > 0) this.#tell();
  }

  #tell(): void {
    if (this.#isOver || (this.#hasBegun && this.#told === this.#read)) return;
    this.#hasBegun = true;
    this.#told = this.#read;
    this.#readBytes = 0;
    this.#send("pull", this.#read);
  }

  #stop(): Promise<IteratorResult<unknown>> {
    this.#items = [];
    this.bytes = 0;
    if (!this.#isOver) {
      this.#send("stop", null);
      this.over(undefined);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  #send(step: "pull" | "stop", data: unknown): void {
    try {
      this.#host.send(step, this.#id, data);
    } catch (fault) {
      this.over(fault as EventsError);
    }
  }
}

/** Near what it takes; both sides estimate in the same way. */
function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength;
  try {
    return measure(value, Infinity, DEPTH);
  } catch {
    return copyOut(value, "clone", Infinity, DEPTH).bytes; // Errors and instances of classes.
  }
}

function tooMany(): EventsError {
  return new EventsError(
    "LIMIT",
    `Cannot open a stream: the link has ${STREAMS} open streams already; read or stop some`,
    { limit: STREAMS },
  );
}
