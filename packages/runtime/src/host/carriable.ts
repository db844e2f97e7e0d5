import { serialize } from "node:v8";

import type { RuntimeCompleted, RuntimeErrorEvent } from "../contract.ts";
import { RuntimeError } from "../errors.ts";

/** A message may have 16 MiB; the rest of it needs little. */
const RESULT_BYTES = 15 * 1024 * 1024;

const checked = new WeakMap<object, RuntimeError | undefined>();

/** Why these outputs cannot be sent to another process; undefined when they can. Asked of each object once. */
export function whyNotCarriable(result: Record<string, unknown>): RuntimeError | undefined {
  if (!checked.has(result)) checked.set(result, judge(result));
  return checked.get(result);
}

/** The end of an execution as clients can be told it: outputs that cannot be sent are a failure, not silence. */
export function toldEnd(end: RuntimeCompleted | RuntimeErrorEvent): RuntimeCompleted | RuntimeErrorEvent {
  const fault = "result" in end ? whyNotCarriable(end.result) : undefined;
  if (!fault) return end;
  const { executionId, seq, epoch, ts } = end;
  const { code, message: error } = fault;
  return {
    executionId,
    seq,
    epoch,
    ts,
    error,
    code,
    scope: "execution",
    detail: { code, class: "resource", message: error, retryable: false },
    handled: false,
    terminal: true,
    state: "failed",
  };
}

function judge(result: Record<string, unknown>): RuntimeError | undefined {
  for (const [output, value] of Object.entries(result)) {
    try {
      serialize(value);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot send the output "${output}": ${why}; give plain values or a file`;
      return new RuntimeError("LIMIT", message, { output }, { cause });
    }
  }
  const bytes = serialize(result).byteLength;
  if (bytes <= RESULT_BYTES) return undefined;
  const message = `Cannot send the outputs: they have ${bytes} bytes, the limit is ${RESULT_BYTES}; give what is large as a file`;
  return new RuntimeError("LIMIT", message, { bytes });
}
