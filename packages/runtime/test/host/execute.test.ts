import { expect, onTestFinished, test } from "vitest";

import type { RuntimeMessage } from "../../src/contract.ts";
import { BLUEPRINTS, sides } from "./pair.ts";

async function setUp(options: Parameters<typeof sides>[0] = {}) {
  const all = await sides(options);
  onTestFinished(() => all.close());
  return all;
}

test("[R-IPC-5] execute is answered with id, plan hash and node count before the execution has started", async () => {
  const { join, gates } = await setUp();
  const { bus } = await join();
  const order: string[] = [];
  const off = bus.on("runtime:*", (data, meta) => "seq" in data && order.push(meta.name));
  await off.ready;
  const reply = await bus.request("runtime:execute", { blueprintId: "two", input: { word: "x" } });
  order.push("reply");
  expect(reply).toMatchObject({
    executionId: expect.stringMatching(/.+/),
    planHash: expect.stringMatching(/.+/),
    nodes: 2,
  });
  await gates.reached("a:x");
  gates.open("a:x");
  gates.open("b:x");
  await bus.next("runtime:completed", { where: { executionId: reply.executionId }, since: "last" });
  expect(order.slice(0, 2)).toEqual(["reply", "runtime:started"]);
});

test("[R-IPC-6] a plain emit executes: the answer is the events alone", async () => {
  const { join, gates } = await setUp();
  const { bus } = await join();
  gates.open("w");
  const completed = bus.next("runtime:completed");
  const result = bus.next("runtime:result");
  bus.emit("runtime:execute", { blueprintId: "one", input: { word: "w" } });
  expect(await completed).toMatchObject({ result: { word: "w" } });
  expect(await result).toMatchObject({ result: { word: "w" } });
});

test("[R-IPC-7] a failed command rejects with its code and is told as runtime:error of scope command", async () => {
  const { join } = await setUp();
  const { bus } = await join();
  const told = bus.next("runtime:error");
  const refused = bus.request("runtime:execute", { executionId: "x1", blueprintId: "nope" });
  await expect(refused).rejects.toMatchObject({
    code: "UNKNOWN_BLUEPRINT",
    message: expect.stringContaining('"nope"'),
  });
  expect(await told).toMatchObject({
    executionId: "x1",
    scope: "command",
    code: "UNKNOWN_BLUEPRINT",
    terminal: true,
    state: "failed",
  });
});

test("[R-IPC-7] a refused command about an execution that lives does not say that it ended", async () => {
  const { join, gates } = await setUp();
  const { bus } = await join();
  await bus.request("runtime:execute", { executionId: "x1", blueprintId: "one", input: { word: "w" } });
  await gates.reached("w");
  const told = bus.next("runtime:error");
  await expect(bus.request("runtime:execute", { executionId: "x1", blueprintId: "one" })).rejects.toMatchObject({
    code: "E_STATE",
  });
  expect(await told).toMatchObject({ executionId: "x1", scope: "command", terminal: false });
  gates.open("w");
  await bus.next("runtime:completed", { where: { executionId: "x1" }, since: "last" });
});

test.each([{ version: "2.0.0" }, { pool: "gpu" }])(
  "[R-IPC-8] execute with %o is answered with NOT_YET, and nothing runs",
  async (option) => {
    const { join, runtime } = await setUp();
    const { bus } = await join();
    await expect(bus.request("runtime:execute", { blueprintId: "one", ...option })).rejects.toMatchObject({
      code: "NOT_YET",
    });
    expect(runtime.executions()).toEqual([]);
  },
);

test("[R-IPC-9] one commandId is one command, and another command may not use it", async () => {
  const { join, runtime, gates } = await setUp();
  const { bus } = await join();
  gates.open("w");
  const request = { commandId: "c1", blueprintId: "one", input: { word: "w" } };
  const [first, second] = await Promise.all([
    bus.request("runtime:execute", request),
    bus.request("runtime:execute", request),
  ]);
  expect(second).toEqual(first);
  expect(runtime.executions()).toHaveLength(1);
  await expect(bus.request("runtime:execute", { ...request, blueprintId: "two" })).rejects.toMatchObject({
    code: "E_STATE",
  });
  expect(runtime.executions()).toHaveLength(1);
});

test("[R-IPC-10] a peer without the right is denied, and nothing runs", async () => {
  const { join, runtime } = await setUp();
  const { bus } = await join({ grants: ["read:library", "read:execution"] });
  for (const [name, input] of [
    ["runtime:execute", { blueprintId: "one" }],
    ["runtime:cancel", { executionId: "x" }],
    ["runtime:pause", { executionId: "x", mode: "drain" }],
    ["runtime:breakpoint", { executionId: "x", op: "set", breakpoints: [] }],
  ] as const) {
    await expect(bus.request(name, input as never)).rejects.toMatchObject({ code: "DENIED" });
  }
  expect(runtime.executions()).toEqual([]);
  expect((await bus.request("library:blueprints", {})).blueprints).toHaveLength(Object.keys(BLUEPRINTS).length);
});

test("[R-IPC-10] a Blueprint given inline needs its own right", async () => {
  const { join, gates, runtime } = await setUp();
  gates.open("none");
  const inline = { blueprint: { inline: BLUEPRINTS["one"] } };
  const without = await join({ grants: ["execute:blueprint"] });
  await expect(without.bus.request("runtime:execute", inline)).rejects.toMatchObject({
    code: "DENIED",
    message: expect.stringContaining("execute:inline"),
  });
  expect(runtime.executions()).toEqual([]);
  const granted = await join({ grants: ["execute:blueprint", "execute:inline", "read:execution"] });
  await expect(granted.client.execute(inline)).resolves.toEqual({ word: "none" });
});

test("[R-IPC-24] a peer without the right to read hears nothing of an execution, and does not wait for it", async () => {
  const { join, gates, runtime } = await setUp();
  const blind = await join({ grants: ["execute:blueprint", "read:library"] });
  const heard: string[] = [];
  await blind.bus.on("runtime:*", (_data, { name }) => void heard.push(name), { since: "last" }).ready.catch(() => {});
  heard.length = 0;
  const execution = blind.client.execute({ blueprint: { path: "one.blueprint.yaml" } });
  await expect(execution).rejects.toMatchObject({ code: "DENIED", details: { right: "read:execution" } });
  gates.open("none");
  const [started] = runtime.executions();
  await runtime.waitForCompletion(started!.executionId);
  await expect(blind.client.attach(started!.executionId)).rejects.toMatchObject({ code: "DENIED" });
  expect(heard.filter((name) => name !== "runtime:execute")).toEqual([]);
});

test("[R-IPC-10] a Blueprint's path does not leave the host's folder", async () => {
  const { join } = await setUp();
  const { client } = await join();
  for (const path of ["../x.blueprint.yaml", "/etc/x.blueprint.yaml", "..\u0000/x.blueprint.yaml"]) {
    await expect(client.execute({ blueprint: { path } })).rejects.toMatchObject({ code: "UNKNOWN_BLUEPRINT" });
  }
});

test("[R-IPC-11] cancel ends with a terminal error of state cancelled, and nothing of the execution follows", async () => {
  const { join, gates } = await setUp();
  const { bus, client } = await join();
  const heard: RuntimeMessage[] = [];
  const off = bus.on(
    "runtime:*",
    (data, meta) => "seq" in data && heard.push({ type: meta.name, data } as RuntimeMessage),
    { where: { executionId: "x1" } },
  );
  await off.ready;
  const execution = client.execute({ executionId: "x1", blueprintId: "two", input: { word: "x" } });
  await gates.reached("a:x");
  expect(await execution.cancel({ reason: "enough" })).toBe("cancelling");
  await expect(execution).rejects.toMatchObject({ code: "CANCELLED" });
  // Late or doubled commands change nothing.
  expect(await client.cancel("x1")).toBe("cancelled");
  gates.open("a:x");
  await bus.request("library:executions", {});
  expect(heard.at(-1)).toMatchObject({ type: "runtime:error", data: { terminal: true, state: "cancelled" } });
  expect(
    heard.filter(({ type, data }) => type === "runtime:error" && (data as { terminal: boolean }).terminal),
  ).toHaveLength(1);
});

test("[R-IPC-11] cancel with ifState, or of an unknown execution, is refused with the state", async () => {
  const { join, gates } = await setUp();
  const { bus, client } = await join();
  await expect(client.cancel("nope")).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
  const execution = client.execute({ blueprintId: "one", input: { word: "w" } });
  await gates.reached("w");
  const { executionId } = execution;
  await expect(bus.request("runtime:cancel", { executionId, ifState: ["paused"] })).rejects.toMatchObject({
    code: "E_STATE",
    message: expect.stringContaining("it is running"),
  });
  await expect(bus.request("runtime:cancel", { executionId, path: "none" })).rejects.toMatchObject({
    code: "INVALID_INPUT",
  });
  gates.open("w");
  await execution;
});

test("[R-IPC-12] closing gives everything back: handlers, providers, listeners", async () => {
  const { host, ipc, runtime } = await setUp();
  expect(host.inspect().handlers).toContain("runtime:execute");
  await ipc.close();
  await ipc.close();
  expect(host.inspect()).toMatchObject({ handlers: [], providers: [], listeners: 0 });
  ipc.initialize();
  expect(host.inspect().handlers).toEqual([]);
  // The runtime was given to it, so it goes on.
  await expect(runtime.execute("nope")).rejects.toMatchObject({ code: "UNKNOWN_BLUEPRINT" });
});

test("[R-IPC-13] an end that cannot be sent is told as a failure that says why", async () => {
  const { join, faults } = await setUp();
  const { client } = await join();
  const execution = client.execute({ blueprintId: "monster" });
  const failure = { code: "EXECUTION_FAILED", message: expect.stringContaining('Cannot send the output "value"') };
  await expect(execution).rejects.toMatchObject(failure);
  await expect(client.attach(execution.executionId)).rejects.toMatchObject(failure);
  expect(faults).toEqual([]);
});
