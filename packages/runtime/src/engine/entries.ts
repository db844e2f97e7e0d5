import type { ExecutionInfo } from "../contract.ts";
import { RuntimeError, type RtError } from "../errors.ts";
import type { Unfinished } from "../journal/execution-store.ts";
import type { Execution } from "./execution.ts";

/** An execution as lists show it. */
export type ExecutionEntry = ExecutionInfo & {
  /** Last sequence number given out. */
  readonly seq: number;
  readonly planHash: string;
  /** Node instances known so far. */
  readonly nodes: number;
  /** Results and calls of attempts that were over: dropped. */
  readonly late: number;
  /** Blueprints, loop items and the like that are open now. */
  readonly scopes: number;
};

/** It stands where it stood: held. */
export function stuckEntry(executionId: string, { past }: Unfinished, thrown: unknown): ExecutionEntry {
  const { created, createdAt, startedAt } = past;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof RuntimeError ? thrown.code : "JOURNAL";
  const error: RtError = { code, class: "internal", message, retryable: true };
  return {
    executionId,
    state: "paused",
    blueprint: created?.blueprint ?? { id: "", name: "", version: "" },
    queuedAt: createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    error,
    seq: 0,
    planHash: created?.planHash ?? "",
    nodes: 0,
    late: 0,
    scopes: 0,
  };
}

export function entryOf(execution: Execution): ExecutionEntry {
  const { blueprint } = execution.plan;
  return {
    executionId: execution.id,
    state: execution.state,
    blueprint: { id: blueprint.id, name: blueprint.name, version: blueprint.version },
    queuedAt: execution.queuedAt,
    ...(execution.startedAt === undefined ? {} : { startedAt: execution.startedAt }),
    ...(execution.endedAt === undefined ? {} : { endedAt: execution.endedAt }),
    ...(execution.error === undefined ? {} : { error: execution.error }),
    seq: execution.seq,
    planHash: execution.plan.hash,
    nodes: execution.total,
    late: execution.late,
    scopes: execution.liveScopes,
  };
}
