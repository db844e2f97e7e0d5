/** `typeof`: pages that are not cross-origin isolated have no such class. */
export const isSharedMemory = (value: unknown): value is SharedArrayBuffer =>
  typeof SharedArrayBuffer === "function" && value instanceof SharedArrayBuffer;

/**
 * Bytes that many threads read without a copy each: one copy into shared memory, then only a reference crosses to workers
 * of this process. Put it in a payload (`z.instanceof(SharedBytes)`), keep it, send it again: nothing is copied.
 *
 * Where memory cannot be shared (another process, a socket, a page that is not cross-origin isolated, beside other data
 * that is longer than 64 KiB) the receiver gets a copy, and `shared` is false there. `inspect().links[].session` counts
 * both. Whoever holds shared memory may write into it at any time: a schema checks what it is, not what it will hold.
 *
 * @example
 * const table = SharedBytes.from(bytes);
 * for (const link of links) bus.request("table:scan", { table, column: 3 });
 */
export class SharedBytes {
  /** The memory itself: what is written here, every thread that has it sees. */
  readonly bytes: Uint8Array;
  /** True while this and the sender's are the same memory (or could be, where it was made). */
  readonly shared: boolean;

  /** Around memory that is there already; `from` and `allocate` make some. */
  constructor(memory: ArrayBufferLike) {
    this.bytes = new Uint8Array(memory);
    this.shared = isSharedMemory(memory);
  }

  /** Zeroes, in shared memory where there is any here. Throws RangeError for more than the platform gives. */
  static allocate(byteLength: number): SharedBytes {
    const Memory = typeof SharedArrayBuffer === "function" ? SharedArrayBuffer : ArrayBuffer;
    return new SharedBytes(new Memory(byteLength));
  }

  /** One copy of `bytes`. */
  static from(bytes: Uint8Array): SharedBytes {
    if (!ArrayBuffer.isView(bytes))
      throw new TypeError(`Cannot share ${typeof bytes}: it is no bytes; use a Uint8Array`);
    const made = SharedBytes.allocate(bytes.byteLength);
    made.bytes.set(bytes);
    return made;
  }

  get byteLength(): number {
    return this.bytes.byteLength;
  }

  get [Symbol.toStringTag](): string {
    return "SharedBytes";
  }
}
