/** What a host and a member of its pool say to each other: one bus a member, over its port or channel. */
import { command, defineContract, event } from "@atomiton/events";
import { z } from "zod";

/** The longest that timers hold: runs end by their attempts' timeouts, calls by their runs. */
const LONGEST_MS = 2_147_483_647;
const toMember = { from: ["host"], to: ["member"] } as const;
const toHost = { from: ["member"], to: ["host"] } as const;

/** An error on its way: `node` is what a `NodeError` carries. */
const fault = z.object({
  name: z.string(),
  message: z.string(),
  stack: z.string().optional(),
  node: z.any().optional(),
});
export type Fault = z.infer<typeof fault>;

/** Where the definition stands: `core` for a core node, else the address of a module that exports it. */
const task = z.object({
  module: z.string(),
  type: z.string(),
  version: z.string(),
  facts: z.record(z.string(), z.any()),
  inputs: z.record(z.string(), z.any()),
  config: z.any(),
});
export type Task = z.infer<typeof task>;

const result = z.union([z.object({ value: z.any() }), z.object({ fault })]);
export type Result = z.infer<typeof result>;

export const poolContract = defineContract("pool@1", {
  "pool:run": command(task, result, { ...toMember, timeoutMs: LONGEST_MS }),
  "pool:abort": event(
    z.object({ reason: fault, kind: z.string().optional(), graceMs: z.number().optional() }),
    toMember,
  ),
  /** The configuration of what runs was changed: `changed` keys of it. */
  "pool:config": event(z.object({ config: z.any(), changed: z.array(z.string()) }), toMember),
  /** What a spawned program writes. */
  "pool:spawned": event(
    z.object({ call: z.number(), stream: z.enum(["stdout", "stderr"]), text: z.string() }),
    toMember,
  ),
  /** A method of the node's context, by name. */
  "pool:call": command(z.object({ method: z.string(), args: z.array(z.any()) }), result, {
    ...toHost,
    timeoutMs: LONGEST_MS,
  }),
  "pool:tell": event(z.object({ method: z.enum(["log", "progress", "heartbeat"]), args: z.array(z.any()) }), toHost),
});

export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack } = error;
  const node: unknown = (error as { error?: unknown }).error;
  return {
    name,
    message,
    ...(stack === undefined ? {} : { stack }),
    // Of a NodeError its class, code and so on: plain data.
    ...(name === "NodeError" ? { node } : {}),
  };
}
