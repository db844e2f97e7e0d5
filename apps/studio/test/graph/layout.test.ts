import { expect, test } from "vitest";

import { layoutFor, layoutGraph, type Box } from "../../src/graph/layout.ts";
import type { BlueprintInfo } from "../../src/host/host.ts";

type Graph = BlueprintInfo["graph"];

const node = (path: string, position?: { x: number; y: number }): Graph["nodes"][number] => ({
  id: path.split("/").at(-1) ?? path,
  path,
  ...(path.includes("/") ? { parent: path.slice(0, path.lastIndexOf("/")) } : {}),
  uses: "core/set@1",
  title: "Set",
  inputs: [],
  outputs: [],
  config: {},
  line: 1,
  ...(position === undefined ? {} : { position }),
});
const wire = (from: string, to: string, port = "value", control = false): Graph["wires"][number] => ({
  from: { node: from, port },
  to: { node: to, port: "in" },
  control,
});

const loop: Graph = {
  nodes: [node("read"), node("each"), node("each/a"), node("each/b"), node("write")],
  wires: [
    wire("$inputs", "read", "csv"),
    wire("$inputs", "write", "folder"),
    wire("read", "each"),
    wire("$item", "each/a", ""),
    wire("each/a", "each/b"),
    wire("each/b", "each/$outputs"),
    wire("each", "write", "results"),
    wire("read", "write", "done", true),
    wire("write", "$outputs", "file"),
  ],
};

const find = (boxes: readonly Box[], id: string): Box => {
  const box = boxes.find((candidate) => candidate.id === id);
  if (box === undefined) throw new Error(`no box ${id}`);
  return box;
};

test.each(["right", "down"] as const)(
  "[ST-40] nodes follow what they take from, bodies lie in their loops (%s)",
  (direction) => {
    const { boxes, width, height } = layoutGraph(loop, direction);
    const [read, each, a, b, write] = ["read", "each", "each/a", "each/b", "write"].map((id) => find(boxes, id)) as [
      Box,
      Box,
      Box,
      Box,
      Box,
    ];
    const along = (box: Box): number => (direction === "right" ? box.x : box.y);
    expect(along(read)).toBeLessThan(along(each));
    expect(along(each)).toBeLessThan(along(write));
    expect(along(a)).toBeLessThan(along(b));
    expect([a.parent, b.parent, each.kind, each.parent]).toEqual(["each", "each", "loop", undefined]);
    for (const inner of [a, b]) {
      expect(inner.x + inner.width).toBeLessThan(each.width);
      expect(inner.y + inner.height).toBeLessThan(each.height);
    }
    for (const box of boxes.filter(({ parent }) => parent === undefined)) {
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + box.height).toBeLessThanOrEqual(height);
    }
    const outer = boxes.filter(({ parent }) => parent === undefined);
    for (const [index, one] of outer.entries()) {
      for (const two of outer.slice(index + 1)) {
        const isApart =
          one.x + one.width <= two.x ||
          two.x + two.width <= one.x ||
          one.y + one.height <= two.y ||
          two.y + two.height <= one.y;
        expect(isApart, `${one.id} and ${two.id}`).toBe(true);
      }
    }
  },
);

test("[ST-41] an input stands before the node that begins with it, and nowhere else", () => {
  const { boxes, wires } = layoutGraph(loop, "right");
  expect(boxes.filter(({ kind }) => kind === "pill").map(({ id }) => id)).toEqual(["$inputs.csv"]);
  expect(wires.map(({ source, target, control }) => [source, target, control])).toEqual([
    ["$inputs.csv", "read", false],
    ["read", "each", false],
    ["each/a", "each/b", false],
    ["each", "write", false],
    ["read", "write", true],
  ]);
});

test("[ST-42] the file's own positions are kept, unless boxes would cover each other", () => {
  const at = (x: number): Graph => ({
    nodes: [node("a", { x: 0, y: 0 }), node("b", { x, y: 40 })],
    wires: [wire("a", "b")],
  });
  const kept = layoutGraph(at(300), "right").boxes;
  expect([find(kept, "b").x - find(kept, "a").x, find(kept, "b").y - find(kept, "a").y]).toEqual([300, 40]);
  const moved = layoutGraph(at(20), "right").boxes;
  expect(find(moved, "b").x - find(moved, "a").x).toBeGreaterThan(find(moved, "a").width);
});

test("[ST-43] a long chain runs down a tall canvas and along a wide one", () => {
  const ids = Array.from({ length: 8 }, (_, index) => `n${index}`);
  const chain: Graph = {
    nodes: ids.map((id) => node(id)),
    wires: ids.slice(1).map((id, index) => wire(`n${index}`, id)),
  };
  expect(layoutFor(chain, { width: 400, height: 900 }).direction).toBe("down");
  expect(layoutFor(chain, { width: 1_800, height: 300 }).direction).toBe("right");
});

test("[ST-44] a thousand nodes are laid out in a few seconds", () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `n${index}`);
  const wide: Graph = {
    nodes: ids.map((id) => node(id)),
    wires: ids.slice(25).map((id, index) => wire(`n${index}`, id)),
  };
  const began = performance.now();
  expect(layoutGraph(wide, "right").boxes).toHaveLength(1_000);
  // Some 1.5 s on an idle core; the limit leaves room for a busy one.
  expect(performance.now() - began).toBeLessThan(10_000);
});
