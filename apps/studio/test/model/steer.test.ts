import { expect, test } from "vitest";

import { fold, newExecution, type ExecutionEvent } from "../../src/model/execution.ts";
import { atWork, whyNot, type Action } from "../../src/model/steer.ts";
import { editableAt, placeOf, portsAt, stopInView } from "../../src/model/stops.ts";
import { ID, script } from "./events.ts";

const run = (events: readonly ExecutionEvent[]) => fold(newExecution(ID), events);
const info = (stopId: string, path: string, rest: object = {}) => ({
  stopId,
  reason: "breakpoint",
  breakpointIds: ["before-1"],
  path,
  attempt: 1,
  allStopped: true,
  ...rest,
});
const json = (v: unknown) => ({ t: "json", v }) as const;

test("[ST-STEER-1] what may be asked follows from the state, and the reason is said", () => {
  const reasons = (state: string, stops: readonly object[] = [], isLive = true) => {
    const s = script();
    const execution = run([s.started(), s.snapshot(state, [], { stops })]);
    const actions: Action[] = ["pause", "pauseNow", "resume", "over"];
    return actions.map((action) => whyNot(action, execution, isLive));
  };
  expect(reasons("running")).toEqual([undefined, undefined, "it is running", "it is running: pause it first"]);
  expect(reasons("running", [info("stop-1", "a")])).toEqual([undefined, undefined, undefined, undefined]);
  expect(reasons("pausing")).toEqual(["it is pausing already", undefined, undefined, "it is still pausing"]);
  expect(reasons("paused")).toEqual(["it is paused already", "it is paused already", undefined, undefined]);
  expect(reasons("cancelling")).toEqual(Array(4).fill("it is being cancelled"));
  expect(reasons("completed")).toEqual(Array(4).fill("it is completed"));
  expect(reasons("paused", [], false)).toEqual(Array(4).fill("not connected"));
});

test("[ST-STEER-3] a pause waits for the innermost that runs, not for what holds it", () => {
  const s = script();
  const execution = run([
    s.started(),
    s.node("each", "running"),
    s.node("each[0]/rest", "running"),
    s.node("each[1]/inner", "running"),
    s.node("each[1]/inner[x/y]/deep", "held"),
    s.node("alone", "running"),
    s.node("done", "completed"),
  ]);
  expect(atWork(execution)).toEqual(["each[0]/rest", "alone"]);
});

test("[ST-STEER-11] stops and their values follow the host; one that it does not name is gone, after the end all are", () => {
  const s = script();
  const stopped = [
    s.started(),
    s.delta({ stops: [info("stop-1", "a"), info("stop-2", "each[3]/b")], state: "paused" }),
    s.inspect("stop-1", { "in.rows": json([1]), config: json({}) }),
    s.hit(info("stop-2", "each[3]/b")),
    s.inspect("stop-9", { config: json(1) }),
  ];
  const before = run(stopped);
  expect([...before.stops.keys()]).toEqual(["stop-1", "stop-2"]);
  expect(portsAt(before.stops.get("stop-1")!, "in")).toEqual([{ port: "rows", val: json([1]) }]);
  expect(stopInView(before.stops, "each/b", undefined)?.stopId).toBe("stop-2");
  expect(stopInView(before.stops, "a", "a")?.stopId).toBe("stop-1");
  expect(stopInView(before.stops, undefined, undefined)?.stopId).toBe("stop-2");
  const left = fold(before, [s.delta({ stops: [info("stop-1", "a")] })]);
  expect([...left.stops.keys()]).toEqual(["stop-1"]);
  expect(left.stops.get("stop-1")?.values).toBeDefined();
  const late = run([s.snapshot("paused", [], { stops: [info("stop-1", "a")], waits: [] })]);
  expect(late.stops.get("stop-1")).toMatchObject({ path: "a", values: undefined });
  const wait = { waitId: "w~1", path: "w", for: "input" };
  expect(fold(left, [s.delta({ waits: [wait] })]).waits).toEqual([wait]);
  const over = fold(left, [s.delta({ waits: [wait] }), s.completed()]);
  expect([over.stops.size, over.waits.length]).toEqual([0, 0]);
});

test("[ST-STEER-5] where a stop stands, and so what can be edited, is told by its breakpoint or by what is there", () => {
  const stop = (values: Record<string, ReturnType<typeof json>>, rest: object = {}) =>
    ({ ...info("stop-1", "a", { breakpointIds: ["by another client"], ...rest }), values }) as never;
  expect(placeOf(stop({ config: json({}) }))).toBe("before");
  expect(placeOf(stop({ "out.value": json(1) }))).toBe("after");
  expect(placeOf(stop({ error: json({}), "out.value": json(1) }))).toBe("error");
  expect(placeOf(stop({ "in.value": json(1) }, { attempt: 0 }))).toBe("edge");
  expect(placeOf(stop({}, { breakpointIds: ["after-7"] }))).toBe("after");
  expect(editableAt(stop({ config: json({}) }))).toBe("in");
  expect(editableAt(stop({ error: json({}) }))).toBe("out");
  expect(editableAt(stop({ "in.value": json(1) }, { attempt: 0 }))).toBeUndefined();
});

test("[ST-STEER-4] a log point writes among the logs", () => {
  const s = script();
  const { log } = run([s.started(), s.logpoint("each[2]/b", "two")]);
  expect(log.lines.map(({ node, message }) => [node, message])).toEqual([["each/b", "two"]]);
});
