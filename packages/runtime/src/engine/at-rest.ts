/** A data folder without its host: what is in it, and what may be said to executions that nobody runs. */
import type { ExecState, RuntimeErrorEvent, RuntimeState } from "../contract.ts";
import { RuntimeError, type RtError } from "../errors.ts";
import { DataFolder, journalIn, openFile, placesIn, readPast, writeSummary } from "../journal/data-folder.ts";
import type { Past } from "../journal/past.ts";
import type { ExecutionRecord, StoredValues } from "../journal/records.ts";

/** An execution in a data folder. */
export interface StoredExecution {
  readonly executionId: string;
  /** Where it stood when its host was last heard of. */
  readonly state: ExecState;
  readonly blueprint: { readonly id: string; readonly name: string; readonly version: string };
  /** Milliseconds since 1970. */
  readonly queuedAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly error?: RtError;
  /** Hosts that have had it. */
  readonly epoch: number;
  /** Node instances that have ended, by state. */
  readonly counts: Readonly<Record<"completed" | "failed" | "skipped" | "cancelled", number>>;
}

/**
 * The executions in a data folder, oldest first; also while a host has it. One whose journal cannot be read is left out,
 * and told to `onError`.
 * @example
 * for (const { executionId, state } of await storedExecutions("data")) console.log(executionId, state);
 */
export async function storedExecutions(
  dataDir: string,
  onError: (error: unknown) => void = () => {},
): Promise<StoredExecution[]> {
  const all: StoredExecution[] = [];
  for (const { path } of await placesIn(dataDir)) {
    try {
      const past = await readPast(path);
      if (past.created) all.push(describe(past));
    } catch (error) {
      onError(error);
    }
  }
  return all.toSorted((a, b) => a.queuedAt - b.queuedAt);
}

/** What an execution in a data folder waits for, what failed in it, and what came of it; secrets are not among it. */
export interface StoredDetails {
  /** Nodes that wait; `wait`: for what, and until when. */
  readonly waits: readonly { readonly path: string; readonly wait: unknown }[];
  /** Nodes that failed, handled or not. */
  readonly failed: readonly { readonly path: string; readonly error?: RtError }[];
  /** Of a completed one, as the journal has them: `v`, or a reference `blob`, or `lost`. */
  readonly outputs?: StoredValues;
}

/** Nodes that are named of each kind. */
const NAMED = 100;

/**
 * Reads it from the journal, also while a host has the folder. At most 100 nodes of each kind. Rejects with
 * `UNKNOWN_EXECUTION`.
 * @example
 * for (const { path, error } of (await storedDetails("data", id)).failed) console.log(path, error?.message);
 */
export async function storedDetails(dataDir: string, executionId: string): Promise<StoredDetails> {
  const { past } = await find(dataDir, executionId);
  const waits: { path: string; wait: unknown }[] = [];
  const failed: { path: string; error?: RtError }[] = [];
  for (const [path, { at, wait, settled }] of past.instances()) {
    if (at === "waiting" && !past.terminal && waits.length < NAMED) waits.push({ path, wait });
    if (settled?.s !== "failed" || failed.length >= NAMED) continue;
    failed.push({ path, ...(settled.error === undefined ? {} : { error: settled.error }) });
  }
  const outputs = past.terminal?.result;
  return { waits, failed, ...(outputs === undefined ? {} : { outputs }) };
}

/**
 * Pauses or cancels an execution that no host runs: the next host that takes it up finds it paused, or over. Rejects with
 * `UNKNOWN_EXECUTION`, `E_STATE` (it is over), `LOCKED` (a host has the folder: ask that one).
 */
export async function steerStored(
  dataDir: string,
  executionId: string,
  what: { readonly do: "pause" } | { readonly do: "cancel"; readonly reason: string },
): Promise<StoredExecution> {
  const folder = await DataFolder.open(dataDir);
  try {
    const { place, past } = await find(dataDir, executionId);
    if (past.terminal) {
      throw new RuntimeError(
        "E_STATE",
        `Cannot ${what.do} "${executionId}": it is ${past.terminal.s}; nothing is left to ${what.do}`,
        {
          executionId,
          state: past.terminal.s,
        },
      );
    }
    const records: ExecutionRecord[] = [];
    if (what.do === "pause") records.push({ k: "pause" });
    else {
      const error: RtError = { code: "CANCELLED", class: "cancelled", message: what.reason, retryable: false };
      records.push({ k: "cancel", s: "cancelled", error }, { k: "terminal", s: "cancelled", error });
    }
    const file = await openFile(journalIn(place), "group");
    try {
      for (const record of records) file.append(record);
      await file.flush();
    } finally {
      await file.close();
    }
    const now = Date.now();
    for (const record of records) past.add(record, now);
    const stored = describe(past);
    if (past.terminal !== undefined) await writeSummary(place, summaryOf(stored, past));
    return stored;
  } finally {
    await folder.close();
  }
}

async function find(dataDir: string, executionId: string): Promise<{ place: string; past: Past }> {
  for (const { path } of await placesIn(dataDir)) {
    const past = await readPast(path).catch(() => undefined);
    if (past?.created?.id === executionId) return { place: path, past };
  }
  throw new RuntimeError(
    "UNKNOWN_EXECUTION",
    `Cannot find the execution "${executionId}" in "${dataDir}": none of its executions has this id; list them`,
    { executionId },
  );
}

function describe(past: Past): StoredExecution {
  const { created, createdAt, startedAt, endedAt, terminal, epoch, counts } = past;
  const error = terminal?.error ?? past.cancel?.error;
  return {
    executionId: created!.id,
    state: terminal?.s ?? (past.cancel ? "cancelling" : past.pause ? "paused" : "running"),
    blueprint: created!.blueprint,
    queuedAt: createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(error === undefined ? {} : { error }),
    epoch,
    counts: { ...counts },
  };
}

/** What a host would have kept of it: it knows the end, and no events. */
function summaryOf(stored: StoredExecution, past: Past): object {
  const { executionId, epoch, state, endedAt, error, blueprint, queuedAt, startedAt } = stored;
  const at = { executionId, seq: 1, epoch, ts: endedAt! };
  const snapshot: RuntimeState = { ...at, kind: "snapshot", state, nodes: [], waits: [], stops: [] };
  const terminal: RuntimeErrorEvent = {
    ...at,
    error: error!.message,
    code: error!.code,
    detail: error!,
    scope: "execution",
    handled: false,
    terminal: true,
    state: "cancelled",
  };
  const nodes = Object.values(stored.counts).reduce((sum, count) => sum + count, 0);
  const entry = { executionId, state, blueprint, queuedAt, startedAt, endedAt, error, seq: 1 };
  return {
    entry: { ...entry, planHash: past.created!.planHash, nodes, late: 0, scopes: 0 },
    snapshot,
    history: { logs: [], logsDropped: 0, outputs: [], errors: [], terminal },
  };
}
