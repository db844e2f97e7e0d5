import type { BlobStore } from "../../blobs/blob-store.ts";
import type { Redact } from "./redact.ts";
import { redacted } from "./values.ts";

/** An output above it is told by reference: events are small, and every client gets them. */
export const RESULT_BYTES = 1024 * 1024;

/** The result with its large outputs as blobs of JSON. What JSON cannot hold stays as it is. */
export async function storeLarge(
  result: Readonly<Record<string, unknown>>,
  large: readonly string[],
  blobs: BlobStore,
  redact: Redact | undefined,
): Promise<Record<string, unknown>> {
  const told = { ...result };
  for (const name of large) {
    const text = jsonOf(redacted(result[name], redact));
    if (text === undefined) continue;
    told[name] = await blobs.put(new TextEncoder().encode(text), { type: "application/json", name: `${name}.json` });
  }
  return told;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
