/** What a store yields at most in one piece, bytes. */
export const CHUNK_BYTES = 64 * 1024;

/** Where the bytes lie. One for disk, one for memory; both under `test/blobs/blob-store.test.ts`. */
export interface BlobMedium {
  /** Bytes and number already there. Called once, before anything else. */
  open(): Promise<{ blobs: number; bytes: number }>;
  begin(): Promise<BlobWrite>;
  size(hash: string): Promise<number | undefined>;
  /** Throws what the medium throws; the store says it better. */
  read(hash: string): AsyncIterable<Uint8Array>;
  path(hash: string): Promise<string>;
  close(): Promise<void>;
}
/** One put under way. After `commit` or `abandon` it is over. */
interface BlobWrite {
  write(bytes: Uint8Array): Promise<void>;
  /** The name is taken from now on, durably where the medium is. False when it was there before. */
  commit(hash: string): Promise<boolean>;
  abandon(): Promise<void>;
}
