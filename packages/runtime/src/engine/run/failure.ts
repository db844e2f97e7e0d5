import type { RetryPolicy } from "../../blueprint/model.ts";
import { isNodeError, RuntimeError, type RtError } from "../../errors.ts";
import type { PlanNode } from "../plan/plan.ts";

/** Causes of causes beyond this say nothing new. */
const CAUSES = 5;
const MESSAGE_LIMIT = 8_192;

/** System errors that another attempt may not meet. */
const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
const RESOURCE = new Set(["ENOSPC", "EMFILE", "ENFILE", "ENOMEM", "EDQUOT"]);

/** The abort of an attempt: what its signal's reason is. */
export class CancelReason extends Error {
  override readonly name: string = "AbortError";
  readonly kind: "cancel" | "timeout" | "pause";
  /** Who or what asked: a person's words, `timeout`, `failure of a/b`. */
  readonly reason: string;
  readonly at: number;
  /** How long processes have between SIGTERM and SIGKILL. */
  readonly graceMs: number;

  constructor(kind: "cancel" | "timeout" | "pause", reason: string, at: number, graceMs: number) {
    super(kind === "timeout" ? reason : `${kind === "pause" ? "paused" : "cancelled"}: ${reason}`);
    this.kind = kind;
    this.reason = reason;
    this.at = at;
    this.graceMs = graceMs;
  }
}

/** What the instances inside a loop or Blueprint are told when that is ended: it was not their timeout. */
export function cancelInside({ kind, reason, at, graceMs }: CancelReason): CancelReason {
  return new CancelReason("cancel", kind === "timeout" ? "the node around it took too long" : reason, at, graceMs);
}

/** Whatever a node threw, as what travels. Never throws, whatever it is given. */
export function toRtError(thrown: unknown, path: string, attempt: number): RtError {
  return { ...describe(thrown, 0), path, attempt };
}

function describe(thrown: unknown, depth: number): RtError {
  try {
    const found = classify(thrown);
    const cause = thrown instanceof Error ? thrown.cause : undefined;
    if (found.cause || cause === undefined || cause === null || depth >= CAUSES) return found;
    return { ...found, cause: describe(cause, depth + 1) };
  } catch {
    return { code: "INTERNAL", class: "internal", message: "an error that cannot be read", retryable: false };
  }
}

function classify(thrown: unknown): RtError {
  if (isNodeError(thrown)) {
    const { retryable, ...rest } = thrown.error;
    return { ...rest, message: cut(thrown.message), retryable: retryable ?? transient(rest.class) };
  }
  if (thrown instanceof CancelReason) {
    return thrown.kind === "timeout"
      ? { code: "TIMEOUT", class: "timeout", message: thrown.message, retryable: true }
      : { code: "CANCELLED", class: "cancelled", message: thrown.message, retryable: false };
  }
  if (thrown instanceof RuntimeError) {
    const config = thrown.code === "CONFIG" || thrown.code === "EXPRESSION" || thrown.code === "NOT_YET";
    const cls = config ? "config" : thrown.code === "LIMIT" ? "resource" : "internal";
    return { code: thrown.code, class: cls, message: cut(thrown.message), retryable: false };
  }
  if (!(thrown instanceof Error)) {
    return {
      code: "INTERNAL",
      class: "internal",
      message: cut(`threw ${show(thrown)}, not an Error`),
      retryable: false,
    };
  }
  const code = (thrown as { code?: unknown }).code;
  const message = cut(thrown.message === "" ? thrown.name : thrown.message);
  if (typeof code === "string") {
    if (NETWORK.has(code)) return { code, class: "network", message, retryable: true };
    if (RESOURCE.has(code)) return { code, class: "resource", message, retryable: true };
    return { code, class: "internal", message, retryable: false };
  }
  return { code: "INTERNAL", class: "internal", message, retryable: false };
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

const transient = (cls: RtError["class"]): boolean => cls === "network" || cls === "timeout";
const cut = (text: string): string =>
  text.length <= MESSAGE_LIMIT ? text : `${text.slice(0, MESSAGE_LIMIT)}… (${text.length} characters)`;

/** Whether another attempt may mend it. `on` names classes, codes, and `http.5xx`; left out: what the error says. */
export function isWorthRetrying(error: RtError, policy: RetryPolicy): boolean {
  if (error.class === "cancelled") return false;
  if (!policy.on) return error.retryable;
  return policy.on.some((rule) => {
    if (rule === error.class || rule === error.code) return true;
    const http = /^http\.(\d)xx$/.exec(rule);
    return http !== null && error.http !== undefined && Math.floor(error.http / 100) === Number(http[1]);
  });
}

/** Milliseconds before the attempt after `attempt`. `random` gives 0 to 1. */
export function backoffMs(policy: RetryPolicy, attempt: number, random: () => number): number {
  const { backoff, initialMs, factor, maxMs, jitter } = policy;
  const grown =
    backoff === "fixed" ? initialMs : backoff === "linear" ? initialMs * attempt : initialMs * factor ** (attempt - 1);
  const capped = Math.min(grown, maxMs);
  return Math.round(jitter === "full" ? capped * random() : capped);
}

/** It is worth another attempt, and one is left. */
export const mayRetry = ({ retry }: PlanNode, attempt: number, error: RtError): boolean =>
  retry !== undefined && attempt < retry.attempts && isWorthRetrying(error, retry);
