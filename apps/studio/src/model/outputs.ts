/** What nodes gave out, bounded per node: the values of the latest instances, the latest items of a stream. */
import type { RuntimeOutput, Val } from "@atomiton/runtime/contract";

/** Instances of one node whose outputs are kept. */
export const INSTANCE_LIMIT = 200;
/** Items of one stream that are kept. */
export const ITEM_LIMIT = 100;

export interface PortOutput {
  readonly attempt: number;
  readonly via: RuntimeOutput["via"];
  /** The port's value; left out while only items have come. */
  readonly value?: Val | undefined;
  /** The latest items of a stream or of a partial result. */
  readonly items: readonly Val[];
  /** Items ever. */
  readonly itemCount: number;
  /** Of a stream: everything is out. */
  readonly ended: boolean;
}

/** Port name to what came out of it. */
export type InstanceOutputs = ReadonlyMap<string, PortOutput>;

export interface NodeOutputs {
  /** Instance path to its ports, oldest first. */
  readonly byInstance: ReadonlyMap<string, InstanceOutputs>;
  /** Instances whose outputs are no longer here. */
  readonly forgotten: number;
}

export const noOutputs: NodeOutputs = { byInstance: new Map(), forgotten: 0 };

/** A batch of `runtime:output` of one node, folded in. The same event again changes nothing. */
export function withOutputs(outputs: NodeOutputs, events: readonly RuntimeOutput[]): NodeOutputs {
  const byInstance = new Map(outputs.byInstance);
  let { forgotten } = outputs;
  for (const event of events) {
    const before = byInstance.get(event.path);
    byInstance.set(event.path, new Map(before).set(event.port, withEvent(before?.get(event.port), event)));
    if (byInstance.size <= INSTANCE_LIMIT) continue;
    const [oldest] = byInstance.keys();
    if (oldest !== undefined) byInstance.delete(oldest);
    forgotten += 1;
  }
  return { byInstance, forgotten };
}

function withEvent(before: PortOutput | undefined, event: RuntimeOutput): PortOutput {
  // A new attempt starts its ports afresh; what a late event of an older one says is history.
  const known = before !== undefined && before.attempt > event.attempt ? before : undefined;
  if (known !== undefined) return known;
  const base: PortOutput =
    before?.attempt === event.attempt
      ? before
      : { attempt: event.attempt, via: event.via, items: [], itemCount: 0, ended: false };
  switch (event.kind) {
    case "value":
      return { ...base, via: event.via, value: event.value, ended: true };
    case "end":
      return {
        ...base,
        via: event.via,
        ended: true,
        itemCount: event.items ?? base.itemCount,
        ...(event.value === undefined ? {} : { value: event.value }),
      };
    case "item":
    case "partial": {
      if (event.index !== undefined && event.index < base.itemCount) return base;
      const items = event.value === undefined ? base.items : [...base.items, event.value].slice(-ITEM_LIMIT);
      return { ...base, via: event.via, items, itemCount: (event.index ?? base.itemCount) + 1 };
    }
  }
}
