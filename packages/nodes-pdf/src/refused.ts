import { NodeError, type BlobRef } from "@atomiton/runtime";

export function refused(file: BlobRef, code: string, state: string, cause?: unknown): NodeError {
  return new NodeError(
    `Cannot read the PDF "${file.name ?? "file"}": ${state}`,
    { code, class: code === "LIMIT" ? "resource" : "user", retryable: false },
    { cause },
  );
}

/** Largest file, bytes: it is held in memory. */
export const LIMIT_BYTES = 256 * 1024 ** 2;
