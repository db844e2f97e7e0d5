/** The words that `runtime:*` payloads are made of. */
import { z } from "zod";

import type { RtError } from "../errors.ts";

/** Terminal: `completed`, `failed`, `cancelled`. */
export const execState = z.enum([
  "queued",
  "running",
  "pausing",
  "paused",
  "cancelling",
  "completed",
  "failed",
  "cancelled",
]);
export type ExecState = z.infer<typeof execState>;

/** Final: `completed`, `failed`, `skipped`, `cancelled`. */
export const nodeState = z.enum([
  "pending",
  "ready",
  "held",
  "running",
  "waiting",
  "backoff",
  "completed",
  "failed",
  "skipped",
  "cancelled",
]);
export type NodeState = z.infer<typeof nodeState>;

/** A whole number from 0. */
export const count = z.number().int().nonnegative();
/** Milliseconds since 1970. */
export const timestamp = z.number();
/** An id that somebody else made: any text but the empty one, at most 200 characters. */
export const id = z.string().min(1).max(200);
/** Where a node instance stands: `each[sku-12]/thumb/resize`. */
export const path = z.string().max(4096);
/** Named values: the inputs of a Blueprint, the outputs of one. */
export const values = z.record(z.string(), z.unknown());

/** A value on its way to a reader: as it is, as a reference, cut, or hidden because it holds a secret. */
export const val = z.discriminatedUnion("t", [
  z.object({ t: z.literal("json"), v: z.unknown() }),
  z.object({ t: z.literal("blob"), $blob: z.string(), size: count, type: z.string(), name: z.string().optional() }),
  z.object({ t: z.literal("trunc"), preview: z.unknown(), bytes: count, ref: z.string() }),
  z.object({ t: z.literal("redacted") }),
]);
export type Val = z.infer<typeof val>;

/** What went wrong in a node; `RtError` of errors.ts. */
export const rtError: z.ZodType<RtError> = z.object({
  code: z.string(),
  class: z.enum(["user", "config", "network", "timeout", "http", "process", "resource", "cancelled", "internal"]),
  message: z.string(),
  path: z.string().optional(),
  attempt: z.number().int().optional(),
  retryable: z.boolean(),
  http: z.number().int().optional(),
  exit: z.object({ code: z.number().int().nullable(), signal: z.string().nullable() }).optional(),
  stack: z.string().optional(),
  cause: z.lazy(() => rtError.optional()),
});

export const breakpoint = z.object({
  id,
  /** `edge`: a value is about to enter `port`. */
  at: z.enum(["before", "after", "error", "edge"]),
  path,
  port: z.string().optional(),
  /** JSONata over `{ in, config, out, error, item, index, attempt }`. */
  when: z.string().optional(),
  /** `"5"`, `">=10"`, `"%100"`. */
  hit: z.string().optional(),
  /** A message to log instead of stopping. */
  log: z.string().optional(),
  /** Stop the whole execution, or this instance alone. */
  suspend: z.enum(["all", "scope"]),
  enabled: z.boolean(),
  errors: z.enum(["uncaught", "all"]).optional(),
});
export type Breakpoint = z.infer<typeof breakpoint>;

export const stopInfo = z.object({
  stopId: id,
  reason: z.enum(["breakpoint", "step", "pause", "entry", "error"]),
  breakpointIds: z.array(z.string()),
  path,
  attempt: z.number().int(),
  allStopped: z.boolean(),
  /** The breakpoint's condition threw: it stopped because of that. */
  conditionError: z.string().optional(),
});
export type StopInfo = z.infer<typeof stopInfo>;

export const waitInfo = z.object({
  waitId: id,
  path,
  for: z.enum(["input", "time", "event", "unknownOutcome"]),
  prompt: z.string().optional(),
  /** JSON Schema of the answer. */
  schema: z.unknown().optional(),
  /** Of the event that it waits for. */
  subject: z.string().optional(),
  until: timestamp.optional(),
});
export type WaitInfo = z.infer<typeof waitInfo>;

/** Stands in for a node. */
export const mock = z.object({
  outputs: z.record(z.string(), val).optional(),
  error: rtError.optional(),
  delayMs: z.number().nonnegative().optional(),
  times: count.optional(),
});
export type Mock = z.infer<typeof mock>;
