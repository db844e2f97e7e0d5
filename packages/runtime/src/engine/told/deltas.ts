import type { ExecState, NodeState, StopInfo, WaitInfo } from "../../contract.ts";

/** Entries in one delta at most. */
const DELTA_LIMIT = 256;

export interface Delta {
  state: ExecState | undefined;
  stops: StopInfo[] | undefined;
  waits: (() => WaitInfo[]) | undefined;
  readonly nodes: DeltaNode[];
}
export type DeltaNode = { path: string; s: NodeState; a: number; t: number; why?: string };

/** Changes of state that gather until `flush`: asked for by whoever needs a number, else when the microtask ends. */
export class Deltas {
  #gathered: Delta[] = [];
  #isScheduled = false;
  readonly #flush: () => void;

  constructor(flush: () => void) {
    this.#flush = flush;
  }

  /** The one that gathers: another after a change of the execution's own state, and when it is full. */
  last(): Delta {
    let last = this.#gathered.at(-1);
    if (!last || last.state !== undefined || last.nodes.length >= DELTA_LIMIT) {
      last = { state: undefined, stops: undefined, waits: undefined, nodes: [] };
      this.#gathered.push(last);
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.#flush();
      });
    }
    return last;
  }

  /** The oldest, which gathers no more. */
  shift(): Delta | undefined {
    return this.#gathered.shift();
  }
}
