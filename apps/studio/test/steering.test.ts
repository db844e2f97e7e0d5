import type { Breakpoint } from "@atomiton/runtime/contract";
import { expect, test } from "vitest";

import type { Host, Steered, Watcher } from "../src/host/host.ts";
import { readKept } from "../src/model/breakpoints.ts";
import type { ExecutionEvent } from "../src/model/execution.ts";
import type { Rights } from "../src/model/steer.ts";
import { createStudioStore } from "../src/store.ts";
import { Studio } from "../src/studio.ts";
import { ID, script } from "./model/events.ts";

const everything: Rights = { control: true, debug: true };

/** A studio on a host of hand: what it is asked is written down, and the test says what it answers and tells. */
async function setUp(rights: Rights = everything, kept = new Map<string, string>()) {
  const asked: string[] = [];
  const told: Breakpoint[][] = [];
  const answers = { refuse: undefined as Error | undefined };
  let watcher: Watcher | undefined;
  const note = async (what: string): Promise<never> => {
    asked.push(what);
    if (answers.refuse !== undefined) throw answers.refuse;
    return undefined as never;
  };
  const steered: Steered = {
    pause: (mode) => note(`pause ${mode}`),
    resume: (stopId) => note(`resume ${stopId ?? "all"}`),
    step: (kind, stopId) => note(`step ${kind} ${stopId ?? ""}`),
    async setBreakpoints(list) {
      told.push([...list]);
      return list.map((one) => ({ ...one, verified: one.path !== "nowhere", message: "so it is" }));
    },
    async inspect(target) {
      asked.push(JSON.stringify(target));
      if ("eval" in target) return { seq: 0, at: 0, value: { t: "json", v: ["in.n", "config"] } };
      return { seq: 0, at: 0, value: { t: "json", v: "ref" in target ? target.ref : null } };
    },
    override: (stopId, port, value) => note(`override ${stopId} ${port} ${JSON.stringify(value)}`),
    configure: (path, patch, hash) => note(`configure ${path} ${JSON.stringify(patch)} ${hash}`),
    answer: (waitId, value) => note(`answer ${waitId} ${JSON.stringify(value)}`),
  };
  const host: Host = {
    onLink(hear) {
      hear({ at: "live" });
      return () => {};
    },
    onLibraryChange: () => () => {},
    blueprints: async () => [],
    blueprint: () => Promise.reject(new Error("none")),
    executions: async () => [],
    nodes: async () => [],
    rights: async () => rights,
    execute(_id, _input, breakpoints) {
      asked.push(`execute with ${breakpoints.map(({ id }) => id).join()}`);
      return ID;
    },
    steer: () => steered,
    cancel: async () => {},
    watch(_id, given) {
      watcher = given;
      return () => {};
    },
    download: () => Promise.reject(new Error("none")),
    reconnect() {},
    close() {},
  };
  const store = createStudioStore();
  const flushes = new Set<() => void>();
  const studio = new Studio({
    host,
    store,
    frames: {
      soon(flush) {
        flushes.add(flush);
        return () => flushes.delete(flush);
      },
    },
    address: { run: false, open: "b" },
    onView: () => {},
    now: () => 5_000,
    keep: { read: (key) => kept.get(key), write: (key, text) => void kept.set(key, text) },
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 30; turn++) await Promise.resolve();
  };
  studio.start();
  await settle();
  return {
    studio,
    store,
    asked,
    told,
    kept,
    answers,
    settle,
    tell: async (...events: ExecutionEvent[]): Promise<void> => {
      watcher?.hear(events);
      for (const flush of flushes) flush();
      flushes.clear();
      await settle();
    },
  };
}

const stop = { stopId: "stop-1", reason: "step", breakpointIds: [], path: "each[2]/b", attempt: 1, allStopped: true };

test("[ST-STEER-4] a run begins with the breakpoints of its Blueprint, and hears of each change as a whole list", async () => {
  const { studio, store, asked, told, kept, tell, settle } = await setUp();
  studio.steering.toggle("a", "before");
  studio.steering.toggle("nowhere", "after");
  expect(told).toEqual([]);
  studio.execute({});
  expect(asked).toContain("execute with before-1,after-2");
  const s = script();
  await tell(s.started(), s.state("running"));
  expect(told.map((list) => list.map(({ id }) => id))).toEqual([["before-1", "after-2"]]);
  expect(store.getState().breakpoints.map(({ verified }) => verified)).toEqual([true, false]);
  studio.steering.enable("before-1", false);
  await settle();
  expect(told.at(-1)?.map(({ enabled }) => enabled)).toEqual([false, true]);
  expect(told.at(-1)?.[0]).not.toHaveProperty("verified");
  studio.steering.toggle("a", "before");
  await settle();
  expect(told.at(-1)?.map(({ id }) => id)).toEqual(["after-2"]);

  const again = await setUp(everything, kept);
  expect(again.store.getState().breakpoints).toEqual([
    { id: "after-2", at: "after", path: "nowhere", suspend: "all", enabled: true },
  ]);
  expect(readKept('[{"id":1},7,null]')).toEqual([]);
  expect(readKept("no JSON")).toEqual([]);
});

test("[ST-STEER-5] the values of a stop that nobody told here are asked for, once, each by its reference", async () => {
  const { studio, store, asked, tell } = await setUp();
  studio.execute({});
  const s = script();
  await tell(s.started(), s.snapshot("paused", [], { stops: [stop] }));
  await tell(s.progress({ done: 1 }));
  expect(asked.filter((what) => what.includes("eval"))).toHaveLength(1);
  expect(store.getState().execution?.stops.get("stop-1")?.values).toEqual({
    "in.n": { t: "json", v: "stop-1.in.n" },
    config: { t: "json", v: "stop-1.config" },
  });
});

test("[ST-STEER-2] a new stop comes into view, and a step goes from it", async () => {
  const { studio, store, asked, tell, settle } = await setUp();
  studio.execute({});
  const s = script();
  await tell(s.started(), s.state("paused"), s.delta({ stops: [stop] }));
  expect(store.getState()).toMatchObject({ selected: "each/b", instance: "each[2]/b" });
  void studio.steering.act("over", "stop-1");
  await settle();
  expect(asked).toContain("step over stop-1");
});

test("[ST-STEER-10] without the right nothing is asked, and a run begins without breakpoints", async () => {
  const { studio, asked, told, tell } = await setUp({ control: false, debug: false });
  studio.steering.toggle("a", "before");
  studio.execute({});
  const s = script();
  await tell(s.started(), s.state("running"));
  await studio.steering.act("pause");
  expect(asked).toEqual(["execute with "]);
  expect(told).toEqual([]);
});

test("[ST-STEER-8] a form closes with its question, and says so, unless the answer was given in it", async () => {
  const { studio, store, answers, tell, asked } = await setUp();
  studio.execute({});
  const s = script();
  const wait = { waitId: "w~1", path: "w", for: "input" };
  await tell(s.started(), s.delta({ state: "running", waits: [wait] }));
  studio.steering.openAnswer("w~1");
  await tell(s.delta({ waits: [] }));
  expect(store.getState().answering).toBeUndefined();
  expect(store.getState().notice?.text).toContain("This question is closed");

  studio.dismiss();
  await tell(s.delta({ waits: [wait] }));
  studio.steering.openAnswer("w~1");
  const mine = studio.steering.answer("w~1", { ok: true });
  await tell(s.delta({ waits: [] }));
  expect(await mine).toBeUndefined();
  expect(asked).toContain('answer w~1 {"ok":true}');
  expect(store.getState()).toMatchObject({ answering: undefined, notice: undefined });

  await tell(s.delta({ waits: [wait] }));
  studio.steering.openAnswer("w~1");
  answers.refuse = new Error("the answer must be larger");
  expect(await studio.steering.answer("w~1", 1)).toBe("the answer must be larger");
  expect(store.getState().answering).toBe("w~1");
});

test("[ST-STEER-1] what the host refuses is said, and the state stays as it is", async () => {
  const { studio, store, answers, asked, tell } = await setUp();
  studio.execute({});
  const s = script();
  await tell(s.started(), s.state("running"));
  answers.refuse = new Error("Cannot pause: it has just ended");
  await studio.steering.act("pause");
  expect(store.getState()).toMatchObject({ isSteering: false, notice: { text: "Cannot pause: it has just ended" } });
  expect(store.getState().execution?.state).toBe("running");
  await studio.steering.act("over");
  expect(asked.filter((what) => what.startsWith("step"))).toEqual([]);
});
