/** A value as bytes: what files, request bodies and stdin take. */
import type { BlobAccess, BlobRef } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

export function isBlobRef(value: unknown): value is BlobRef {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as BlobRef).$blob === "string" &&
    /^sha256:[0-9a-f]{64}$/.test((value as BlobRef).$blob)
  );
}

/** Files and bytes as they are, text as UTF-8, anything else as JSON. */
export function bytesOf(value: unknown, blob: BlobAccess, indent?: number): AsyncIterable<Uint8Array> {
  if (isBlobRef(value)) return blob.open(value);
  return one(value instanceof Uint8Array ? value : new TextEncoder().encode(textOf(value, indent)));
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function textOf(value: unknown, indent?: number): string {
  if (typeof value === "string") return value;
  return `${JSON.stringify(value, undefined, indent)}${indent === undefined ? "" : "\n"}`;
}

/** All bytes in one piece; past `limitBytes` it stops reading and calls `tooLarge` for the error. */
export async function allBytes(
  chunks: AsyncIterable<Uint8Array>,
  limitBytes: number,
  tooLarge: () => Error,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > limitBytes) throw tooLarge();
    parts.push(chunk);
  }
  // Not a Buffer: it may lie in a pool with others, and turns into something else as JSON.
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Text, or the UTF-8 text of a file or bytes; anything else, more than `limitBytes` and other encodings are refused. */
export async function textIn(action: string, value: unknown, blob: BlobAccess, limitBytes: number): Promise<string> {
  const refused = (code: string, state: string): NodeError =>
    new NodeError(`Cannot ${action}: ${state}`, {
      code,
      class: code === "LIMIT" ? "resource" : "user",
      retryable: false,
    });
  const tooLarge = (): NodeError => refused("LIMIT", `it is larger than ${limitBytes} bytes; raise limitBytes`);
  if (typeof value === "string") {
    if (Buffer.byteLength(value) > limitBytes) throw tooLarge();
    return value;
  }
  if (!isBlobRef(value) && !(value instanceof Uint8Array)) {
    throw refused("INVALID_INPUT", `it is ${kindOf(value)}, neither text nor a file; wire one of these`);
  }
  const bytes = await allBytes(bytesOf(value, blob), limitBytes, tooLarge);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refused("ENCODING", "it is not UTF-8; convert it first");
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `of type ${typeof value}`;
}
