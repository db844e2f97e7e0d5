import type { RtError } from "../../errors.ts";
import type { Template } from "../plan/plan.ts";
import { StreamQueue } from "../streams/stream-queue.ts";
import type { Attempt } from "./attempt.ts";
import type { CancelReason } from "./failure.ts";

export type Values = Readonly<Record<string, unknown>>;

/** Which item of a loop a scope runs for. */
export interface Item {
  readonly value: unknown;
  readonly index: number;
  readonly key: string;
  /** Its part of the loop: one by the number of items. */
  readonly share: number;
}

/** `ctx.heartbeat` and `ctx.step`. */
export interface InstanceMemory {
  heartbeat: unknown;
  readonly steps: Map<string, unknown>;
  /** Of an attempt whose host died: the next one gets the same. */
  readonly key?: string | undefined;
  /** Its `when` was true. */
  readonly hasRun?: boolean;
  /** It has waited, and this has come: the next run is a `resume`. */
  resume?: { readonly value: unknown; readonly state: unknown } | undefined;
}

/** One run of a template: the root, a Blueprint used as a node, or one item of a loop. */
export interface Scope {
  /** Order of opening. */
  readonly seq: number;
  readonly template: Template;
  readonly parent: { readonly scope: Scope; readonly node: number } | undefined;
  /** `""`, `thumb/`, `each[sku-12]/`. */
  readonly prefix: string;
  readonly inputs: Values;
  readonly item: Item | undefined;
  /** Tokens that are still to come. */
  readonly need: Int32Array;
  readonly state: Uint8Array;
  /** Current attempt's token: whoever comes with another is late. */
  readonly token: Float64Array;
  readonly attempt: Uint16Array;
  readonly readers: Int32Array;
  readonly startedAt: Float64Array;
  readonly settledAt: Float64Array;
  readonly outputs: (Values | undefined)[];
  /** Done part of each instance, 0 to 1. */
  readonly fraction: Float64Array;
  done: number;
  /** Instances that are not final. */
  remaining: number;
  /** First failure that nobody handles in this scope. */
  failure: RtError | undefined;
  /** Set once the scope must end early: nothing in it starts any more. */
  ending: CancelReason | undefined;
  readonly attempts: Map<number, Attempt>;
  readonly timers: Map<number, () => void>;
  readonly why: Map<number, string>;
  /** What attempts leave for the next one of the same instance. */
  readonly memory: Map<number, InstanceMemory>;
  /** Loops whose items, and Blueprints whose nodes, are known. */
  readonly expanded: Set<number>;
  /** Of nodes that race: the source whose value came first. */
  readonly winners: Map<number, number>;
  /** Queues of wires that stream, made when first asked for. */
  readonly queues: Map<number, StreamQueue>;
  /** Nodes that have emitted an item on such a wire: their readers have been told. */
  readonly flowing: Set<number>;
  readonly children: Set<Scope>;
  /** Every instance is final. Called once, never from inside `open`. */
  readonly onEnd: (scope: Scope) => void;
}

export interface ScopeSeed {
  readonly template: Template;
  readonly parent?: { readonly scope: Scope; readonly node: number };
  readonly prefix: string;
  readonly inputs: Values;
  readonly item?: Item;
  readonly onEnd: (scope: Scope) => void;
}

export function makeScope(seq: number, seed: ScopeSeed): Scope {
  const { template } = seed;
  const size = template.nodes.length;
  return {
    seq,
    template,
    parent: seed.parent,
    prefix: seed.prefix,
    inputs: seed.inputs,
    item: seed.item,
    need: template.need.slice(),
    state: new Uint8Array(size),
    token: new Float64Array(size),
    attempt: new Uint16Array(size),
    readers: template.readers.slice(),
    startedAt: new Float64Array(size),
    settledAt: new Float64Array(size),
    outputs: Array<Values | undefined>(size).fill(undefined),
    fraction: new Float64Array(size),
    done: 0,
    remaining: size,
    failure: undefined,
    ending: undefined,
    attempts: new Map(),
    timers: new Map(),
    why: new Map(),
    memory: new Map(),
    expanded: new Set(),
    winners: new Map(),
    queues: new Map(),
    flowing: new Set(),
    children: new Set(),
    onEnd: seed.onEnd,
  };
}

export function queueOf(scope: Scope, wire: number): StreamQueue {
  let queue = scope.queues.get(wire);
  if (!queue) scope.queues.set(wire, (queue = new StreamQueue()));
  return queue;
}

export function pathOf(scope: Scope, node: number): string {
  return scope.prefix + scope.template.nodes[node]!.name;
}
