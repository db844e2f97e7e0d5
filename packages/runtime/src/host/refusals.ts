import { EventsError } from "@atomiton/events";

import type { RtError, RuntimeErrorEvent } from "../contract.ts";
import { RuntimeError, type RuntimeErrorCode } from "../errors.ts";

/** What this version does not do yet, said by name: nothing pretends. */
export function notYet(action: string, wayOut: string): RuntimeError {
  return new RuntimeError("NOT_YET", `Cannot ${action}: this version of the runtime does not do that yet; ${wayOut}`);
}

const CLASSES: Partial<Record<RuntimeErrorCode, RtError["class"]>> = {
  UNKNOWN_BLUEPRINT: "user",
  INVALID_BLUEPRINT: "config",
  INVALID_INPUT: "user",
  UNKNOWN_EXECUTION: "user",
  UNKNOWN_NODE_TYPE: "config",
  E_STATE: "user",
  NOT_YET: "user",
  CONFIG: "config",
  CANCELLED: "cancelled",
  TIMEOUT: "timeout",
  LIMIT: "resource",
};

/** Text and code of an error that may be shown outside: ours says so itself, of others only that they happened. */
export function safeError(error: unknown): RtError {
  if (error instanceof RuntimeError) {
    return { code: error.code, class: CLASSES[error.code] ?? "internal", message: error.message, retryable: false };
  }
  if (error instanceof EventsError) {
    return { code: error.code, class: "internal", message: error.message, retryable: false };
  }
  const message = "Cannot carry out the command: something failed in the host; its log says what";
  return { code: "HANDLER_FAILED", class: "internal", message, retryable: false };
}

/** The bus passes code, message and details of an error on to the caller only where the error allows it. */
export function exposed(error: unknown): unknown {
  if (error instanceof RuntimeError) Object.assign(error, { expose: true });
  return error;
}

/** What those are told who sent a command with a plain `emit`: for them the events are the only answer. */
export function commandFailed(
  error: unknown,
  about: { executionId: string; commandId: string | undefined; ts: number; endsIt: boolean },
): RuntimeErrorEvent {
  const detail = safeError(error);
  return {
    executionId: about.executionId,
    seq: 0,
    epoch: 0,
    ts: about.ts,
    error: detail.message,
    code: detail.code,
    scope: "command",
    detail,
    handled: false,
    terminal: about.endsIt,
    ...(about.endsIt ? { state: "failed" as const } : {}),
    ...(about.commandId === undefined ? {} : { commandId: about.commandId }),
  };
}
