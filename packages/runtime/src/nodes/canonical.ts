import { createHash } from "node:crypto";

/** Longer keys are kept as their hash: a set of them must not hold the items again. */
const KEY_CHARACTERS = 64;

/** Equal for equal values, whatever the order of their fields. */
export function canonical(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) as string | undefined;
  if (text === undefined) return "";
  return text.length <= KEY_CHARACTERS ? text : createHash("sha256").update(text).digest("base64");
}
