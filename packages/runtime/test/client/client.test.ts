import { EventBus, memoryPair } from "@atomiton/events";
import { fakeClock } from "@atomiton/events/testing";
import { expect, onTestFinished, test } from "vitest";

import { RuntimeClient, type ExecutionMessage } from "../../src/client.ts";
import { newId } from "../../src/client/ids.ts";
import { libraryContract, runtimeContract, type RuntimeBus } from "../../src/contract.ts";
import { sides } from "../host/pair.ts";

async function setUp(options: Parameters<typeof sides>[0] = {}) {
  const all = await sides(options);
  onTestFinished(() => all.close());
  return all;
}

async function collect(messages: AsyncIterable<ExecutionMessage>): Promise<ExecutionMessage[]> {
  const all: ExecutionMessage[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

test("[R-IPC-14] two executions at once never cross, and each resolves with its own result", async () => {
  const { join, gates } = await setUp();
  const { client } = await join();
  const first = client.executeBlueprint("one", { word: "first" });
  const second = client.executeBlueprint("one", { word: "second" });
  await Promise.all([gates.reached("first"), gates.reached("second")]);
  gates.open("second");
  expect(await second).toEqual({ word: "second" });
  gates.open("first");
  expect(await first).toEqual({ word: "first" });
});

test("[R-IPC-15] the handle can be awaited and iterated; iteration starts with started and ends with the end", async () => {
  const { join, gates } = await setUp();
  const { client } = await join();
  gates.open("a:x");
  gates.open("b:x");
  const execution = client.execute({ blueprintId: "two", input: { word: "x" } });
  const messages = await collect(execution);
  expect(messages[0]).toMatchObject({ type: "runtime:started", snapshot: false });
  expect(messages.at(-1)).toMatchObject({ type: "runtime:completed", data: { result: { word: "x" } } });
  expect(messages.filter(({ type }) => type === "runtime:log")).toHaveLength(2);
  expect(await execution).toEqual({ word: "x" });
  await execution.closed;
});

test("[R-IPC-15] a failed execution ends its iteration with the error, and rejects with the node's own", async () => {
  const { join, gates } = await setUp();
  const { client } = await join();
  gates.open("f");
  const execution = client.execute({ blueprintId: "fails" });
  expect((await collect(execution)).at(-1)).toMatchObject({
    type: "runtime:error",
    data: { terminal: true, state: "failed" },
  });
  await expect(execution).rejects.toMatchObject({
    code: "EXECUTION_FAILED",
    details: { executionId: execution.executionId, error: { path: "a", message: expect.stringContaining("no luck") } },
  });
});

test("[R-IPC-16] who comes late gets the past once, then everything after it, without hole or double", async () => {
  const { join, gates } = await setUp();
  const early = await join();
  const late = await join();
  const execution = early.client.execute({ blueprintId: "two", input: { word: "x" } });
  const whole = collect(execution);
  // Told to the first client: so it is the past.
  const told = new Promise<void>((past) => {
    execution.on(({ type, data }) => type === "runtime:log" && data.message === "at b:x" && past());
  });
  gates.open("a:x");
  await told;
  const attached = late.client.attach(execution.executionId);
  const heard: ExecutionMessage[] = [];
  await new Promise<void>((past) => {
    attached.on((message) => {
      heard.push(message);
      if (message.type === "runtime:state" && message.snapshot) past();
    });
  });
  expect(heard.map(({ type, snapshot }) => (snapshot ? type : "live"))).toEqual([
    "runtime:started",
    "runtime:output",
    "runtime:log",
    "runtime:log",
    ...(heard.some(({ type }) => type === "runtime:progress") ? ["runtime:progress"] : []),
    "runtime:state",
  ]);
  gates.open("b:x");
  expect(await attached).toEqual({ word: "x" });
  const numbers = (messages: ExecutionMessage[], from: number) =>
    messages.flatMap(({ type, data }) =>
      "seq" in data && data.seq > from && !["runtime:log", "runtime:progress"].includes(type) ? [data.seq] : [],
    );
  const snapshot = heard.findLast(({ type, snapshot: isPast }) => type === "runtime:state" && isPast);
  const from = snapshot && "seq" in snapshot.data ? snapshot.data.seq : Number.NaN;
  const all = numbers(await whole, from);
  expect(all.length).toBeGreaterThan(2);
  expect(numbers(heard, from)).toEqual(all);
});

test("[R-IPC-16] who comes after the end gets all of it, the end last", async () => {
  const { join, gates } = await setUp();
  const { client } = await join();
  gates.open("a:x");
  gates.open("b:x");
  const first = client.execute({ blueprintId: "two", input: { word: "x" } });
  await first;
  const late = await join();
  const attached = late.client.attach(first.executionId);
  const messages = await collect(attached);
  expect(messages.every(({ snapshot }) => snapshot)).toBe(true);
  expect(messages.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["runtime:started", "runtime:output", "runtime:log", "runtime:state", "runtime:completed"]),
  );
  expect(messages.at(-1)?.type).toBe("runtime:completed");
  expect(await attached).toEqual({ word: "x" });
  // The handle of the first client can be read again as well.
  expect((await collect(first)).at(-1)?.type).toBe("runtime:completed");
});

test("[R-IPC-16] who attaches before the link is open gets the past in the same order", async () => {
  const { join, gates, host } = await setUp();
  const { client } = await join();
  gates.open("a:x");
  gates.open("b:x");
  const first = client.execute({ blueprintId: "two", input: { word: "x" } });
  await first;
  const bus: RuntimeBus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "ui", connect: false });
  onTestFinished(() => bus.close());
  const [there, here] = memoryPair();
  host.connect(there, { peer: { role: "ui", grants: ["*"] } });
  bus.connect(here);
  const messages = await collect(new RuntimeClient(bus).attach(first.executionId));
  expect(messages[0]?.type).toBe("runtime:started");
  expect(messages.at(-1)?.type).toBe("runtime:completed");
  expect(messages.filter(({ type }) => type === "runtime:output")).toHaveLength(2);
});

test("[R-IPC-17] attaching to what the host does not know ends with UNKNOWN_EXECUTION", async () => {
  const { join, gates } = await setUp({ keep: 1 });
  const { client } = await join();
  const unknown = client.attach("nope");
  await expect(unknown).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
  await expect(collect(unknown)).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
  gates.open("none");
  const first = client.execute({ blueprintId: "one" });
  await first;
  await client.execute({ blueprintId: "one" });
  await expect(client.attach(first.executionId)).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
});

test("[R-IPC-17] when the link is gone for good every wait ends, and nothing is left behind", async () => {
  const { join, gates, runtime } = await setUp();
  const clock = fakeClock();
  const { client, bus, hostLink, link } = await join({ clock });
  const running = client.execute({ blueprintId: "one", input: { word: "w" } });
  const ended = running.closed;
  const iterated = collect(running);
  iterated.catch(() => {});
  await gates.reached("w");
  const gone = new Promise<void>((closed) => link.onState(({ at }) => at === "closed" && closed()));
  hostLink.close("the host goes");
  await gone;
  clock.advance(1_000);
  await expect(running).rejects.toMatchObject({ code: "CLOSED" });
  await expect(iterated).rejects.toMatchObject({ code: "CLOSED" });
  await expect(client.cancel(running.executionId)).rejects.toThrow(/./);
  await expect(client.blueprints()).rejects.toThrow(/./);
  await ended;
  expect(bus.inspect().listeners).toBe(0);
  expect(clock.pendingTimers).toBe(0);
  // The execution is the host's: it goes on.
  expect(runtime.execution(running.executionId).state).toBe("running");
  gates.open("w");
  await runtime.waitForCompletion(running.executionId);
});

test("[R-IPC-17] closing the client ends what it awaits, reports nothing as unhandled, and gives listeners back", async () => {
  const { join, gates } = await setUp();
  const { client, bus } = await join();
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  const running = client.execute({ blueprintId: "one", input: { word: "w" } });
  running.on(() => {});
  running.onProgress(() => {});
  client.execute({ blueprintId: "nope" });
  client.attach("nope");
  await gates.reached("w");
  await client.close();
  await client.close();
  await running.closed;
  await expect(running.result).rejects.toMatchObject({ code: "CLOSED" });
  await expect(client.execute({ blueprintId: "one" })).rejects.toMatchObject({ code: "CLOSED" });
  await expect(client.attach("x")).rejects.toMatchObject({ code: "CLOSED" });
  // Rejections are reported after the microtasks of a turn.
  await new Promise((turn) => setImmediate(turn));
  expect(unhandled).toEqual([]);
  expect(bus.inspect().listeners).toBe(0);
  gates.open("w");
});

test("[R-IPC-18] progress of all executions, and of one, reaches its listeners", async () => {
  const { join, gates } = await setUp();
  const { client } = await join();
  const all: string[] = [];
  client.onProgress(({ executionId, percent }) => all.push(`${executionId}:${percent}`));
  gates.open("none");
  const execution = client.execute({ executionId: "x1", blueprintId: "one" });
  const own: (number | null)[] = [];
  execution.onProgress(({ percent }) => own.push(percent));
  await client.execute({ executionId: "x2", blueprintId: "one" });
  await execution;
  expect(own.at(-1)).toBe(100);
  expect(all).toEqual(expect.arrayContaining(["x1:100", "x2:100"]));
});

test("[R-IPC-19] the library: Blueprints, one of them, node types, executions, and that they changed", async () => {
  const { join, gates } = await setUp();
  const { client } = await join();
  const changes: unknown[] = [];
  client.onLibraryChange((change) => changes.push(change));
  expect((await client.blueprints()).map(({ id }) => id)).toEqual(["fails", "monster", "one", "two"]);
  expect(await client.blueprint("two")).toMatchObject({
    name: "Two gates",
    source: expect.stringContaining("kind: Blueprint"),
    inputs: [{ name: "word", type: "string", default: "none" }],
    graph: { nodes: [{ path: "a" }, { path: "b" }] },
    problems: [],
  });
  await expect(client.blueprint("nope")).rejects.toMatchObject({ code: "UNKNOWN_BLUEPRINT" });
  const types = await client.nodes();
  expect(types.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["core/forEach", "core/transform", "test/gate"]),
  );
  expect(types.find(({ type }) => type === "test/gate")?.config).toMatchObject({ type: "object", required: ["name"] });
  gates.open("none");
  await client.execute({ executionId: "x1", blueprintId: "one" });
  expect(await client.executions()).toMatchObject([
    { executionId: "x1", state: "completed", blueprint: { id: "one" } },
  ]);
  expect(changes).toEqual([
    { what: "executions", ids: ["x1"] },
    { what: "executions", ids: ["x1"] },
  ]);
});

test("[R-IPC-23] ids that nobody chose are UUIDs", () => {
  const ids = new Set(Array.from({ length: 1_000 }, newId));
  expect(ids.size).toBe(1_000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
