import { deserialize, serialize } from "node:v8";

import type { BlobAccess, BlobRef } from "../blueprint/define-node.ts";
import { RuntimeError } from "../errors.ts";
import type { StoredValue, StoredValues, Values } from "./records.ts";

/** Above it a value is a blob, and the record names it. */
export const INLINE_BYTES = 32 * 1024;
/** Values of a blob in which a record keeps a large value: what `structuredClone` copies, exactly. */
const BLOB_TYPE = "application/x-v8-value";

const LOST: StoredValue = { lost: true };

/** How values of one execution are kept. */
export interface ValueStore {
  readonly blobs: BlobAccess;
  /** Bytes, about. */
  readonly sizeOf: (value: unknown) => number;
  /** A secret stands in the value: it must not reach the disk. */
  readonly isSecret: (value: unknown) => boolean;
}

/** Ready to be written, or a promise where a blob has to be stored first. Never rejects but with the storage's error. */
export function storeValues(values: Values, store: ValueStore): StoredValues | Promise<StoredValues> {
  const stored: [string, StoredValue | Promise<StoredValue>][] = [];
  let isLater = false;
  for (const name of Object.keys(values)) {
    if (values[name] === undefined) continue;
    const one = storeValue(values[name], store);
    isLater ||= one instanceof Promise;
    stored.push([name, one]);
  }
  if (!isLater) return Object.fromEntries(stored) as StoredValues;
  return Promise.all(stored.map(async ([name, value]) => [name, await value] as const)).then(Object.fromEntries);
}

export function storeValue(value: unknown, store: ValueStore): StoredValue | Promise<StoredValue> {
  if (typeof value === "function" || typeof value === "symbol" || store.isSecret(value)) return LOST;
  if (store.sizeOf(value) <= INLINE_BYTES) return { v: value };
  let bytes: Uint8Array;
  try {
    bytes = serialize(value);
  } catch {
    return LOST;
  }
  return store.blobs.put(bytes, { type: BLOB_TYPE }).then((blob) => ({ blob }));
}

/** Throws `RuntimeError` BLOB_LOST. */
export async function loadValue(stored: StoredValue, blobs: BlobAccess): Promise<unknown> {
  if ("v" in stored) return stored.v;
  if ("lost" in stored) throw new RuntimeError("BLOB_LOST", "Cannot read a value: it could not be kept; run it again");
  return deserialize(await bytesOf(stored.blob, blobs));
}

/** Throws `RuntimeError` BLOB_LOST. */
export async function loadValues(stored: StoredValues, blobs: BlobAccess): Promise<Record<string, unknown>> {
  const entries = Object.entries(stored).map(async ([name, value]) => [name, await loadValue(value, blobs)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function bytesOf(blob: BlobRef, blobs: BlobAccess): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.open(blob)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
