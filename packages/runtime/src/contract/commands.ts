/** What a client asks of a host. Unknown keys are refused: a misspelt option must not be lost in silence. */
import { z } from "zod";

import { breakpoint, count, execState, id, mock, path, timestamp, val, values } from "./values.ts";

const cmd = {
  executionId: id,
  /** Idempotency key: the same one again gives the first answer again. Made up by the client library when left out. */
  commandId: id.optional(),
  /** Refused with `E_STATE` unless the execution is in one of these. */
  ifState: z.array(execState).optional(),
};
/** `seq`: the execution's last sequence number when the answer was made. */
const reply = { seq: count };

export const execute = z
  .strictObject({
    /** Chosen by the caller, or left to the host. */
    executionId: id.optional(),
    commandId: id.optional(),
    /** Id of a stored Blueprint: any non-empty string. */
    blueprintId: z.string().min(1).optional(),
    version: z.string().optional(),
    /** `path`: below the host's folder. `inline`: the Blueprint itself, text or object; needs `execute:inline`. */
    blueprint: z
      .union([z.strictObject({ path: z.string().min(1) }), z.strictObject({ inline: z.unknown() })])
      .optional(),
    input: values.optional(),
    /** `debug`: stops before the first instance. `dry`: skips nodes of effect `write` and `idempotent` that no mock stands in for. */
    mode: z.enum(["run", "debug", "dry"]).optional(),
    /** Runs `at` again; what completed in that execution with the same type, configuration and inputs is taken over. */
    from: z.strictObject({ executionId: id, at: z.array(path), reuse: z.enum(["upstream", "all-clean"]) }).optional(),
    breakpoints: z.array(breakpoint).optional(),
    pins: z.record(z.string(), z.record(z.string(), val)).optional(),
    mocks: z.record(z.string(), mock).optional(),
    priority: z.number().optional(),
    pool: z.string().optional(),
    deadline: timestamp.optional(),
  })
  .refine((request) => (request.blueprintId === undefined) !== (request.blueprint === undefined), {
    message: "Give either blueprintId or blueprint",
  });
export const executeReply = z.object({ ...reply, executionId: id, planHash: z.string(), nodes: count });
export type ExecuteRequest = z.infer<typeof execute>;
export type ExecuteReply = z.infer<typeof executeReply>;

export const pause = z.strictObject({ ...cmd, mode: z.enum(["drain", "now"]), reason: z.string().optional() });
export const pauseReply = z.object({ ...reply, state: execState, running: z.array(path) });

export const resume = z.strictObject({
  ...cmd,
  stopId: id.optional(),
  step: z.enum(["over", "into", "out"]).optional(),
});
export const stateReply = z.object({ ...reply, state: execState });

export const cancel = z.strictObject({
  ...cmd,
  reason: z.string().optional(),
  /** How long child processes may take to end by themselves. Default 5,000. */
  graceMs: z.number().nonnegative().optional(),
  /** Of the one instance to cancel, with what is inside of it. Left out: the whole execution. */
  path: path.optional(),
});

export const input = z.discriminatedUnion("kind", [
  z.strictObject({ ...cmd, kind: z.literal("answer"), waitId: id, value: val }),
  /** Items for a node that takes them (`core/input.stream`): as many as there is room for, from the first on. Not recorded. */
  z.strictObject({
    ...cmd,
    kind: z.literal("push"),
    path,
    port: z.string(),
    items: z.array(val),
    end: z.boolean().optional(),
  }),
  /** For every node that waits for an event of this subject now (`core/event.wait`). */
  z.strictObject({ ...cmd, kind: z.literal("event"), subject: z.string().min(1), value: val }),
  z.strictObject({ ...cmd, kind: z.literal("override"), stopId: id, port: z.string(), value: val }),
]);
/** `accepted`: items, answers, or waits that took the event. `credit`: items that there is room for. */
export const inputReply = z.object({ ...reply, accepted: count, credit: count });

export const config = z.strictObject({
  ...cmd,
  path,
  patch: z.array(
    z.strictObject({ op: z.enum(["add", "replace", "remove"]), path: z.string(), value: z.unknown().optional() }),
  ),
  ifHash: z.string().optional(),
  persist: z.boolean().optional(),
});
export const configReply = z.object({
  ...reply,
  applied: z.enum(["live", "next-attempt", "next-item"]),
  configHash: z.string(),
});

export const setBreakpoints = z.strictObject({ ...cmd, op: z.literal("set"), breakpoints: z.array(breakpoint) });
export const setBreakpointsReply = z.object({
  ...reply,
  breakpoints: z.array(breakpoint.extend({ verified: z.boolean(), message: z.string().optional() })),
});

export const inspectTarget = z.union([
  z.strictObject({
    path,
    attempt: z.number().int().optional(),
    what: z.enum(["in", "out", "config", "error", "log", "timeline"]),
    port: z.string().optional(),
  }),
  z.strictObject({ eval: z.string(), stopId: id }),
  z.strictObject({ ref: z.string() }),
]);
export const inspect = z.strictObject({
  executionId: id,
  /** Number of a record, as `at` of an answer gives it: the value as it was then. Needs a data folder. */
  at: count.optional(),
  target: inspectTarget,
  range: z.strictObject({ start: count, count }).optional(),
  depth: count.optional(),
  maxBytes: count.optional(),
});
export const inspectReply = z.object({
  ...reply,
  value: val,
  total: count.optional(),
  nextStart: count.optional(),
  /** Number of the last record of the execution. Without a data folder 0. */
  at: count,
});
