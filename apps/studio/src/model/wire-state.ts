/** What a wire shows: whether its value is out, and whether its target is at work on it. */
import type { NodeView } from "./node-view.ts";
import type { NodeOutputs } from "./outputs.ts";

/** idle: nothing yet. flowing: the value is out and its target is at work. delivered: the target is done with it. empty: nothing will come. */
export type WireState = "idle" | "flowing" | "delivered" | "empty";

const AT_WORK: ReadonlySet<string> = new Set(["ready", "running", "waiting", "backoff", "held"]);

/**
 * @param source the node that the wire leaves; undefined for inputs and items, whose value is there from the start
 * @param port of the source: `error` carries a value when the node failed, every other one when it completed
 * @param outputs of the source: what came out is out, whether or not its target got to it
 */
export function wireState(
  source: NodeView | undefined,
  port: string,
  target: NodeView | undefined,
  isStarted: boolean,
  outputs?: NodeOutputs,
): WireState {
  if (!isStarted) return "idle";
  const out = source === undefined ? true : gaveOut(source, port);
  if (out === "never") return "empty";
  if (!out) return "idle";
  if (target === undefined) return "delivered";
  if (AT_WORK.has(target.state)) return "flowing";
  if (target.state === "pending") return "idle";
  if (target.state !== "skipped" && target.state !== "cancelled") return "delivered";
  if (target.startedAt !== undefined) return "delivered";
  return outputs !== undefined && hasPort(outputs, port) ? "delivered" : "empty";
}

function hasPort({ byInstance }: NodeOutputs, port: string): boolean {
  for (const ports of byInstance.values()) if (ports.has(port)) return true;
  return false;
}

function gaveOut(source: NodeView, port: string): boolean | "never" {
  const { completed = 0, failed = 0 } = source.counts;
  const values = port === "error" ? failed : completed;
  if (values > 0) return true;
  const isOver =
    source.state === "completed" ||
    source.state === "failed" ||
    source.state === "skipped" ||
    source.state === "cancelled";
  return isOver ? "never" : false;
}
