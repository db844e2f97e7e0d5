/**
 * Reads a journal's bytes from its beginning, chunk by chunk, and decides what a bad record means:
 *
 * 1. A record that is cut short or fails its checksum, with nothing after it that was stored later: a torn end, as a
 *    crash leaves it. Everything before it stands; `goodEnd` says where it begins.
 * 2. The same, but a later record says (by its `behind`) that the bad one had been safely stored before: damage. Error.
 * 3. A number that does not follow the one before it: something is missing. Error.
 */
import { EventsError } from "../core/errors.ts";
import { recordBytesAt, SALVAGE, damaged, RECORD_HEADER_BYTES, unpack, type JournalRecord } from "./record.ts";

/** Begins every journal file. The line ends show a copy that was treated as text. */
export const MAGIC: Uint8Array = Uint8Array.of(0x41, 0x54, 0x4a, 0x31, 0x0d, 0x0a, 0x1a, 0x0a);

export type HearRecord = (record: JournalRecord, offset: number, bytes: number) => void;

export class RecordScanner {
  /** Where the last good record ends, and a torn one may begin. */
  goodEnd: number = MAGIC.byteLength;
  last: number | undefined;
  readonly #what: string;
  readonly #hear: HearRecord;
  /** Read, not understood yet; begins at `#offset` of the file. */
  #rest: Uint8Array = new Uint8Array(0);
  #offset = 0;
  /** Chunks that are joined once there are enough bytes for the record that begins in `#rest`. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #wanted = 0;
  #at: "start" | "records" | "after-bad" = "start";

  constructor(what: string, hear: HearRecord) {
    this.#what = what;
    this.#hear = hear;
  }

  /** Throws `EventsError` JOURNAL. */
  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    if (this.#waitingBytes < this.#wanted) return;
    this.#gather();
    if (this.#at === "start" && !this.#magic(false)) return;
    this.#records(false);
  }

  /** The bytes are at their end. Throws `EventsError` JOURNAL. */
  end(): void {
    this.#gather();
    if (this.#at === "start" && !this.#magic(true)) return;
    this.#records(true);
  }

  /** A file that ends inside its first eight bytes was never used: its making was cut short. */
  #magic(isEnd: boolean): boolean {
    const seen = this.#rest.subarray(0, MAGIC.byteLength);
    if (seen.some((byte, at) => byte !== MAGIC[at])) {
      throw new EventsError("JOURNAL", `Cannot read ${this.#what}: it is not a journal; check the path`);
    }
    if (seen.byteLength < MAGIC.byteLength) {
      if (isEnd) this.goodEnd = 0;
      return false;
    }
    this.#advance(MAGIC.byteLength);
    this.#at = "records";
    return true;
  }

  #records(isEnd: boolean): void {
    let at = 0;
    while (at < this.#rest.byteLength) {
      const taken = this.#at === "records" ? this.#next(at, isEnd) : this.#search(at, isEnd);
      if (taken === 0) {
        this.#wanted = (recordBytesAt(this.#rest, at) ?? 0) - (this.#rest.byteLength - at);
        break;
      }
      at += taken;
    }
    this.#advance(at);
  }

  /** Bytes taken; 0 when more are needed. */
  #next(at: number, isEnd: boolean): number {
    const size = recordBytesAt(this.#rest, at);
    const isWhole = size !== undefined && at + size <= this.#rest.byteLength;
    if (!isWhole && !isEnd && (size !== undefined || this.#rest.byteLength - at <= RECORD_HEADER_BYTES)) return 0;
    const record = isWhole ? unpack(this.#rest.subarray(at, at + size)) : undefined;
    if (!record) {
      this.#at = "after-bad";
      return 1;
    }
    if (record.kind === "entry") {
      if (this.last !== undefined && record.seq !== this.last + 1) {
        const text = `Cannot read ${this.#what}: entry ${record.seq} follows ${this.last}; ${SALVAGE}`;
        throw new EventsError("JOURNAL", text, { after: this.last, found: record.seq });
      }
      this.last = record.seq;
    }
    this.#hear(record, this.#offset + at, size!);
    this.goodEnd = this.#offset + at + size!;
    return size!;
  }

  /** Looks behind a bad record for one that was written when the bad one was safe. */
  #search(at: number, isEnd: boolean): number {
    const size = recordBytesAt(this.#rest, at);
    if (size === undefined) return !isEnd && this.#rest.byteLength - at <= RECORD_HEADER_BYTES ? 0 : 1;
    if (at + size > this.#rest.byteLength) return isEnd ? 1 : 0;
    const record = unpack(this.#rest.subarray(at, at + size));
    if (!record) return 1;
    if (this.#offset + at - record.behind > this.goodEnd) {
      throw damaged(this.#what, (this.last ?? 0) + 1, { offset: this.goodEnd });
    }
    return size;
  }

  #gather(): void {
    this.#rest = this.#rest.byteLength === 0 && this.#waiting.length === 1 ? this.#waiting[0]! : this.#joined();
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wanted = 0;
  }

  #joined(): Uint8Array {
    const all = new Uint8Array(this.#rest.byteLength + this.#waitingBytes);
    all.set(this.#rest);
    let at = this.#rest.byteLength;
    for (const chunk of this.#waiting) {
      all.set(chunk, at);
      at += chunk.byteLength;
    }
    return all;
  }

  #advance(by: number): void {
    this.#rest = this.#rest.subarray(by);
    this.#offset += by;
  }
}
