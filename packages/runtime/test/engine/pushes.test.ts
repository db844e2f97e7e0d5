/** Items that clients push into an execution. */
import { afterEach, expect, test } from "vitest";
import { z } from "zod";

import { defineNode, port, type AnyNodeDef } from "../../src/blueprint/define-node.ts";
import { runNode } from "../../src/testing.ts";
import { settled } from "./fake-clock.ts";
import { bench, type Bench } from "./kit.ts";

const open: Bench[] = [];
afterEach(async () => {
  for (const { runtime } of open.splice(0)) {
    await runtime.close();
    expect(runtime.gauge()).toMatchObject({ running: 0, waitingForSlot: 0 });
  }
});

/** Reads a stream, one item for each that the test asks for. */
function reader() {
  const got: unknown[] = [];
  const turns: (() => void)[] = [];
  let isFree = false;
  const def = defineNode({
    type: "test/reader",
    version: "1.0.0",
    title: "Reader",
    category: "test",
    effect: "pure",
    runsOn: "inline",
    inputs: { items: port.stream(z.any()) },
    outputs: { count: port.value(z.number()) },
    config: z.strictObject({}),
    async run(ctx) {
      for await (const item of ctx.in.items) {
        got.push(item);
        if (!isFree) await new Promise<void>((turn) => turns.push(turn));
      }
      return { count: got.length };
    },
  });
  const free = (): void => {
    isFree = true;
    for (const turn of turns.splice(0)) turn();
  };
  return { def: def as AnyNodeDef, got, free };
}
const graph = {
  source: { uses: "core/input.stream@1" },
  read: { uses: "test/reader@1", in: { items: "source.items" } },
};
const outputs = { outputs: { count: { type: "number", from: "read.count" } } };

test("[R-STR-10] items are taken while there is room, and the rest is left to their sender; the last one ends the stream", async () => {
  const { def, got, free } = reader();
  const all = bench([def], { concurrency: 1 });
  open.push(all);
  const id = await all.start(graph, outputs);
  await settled();
  const control = all.runtime.control(id);
  const push = (items: unknown[], end?: boolean) => control.push({ path: "source", port: "items", items, end });
  expect(push([])).toEqual({ accepted: 0, credit: 64 });
  expect(push(["a", "b"])).toMatchObject({ accepted: 2 });
  const sent = Array.from({ length: 1_000 }, (_, index) => index);
  let { accepted, credit } = push(sent, true);
  expect(accepted).toBeLessThan(200);
  for (let turn = 0; turn < 20; turn++) {
    await settled();
    accepted += push(sent.slice(accepted), true).accepted;
  }
  // The reader took one: its wire is full, the source's own room too, and nothing more is held.
  expect(accepted).toBeLessThan(200);
  ({ credit } = push([]));
  expect(credit).toBe(0);
  free();
  while (accepted < sent.length) {
    await settled();
    accepted += push(sent.slice(accepted), true).accepted;
  }
  expect(await all.runtime.waitForCompletion(id)).toEqual({ count: 1_002 });
  expect(got).toEqual(["a", "b", ...sent]);
  expect(() => push(["late"])).toThrow(expect.objectContaining({ code: "E_STATE" }));
});

test("[R-STR-10] who waits for items holds no slot, and counts as paused; a cancel ends it", async () => {
  const { def, free } = reader();
  free();
  const all = bench([def], { concurrency: 1 });
  open.push(all);
  const id = await all.start({ ...graph, other: { uses: "test/give@1" } }, outputs);
  await settled();
  expect(all.states(id)).toMatchObject({ other: "completed", source: "running" });
  const control = all.runtime.control(id);
  control.pause();
  await settled();
  await settled();
  expect(control.state).toBe("paused");
  expect(control.push({ path: "source", port: "items", items: [1] })).toMatchObject({ accepted: 1 });
  control.resume();
  await settled();
  await all.runtime.cancel(id);
  await expect(all.runtime.waitForCompletion(id)).rejects.toMatchObject({ code: "CANCELLED" });
});

test("[R-STR-10] what does not fit, and nodes that take nothing, are refused, and nothing is taken", async () => {
  const { def, free, got } = reader();
  free();
  const all = bench([def]);
  open.push(all);
  const typed = { ...(await import("../../src/nodes/input-stream.ts")).inputStream, type: "test/numbers" };
  const numbers = { ...typed, outputs: { items: port.stream(z.number()) } } as unknown as AnyNodeDef;
  const other = bench([def, numbers]);
  open.push(other);
  const id = await other.start({
    source: { uses: "test/numbers@1" },
    read: graph.read,
    gives: { uses: "test/give@1" },
  });
  await settled();
  const push = (path: string, name: string, items: unknown[]) => () =>
    other.runtime.control(id).push({ path, port: name, items });
  for (const [asked, code] of [
    [push("source", "items", [1, "two"]), "INVALID_INPUT"],
    [push("source", "nope", []), "INVALID_INPUT"],
    [push("nope", "items", []), "INVALID_INPUT"],
    [push("gives", "out", []), "INVALID_INPUT"],
  ] as const) {
    expect(asked).toThrow(expect.objectContaining({ code }));
  }
  other.runtime.control(id).push({ path: "source", port: "items", items: [3], end: true });
  await other.runtime.waitForCompletion(id);
  expect(got).toEqual([3]);
  expect(
    (await runNode((await import("../../src/nodes/input-stream.ts")).inputStream, { pushed: [1, 2] })).items,
  ).toEqual({
    items: [1, 2],
  });
});
