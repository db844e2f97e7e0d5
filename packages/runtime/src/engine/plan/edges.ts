import type { Blueprint } from "../../blueprint/model.ts";
import { RuntimeError } from "../../errors.ts";
import type { PlanNode, Source, Template } from "./plan.ts";
import type { Gate } from "./stream-wires.ts";

export type Draft = Pick<PlanNode, "inputs" | "after" | "name">;
export type Edges = Pick<Template, "outStart" | "outTarget" | "outStreams" | "need" | "readers">;

/** One edge per wire, per `after` and per gate, in flat arrays. */
export function layOut(drafts: readonly Draft[], outputs: readonly Source[], gates: readonly Gate[] = []): Edges {
  const need = new Int32Array(drafts.length);
  const readers = new Int32Array(drafts.length);
  const outStart = new Int32Array(drafts.length + 1);
  let streams = 0;
  const eachEdge = (see: (from: number, to: number, isStream: boolean) => void): void => {
    drafts.forEach(({ inputs, after }, to) => {
      for (const { sources } of inputs)
        for (const from of sources) if (from.from === "node") see(from.node, to, from.wire !== undefined);
      for (const { node } of after) see(node, to, false);
    });
  };
  eachEdge((from, to, isStream) => {
    need[to]!++;
    readers[from]!++;
    outStart[from + 1]!++;
    if (isStream) streams++;
  });
  // Gates are an order only: nobody reads anything through them.
  for (const { from, to } of gates) {
    need[to]!++;
    outStart[from + 1]!++;
  }
  for (let at = 0; at < drafts.length; at++) outStart[at + 1]! += outStart[at]!;
  const outTarget = new Int32Array(outStart[drafts.length]!);
  const outStreams = streams > 0 ? new Uint8Array(outTarget.length) : undefined;
  const next = outStart.slice();
  eachEdge((from, to, isStream) => {
    if (isStream) outStreams![next[from]!] = 1;
    outTarget[next[from]!++] = to;
  });
  for (const { from, to } of gates) outTarget[next[from]!++] = to;
  for (const source of outputs) if (source.from === "node") readers[source.node]!++;
  return { outStart, outTarget, outStreams, need, readers };
}

/** Longest way to an end, in nodes, from the ends backwards; refuses cycles, which no check has seen. */
export function weigh(
  drafts: readonly Draft[],
  { outStart, outTarget, need }: Edges,
  blueprint: Blueprint,
): Float64Array {
  const left = need.slice();
  const order: number[] = [];
  for (let at = 0; at < drafts.length; at++) if (left[at] === 0) order.push(at);
  for (let at = 0; at < order.length; at++) {
    const from = order[at]!;
    for (let edge = outStart[from]!; edge < outStart[from + 1]!; edge++) {
      const to = outTarget[edge]!;
      if (--left[to]! === 0) order.push(to);
    }
  }
  if (order.length < drafts.length) {
    const names = drafts.filter((_, at) => left[at]! > 0).map(({ name }) => name);
    throw new RuntimeError(
      "INVALID_BLUEPRINT",
      `Cannot compile "${blueprint.name}": nodes wait for each other in a circle (${names.slice(0, 5).join(", ")}); take one wire away`,
      { file: blueprint.file, nodes: names.slice(0, 100) },
    );
  }
  const weights = new Float64Array(drafts.length);
  for (let at = order.length - 1; at >= 0; at--) {
    const from = order[at]!;
    let longest = 0;
    for (let edge = outStart[from]!; edge < outStart[from + 1]!; edge++) {
      longest = Math.max(longest, weights[outTarget[edge]!]!);
    }
    weights[from] = longest + 1;
  }
  return weights;
}
