/** What a host tells its clients. */
import { z } from "zod";

import {
  count,
  execState,
  id,
  nodeState,
  path,
  rtError,
  stopInfo,
  timestamp,
  val,
  values,
  waitInfo,
} from "./values.ts";

const ev = {
  executionId: id,
  /**
   * Gapless per execution over started, state, output (value, end), breakpoint, completed and error; progress, log and
   * output (item, partial) carry the last one.
   */
  seq: count,
  /** Grows when another host takes the execution over: drop what carries a lower one. */
  epoch: count,
  ts: timestamp,
};

export const started = z.object({
  ...ev,
  blueprint: z.object({ id: z.string(), name: z.string(), version: z.string() }),
  planHash: z.string(),
  parent: z.object({ executionId: id, path }).optional(),
  host: z.string(),
  resumed: z.boolean(),
  /** Host deaths survived. */
  recovery: count,
  /** Node instances known so far. */
  total: count,
  input: values,
});

export const progress = z.object({
  ...ev,
  /** 0 to 100, never falls; null while nothing is known. */
  percent: z.number().min(0).max(100).nullable(),
  message: z.string().optional(),
  /** Node instances that are final. */
  done: count,
  total: count,
  /** False while loops may still add instances. */
  totalFinal: z.boolean(),
  running: count,
  failed: count,
  etaMs: z.number().nonnegative().optional(),
  /** What is running, in each node's own unit. */
  nodes: z
    .array(
      z.object({
        path,
        done: z.number(),
        total: z.number().optional(),
        message: z.string().optional(),
        rate: z.number().optional(),
      }),
    )
    .optional(),
});

export const completed = z.object({
  ...ev,
  /** The Blueprint's outputs: plain values, a blob reference where large. */
  result: values,
  durationMs: z.number().nonnegative(),
  /** Without the time in which it was paused. */
  activeMs: z.number().nonnegative(),
  counts: z.record(nodeState, count),
  cacheHits: count,
  handledErrors: count,
});

export const error = z.object({
  ...ev,
  /** The message. */
  error: z.string(),
  code: z.string(),
  scope: z.enum(["execution", "node", "command"]),
  path: path.optional(),
  detail: rtError,
  /** An error port or a loop took care of it. */
  handled: z.boolean(),
  willRetryAt: timestamp.optional(),
  /** Nothing of this execution follows. */
  terminal: z.boolean(),
  state: z.enum(["failed", "cancelled"]).optional(),
  /** Of the command that failed, with scope `command`. */
  commandId: id.optional(),
});

/** Sent right before `runtime:completed`, with its numbers: what was computed, for those who want nothing else. */
export const result = z.object({ ...ev, result: values });

export const output = z.object({
  ...ev,
  path,
  attempt: z.number().int(),
  port: z.string(),
  kind: z.enum(["value", "item", "end", "partial"]),
  index: count.optional(),
  value: val.optional(),
  items: count.optional(),
  via: z.enum(["run", "cache", "pin", "edited"]),
});

export const state = z.discriminatedUnion("kind", [
  z.object({
    ...ev,
    kind: z.literal("snapshot"),
    state: execState,
    /** s: state, a: attempt, t0: started, t1: settled, why: of a skip, a wait or a failure. */
    nodes: z.array(
      z.object({
        path,
        s: nodeState,
        a: count,
        t0: timestamp.optional(),
        t1: timestamp.optional(),
        why: z.string().optional(),
      }),
    ),
    /** Ended instances of items that `nodes` no longer names, by their node's path in the graph. Left out: none. */
    counted: z
      .array(
        z.object({
          path,
          counts: z.partialRecord(nodeState, count),
          /** The highest attempt; the first start and the last end. */
          a: count,
          t0: timestamp.optional(),
          t1: timestamp.optional(),
        }),
      )
      .optional(),
    waits: z.array(waitInfo),
    stops: z.array(stopInfo),
  }),
  z.object({
    ...ev,
    kind: z.literal("delta"),
    /** `seq` of the state event before this one: a hole shows. */
    prev: count,
    state: execState.optional(),
    nodes: z.array(z.object({ path, s: nodeState, a: count, t: timestamp, why: z.string().optional() })).optional(),
    waits: z.array(waitInfo).optional(),
    stops: z.array(stopInfo).optional(),
  }),
]);

export const log = z.object({
  ...ev,
  path,
  attempt: z.number().int(),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  data: val.optional(),
  /** Set where the line came from a child process. */
  stream: z.enum(["stdout", "stderr"]).optional(),
});

export const breakpointEvent = z.discriminatedUnion("op", [
  z.object({ ...ev, op: z.literal("hit"), stop: stopInfo }),
  z.object({ ...ev, op: z.literal("cleared"), stop: stopInfo }),
  z.object({ ...ev, op: z.literal("logpoint"), id, path, message: z.string() }),
]);

/** The values at a stop. */
export const inspectEvent = z.object({
  ...ev,
  stopId: id,
  path,
  attempt: z.number().int(),
  values: z.record(z.string(), val),
});
