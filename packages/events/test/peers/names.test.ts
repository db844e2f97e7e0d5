import { expect, test } from "vitest";

import { EventBus } from "../../src/index.ts";
import { table } from "./fixtures/table.ts";
import { pages, transcript } from "./pages.ts";

test("[E-MOD-10] neither a name nor a key of a payload reaches a prototype", async () => {
  const { host, all, settle, faults } = pages();
  const { ui } = all[0]!;
  await settle();
  const payloads: unknown[] = [];
  ui.on("__proto__", (data) => payloads.push(data));
  ui.on("told", (data) => payloads.push(data), { where: JSON.parse('{"n":2}') as { n: number } });
  await settle();
  const hostile = JSON.parse('{"n":2,"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as {
    n: number;
  };
  host.emit("__proto__", hostile);
  host.emit("told", hostile);
  await settle();
  expect(payloads).toHaveLength(2);
  for (const payload of payloads) expect(Object.getPrototypeOf(payload)).toBe(Object.prototype);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
  expect((Object as { polluted?: number }).polluted).toBeUndefined();
  expect(faults).toEqual([]);
});

test("[E-MOD-11] `valueOf`, `constructor` and `toString` call nothing that no handler was given for, and end nobody", async () => {
  const { host, all, settle } = pages();
  const { ui } = all[0]!;
  await settle();
  for (const name of ["valueOf", "constructor", "toString"] as const) {
    const outcome = ui.request(name, { n: 1 }).catch((fault: { code: string }) => fault.code);
    await settle();
    expect([name, await outcome]).toEqual([name, "NO_HANDLER"]);
  }
  // Names of no contract.
  for (const name of ["__defineGetter__", "isPrototypeOf"]) {
    expect(() => host.emit(name as "told", { n: 1 })).toThrow(expect.objectContaining({ code: "UNKNOWN_EVENT" }));
  }
  host.handle("constructor", ({ n }) => ({ n: n + 1 }));
  await settle();
  const reply = ui.request("constructor", { n: 1 });
  await settle();
  expect(await reply).toEqual({ n: 2 });
});

test("[E-MOD-12] events named as members of every object are heard like any other, with and without a contract", () => {
  const open = new EventBus({ connect: false });
  const heard: unknown[] = [];
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    open.emit(name, 0);
    open.on(name, (data: unknown) => heard.push([name, data]));
    open.emit(name, 1);
  }
  const host = new EventBus({ contract: table, role: "host", connect: false });
  host.on("hasOwnProperty", ({ n }) => heard.push(["hasOwnProperty", n]));
  host.emit("hasOwnProperty", { n: 2 });
  expect(heard).toEqual([
    ["constructor", 1],
    ["__proto__", 1],
    ["toString", 1],
    ["hasOwnProperty", 1],
    ["hasOwnProperty", 2],
  ]);
});

test("[E-MOD-13] a listener that throws or rejects stops no other, here or behind a link", async () => {
  const { host, all, settle, faults } = pages();
  const { ui } = all[0]!;
  const { heard, hear } = transcript();
  for (const bus of [host, ui]) {
    bus.on("told", () => {
      throw new Error("one fault");
    });
    bus.on("told", () => Promise.reject(new Error("another fault")));
    bus.on("told", hear);
  }
  await settle();
  host.emit("told", { n: 1 });
  host.emit("told", { n: 2 });
  await settle();
  expect(heard).toEqual([1, 2, 1, 2]);
  expect(faults).toHaveLength(8);
});
