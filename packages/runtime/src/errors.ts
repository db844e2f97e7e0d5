/** Every way in which the runtime itself fails, closed. Node errors carry their own codes inside `RtError`. */
export type RuntimeErrorCode =
  | "UNKNOWN_BLUEPRINT"
  | "INVALID_BLUEPRINT"
  | "INVALID_INPUT"
  | "UNKNOWN_EXECUTION"
  | "UNKNOWN_NODE_TYPE"
  | "DUPLICATE_NODE_TYPE"
  | "E_STATE"
  | "NOT_YET"
  | "EXECUTION_FAILED"
  | "CANCELLED"
  | "TIMEOUT"
  | "EXPRESSION"
  | "BLOB_LOST"
  | "CONFIG"
  | "LIMIT"
  | "LOCKED"
  | "JOURNAL"
  | "PLAN_CHANGED"
  | "SECRET"
  | "CLOSED";

/** Test it by `code`. Text: `Cannot <action> <"value">: <state now>; <what would work>`. */
export class RuntimeError extends Error {
  override readonly name: string = "RuntimeError";
  readonly code: RuntimeErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: RuntimeErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** What went wrong in a node: `class` decides who can mend it, `code` which retry rule it meets. */
export interface RtError {
  /** `ENOENT`, `http.429`, `TIMEOUT`, `CSV_ROW`, … */
  code: string;
  class: "user" | "config" | "network" | "timeout" | "http" | "process" | "resource" | "cancelled" | "internal";
  message: string;
  path?: string | undefined;
  attempt?: number | undefined;
  retryable: boolean;
  http?: number | undefined;
  exit?: { code: number | null; signal: string | null } | undefined;
  stack?: string | undefined;
  cause?: RtError | undefined;
}

/** Thrown by a node to say exactly what happened; any other thrown value becomes class `internal`, not retryable. */
export class NodeError extends Error {
  override readonly name: string = "NodeError";
  readonly error: Omit<RtError, "message" | "retryable"> & { retryable?: boolean };

  constructor(
    message: string,
    error: Omit<RtError, "message" | "retryable"> & { retryable?: boolean },
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.error = error;
  }
}

/**
 * True for a `NodeError` of any copy of this package: a user's node module brings its own beside a bundled host, and
 * `instanceof` would not know it.
 */
export function isNodeError(thrown: unknown): thrown is NodeError {
  if (!(thrown instanceof Error) || thrown.name !== "NodeError") return false;
  const { error } = thrown as { error?: { code?: unknown; class?: unknown } };
  return typeof error?.code === "string" && typeof error.class === "string";
}
