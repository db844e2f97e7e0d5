import { parseDuration } from "../blueprint/build.ts";
import { NodeError } from "../errors.ts";

/** `timeout` of a node that waits, as its `Wait` takes it. Throws `NodeError` CONFIG. */
export function waitTimeout(timeout: string | undefined): { timeoutMs?: number } {
  if (timeout === undefined) return {};
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs !== undefined) return { timeoutMs };
  throw new NodeError(`Cannot wait "${timeout}": it is not a duration; write 30m or 24h`, {
    code: "CONFIG",
    class: "config",
    retryable: false,
  });
}
