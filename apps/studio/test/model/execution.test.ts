import { expect, test } from "vitest";

import {
  fold,
  INSTANCES_KEPT,
  newExecution,
  stepsOf,
  withGap,
  type ExecutionEvent,
} from "../../src/model/execution.ts";
import { LOG_LIMIT, select } from "../../src/model/log-book.ts";
import { FAULT_LIMIT, itemsBegun, tally, unseen, within } from "../../src/model/node-view.ts";
import { INSTANCE_LIMIT, ITEM_LIMIT } from "../../src/model/outputs.ts";
import { ID, script } from "./events.ts";

const after = (events: readonly ExecutionEvent[]) => fold(newExecution(ID), events);

test("[ST-20] a run from its start to its end: states, times, result", () => {
  const say = script();
  const run = after([
    say.started({ input: { n: 1 } }),
    say.state("running"),
    say.node("read", "ready"),
    say.node("read", "running"),
    say.node("read", "completed"),
    say.progress({ percent: 50, done: 1 }),
    say.completed({ rows: 3 }),
  ]);
  expect(run.state).toBe("completed");
  expect(run.started?.input).toEqual({ n: 1 });
  expect(run.completed?.result).toEqual({ rows: 3 });
  expect(run.progress?.percent).toBe(50);
  expect(run.endedAt).toBeGreaterThan(run.startedAt ?? Infinity);
  const read = run.nodes.get("read");
  expect(read).toMatchObject({ state: "completed", instances: 1, attempt: 1 });
  expect(read?.endedAt).toBeGreaterThan(read?.startedAt ?? Infinity);
});

test("[ST-20] what is folded in parts equals what is folded at once, and the state before is left as it was", () => {
  const say = script();
  const events = [
    say.started(),
    say.node("a", "running"),
    say.log("a", "one"),
    say.output("a", 1),
    say.node("a", "completed"),
    say.fault("b", "no"),
    say.failed("no"),
  ];
  const before = newExecution(ID);
  const parts = events.reduce((run, event) => fold(run, [event]), before);
  expect(parts).toEqual(after(events));
  expect(before).toEqual(newExecution(ID));
});

test("[ST-21] a delta counts once; other executions and lower epochs do not count", () => {
  const say = script(2);
  const events = [say.started(), say.node("each[0]/a", "running"), say.node("each[0]/a", "completed")];
  const stale = script(1);
  const run = fold(after(events), [...events, stale.node("each[1]/a", "running")]);
  expect(run.nodes.get("each/a")).toMatchObject({ instances: 1, counts: { completed: 1, running: 0 } });
  const other = { ...stale.node("x", "running") };
  const same = fold(run, [{ ...other, data: { ...other.data, executionId: "another", epoch: 9 } } as ExecutionEvent]);
  expect(same).toBe(run);
});

test("[ST-21] a snapshot stands for every delta before it; what follows is added", () => {
  const say = script();
  const joined = after([
    say.started(),
    say.snapshot(
      "running",
      [
        { path: "a", s: "completed", a: 1, t0: 5, t1: 9 },
        { path: "b", s: "running", a: 2, t0: 9 },
      ],
      { seq: 40 },
    ),
    say.node("a", "running"),
  ]);
  expect(joined.nodes.get("a")).toMatchObject({ state: "completed", startedAt: 5, endedAt: 9 });
  expect(joined.nodes.get("b")).toMatchObject({ state: "running", attempt: 2 });
  expect(joined.state).toBe("running");
});

test("[ST-21] after the end nothing moves the execution any more", () => {
  const say = script();
  const run = after([say.started(), say.failed("gone", { state: "cancelled" }), say.state("running")]);
  expect(run.state).toBe("cancelled");
  expect(run.error?.message).toBe("gone");
});

test("[ST-22] a node of a loop shows its instances together: work first, then what went wrong", () => {
  const say = script();
  const states = (...events: ExecutionEvent[]) => after([say.started(), ...events]).nodes.get("each/fetch");
  const first = [say.node("each[a]/fetch", "running"), say.node("each[b]/fetch", "running")];
  const oneDone = [...first, say.node("each[a]/fetch", "completed")];
  expect(states(...oneDone)).toMatchObject({ state: "running", instances: 2, counts: { running: 1, completed: 1 } });
  const oneFailed = [...oneDone, say.node("each[b]/fetch", "failed")];
  expect(states(...oneFailed)).toMatchObject({ state: "failed", counts: { completed: 1, failed: 1 } });
  expect(states(...oneFailed, say.node("each[c]/fetch", "pending"))).toMatchObject({ state: "ready" });
  expect(states(...oneFailed, say.node("each[c]/fetch", "backoff"))).toMatchObject({ state: "backoff" });
});

test("[ST-22] while its loop goes on, a node with no item at hand is ready, not completed", () => {
  const say = script();
  const begun = [say.started(), say.node("each", "running"), say.node("each[0]/a", "completed")];
  const shown = (events: readonly ExecutionEvent[]): string => {
    const { nodes } = after(events);
    return within(nodes.get("each"), nodes.get("each/a") ?? unseen).state;
  };
  expect(shown(begun)).toBe("ready");
  expect(shown([...begun, say.node("each[1]/a", "failed")])).toBe("failed");
  expect(shown([...begun, say.node("each", "completed")])).toBe("completed");
});

test("[ST-22] a node's own progress is that of a node at work, and goes with its end", () => {
  const say = script();
  const run = after([
    say.started(),
    say.node("each", "running"),
    say.progress({
      nodes: [
        { path: "each", done: 3, total: 9, message: "files" },
        { path: "each[3]/a", done: 1, total: 2 },
      ],
    }),
    say.progress({}),
  ]);
  expect(run.nodes.get("each")?.work).toEqual({ done: 3, total: 9, message: "files" });
  expect(run.nodes.get("each/a")).toBeUndefined();
  const late = say.progress({ nodes: [{ path: "each", done: 8, total: 9 }] });
  const over = fold(run, [say.node("each", "completed"), late]);
  expect(over.nodes.get("each")?.work).toBeUndefined();
});

test("[ST-23] errors stand at their node, newest first, once each; the run's own error names its node", () => {
  const say = script();
  const first = say.fault("each[1]/get", "no route", { handled: true });
  const second = say.fault("each[2]/get", "no name");
  const run = after([say.started(), first, second, first, say.failed("no name", { path: "each[2]/get" })]);
  const view = run.nodes.get("each/get");
  expect(view?.faults.map(({ path, handled }) => [path, handled])).toEqual([
    ["each[2]/get", false],
    ["each[1]/get", true],
  ]);
  expect(view?.faultCount).toBe(2);
  expect(run.error).toMatchObject({ message: "no name", path: "each[2]/get" });
});

test("[ST-23] a command that was refused is no error of the run", () => {
  const say = script();
  const run = after([say.started(), say.fault("", "not yet", { scope: "command" })]);
  expect(run.nodes.size).toBe(0);
  expect(run.error).toBeUndefined();
});

test("[ST-24] outputs by instance and port; a new attempt replaces, the same event again changes nothing", () => {
  const say = script();
  const events = [
    say.started(),
    say.output("each[0]/a", 1),
    say.output("each[0]/a", 2, { attempt: 2 }),
    say.output("each[0]/a", 9, { attempt: 1 }),
    say.item("s", 0, "x"),
    say.item("s", 1, "y"),
  ];
  const run = fold(after(events), events);
  expect(run.outputs.get("each/a")?.byInstance.get("each[0]/a")?.get("value")).toMatchObject({
    attempt: 2,
    value: { t: "json", v: 2 },
  });
  expect(run.outputs.get("s")?.byInstance.get("s")?.get("items")).toMatchObject({ itemCount: 2, ended: false });
});

test("[ST-25] everything that grows is bounded and says what it forgot", () => {
  const say = script();
  const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  const run = after([
    say.started(),
    ...many(LOG_LIMIT + 10, (i) => say.log("a", `line ${i}`)),
    ...many(INSTANCE_LIMIT + 5, (i) => say.output(`each[${i}]/a`, i)),
    ...many(ITEM_LIMIT + 7, (i) => say.item("s", i, i)),
    ...many(INSTANCES_KEPT + 4, (i) => say.node(`each[${i}]/b`, "completed")),
  ]);
  expect(run.log).toMatchObject({ written: LOG_LIMIT + 10 });
  expect(run.log.lines).toHaveLength(LOG_LIMIT);
  expect(run.log.lines.at(-1)?.message).toBe(`line ${LOG_LIMIT + 9}`);
  expect(run.outputs.get("each/a")).toMatchObject({ forgotten: 5 });
  expect(run.outputs.get("each/a")?.byInstance.size).toBe(INSTANCE_LIMIT);
  const items = run.outputs.get("s")?.byInstance.get("s")?.get("items");
  expect([items?.items.length, items?.itemCount]).toEqual([ITEM_LIMIT, ITEM_LIMIT + 7]);
  const failing = after([say.started(), ...many(FAULT_LIMIT + 3, (i) => say.fault(`each[${i}]/a`, "no"))]);
  expect(failing.nodes.get("each/a")?.faults).toHaveLength(FAULT_LIMIT);
  expect(failing.nodes.get("each/a")?.faultCount).toBe(FAULT_LIMIT + 3);
  expect(run.instances.size).toBe(INSTANCES_KEPT);
  expect(run.nodes.get("each/b")?.counts.completed).toBe(INSTANCES_KEPT + 4);
});

test("[ST-25] what did not arrive is counted", () => {
  expect(withGap(withGap(newExecution(ID), 3), 4).missed).toBe(7);
});

test("[ST-26] logs are found by level, by node with its body, and by text", () => {
  const say = script();
  const { log } = after([
    say.log("each[1]/a", "Reading one", "debug"),
    say.log("each[1]/a", "reading two", "warn"),
    say.log("other", "reading three", "error"),
  ]);
  const found = (filter: Partial<Parameters<typeof select>[1]>): string[] =>
    select(log, { level: "debug", text: "", ...filter }).map(({ message }) => message);
  expect(found({})).toHaveLength(3);
  expect(found({ level: "warn" })).toEqual(["reading two", "reading three"]);
  expect(found({ node: "each" })).toEqual(["Reading one", "reading two"]);
  expect(found({ text: "READING t" })).toEqual(["reading two", "reading three"]);
});

test("[ST-27] a node's numbers are its items by state, a loop's its items, also where a snapshot only counts them", () => {
  const say = script();
  const live = after([
    say.started(),
    say.node("each", "running"),
    ...["a", "b", "c"].map((key) => say.node(`each[${key}]/x`, "completed")),
    say.node("each[a]/y", "completed"),
    say.node("each[b]/y", "skipped"),
    say.node("each[c]/y", "failed"),
  ]);
  const late = after([
    say.started(),
    say.snapshot(
      "running",
      [
        { path: "each", s: "running", a: 1, t0: 1 },
        { path: "each[c]/x", s: "completed", a: 1, t0: 7, t1: 8 },
        { path: "each[c]/y", s: "failed", a: 1, t0: 8, t1: 9 },
        { path: "each[d]/x", s: "pending", a: 0 },
      ],
      {
        counted: [
          { path: "each/x", counts: { completed: 2 }, a: 1, t0: 2, t1: 5 },
          { path: "each/y", counts: { completed: 1, skipped: 1 }, a: 3, t0: 3, t1: 6 },
        ],
      },
    ),
  ]);
  for (const { nodes } of [live, late]) {
    expect(tally(nodes.get("each/x") ?? unseen)).toEqual([{ state: "completed", count: 3 }]);
    expect(tally(nodes.get("each/y") ?? unseen)).toEqual([
      { state: "completed", count: 1 },
      { state: "failed", count: 1 },
      { state: "skipped", count: 1 },
    ]);
    expect(itemsBegun(nodes, "each")).toBe(3);
  }
  expect(late.nodes.get("each/y")).toMatchObject({ instances: 3, attempt: 3, startedAt: 3, endedAt: 9 });
});

test("[ST-28] errors stand among the log's lines, in the order of the run, once each, whenever they were told", () => {
  const say = script();
  const started = say.started();
  const before = say.log("a", "before");
  const retried = say.fault("a", "not now", { willRetryAt: 5 });
  const between = say.log("a", "between");
  const handled = say.fault("b", "no", { handled: true });
  const last = say.log("c", "last");
  const end = say.failed("for good", { path: "c" });
  const texts = (events: readonly ExecutionEvent[]) =>
    after(events).log.lines.map(({ id, level, path, message }) => [id, level, path, message]);
  const live = texts([started, before, retried, between, handled, last, end]);
  expect(live).toEqual([
    [1, "info", "a", "before"],
    [2, "warn", "a", "X: not now (tried again)"],
    [3, "info", "a", "between"],
    [4, "warn", "b", "X: no (handled)"],
    [5, "info", "c", "last"],
    [6, "error", "c", "X: for good"],
  ]);
  expect(texts([started, before, between, last, retried, handled, handled, end])).toEqual(live);
});

test("[ST-28] the error that ends a run is not told twice; a cancelled run says why", () => {
  const say = script();
  const fault = say.fault("c", "no");
  const failed = after([say.started(), fault, say.failed("no", { path: "c" })]);
  expect(failed.log.lines.map(({ message }) => message)).toEqual(["X: no"]);
  const cancelled = after([say.started(), say.failed("cancelled in Studio", { state: "cancelled" })]);
  expect(cancelled.log.lines.map(({ level, path, message }) => [level, path, message])).toEqual([
    ["warn", "", "Cancelled: cancelled in Studio"],
  ]);
});

test("[ST-29] of a run that failed or was cancelled, what ended with it does not count as done", () => {
  const say = script();
  const events = [say.started(), say.node("a", "completed"), say.node("b", "skipped"), say.node("c", "failed")];
  const over = [say.node("d", "cancelled"), say.progress({ percent: 50, done: 4, total: 4 })];
  expect(stepsOf(after(events))).toBeUndefined();
  expect(stepsOf(after([...events, ...over]))).toEqual({ done: 4, total: 4 });
  expect(stepsOf(after([...events, ...over, say.failed("no")]))).toEqual({ done: 2, total: 4 });
});
