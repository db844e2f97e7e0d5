/** Every way in which the bus fails, closed: switch on it. Each code has a section in docs/errors.md. */
export type EventsErrorCode =
  | "UNKNOWN_EVENT"
  | "NOT_A_COMMAND"
  | "INVALID_PAYLOAD"
  | "INVALID_REPLY"
  | "UNCLONEABLE"
  | "WRONG_DIRECTION"
  | "DENIED"
  | "NO_HANDLER"
  | "NO_PEER"
  | "HANDLER_EXISTS"
  | "HANDLER_FAILED"
  | "TIMEOUT"
  | "CANCELLED"
  | "OUTCOME_UNKNOWN"
  | "DUPLICATE_LINK"
  | "CONTRACT_MISMATCH"
  | "VERSION_MISMATCH"
  | "REJECTED"
  | "PROTOCOL"
  | "LIMIT"
  | "QUEUE_FULL"
  | "STREAM_TAKEN"
  | "LINK_LOST"
  | "CLOSED"
  | "JOURNAL"
  | "MISSING_DEPENDENCY"
  | "UNPROTECTED";

/**
 * The one error class of this package. Test it by `code`, never by `instanceof` across a boundary.
 * Text: `Cannot <action> <"value">: <state now>; <what would work>`.
 */
export class EventsError extends Error {
  override readonly name: string = "EventsError";
  readonly code: EventsErrorCode;
  /** Facts about the failure, safe to show: event name, peer role, limit reached. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: EventsErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  /** With its message, which JSON drops of other errors; without stack and cause. */
  toJSON(): { name: string; code: EventsErrorCode; message: string; details: Readonly<Record<string, unknown>> } {
    const { name, code, message, details } = this;
    return { name, code, message, details };
  }
}
