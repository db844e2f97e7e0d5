/** Hand-written events of one execution. Numbered as a host numbers them; time goes ten milliseconds an event. */
import type { NodeState } from "@atomiton/runtime/contract";

import type { ExecutionEvent } from "../../src/model/execution.ts";

export const ID = "run-1";

type Loose = Record<string, unknown>;

export function script(epoch = 1) {
  let seq = 0;
  let ts = 1_000;
  const make =
    (counts: boolean) =>
    (type: ExecutionEvent["type"], data: Loose): ExecutionEvent => {
      if (counts) seq += 1;
      ts += 10;
      return { type, data: { executionId: ID, seq, epoch, ts, ...data } } as unknown as ExecutionEvent;
    };
  const counted = make(true);
  const uncounted = make(false);
  return {
    started: (data: Loose = {}) =>
      counted("runtime:started", {
        blueprint: { id: "b", name: "B", version: "1.0.0" },
        planHash: "p",
        host: "h",
        resumed: false,
        recovery: 0,
        total: 2,
        input: {},
        ...data,
      }),
    node: (path: string, s: NodeState, a = 1, why?: string) =>
      counted("runtime:state", { kind: "delta", prev: seq - 1, nodes: [{ path, s, a, t: ts, why }] }),
    delta: (data: Loose) => counted("runtime:state", { kind: "delta", prev: seq - 1, ...data }),
    hit: (stop: Loose) => counted("runtime:breakpoint", { op: "hit", stop }),
    logpoint: (path: string, message: string) =>
      counted("runtime:breakpoint", { op: "logpoint", id: "before-1", path, message }),
    inspect: (stopId: string, values: Loose) => uncounted("runtime:inspect", { stopId, path: "a", attempt: 1, values }),
    state: (state: string) => counted("runtime:state", { kind: "delta", prev: seq - 1, state }),
    snapshot: (state: string, nodes: readonly Loose[], at: Loose = {}) =>
      uncounted("runtime:state", { kind: "snapshot", state, nodes, waits: [], stops: [], ...at }),
    progress: (data: Loose) =>
      uncounted("runtime:progress", {
        percent: 0,
        done: 0,
        total: 2,
        totalFinal: true,
        running: 1,
        failed: 0,
        ...data,
      }),
    output: (path: string, value: unknown, data: Loose = {}) =>
      counted("runtime:output", {
        path,
        attempt: 1,
        port: "value",
        kind: "value",
        via: "run",
        value: { t: "json", v: value },
        ...data,
      }),
    item: (path: string, index: number, value: unknown) =>
      uncounted("runtime:output", {
        path,
        attempt: 1,
        port: "items",
        kind: "item",
        via: "run",
        index,
        value: { t: "json", v: value },
      }),
    log: (path: string, message: string, level = "info") =>
      uncounted("runtime:log", { path, attempt: 1, level, message }),
    fault: (path: string, message: string, data: Loose = {}) =>
      counted("runtime:error", {
        error: message,
        code: "X",
        scope: "node",
        path,
        handled: false,
        terminal: false,
        detail: { code: "X", class: "user", message, retryable: false, attempt: 1 },
        ...data,
      }),
    failed: (message: string, data: Loose = {}) =>
      counted("runtime:error", {
        error: message,
        code: "X",
        scope: "execution",
        handled: false,
        terminal: true,
        state: "failed",
        detail: { code: "X", class: "user", message, retryable: false },
        ...data,
      }),
    completed: (result: Loose = {}) =>
      counted("runtime:completed", {
        result,
        durationMs: 5,
        activeMs: 5,
        counts: { completed: 1 },
        cacheHits: 0,
        handledErrors: 0,
      }),
  };
}
