/** Steering an execution over a real bus: two clients, rights, refusals. */
import { afterEach, expect, test } from "vitest";

import type { ExecutionMessage } from "../../src/client.ts";
import type { Breakpoint } from "../../src/contract.ts";
import { sides, type Sides } from "./pair.ts";

const open: Sides[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
async function setUp(options: Parameters<typeof sides>[0] = {}): Promise<Sides> {
  const all = await sides(options);
  open.push(all);
  return all;
}

const at = (path: string, more: Partial<Breakpoint> = {}): Breakpoint => ({
  id: path,
  at: "before",
  path,
  suspend: "all",
  enabled: true,
  ...more,
});
const approve = {
  apiVersion: "atomiton.dev/v1",
  kind: "Blueprint",
  id: "ask",
  name: "Ask",
  version: "1.0.0",
  outputs: { value: { type: "any", from: "ask.value" } },
  nodes: { ask: { uses: "core/input.wait@1", with: { prompt: "Go on?", schema: { type: "boolean" } } } },
};

test("[R-IPC-30] a handle pauses, steps, reads, edits and resumes an execution; another client sees it all", async () => {
  const { join, gates } = await setUp();
  const [one, two] = [await join(), await join()];
  const execution = one.client.execute({ blueprintId: "two", input: { word: "w" }, breakpoints: [at("b")] });
  const seen: ExecutionMessage[] = [];
  two.client.attach(execution.executionId).on((message) => seen.push(message));
  await gates.reached("a:w");
  expect(await execution.pause()).toBe("pausing");
  gates.open("a:w");
  await expect
    .poll(() => seen.some(({ type, data }) => type === "runtime:state" && (data as any).state === "paused"))
    .toBe(true);
  expect(await execution.resume()).toBe("running");
  await expect.poll(() => seen.some(({ type }) => type === "runtime:breakpoint")).toBe(true);
  const hit = seen.find(({ type }) => type === "runtime:breakpoint")!.data as { stop: { stopId: string } };
  expect(hit).toMatchObject({ op: "hit", stop: { path: "b", reason: "breakpoint", breakpointIds: ["b"] } });
  const { stopId } = hit.stop;
  expect(await execution.inspect({ path: "b", what: "in", port: "value" })).toMatchObject({
    value: { t: "json", v: "w" },
  });
  expect(await execution.inspect({ eval: "in.value & '!'", stopId })).toMatchObject({ value: { v: "w!" } });
  await execution.override(stopId, "value", "edited");
  const { configHash } = await execution.configure("b", []);
  await expect(execution.configure("b", [], "another")).rejects.toMatchObject({
    code: "E_STATE",
    details: { configHash },
  });
  expect(await execution.setBreakpoints([at("nowhere")])).toMatchObject([{ verified: false }]);
  expect(await execution.step("over")).toBe("running");
  await gates.reached("b:w");
  gates.open("b:w");
  expect(await execution).toEqual({ word: "edited" });
  await expect(execution.pause()).rejects.toMatchObject({ name: "RuntimeError", code: "E_STATE" });
  await expect(two.client.attach("nobody").pause()).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
});

test("[R-IPC-31] a wait is answered by whichever client comes first, once", async () => {
  const { join } = await setUp();
  const [one, two] = [await join(), await join()];
  const execution = one.client.execute({ blueprint: { inline: approve } });
  const waits: { waitId: string; schema?: unknown }[] = [];
  const late = two.client.attach(execution.executionId);
  late.on((message) => {
    if (message.type === "runtime:state") waits.push(...(message.data.waits ?? []));
  });
  await expect.poll(() => waits.length).toBeGreaterThan(0);
  expect(waits[0]).toMatchObject({ waitId: "ask~1", schema: { type: "boolean" }, prompt: "Go on?" });
  await expect(late.answer("ask~1", "maybe")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  const answers = await Promise.allSettled([late.answer("ask~1", true), execution.answer("ask~1", false)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(answers.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "E_STATE" } });
  expect(await execution).toEqual({ value: answers[0]!.status === "fulfilled" });
});

test("[R-IPC-32] rights are asked for each: control to pause, debug for breakpoints, edits and expressions, read to inspect", async () => {
  const { join, gates, runtime } = await setUp();
  const { bus: owner } = await join();
  const { executionId } = await owner.request("runtime:execute", {
    blueprintId: "one",
    input: { word: "w" },
    mode: "debug",
  });
  await expect.poll(() => runtime.control(executionId).state).toBe("paused");
  const can = async (grants: string[]): Promise<string[]> => {
    const { bus } = await join({ grants });
    const names: string[] = [];
    const ask = async (name: string, run: () => Promise<unknown>): Promise<void> => {
      const outcome = await run().then(
        () => "done",
        (error: { code?: string }) => error.code,
      );
      if (outcome !== "DENIED") names.push(name);
    };
    await ask("pause", () => bus.request("runtime:pause", { executionId, mode: "drain" }));
    await ask("breakpoints", () => bus.request("runtime:breakpoint", { executionId, op: "set", breakpoints: [] }));
    await ask("inspect", () => bus.request("runtime:inspect", { executionId, target: { path: "a", what: "in" } }));
    await ask("eval", () => bus.request("runtime:inspect", { executionId, target: { eval: "in", stopId: "stop-1" } }));
    await ask("override", () =>
      bus.request("runtime:input", {
        executionId,
        kind: "override",
        stopId: "stop-1",
        port: "value",
        value: { t: "json", v: 1 },
      }),
    );
    await ask("debug run", () => bus.request("runtime:execute", { executionId, blueprintId: "one", mode: "debug" }));
    return names;
  };
  expect(await can(["control:execution"])).toEqual(["pause"]);
  expect(await can(["read:execution"])).toEqual(["inspect"]);
  expect(await can(["debug:execution"])).toEqual(["breakpoints"]);
  expect(await can(["execute:blueprint"])).toEqual([]);
  expect(await can(["control:execution", "read:execution", "debug:execution", "execute:blueprint"])).toEqual([
    "pause",
    "breakpoints",
    "inspect",
    "eval",
    "override",
    "debug run",
  ]);
  gates.open("w");
  await owner.request("runtime:cancel", { executionId });
});

test("[R-IPC-32] ifState refuses a command that comes at the wrong time, and a repeated one gets its first answer", async () => {
  const { join, gates } = await setUp();
  const { bus } = await join();
  const { executionId } = await bus.request("runtime:execute", { blueprintId: "one", input: { word: "w" } });
  await gates.reached("w");
  await expect(bus.request("runtime:resume", { executionId, ifState: ["paused"] })).rejects.toMatchObject({
    code: "E_STATE",
  });
  const pause = { executionId, commandId: "p1", mode: "drain" as const };
  const first = await bus.request("runtime:pause", pause);
  expect(first).toMatchObject({ state: "pausing", running: ["a"] });
  await bus.request("runtime:resume", { executionId });
  expect(await bus.request("runtime:pause", pause)).toEqual(first);
  gates.open("w");
  await bus.next("runtime:completed", { where: { executionId }, since: "last" });
});

test("[R-IPC-33] items, events, a cancel of one instance, the past, runs from a node and dry runs, over the bus", async () => {
  const { join, gates } = await setUp({ hasData: true });
  const { client } = await join();
  const inline = {
    ...approve,
    outputs: { list: { type: "any", from: "list.items" }, paid: { type: "any", from: "paid.value" } },
    nodes: {
      source: { uses: "core/input.stream@1" },
      list: { uses: "core/collect@1", in: { items: "source.items" } },
      paid: { uses: "core/event.wait@1", with: { subject: "paid" } },
      gate: { uses: "test/gate@1", with: { name: "g" } },
      file: { uses: "core/file.write@1", with: { path: "../never.txt" }, in: { content: "gate.value" } },
    },
  };
  const execution = client.execute({ blueprint: { inline } });
  await gates.reached("g");
  await expect.poll(() => execution.push("source", "items", []).catch(() => "not yet")).toMatchObject({ accepted: 0 });
  expect(await execution.push("source", "items", [1, 2])).toMatchObject({ accepted: 2 });
  expect(await execution.push("source", "items", [3], true)).toMatchObject({ accepted: 1, credit: 0 });
  await expect(execution.push("source", "items", [4])).rejects.toMatchObject({ code: "E_STATE" });
  expect(await execution.happened("nobody", 1)).toBe(0);
  expect(await execution.happened("paid", { by: "card" })).toBe(1);
  expect(await execution.cancel({ path: "gate" })).toBe("running");
  const result = { list: [1, 2, 3], paid: { by: "card" } };
  expect(await execution).toEqual(result);
  const whole = { path: "", what: "timeline" } as const;
  expect(await execution.inspect(whole, { at: 1 })).toMatchObject({ at: 1, value: { v: { state: "queued" } } });

  const from = { executionId: execution.executionId, at: ["gate"], reuse: "all-clean" as const };
  const again = client.execute({ blueprint: { inline }, from, mode: "dry" });
  await gates.reached("g");
  gates.open("g");
  await expect
    .poll(() => again.push("source", "items", [3], true).catch(() => "not yet"))
    .toMatchObject({ accepted: 1 });
  // What waited was answered, and is not asked again; what reads a stream runs, and what writes is skipped.
  expect(await again).toEqual({ ...result, list: [3] });
});
