/** Stream ports: for now lists that are held in memory. */
import { NodeError } from "../errors.ts";
import type { Attempt } from "./attempt.ts";
import { issuesText } from "./expressions.ts";
import { streamOf } from "./inputs.ts";

/** Items that one stream port may gather in one attempt: streams are held in memory for now. */
export const STREAM_ITEMS = 1_000_000;

/** The inputs, with the lists of stream ports as streams that check each item as it is read. */
export function withStreams(attempt: Attempt, inputs: Record<string, unknown>): any {
  let values = inputs;
  for (const input of attempt.node.inputs) {
    const value = inputs[input.name];
    if (input.port?.mode !== "stream" || value === undefined) continue;
    if (values === inputs) values = { ...inputs };
    const stream = (items: unknown): unknown => streamOf(attempt.scope, attempt.node, input, items as unknown[]);
    values[input.name] = input.multi ? (value as unknown[]).map(stream) : stream(value);
  }
  return values;
}

/** Keeps one item that a node emits. Throws `TypeError`, and `NodeError` INVALID_OUTPUT or LIMIT. */
export function gather(attempt: Attempt, name: string, item: unknown): void {
  const port = attempt.node.outputs.get(name);
  if (port?.mode !== "stream") {
    throw new TypeError(
      `Cannot emit to "${name}" of "${attempt.path}": it is no stream port of ${attempt.node.def.type}`,
    );
  }
  const checked = port.schema.safeParse(item);
  const streams = (attempt.streams ??= new Map<string, unknown[]>());
  const items = streams.get(name) ?? [];
  if (!checked.success) {
    throw new NodeError(
      `Cannot take item ${items.length} on "${name}" of "${attempt.path}": ${issuesText(checked.error.issues)}; ${attempt.node.def.type} breaks its own schema`,
      { code: "INVALID_OUTPUT", class: "internal", retryable: false },
    );
  }
  if (items.length >= STREAM_ITEMS) {
    throw new NodeError(
      `Cannot take more than ${STREAM_ITEMS} items on "${name}" of "${attempt.path}": streams are held in memory for now; cut the input into parts`,
      { code: "LIMIT", class: "resource", retryable: false },
    );
  }
  if (items.length === 0) streams.set(name, items);
  items.push(item);
}
