import { EventsError, type EventsErrorCode } from "../core/errors.ts";
import type { WireError } from "../session/messages.ts";

/** Longest text of an error that is read from a link. */
const TEXT_LIMIT = 4_096;

/** An error made to be seen by callers: its code, message and details cross a boundary as they are. */
interface Exposed {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

function isExposed(fault: unknown): fault is Exposed {
  if (fault instanceof EventsError) return true;
  if (!(fault instanceof Error)) return false;
  const { code, expose } = fault as { code?: unknown; expose?: unknown };
  return typeof code === "string" && expose === true;
}

/** What a handler, or the source of a stream, threw, as the other side gets it: with a code, and nothing secret unless `exposes`. */
export function asFailure(fault: unknown, name: string, exposes: boolean, stream?: string): EventsError {
  if (fault instanceof EventsError) return fault;
  if (isExposed(fault)) {
    return new EventsError(fault.code as EventsErrorCode, fault.message, fault.details ?? { name }, { cause: fault });
  }
  const [what, side] = stream === undefined ? ["its handler", "handling"] : [`its stream "${stream}"`, "sending"];
  const text = exposes && fault instanceof Error ? fault.message : `${what} failed; see the log of the ${side} side`;
  const details = stream === undefined ? { name } : { name, stream };
  return new EventsError("HANDLER_FAILED", `Cannot complete "${name}": ${text}`, details, { cause: fault });
}

/** True for an error whose reason is lost to the caller, and so must be shown on this side. */
export function isHidden(fault: unknown): boolean {
  return !isExposed(fault);
}

export function toWire(failure: EventsError, exposes: boolean): WireError {
  const { code, message, details, cause } = failure;
  const stack = cause instanceof Error ? cause.stack : failure.stack;
  return { code, message, details, ...(exposes && stack !== undefined ? { stack } : {}) };
}

/** Nothing of a peer's error is trusted but its text. Codes of the peer's own handlers pass as they are. */
export function fromWire(error: WireError, name: string): EventsError {
  const { code, message, details, stack }: Partial<Record<keyof WireError, unknown>> = error;
  const known = typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/i.test(code) ? code : "HANDLER_FAILED";
  const text = typeof message === "string" ? message.slice(0, TEXT_LIMIT) : `Cannot complete "${name}": it failed`;
  const facts = typeof details === "object" && details !== null ? { ...details } : { name };
  const cause = typeof stack === "string" ? stack.slice(0, TEXT_LIMIT) : undefined;
  return new EventsError(known as EventsErrorCode, text, facts, cause === undefined ? undefined : { cause });
}
