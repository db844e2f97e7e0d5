// What the specification shows, run: its classes in one process, their buses joined.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EventBus, memoryPair } from "@atomiton/events";
import { expect, onTestFinished, test } from "vitest";

import { Runtime } from "./Runtime";
import { RuntimeClient } from "./runtime-client";
import { RuntimeIPC } from "./runtime-ipc";
import {
  batching,
  eventValidation,
  leveraging,
  MockEventBus,
  permissionControl,
  singleApiSurface,
  throttling,
  typeSafety,
} from "./samples";

/** In this folder; found by its id below the folder that the tests run in. */
const HELLO = "3f0e0d1a-6c55-4f0e-9c5f-6f8c1f8b9a01";

async function link(a: EventBus, b: EventBus): Promise<void> {
  const [here, there] = memoryPair();
  b.connect(there);
  await a.connect(here).ready;
  onTestFinished(async () => {
    await a.close();
    await b.close();
  });
}

test("[R-IPC-21] RuntimeIPC and RuntimeClient as written: a Blueprint runs behind the bus, progress included", async () => {
  const ipc = new RuntimeIPC();
  const client = new RuntimeClient();
  ipc.initialize();
  await link(client["events"], ipc["events"]);
  onTestFinished(() => ipc["runtime"].close());
  const percents: unknown[] = [];
  client.onProgress((progress: { percent: number }) => percents.push(progress.percent));
  expect(await client.executeBlueprint(HELLO, { name: "specification" })).toEqual({ greeting: "Hello, specification" });
  expect(percents.at(-1)).toBe(100);
});

test("[R-IPC-21] as written, an error reaches the client", async () => {
  const ipc = new RuntimeIPC();
  const client = new RuntimeClient();
  ipc.initialize();
  await link(client["events"], ipc["events"]);
  onTestFinished(() => ipc["runtime"].close());
  await expect(client.executeBlueprint("no-such-blueprint")).rejects.toThrow("no-such-blueprint");
});

test("[R-IPC-21] the first sample: what execute gives is sent as runtime:result", async () => {
  const dir = await mkdtemp(join(tmpdir(), "atomiton-spec-"));
  const hello = await readFile(new URL("./hello.blueprint.yaml", import.meta.url), "utf8");
  await writeFile(join(dir, "abc.blueprint.yaml"), hello.replace(HELLO, "abc123"));
  const runtime = new Runtime({ dir });
  const { events, renderer } = leveraging(runtime);
  onTestFinished(async () => {
    await events.close();
    await runtime.close();
    await rm(dir, { recursive: true });
  });
  const result = events.next("runtime:result");
  renderer();
  const executionId = (await result) as string;
  expect(runtime.executions().map((execution) => execution.executionId)).toEqual([executionId]);
  expect(await runtime.waitForCompletion(executionId)).toEqual({ greeting: "Hello, world" });
});

test("[R-IPC-21] the same code hears and emits", () => {
  const heard: unknown[] = [];
  singleApiSurface(new EventBus(), (data) => heard.push(data), { some: "data" });
  expect(heard).toEqual([{ some: "data" }]);
});

test("[R-IPC-21] events can be typed", () => {
  const heard: unknown[] = [];
  typeSafety((data) => heard.push(data));
  expect(heard).toEqual([{ blueprintId: "123" }, { blueprintId: 123 }]);
});

test("[R-IPC-21] MockEventBus implements IEventBus with emit alone", () => {
  const mock = new MockEventBus();
  mock.emit("runtime:execute", { blueprintId: "a" });
  expect(mock.emissions).toEqual([["runtime:execute", { blueprintId: "a" }]]);
});

test("[R-IPC-21] payloads can be validated by hand, and only good ones are processed", () => {
  const faults: unknown[] = [];
  const seen: unknown[] = [];
  const events = new EventBus({ onError: (fault) => faults.push(fault) });
  eventValidation(events, (data) => seen.push(data));
  events.emit("runtime:execute", { blueprintId: HELLO, input: { a: 1 } });
  events.emit("runtime:execute", { blueprintId: "no uuid" });
  expect(seen).toEqual([{ blueprintId: HELLO, input: { a: 1 } }]);
  expect(faults).toHaveLength(1);
});

test("[R-IPC-21] a right is asked for while a message is heard; outside of one there is none", () => {
  expect(permissionControl).toThrow("Permission denied");
  const events = new EventBus();
  const passed: string[] = [];
  events.on("runtime:execute", () => {
    permissionControl();
    passed.push("own emit");
  });
  events.emit("runtime:execute", {});
  expect(passed).toEqual(["own emit"]);
});

test("[R-IPC-21] a batch arrives whole and in order", () => {
  const events = new EventBus();
  const heard: unknown[] = [];
  events.on("runtime:log", (data) => heard.push(data));
  batching(events, 1, 2, 3);
  expect(heard).toEqual([1, 2, 3]);
});

test("[R-IPC-21] throttling emits the first at once and never loses the last", () => {
  const events = new EventBus();
  const heard: unknown[] = [];
  events.on("runtime:progress", (data) => heard.push(data));
  const throttled = throttling(events);
  for (let percent = 0; percent <= 100; percent++) throttled({ percent });
  expect(heard).toEqual([{ percent: 0 }]);
  throttled.flush();
  expect(heard).toEqual([{ percent: 0 }, { percent: 100 }]);
});
