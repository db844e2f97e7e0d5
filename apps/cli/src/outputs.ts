import { text } from "node:stream/consumers";

import type { BlobRef, BlobStore, Runtime } from "@atomiton/runtime";

export function isFile(value: unknown): value is BlobRef {
  return typeof value === "object" && value !== null && typeof (value as BlobRef).$blob === "string";
}

/** Hears the outputs as every client is told them: secrets are hidden in them. */
export function hearOutputs(
  runtime: Runtime,
): (result: Record<string, unknown>, blobs: BlobStore) => Promise<Record<string, unknown>> {
  let told: Record<string, unknown> = {};
  const off = runtime.on(({ type, data }) => {
    if (type === "runtime:completed") told = data.result;
  });
  return async (result, blobs) => {
    off();
    const all = Object.entries(told).map(async ([name, value]): Promise<[string, unknown]> => {
      // Told by reference because it is large, not because it is a file.
      const isLarge = isFile(value) && !isFile(result[name]);
      return [name, isLarge ? JSON.parse(await text(blobs.open(value))) : value];
    });
    return Object.fromEntries(await Promise.all(all));
  };
}
