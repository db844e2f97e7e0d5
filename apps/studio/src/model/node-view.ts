/** What one node of the graph shows: its instances taken together (a node of a loop's body has one for each item). */
import type { NodeState, RtError } from "@atomiton/runtime/contract";

export interface Fault {
  /** Of the instance. */
  readonly path: string;
  readonly attempt: number;
  readonly ts: number;
  readonly error: RtError;
  /** An error port or a loop took care of it. */
  readonly handled: boolean;
  readonly willRetryAt?: number | undefined;
}

/** How far the node's own work is, in its own unit, which nobody else knows: shown as a share, or in its own words. */
export interface Work {
  readonly done: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
  /** Units a second. */
  readonly rate?: number | undefined;
}

export interface NodeView {
  readonly state: NodeState;
  /** Instances by state. */
  readonly counts: Readonly<Partial<Record<NodeState, number>>>;
  /** Instances seen so far. */
  readonly instances: number;
  /** The highest attempt of any instance. */
  readonly attempt: number;
  /** First start and last end over all instances, milliseconds since 1970. */
  readonly startedAt?: number | undefined;
  readonly endedAt?: number | undefined;
  /** Of a skip, a wait or a failure. */
  readonly why?: string | undefined;
  /** Only while it runs: the last report before its end is seldom the whole. */
  readonly work?: Work | undefined;
  /** The latest faults, newest first. */
  readonly faults: readonly Fault[];
  /** Faults ever; `faults` keeps the last of them. */
  readonly faultCount: number;
}

export const FAULT_LIMIT = 50;

export const unseen: NodeView = {
  state: "pending",
  counts: {},
  instances: 0,
  attempt: 0,
  faults: [],
  faultCount: 0,
};

const FINAL: ReadonlySet<NodeState> = new Set(["completed", "failed", "skipped", "cancelled"]);
export const isFinal = (state: NodeState): boolean => FINAL.has(state);

/** A node with many instances shows what needs a look first: work in progress, then what went wrong. */
const SHOWN_FIRST: readonly NodeState[] = ["running", "backoff", "waiting", "held", "ready"];
const SHOWN_LAST: readonly NodeState[] = ["failed", "cancelled", "completed", "skipped"];

export function stateOf(counts: NodeView["counts"]): NodeState {
  const has = (state: NodeState): boolean => (counts[state] ?? 0) > 0;
  for (const state of SHOWN_FIRST) if (has(state)) return state;
  // Between two items nothing runs, yet the node has begun: it is ready for the next one.
  if (has("pending")) return SHOWN_LAST.some(has) ? "ready" : "pending";
  for (const state of SHOWN_LAST) if (has(state)) return state;
  return "pending";
}

/** A node whose items so far are done is not done while its loop goes on: it is ready for the next one. */
export function within(loop: NodeView | undefined, view: NodeView): NodeView {
  const goesOn = loop !== undefined && loop.instances > 0 && !isFinal(loop.state);
  if (!goesOn || (view.state !== "completed" && view.state !== "skipped")) return view;
  return { ...view, state: "ready", endedAt: undefined };
}

/** Instances by state, those of which there are any: work first, then how the others ended. */
const TALLIED: readonly NodeState[] = ["running", "completed", "failed", "skipped", "cancelled"];
export function tally({ counts }: NodeView): readonly { readonly state: NodeState; readonly count: number }[] {
  return TALLIED.flatMap((state) => {
    const count = counts[state] ?? 0;
    return count > 0 ? [{ state, count }] : [];
  });
}

/** Items of a loop that have begun: each has one instance of every node of the body. */
export function itemsBegun(nodes: ReadonlyMap<string, NodeView>, loop: string): number {
  const prefix = `${loop}/`;
  let most = 0;
  for (const [path, { counts }] of nodes) {
    if (!path.startsWith(prefix) || path.includes("/", prefix.length)) continue;
    let begun = 0;
    for (const [state, count] of Object.entries(counts)) if (state !== "pending") begun += count;
    most = Math.max(most, begun);
  }
  return most;
}

/** Instances that are over. */
export function settled(view: NodeView): number {
  const { completed = 0, failed = 0, skipped = 0, cancelled = 0 } = view.counts;
  return completed + failed + skipped + cancelled;
}
