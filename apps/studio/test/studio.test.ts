import { expect, test } from "vitest";

import type { Frames } from "../src/frame.ts";
import { endedByItself } from "../src/host/ended.ts";
import type { BlueprintInfo, Host, Link, Watcher } from "../src/host/host.ts";
import type { Address } from "../src/model/address.ts";
import { createStudioStore } from "../src/store.ts";
import { Studio } from "../src/studio.ts";
import { ID, script } from "./model/events.ts";

const blueprint = (id: string, rest: Partial<BlueprintInfo> = {}): BlueprintInfo => ({
  id,
  name: id,
  version: "1.0.0",
  file: `${id}.blueprint.yaml`,
  nodes: 0,
  errors: 0,
  warnings: 0,
  changedAt: 0,
  source: "",
  graph: { nodes: [], wires: [] },
  inputs: [],
  outputs: [],
  problems: [],
  ...rest,
});

/** A host of hand, whose answers and breaks the test decides. Frames are drawn when the test says so. */
function setUp(
  address: Partial<Address> = {},
  blueprints: readonly BlueprintInfo[] = [blueprint("b"), blueprint("c")],
) {
  const asked: string[] = [];
  const watchers = new Map<string, Watcher>();
  const views: unknown[] = [];
  let hearLink: (link: Link) => void = () => {};
  let draw: (() => void) | undefined;
  const host: Host = {
    onLink(hear) {
      hearLink = hear;
      hear({ at: "connecting" });
      return () => {};
    },
    onLibraryChange: () => () => {},
    async blueprints() {
      asked.push("blueprints");
      return blueprints;
    },
    async blueprint(id) {
      asked.push(`blueprint ${id}`);
      const found = blueprints.find((candidate) => candidate.id === id);
      if (found === undefined) throw new Error(`no ${id}`);
      return found;
    },
    async executions() {
      return [];
    },
    nodes: async () => [],
    rights: async () => ({ control: true, debug: true }),
    steer: () => undefined,
    execute(id, input) {
      asked.push(`execute ${id} ${JSON.stringify(input)}`);
      return ID;
    },
    async cancel(id) {
      asked.push(`cancel ${id}`);
    },
    watch(id, watcher) {
      asked.push(`watch ${id}`);
      watchers.set(id, watcher);
      return () => {
        asked.push(`unwatch ${id}`);
        watchers.delete(id);
      };
    },
    download: () => Promise.reject(new Error("none")),
    reconnect() {},
    close() {},
  };
  const frames: Frames = {
    soon(flush) {
      draw = flush;
      return () => {
        draw = undefined;
      };
    },
  };
  const store = createStudioStore();
  const studio = new Studio({
    host,
    store,
    frames,
    address: { run: false, ...address },
    onView: (view) => views.push(view),
    now: () => 5_000,
  });
  studio.start();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return {
    studio,
    store,
    asked,
    views,
    watcher: (id = ID) => watchers.get(id),
    link: async (link: Link) => {
      hearLink(link);
      await settle();
    },
    frame: () => draw?.(),
    settle,
  };
}

const live: Link = { at: "live" };

test("[ST-50] nothing is asked before there is a link; then the list, and what the address names", async () => {
  const page = setUp({ open: "b", execution: ID });
  expect(page.asked).toEqual([]);
  expect(page.store.getState()).toMatchObject({ openId: "b", executionId: ID, isAttaching: true });
  await page.link(live);
  expect(page.asked).toEqual(["blueprints", "blueprint b", `watch ${ID}`]);
});

test("[ST-51] `run` starts the opened Blueprint once, with its defaults, and never with errors in it", async () => {
  const page = setUp({ open: "b", run: true });
  await page.link(live);
  expect(page.asked).toContain("execute b {}");
  await page.link({ at: "reconnecting", attempt: 1 });
  await page.link(live);
  expect(page.asked.filter((ask) => ask.startsWith("execute"))).toHaveLength(1);
  const broken = setUp({ open: "b", run: true }, [blueprint("b", { errors: 1 })]);
  await broken.link(live);
  expect(broken.asked.filter((ask) => ask.startsWith("execute"))).toEqual([]);
});

test("[ST-51] with an input that has no default it asks instead", async () => {
  const inputs = [{ name: "n", type: "integer", required: true, schema: {} }];
  const page = setUp({ open: "b", run: true }, [blueprint("b", { inputs })]);
  await page.link(live);
  expect(page.store.getState().isAsking).toBe(true);
  expect(page.asked.filter((ask) => ask.startsWith("execute"))).toEqual([]);
});

test("[ST-52] a flood of events is one change of the store a frame", async () => {
  const page = setUp({ open: "b" });
  await page.link(live);
  page.studio.execute({});
  let changes = 0;
  page.store.subscribe((state, before) => {
    if (state.execution !== before.execution) changes += 1;
  });
  const say = script();
  page.watcher()?.hear([say.started()]);
  for (let i = 0; i < 2_000; i++) page.watcher()?.hear([say.log("a", `line ${i}`)]);
  expect(changes).toBe(0);
  page.frame();
  expect(changes).toBe(1);
  expect(page.store.getState().execution?.log.written).toBe(2_000);
});

test("[ST-53] what is told anew replaces what was heard, with nothing twice", async () => {
  const page = setUp({ open: "b" });
  await page.link(live);
  page.studio.execute({});
  const say = script();
  const past = [say.started(), say.log("a", "one"), say.log("a", "two")];
  page.watcher()?.hear(past);
  page.frame();
  page.watcher()?.onRestart();
  page.watcher()?.hear([...past, say.log("a", "three")]);
  page.frame();
  expect(page.store.getState().execution?.log.lines.map(({ message }) => message)).toEqual(["one", "two", "three"]);
});

test("[ST-54] a watch that its link took away is begun again with the next link; what was seen stays meanwhile", async () => {
  const page = setUp({ open: "b" });
  await page.link(live);
  page.studio.execute({});
  const say = script();
  page.watcher()?.hear([say.started(), say.log("a", "one")]);
  page.frame();
  page.watcher()?.onFault(Object.assign(new Error("gone"), { code: "CLOSED" }));
  await page.link({ at: "lost", reason: "gone", code: "CLOSED" });
  expect(page.store.getState().execution?.log.written).toBe(1);
  page.asked.length = 0;
  await page.link(live);
  expect(page.asked).toContain(`watch ${ID}`);
  page.watcher()?.hear([say.started(), say.log("a", "one"), say.log("a", "two")]);
  page.frame();
  expect(page.store.getState().execution?.log.written).toBe(2);
});

test("[ST-55] a run that is refused leaves the view and says why", async () => {
  const page = setUp({ open: "b" });
  await page.link(live);
  page.studio.execute({ n: 1 });
  expect(page.store.getState().isStarting).toBe(true);
  page.watcher()?.onFault(new Error("n is too small"));
  expect(page.store.getState()).toMatchObject({
    execution: undefined,
    executionId: undefined,
    isStarting: false,
    notice: { text: "n is too small" },
  });
  expect(page.views.at(-1)).toEqual({ open: "b", execution: undefined });
});

test("[ST-56] another Blueprint takes the run out of view and stops hearing it", async () => {
  const page = setUp({ open: "b" });
  await page.link(live);
  page.studio.execute({});
  await page.studio.open("c");
  expect(page.watcher()).toBeUndefined();
  expect(page.store.getState()).toMatchObject({ openId: "c", executionId: undefined });
  expect(page.views.at(-1)).toEqual({ open: "c", execution: undefined });
});

test("[ST-56] a Blueprint that cannot be read says so in its place", async () => {
  const page = setUp({ open: "nowhere" });
  await page.link(live);
  expect(page.store.getState().blueprint).toEqual({ at: "failed", message: "no nowhere" });
});

const withInput = blueprint("b", { inputs: [{ name: "source", type: "file", required: true, schema: {} }] });

test("[ST-57] what the host refuses is said in the form, at the input, and the form stays open", async () => {
  const page = setUp({ open: "b" }, [withInput]);
  await page.link(live);
  page.studio.run();
  page.studio.execute({ source: "nowhere.csv" });
  expect(page.store.getState()).toMatchObject({ isAsking: true, isStarting: true });
  // The refusal is told to all as an event, which is none of the run's.
  page
    .watcher()
    ?.hear([script().fault("", "Cannot run", { scope: "command", epoch: 0, terminal: true, state: "failed" })]);
  page.frame();
  expect(page.store.getState()).toMatchObject({ isAsking: true, isStarting: true });
  const problems = [{ input: "source", message: "there is no file" }];
  page.watcher()?.onFault(Object.assign(new Error("Cannot run"), { code: "INVALID_INPUT", details: { problems } }));
  expect(page.store.getState()).toMatchObject({
    isAsking: true,
    isStarting: false,
    notice: undefined,
    refusal: { messages: { source: "there is no file" }, text: "Cannot run" },
  });
});

test("[ST-57] the form closes when the run has begun, and is without the old refusal when it opens again", async () => {
  const page = setUp({ open: "b" }, [withInput]);
  await page.link(live);
  page.studio.run();
  page.studio.execute({ source: "nowhere.csv" });
  page.watcher()?.onFault(new Error("no"));
  page.studio.execute({ source: "here.csv" });
  expect(page.store.getState().refusal).toBeUndefined();
  page.watcher()?.hear([script().started()]);
  page.frame();
  expect(page.store.getState()).toMatchObject({ isAsking: false, isStarting: false });
});

test("[ST-58] from the moment that the link breaks nothing counts on, until there is another one", async () => {
  const page = setUp({ open: "b" });
  await page.link(live);
  expect(page.store.getState().leftAt).toBeUndefined();
  page.studio.execute({});
  page.watcher()?.hear([script().started()]);
  page.frame();
  const ahead = page.store.getState().clockAheadMs ?? 0;
  await page.link({ at: "reconnecting", attempt: 1 });
  expect(page.store.getState().leftAt).toBe(5_000 - ahead);
  await page.link({ at: "lost", reason: "gone", code: "REJECTED" });
  expect(page.store.getState().leftAt).toBe(5_000 - ahead);
  await page.link(live);
  expect(page.store.getState().leftAt).toBeUndefined();
});

test("[ST-59] an execution's own end is no fault of the watch, also where its time was over", () => {
  const ended = (code: string): boolean => endedByItself(Object.assign(new Error(code), { code }));
  expect(["EXECUTION_FAILED", "CANCELLED", "TIMEOUT"].map(ended)).toEqual([true, true, true]);
  expect(["CLOSED", "INVALID_INPUT", "UNKNOWN_EXECUTION"].map(ended)).toEqual([false, false, false]);
  expect(endedByItself(new Error("plain"))).toBe(false);
});
