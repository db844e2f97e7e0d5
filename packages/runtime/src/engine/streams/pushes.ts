/** Items that clients push to a node that runs. Bounded as any stream; what does not fit is not taken. */
import { NodeError, RuntimeError } from "../../errors.ts";
import { runsApart } from "../../pool/pool.ts";
import { instanceAt, nodeAt } from "../control/locate.ts";
import { issuesText } from "../plan/expressions.ts";
import type { PlanNode } from "../plan/plan.ts";
import type { Attempt } from "../run/attempt.ts";
import type { Scheduler } from "../run/scheduler.ts";
import { NODE_STATES } from "../run/states.ts";
import { QUEUE_ITEMS, StreamQueue } from "./stream-queue.ts";

export interface PushRequest {
  readonly path: string;
  /** A stream output of the node. */
  readonly port: string;
  readonly items: readonly unknown[];
  /** They are the last ones; heeded when all of them were taken. */
  readonly end?: boolean | undefined;
}
export interface Pushed {
  /** How many were taken, from the first on. */
  readonly accepted: number;
  /** How many more would be now. */
  readonly credit: number;
}

/** `ctx.pushed`. While it waits it holds no slot, and is as good as paused. */
export function pushedTo(attempt: Attempt): AsyncIterableIterator<unknown, undefined> {
  if (runsApart(attempt.node.def)) {
    throw new NodeError(`Cannot take pushed items in "${attempt.path}": its type does not run inline`, {
      code: "CONFIG",
      class: "config",
      retryable: false,
    });
  }
  const { launcher } = attempt.scheduler;
  let queue = attempt.pushes;
  if (!queue) {
    const opened = (attempt.pushes = queue = new StreamQueue());
    attempt.signal.addEventListener("abort", () => opened.interrupt(attempt.aborted), { once: true });
  }
  const items = queue;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (attempt.aborted) throw attempt.aborted;
      if (items.count > 0 || items.isDone) return await items.next();
      launcher.park(attempt);
      launcher.blocks(attempt);
      try {
        return await items.next();
      } finally {
        launcher.unblocks(attempt);
      }
    },
    async return() {
      items.detach();
      return { done: true, value: undefined };
    },
  };
}

/** Throws `INVALID_INPUT` where nothing is taken because it does not fit, `E_STATE` where the node takes none (now). */
export function push(scheduler: Scheduler, request: PushRequest): Pushed {
  const { path, port, items, end } = request;
  const node = scheduler.root && nodeAt(scheduler.root.template, path);
  check(node, request);
  const place = instanceAt(scheduler.root, path);
  const queue = place?.scope.attempts.get(place.node.id)?.pushes;
  if (!queue || queue.isEnded) {
    const state = place ? NODE_STATES[place.scope.state[place.node.id]!] : "not there";
    const why = queue ? "its last item was pushed" : `it is ${state}, and takes no items now`;
    throw new RuntimeError(
      "E_STATE",
      `Cannot push into "${port}" of "${path}": ${why}; what does, while it runs: core/input.stream`,
      { path, port, state },
    );
  }
  let accepted = 0;
  while (accepted < items.length && !queue.isFull) queue.push(items[accepted++]);
  if (end && accepted === items.length) queue.end();
  return { accepted, credit: queue.isFull || queue.isEnded ? 0 : QUEUE_ITEMS - queue.count };
}

function check(node: PlanNode | undefined, { path, port, items }: PushRequest): void {
  const output = node?.outputs.get(port);
  const refuse = (why: string): never => {
    throw new RuntimeError("INVALID_INPUT", `Cannot push into "${port}" of "${path}": ${why}`, { path, port });
  };
  if (!node) return refuse("the Blueprint has no such node");
  if (output?.mode !== "stream") return refuse(`it has no such stream; it has ${node.streams.join(", ") || "none"}`);
  for (const [index, item] of items.entries()) {
    const checked = output.schema.safeParse(item);
    if (!checked.success) refuse(`item ${index}: ${issuesText(checked.error.issues)}; nothing was taken`);
  }
}
