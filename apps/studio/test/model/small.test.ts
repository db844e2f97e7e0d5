import { expect, test } from "vitest";

import { readAddress, writeAddress } from "../../src/model/address.ts";
import { fold, newExecution } from "../../src/model/execution.ts";
import { ago, bytes, compact, duration } from "../../src/model/format.ts";
import { unseen, type NodeView } from "../../src/model/node-view.ts";
import { itemOf, nodePathOf, shortName } from "../../src/model/path.ts";
import { brief, shown, shownVal, tableOf } from "../../src/model/value.ts";
import { wireState } from "../../src/model/wire-state.ts";
import { wordOf } from "../../src/ui/state-mark.tsx";
import { ID, script } from "./events.ts";

test("[ST-33] the address names the view, and is never written with a token", () => {
  expect(readAddress("#token=t%2B1&open=b&run=1")).toEqual({
    token: "t+1",
    open: "b",
    execution: undefined,
    run: true,
  });
  expect(readAddress("")).toEqual({ token: undefined, open: undefined, execution: undefined, run: false });
  const written = writeAddress({ open: "a b&c", execution: "x" });
  expect(readAddress(written)).toEqual({ token: undefined, open: "a b&c", execution: "x", run: false });
  expect(writeAddress({ open: undefined, execution: undefined })).toBe("");
});

test("[ST-34] an instance's path leads to its node, whatever its key holds", () => {
  expect(nodePathOf("each[sku-12]/thumb/resize")).toBe("each/thumb/resize");
  expect(nodePathOf("each[a/b]/in[3]/x")).toBe("each/in/x");
  expect(nodePathOf("each[a]b]/x")).toBe("each/x");
  expect(nodePathOf("plain/path")).toBe("plain/path");
  expect(itemOf("each[data%2fa.csv]/in[3]/x")).toBe("data/a.csv / 3");
  expect(itemOf("plain")).toBe("");
  expect([shortName("each[a]/in/x"), shortName("plain")]).toEqual(["x a", "plain"]);
});

test("[ST-35] a list of objects is a table, a file is a file, the rest is what it is", () => {
  expect(tableOf([{ a: 1 }, { b: 2 }])?.columns).toEqual(["a", "b"]);
  expect(tableOf([])).toBeUndefined();
  expect(tableOf([{ a: 1 }, 2])).toBeUndefined();
  expect(shown([{ $blob: "sha256:x", size: 1, type: "t" }]).as).toBe("tree");
  expect(shown({ $blob: "sha256:x", size: 1, type: "t" }).as).toBe("file");
  expect([shown("x").as, shown(1).as, shown(null).as, shown({ a: 1 }).as, shown(undefined).as]).toEqual([
    "text",
    "plain",
    "plain",
    "tree",
    "nothing",
  ]);
  const wide = tableOf([Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}`, i]))]);
  expect([wide?.columns.length, wide?.moreColumns]).toEqual([24, 6]);
});

test("[ST-36] a cut value says how large the whole is; a secret one says that it is hidden", () => {
  expect(shownVal({ t: "trunc", preview: [1], bytes: 9_000, ref: "r" })).toMatchObject({ as: "cut", bytes: 9_000 });
  expect(shownVal({ t: "redacted" })).toEqual({ as: "redacted" });
  expect(brief("a".repeat(200), 10)).toBe(`${"a".repeat(9)}…`);
});

const node = (state: NodeView["state"], counts: NodeView["counts"] = { [state]: 1 }): NodeView => ({
  ...unseen,
  state,
  counts,
});

test("[ST-37] a wire moves only while its value is out and its target is at work", () => {
  const state = (source: NodeView | undefined, port: string, target: NodeView) => wireState(source, port, target, true);
  expect(state(node("running"), "value", node("pending"))).toBe("idle");
  expect(state(node("completed"), "value", node("running"))).toBe("flowing");
  expect(state(node("completed"), "value", node("completed"))).toBe("delivered");
  expect(state(node("completed"), "error", node("skipped"))).toBe("empty");
  expect(state(node("failed"), "error", node("running"))).toBe("flowing");
  expect(state(node("failed"), "value", node("cancelled"))).toBe("empty");
  expect(state(undefined, "", node("running"))).toBe("flowing");
  expect(wireState(node("completed"), "value", node("running"), false)).toBe("idle");
  // What came out stays out, whatever became of the target.
  const begun = { ...node("cancelled"), startedAt: 1 };
  expect(state(node("completed"), "value", begun)).toBe("delivered");
  expect(state(undefined, "", begun)).toBe("delivered");
  const say = script();
  const outputs = fold(newExecution(ID), [say.started(), say.output("a", 1)]).outputs.get("a");
  const known = (port: string) => wireState(node("completed"), port, node("skipped"), true, outputs);
  expect([known("value"), known("other")]).toEqual(["delivered", "empty"]);
});

test("[ST-38] times and sizes are short and of one form", () => {
  expect([duration(840), duration(3_260), duration(65_000), duration(7_389_000), duration(-5)]).toEqual([
    "840 ms",
    "3.2 s",
    "1:05",
    "2:03:09",
    "0 ms",
  ]);
  expect([bytes(12), bytes(3_500), bytes(12 * 1024 ** 2), bytes(150 * 1024)]).toEqual([
    "12 B",
    "3.4 KiB",
    "12 MiB",
    "150 KiB",
  ]);
  expect([compact(9_999), compact(12_500), compact(1_223_329)]).toEqual(["9,999", "12.5K", "1.2M"]);
  expect([ago(0, 10_000), ago(0, 240_000), ago(0, 7_200_000), ago(0, 200_000_000)]).toEqual([
    "just now",
    "4 min ago",
    "2 h ago",
    "1970-01-01",
  ]);
});

test("[ST-STEER-12] a node is not reached yet, or waits for an answer where it asks", () => {
  expect(wordOf("pending")).toBe("Not reached yet");
  expect(wordOf("waiting", "input")).toBe("Waiting for an answer");
  expect(wordOf("waiting", "time")).toBe("Waiting");
  expect(wordOf("completed", "input")).toBe("Completed");
});
