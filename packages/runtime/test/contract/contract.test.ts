import type { CommandDef, ContractEntry, EventDef } from "@atomiton/events";
import { expect, test } from "vitest";

import { libraryContract, runtimeContract } from "../../src/contract.ts";
import { commandPayloads, eventPayloads } from "./payloads.ts";

/** The specification's fifteen, and the result that its first sample sends. */
const COMMANDS = ["execute", "pause", "resume", "cancel", "input", "config", "breakpoint", "inspect"];
const EVENTS = [
  "started",
  "progress",
  "completed",
  "error",
  "result",
  "output",
  "state",
  "log",
  "breakpoint",
  "inspect",
];

const table: Readonly<Record<string, ContractEntry>> = runtimeContract.table;

function parts(entry: ContractEntry | undefined): {
  command?: CommandDef<unknown, unknown>;
  event?: EventDef<unknown>;
} {
  if (entry === undefined) return {};
  if (Array.isArray(entry)) return { command: entry[0], event: entry[1] };
  const one = entry as CommandDef<unknown, unknown> | EventDef<unknown>;
  return one.kind === "command" ? { command: one } : { event: one };
}

function accepts(schema: EventDef<unknown>["payload"], value: unknown): boolean {
  const outcome = schema["~standard"].validate(value);
  if (outcome instanceof Promise) throw new TypeError("The schema is asynchronous");
  return outcome.issues === undefined;
}

test("[R-IPC-1] the contract has the fifteen events of the specification, and runtime:result", () => {
  const names = new Set([...COMMANDS, ...EVENTS].map((name) => `runtime:${name}`));
  expect(Object.keys(table).toSorted()).toEqual([...names].toSorted());
  expect(runtimeContract.id).toBe("runtime@1");
  expect(libraryContract.id).toBe("library@1");
});

test.each(COMMANDS)("[R-IPC-2] runtime:%s goes from ui to host and needs a right", (name) => {
  const { command } = parts(table[`runtime:${name}`]);
  expect(command?.options).toMatchObject({ from: ["ui"], to: ["host"], idempotent: true });
  expect(command?.options.needs).toMatch(/^(execute:blueprint|control:execution|debug:execution|read:execution)$/);
});

test.each(EVENTS)("[R-IPC-2] runtime:%s as an event goes from host to ui", (name) => {
  expect(parts(table[`runtime:${name}`]).event?.options).toMatchObject({ from: ["host"], to: ["ui"] });
});

test("[R-IPC-3] progress keeps the last value of an execution, logs are bounded, all else is reliable, and all share a lane", () => {
  const options = (name: string) => parts(table[`runtime:${name}`]).event?.options ?? {};
  expect(options("progress")).toMatchObject({ delivery: "latest", key: "executionId", everyMs: 100 });
  expect(options("progress").endsWith).toEqual(["runtime:completed", "runtime:error"]);
  const log = { max: 1_000, maxBytes: 1_048_576, whenFull: "drop-oldest" };
  expect(EVENTS.map((name) => options(name).queue)).toEqual(EVENTS.map((name) => (name === "log" ? log : undefined)));
  expect(EVENTS.filter((name) => (options(name).delivery ?? "reliable") !== "reliable")).toEqual(["progress"]);
  expect(new Set(EVENTS.map((name) => options(name).lane ?? "main"))).toEqual(new Set(["main"]));
});

test.each(Object.entries(commandPayloads))(
  "[R-IPC-4] %s accepts its payload and refuses a key it does not know",
  (name, payload) => {
    const { command } = parts(table[name]);
    if (!command) throw new TypeError(`${name} is no command`);
    expect(accepts(command.input, payload)).toBe(true);
    expect(accepts(command.input, { ...(payload as object), mispelt: 1 })).toBe(false);
    expect(accepts(command.input, {})).toBe(false);
  },
);

test.each(Object.entries(eventPayloads))(
  "[R-IPC-4] %s accepts its payload and refuses one without its execution",
  (name, payload) => {
    const { event } = parts(table[name]);
    if (!event) throw new TypeError(`${name} is no event`);
    expect(accepts(event.payload, payload)).toBe(true);
    const { executionId: _, ...rest } = payload as { executionId: string };
    expect(accepts(event.payload, rest)).toBe(false);
  },
);

test("[R-IPC-4] execute takes exactly one of blueprintId and blueprint", () => {
  const { command } = parts(table["runtime:execute"]);
  if (!command) throw new TypeError("runtime:execute is no command");
  expect(accepts(command.input, { blueprint: { path: "a.blueprint.yaml" } })).toBe(true);
  expect(accepts(command.input, { blueprint: { inline: "kind: Blueprint" } })).toBe(true);
  expect(accepts(command.input, { blueprintId: "a", blueprint: { path: "b" } })).toBe(false);
  expect(accepts(command.input, { blueprintId: "" })).toBe(false);
});

test("[R-IPC-4] an error's causes are checked all the way down", () => {
  const { event } = parts(table["runtime:error"]);
  if (!event) throw new TypeError("runtime:error is no event");
  const detail = { code: "A", class: "internal", message: "outer", retryable: false };
  const payload = eventPayloads["runtime:error"] as object;
  expect(accepts(event.payload, { ...payload, detail: { ...detail, cause: detail } })).toBe(true);
  expect(accepts(event.payload, { ...payload, detail: { ...detail, cause: { ...detail, cause: { code: 1 } } } })).toBe(
    false,
  );
});
