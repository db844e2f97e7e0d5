/** What a client hears of one execution: what happened so far, then everything after it. */
import type { Gap } from "@atomiton/events";

import type { HostEvents, RuntimeBus, RuntimeMessage } from "../contract.ts";

/** `snapshot`: it happened before; it is told again so that a late reader knows it. */
export type ExecutionMessage =
  | (RuntimeMessage & { readonly snapshot: boolean })
  /** Messages are missing here, and cannot be had again. */
  | { readonly type: "gap"; readonly data: Gap; readonly snapshot: boolean };

/** The past is told in this order, whatever order it came in: the end of an execution last. */
const ORDER: readonly (keyof HostEvents)[] = [
  "runtime:started",
  "runtime:output",
  "runtime:log",
  "runtime:progress",
  "runtime:state",
  "runtime:error",
  "runtime:result",
  "runtime:completed",
];

export interface Watch {
  /** Resolves when the past has been told. Never rejects. */
  readonly ready: Promise<void>;
  readonly stop: () => void;
}

export function isTerminal(message: ExecutionMessage): boolean {
  return message.type === "runtime:completed" || (message.type === "runtime:error" && message.data.terminal);
}

/**
 * Hears all of an execution. Where ordered messages were lost it asks for the state so far again, so that what follows
 * is whole.
 */
export function watch(bus: RuntimeBus, executionId: string, hear: (message: ExecutionMessage) => void): Watch {
  let stop: () => void = () => {};
  let stopped = false;
  let round = 0;

  const begin = (): Promise<void> => {
    const mine = ++round;
    const isOld = (): boolean => stopped || mine !== round;
    /** What came while the past was being told. */
    let early: ExecutionMessage[] | undefined = [];
    /** Of the state snapshot: deltas up to it are in it. */
    let from = 0;
    const tell = (message: ExecutionMessage): void => {
      if (message.type === "runtime:state") {
        if (message.data.kind === "snapshot") from = message.data.seq;
        else if (message.data.seq <= from) return;
      }
      hear(message);
    };
    const before = stop;
    const subscription = bus.on(
      "runtime:*",
      (data, meta) => {
        // Commands of this very bus pass by as well.
        if (isOld() || !("seq" in data)) return;
        const message = { type: meta.name, data, snapshot: meta.snapshot === true } as ExecutionMessage;
        if (early) early.push(message);
        // A host that was not there, or came back: its past is asked for as a whole, in order.
        else if (message.snapshot) void begin();
        else tell(message);
      },
      {
        where: { executionId },
        since: "last",
        onGap: (gap) => {
          if (isOld()) return;
          const message: ExecutionMessage = { type: "gap", data: gap, snapshot: false };
          if (early) early.push(message);
          else tell(message);
          // Logs that were dropped stay dropped; everything else must be whole.
          const lost = Object.keys(gap.names ?? {});
          if (lost.length === 0 || lost.some((name) => name !== "runtime:log")) void begin();
        },
      },
    );
    stop = subscription;
    before();
    const told = (): void => {
      const all = early ?? [];
      early = undefined;
      for (const message of inOrder(all)) if (!isOld()) tell(message);
    };
    // Refused: there is no past to tell. The execution's own wait says why.
    return subscription.ready.then(told, told);
  };

  const ready = begin();
  return {
    ready,
    stop: () => {
      stopped = true;
      stop();
    },
  };
}

function inOrder(messages: readonly ExecutionMessage[]): ExecutionMessage[] {
  const rank = ({ type }: ExecutionMessage): number => ORDER.indexOf(type as keyof HostEvents);
  const past = messages.filter((message) => message.snapshot).toSorted((a, b) => rank(a) - rank(b));
  return [...past, ...messages.filter((message) => !message.snapshot)];
}
