/**
 * Frames over a pair of byte streams that are not ours alone: what a program prints may come in between.
 *
 * 1. Each side begins with PREAMBLE. What comes before it is text (a banner of npm or ssh, a log of start-up) and is
 *    handed to `onText`.
 * 2. Then frames: `length u32 | length XOR 0x61746f6d u32 | bytes`, little endian. A header whose halves disagree is
 *    text in the middle of frames: the end of the connection, never a wrong frame.
 * 3. Length 0 is the goodbye; a frame with its reason follows.
 */
import type { Readable, Writable } from "node:stream";

import type { CloseCause, Connection, ConnectionEvents } from "../wire/transport.ts";

const PREAMBLE = Buffer.from("\0atomiton frames 1\n", "latin1");
const CHECK = 0x61746f6d;
const HEADER_BYTES = 8;
/** Four times the frames that a session makes: its own limit, which answers with a code, comes first. */
const MAX_FRAME_BYTES = 1024 * 1024;

export interface FramedStreamOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly onText: (text: Uint8Array) => void;
  /** Gives the streams back; nothing is read or written afterwards. */
  readonly release: () => void;
  /** Why the input ended, where that is known. */
  readonly why: () => string | undefined;
}

/** Speaks over the streams from now on, until either side closes or the input ends. */
export function connectStreams(options: FramedStreamOptions, events: ConnectionEvents): Connection {
  const { input, output } = options;
  /** `write` of the stream's class: the program's own may lead elsewhere. */
  const write = (bytes: Uint8Array): boolean => Object.getPrototypeOf(output).write.call(output, bytes) as boolean;
  let isOver = false;
  let isFull = false;

  const sendFrame = (bytes: Uint8Array): boolean => {
    output.cork();
    write(headerOf(bytes.byteLength));
    const hasRoom = write(bytes);
    output.uncork();
    return hasRoom;
  };
  const end = (cause: CloseCause): void => {
    if (isOver) return;
    isOver = true;
    input.off("data", take);
    input.off("end", ended);
    input.off("close", ended);
    output.off("drain", drained);
    options.release();
    events.onClose(cause);
  };
  const gone = (reason: string): void => end({ kind: "gone", reason, mayRetry: false });
  const ended = (): void => gone(options.why() ?? "The other side ended the stream");
  const drained = (): void => {
    if (!isFull) return;
    isFull = false;
    events.onDrain();
  };
  const reader = new FrameReader({
    onText: options.onText,
    onFrame: (bytes) => events.onFrame(bytes),
    onGoodbye: gone,
    onGarbage: () => gone("The stream held something that is no frame; nothing else may write to it"),
  });
  const take = (bytes: Buffer): void => reader.take(bytes, () => isOver);

  input.on("data", take);
  input.on("end", ended);
  input.on("close", ended);
  // Both stay: an error that comes late, after the end, must not end the process. The input tells the end.
  input.on("error", () => {});
  output.on("error", () => {});
  output.on("drain", drained);
  write(PREAMBLE);
  events.onOpen();
  if (input.destroyed || input.readableEnded) queueMicrotask(ended);

  return {
    send(frame) {
      if (isOver) return true;
      if (!sendFrame(frame as Uint8Array)) isFull = true;
      return !isFull;
    },
    close(reason = "Closed here") {
      if (isOver) return;
      write(headerOf(0));
      // Never empty: 0 is the goodbye itself.
      sendFrame(new TextEncoder().encode(reason || " "));
      end({ kind: "local", reason, mayRetry: false });
    },
  };
}

function headerOf(length: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  header.setUint32(0, length, true);
  header.setUint32(4, (length ^ CHECK) >>> 0, true);
  return new Uint8Array(header.buffer);
}

interface ReaderEvents {
  onText(text: Uint8Array): void;
  onFrame(bytes: Uint8Array): void;
  onGoodbye(reason: string): void;
  onGarbage(): void;
}

/** Holds at most one frame, or the length of a preamble. */
class FrameReader {
  readonly #events: ReaderEvents;
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #body: Uint8Array | undefined;
  #bodyBytes = 0;
  #isGoodbye = false;
  #hasBegun = false;
  #early: Buffer = Buffer.alloc(0);

  constructor(events: ReaderEvents) {
    this.#events = events;
  }

  take(bytes: Buffer, isOver: () => boolean): void {
    let rest = this.#hasBegun ? bytes : this.#begin(bytes);
    while (rest.byteLength > 0 && !isOver()) rest = this.#body === undefined ? this.#head(rest) : this.#fill(rest);
  }

  /** Text up to the preamble goes its own way; what may be its beginning is kept. */
  #begin(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.#early, bytes]);
    const at = all.indexOf(PREAMBLE);
    this.#hasBegun = at >= 0;
    const last = all.lastIndexOf(0);
    const isPart = last >= 0 && PREAMBLE.subarray(0, all.byteLength - last).equals(all.subarray(last));
    const text = this.#hasBegun ? at : isPart ? last : all.byteLength;
    if (text > 0) this.#events.onText(all.subarray(0, text));
    this.#early = this.#hasBegun ? Buffer.alloc(0) : all.subarray(text);
    return this.#hasBegun ? all.subarray(at + PREAMBLE.byteLength) : Buffer.alloc(0);
  }

  #head(bytes: Buffer): Buffer {
    const taken = bytes.copy(this.#header, this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      const length = this.#header.readUInt32LE(0);
      const isHeader = (length ^ CHECK) >>> 0 === this.#header.readUInt32LE(4) && length <= MAX_FRAME_BYTES;
      if (!isHeader) this.#events.onGarbage();
      else if (length === 0) this.#isGoodbye = true;
      else this.#body = new Uint8Array(length);
    }
    return bytes.subarray(taken);
  }

  #fill(bytes: Buffer): Buffer {
    const body = this.#body!;
    const part = bytes.subarray(0, body.byteLength - this.#bodyBytes);
    body.set(part, this.#bodyBytes);
    this.#bodyBytes += part.byteLength;
    if (this.#bodyBytes === body.byteLength) {
      this.#body = undefined;
      this.#bodyBytes = 0;
      if (this.#isGoodbye) this.#events.onGoodbye(new TextDecoder().decode(body));
      else this.#events.onFrame(body);
    }
    return bytes.subarray(part.byteLength);
  }
}
