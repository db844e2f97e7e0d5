/**
 * What is known of a recording once it was played through: times, runs, Blueprints, and the state of every run at every
 * few hundredth record. Any other state is such a one and the few records behind it.
 */
import type { EventBus, Journal, Meta, Replay } from "@atomiton/events";
import type { LibraryCommands, LibraryEvents, RuntimeCommands, RuntimeEvents } from "@atomiton/runtime/contract";

import type { BlueprintInfo, ExecutionInfo } from "../host/host.ts";
import { fold, newExecution, type Execution, type ExecutionEvent } from "../model/execution.ts";
import { bareBlueprint } from "./bare-blueprint.ts";

export type PageBus = EventBus<RuntimeEvents & LibraryEvents, RuntimeCommands & LibraryCommands>;

/** The state of every run behind record `seq`. */
export interface Snapshot {
  readonly seq: number;
  readonly states: ReadonlyMap<string, Execution>;
}

export interface RecordIndex {
  /** Numbers of the first and the last record. */
  readonly first: number;
  readonly last: number;
  /** Milliseconds since 1970; never less than that of the record before. Outside of the recording: that of its ends. */
  readonly timeOf: (seq: number) => number;
  /** The last snapshot before record `seq`. */
  readonly before: (seq: number) => Snapshot;
  /** In the order in which they began. */
  readonly executions: readonly ExecutionInfo[];
  /** By id. */
  readonly blueprints: ReadonlyMap<string, BlueprintInfo>;
  readonly snapshots: number;
}

/** Records from one snapshot to the next, at least: folding so many takes no time that a hand on the slider would feel. */
const STRIDE = 250;
/** Each holds the maps of its moment: more of them would cost more memory than time is won. */
const SNAPSHOT_LIMIT = 100;

/** What a host told; the commands that it was asked are not part of a run's state. */
export function asEvent(data: unknown, { name, origin }: Meta): ExecutionEvent | undefined {
  return origin.role === "host" ? ({ type: name, data } as ExecutionEvent) : undefined;
}

/** Plays all of `journal` at once. Rejects with JOURNAL where an entry is no message of a bus. */
export async function indexRecords(bus: PageBus, journal: Journal): Promise<RecordIndex> {
  const { first, last, entries } = journal.stats();
  const stride = Math.max(STRIDE, Math.ceil(entries / SNAPSHOT_LIMIT));
  const times = new Float64Array(entries);
  const blueprints = new Map<string, BlueprintInfo>();
  const waiting = new Map<string, ExecutionEvent[]>();
  const snapshots: Snapshot[] = [{ seq: first - 1, states: new Map() }];
  let states = new Map<string, Execution>();
  let timed = 0;
  let time = 0;

  const timeUpTo = (seq: number): void => {
    for (; timed <= seq - first; timed++) times[timed] = time;
  };
  const settle = (seq: number): void => {
    states = new Map(states);
    for (const [id, events] of waiting) states.set(id, fold(states.get(id) ?? newExecution(id), events));
    waiting.clear();
    snapshots.push({ seq, states });
  };
  const mark = ({ ts = 0 }: Meta): void => {
    const seq = replay.position;
    if (time === 0) time = ts;
    // Records that nobody hears have the time of the one before.
    timeUpTo(seq - 1);
    time = Math.max(time, ts);
    timeUpTo(seq);
    if (seq - 1 - (snapshots.at(-1)?.seq ?? 0) >= stride) settle(seq - 1);
  };
  const hear = (data: unknown, meta: Meta): void => {
    mark(meta);
    const event = asEvent(data, meta);
    if (event === undefined) return;
    const id = event.data.executionId;
    const events = waiting.get(id);
    if (events === undefined) waiting.set(id, [event]);
    else events.push(event);
  };
  const learn = (data: object, meta: Meta): void => {
    mark(meta);
    if ("graph" in data) blueprints.set((data as BlueprintInfo).id, data as BlueprintInfo);
  };
  const stops = [bus.on("runtime:*", hear, { replayed: true }), bus.on("library:blueprint", learn, { replayed: true })];
  const replay: Replay = bus.replay(journal);
  try {
    await replay;
  } finally {
    for (const stop of stops) stop();
  }
  timeUpTo(last);
  settle(last);

  const executions = [...states.values()].map(infoOf);
  for (const { id, started, nodes } of states.values()) {
    const { blueprint } = executions.find(({ executionId }) => executionId === id) ?? {};
    if (blueprint === undefined || blueprints.has(blueprint.id)) continue;
    blueprints.set(blueprint.id, bareBlueprint(started?.blueprint ?? blueprint, nodes.keys()));
  }
  return {
    first,
    last,
    timeOf: (seq) => times[Math.min(Math.max(seq - first, 0), entries - 1)] ?? 0,
    before(seq) {
      let found = snapshots[0];
      for (const snapshot of snapshots) if (snapshot.seq < seq) found = snapshot;
      return found ?? { seq: first - 1, states: new Map() };
    },
    executions,
    blueprints,
    snapshots: snapshots.length,
  };
}

function infoOf({ id, state, started, startedAt, endedAt }: Execution): ExecutionInfo {
  return {
    executionId: id,
    state,
    // A recording that began in the middle of a run does not know what is run.
    blueprint: started?.blueprint ?? { id, name: "Unnamed", version: "" },
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
  };
}
