/**
 * Where everything stands: boxes for nodes, loops with their body inside, pills where inputs enter.
 * A scope (the Blueprint, or a loop's body) is laid out by itself, then stands in the one around it as one box.
 */
import { graphlib, layout as dagre } from "@dagrejs/dagre";

import type { BlueprintInfo, GraphNode } from "../host/host.ts";

export type Direction = "right" | "down";
export type BoxKind = "node" | "loop" | "pill";

export interface Box {
  readonly id: string;
  readonly kind: BoxKind;
  /** Relative to the parent's corner. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Id of the loop around it. */
  readonly parent?: string | undefined;
  /** Of a node or a loop. */
  readonly node?: GraphNode | undefined;
  /** Of a pill. */
  readonly label?: string | undefined;
  /** Ports with a wire, in the order of their handles. */
  readonly takes: readonly string[];
  readonly gives: readonly string[];
}

export interface PlacedWire {
  readonly id: string;
  readonly source: string;
  readonly sourcePort: string;
  readonly target: string;
  readonly targetPort: string;
  readonly control: boolean;
  /** The port's name, where the source has several or it is the error port; once a port. */
  readonly label?: string | undefined;
  /** Where it passes between boxes that stand in its way, in the graph's own coordinates. */
  readonly via: readonly Point[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface GraphLayout {
  readonly direction: Direction;
  readonly boxes: readonly Box[];
  readonly wires: readonly PlacedWire[];
  readonly width: number;
  readonly height: number;
}

export const NODE_WIDTH = 204;
export const NODE_HEIGHT = 76;
const PILL_HEIGHT = 30;
/** Room for a loop's own title above its body. */
const LOOP_HEAD = 60;
const LOOP_PADDING = 16;
const GAP = { right: { rank: 52, side: 28 }, down: { rank: 36, side: 32 } } as const;

/** Above it the graph never fits, and the second try would cost a person's patience. */
const TRY_BOTH_LIMIT = 120;

type Graph = BlueprintInfo["graph"];
type Item = Omit<Box, "x" | "y">;
type Sized = { boxes: Box[]; width: number; height: number; via: Map<string, readonly Point[]> };

/** The direction in which the graph is shown larger in a canvas of this size. */
export function layoutFor(graph: Graph, canvas: { width: number; height: number }): GraphLayout {
  if (graph.nodes.length > TRY_BOTH_LIMIT) return layoutGraph(graph, "right");
  const wide = layoutGraph(graph, "right");
  const tall = layoutGraph(graph, "down");
  const scale = ({ width, height }: GraphLayout): number =>
    Math.min(1, canvas.width / (width + 48), canvas.height / (height + 48));
  return scale(wide) * 1.1 >= scale(tall) ? wide : tall;
}

export function layoutGraph(graph: Graph, direction: Direction): GraphLayout {
  const nodes = new Map(graph.nodes.map((node) => [node.path, node]));
  const pills = new Map<string, Item>();
  const wires = placeWires(graph, nodes, pills);
  const takes = portsOf(wires, "target");
  const gives = portsOf(wires, "source");

  const items = new Map<string | undefined, Item[]>();
  const put = (item: Item): void => {
    const scope = items.get(item.parent);
    if (scope === undefined) items.set(item.parent, [item]);
    else scope.push(item);
  };
  const loops = new Set(graph.nodes.flatMap((node) => (node.parent === undefined ? [] : [node.parent])));
  for (const node of graph.nodes) {
    put({
      id: node.path,
      kind: loops.has(node.path) ? "loop" : "node",
      width: NODE_WIDTH,
      height: NODE_HEIGHT,
      parent: node.parent,
      node,
      takes: takes.get(node.path) ?? [],
      gives: gives.get(node.path) ?? [],
    });
  }
  for (const pill of pills.values()) put({ ...pill, takes: takes.get(pill.id) ?? [], gives: gives.get(pill.id) ?? [] });

  const { boxes, via, width, height } = layoutScope(undefined, items, wires, direction);
  return {
    direction,
    wires: wires.map((wire) => ({ ...wire, via: via.get(wire.id) ?? [] })),
    boxes: withOrderedPorts(boxes, wires, direction),
    width,
    height,
  };
}

/** Handles in the order of what they lead to, so that wires of one box do not cross each other. */
function withOrderedPorts(boxes: readonly Box[], wires: readonly PlacedWire[], direction: Direction): Box[] {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const across = (id: string): number => {
    let at = 0;
    for (let box = byId.get(id); box !== undefined; box = box.parent === undefined ? undefined : byId.get(box.parent)) {
      at += direction === "right" ? box.y : box.x;
      if (box.id === id) at += (direction === "right" ? box.height : box.width) / 2;
    }
    return at;
  };
  const order = (ports: readonly string[], ends: ReadonlyMap<string, number>): readonly string[] =>
    ports.toSorted((a, b) => (ends.get(a) ?? 0) - (ends.get(b) ?? 0));
  const takes = new Map<string, Map<string, number>>();
  const gives = new Map<string, Map<string, number>>();
  const note = (map: Map<string, Map<string, number>>, id: string, port: string, at: number): void => {
    const ports = map.get(id) ?? new Map<string, number>();
    map.set(id, ports.set(port, ports.has(port) ? ((ports.get(port) ?? 0) + at) / 2 : at));
  };
  for (const wire of wires) {
    note(gives, wire.source, handleName(wire.sourcePort, wire.control), across(wire.target));
    note(takes, wire.target, handleName(wire.targetPort, wire.control), across(wire.source));
  }
  const none = new Map<string, number>();
  return boxes.map((box) => ({
    ...box,
    takes: order(box.takes, takes.get(box.id) ?? none),
    gives: order(box.gives, gives.get(box.id) ?? none),
  }));
}

function layoutScope(
  parent: string | undefined,
  items: ReadonlyMap<string | undefined, readonly Item[]>,
  wires: readonly PlacedWire[],
  direction: Direction,
): Sized {
  const inner: Box[] = [];
  const bodies: { loop: string; via: Sized["via"] }[] = [];
  const own = (items.get(parent) ?? []).map((item): Item => {
    if (item.kind !== "loop") return item;
    const body = layoutScope(item.id, items, wires, direction);
    bodies.push({ loop: item.id, via: body.via });
    for (const box of body.boxes) {
      inner.push(box.parent === item.id ? { ...box, x: box.x + LOOP_PADDING, y: box.y + LOOP_HEAD } : box);
    }
    return {
      ...item,
      width: Math.max(NODE_WIDTH, body.width + 2 * LOOP_PADDING),
      height: body.height + LOOP_HEAD + LOOP_PADDING,
    };
  });
  const placed =
    (parent === undefined && direction === "right" ? asWritten(own, wires) : undefined) ??
    ranked(own, wires, direction);
  const via = new Map(placed.via);
  for (const body of bodies) {
    const loop = placed.boxes.find(({ id }) => id === body.loop);
    const x = (loop?.x ?? 0) + LOOP_PADDING;
    const y = (loop?.y ?? 0) + LOOP_HEAD;
    for (const [id, points] of body.via)
      via.set(
        id,
        points.map((point) => ({ x: point.x + x, y: point.y + y })),
      );
  }
  return { ...placed, via, boxes: [...placed.boxes, ...inner] };
}

/** The file's own positions, where it gives every node one and no two boxes would cover each other. */
function asWritten(items: readonly Item[], wires: readonly PlacedWire[]): Sized | undefined {
  const own = items.filter((item) => item.kind !== "pill");
  if (own.length === 0 || own.some((item) => item.node?.position === undefined)) return undefined;
  const boxes = own.map((item): Box => ({ ...item, x: item.node?.position?.x ?? 0, y: item.node?.position?.y ?? 0 }));
  for (const pill of items) {
    if (pill.kind !== "pill") continue;
    const wire = wires.find(({ source }) => source === pill.id);
    const beside = boxes.find((box) => box.id === wire?.target);
    if (beside === undefined) return undefined;
    const x = beside.x - GAP.right.rank - pill.width;
    let y = beside.y + (Math.min(beside.height, NODE_HEIGHT) - pill.height) / 2;
    while (boxes.some((box) => cover(box, { x, y, width: pill.width, height: pill.height }))) y += PILL_HEIGHT + 8;
    boxes.push({ ...pill, x, y });
  }
  for (const [index, box] of boxes.entries()) {
    if (boxes.some((other, at) => at > index && cover(box, other))) return undefined;
  }
  return fromCorner(boxes);
}

type Rect = { x: number; y: number; width: number; height: number };
const cover = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function ranked(items: readonly Item[], wires: readonly PlacedWire[], direction: Direction): Sized {
  const graph = new graphlib.Graph({ multigraph: true });
  const gap = GAP[direction];
  graph.setGraph({ rankdir: direction === "right" ? "LR" : "TB", ranksep: gap.rank, nodesep: gap.side });
  graph.setDefaultEdgeLabel(() => ({}));
  const here = new Set(items.map((item) => item.id));
  for (const { id, width, height } of items) graph.setNode(id, { width, height });
  for (const wire of wires) {
    if (here.has(wire.source) && here.has(wire.target)) graph.setEdge(wire.source, wire.target, {}, wire.id);
  }
  dagre(graph);
  const via = new Map<string, readonly Point[]>();
  for (const edge of graph.edges()) {
    const { points } = graph.edge(edge) as { points?: readonly Point[] };
    // Three points are a wire between neighbours; more lead it past the boxes between.
    if (edge.name !== undefined && points !== undefined && points.length > 3) via.set(edge.name, points.slice(1, -1));
  }
  return fromCorner(
    items.map((item): Box => {
      const at = graph.node(item.id) as { x: number; y: number };
      return { ...item, x: at.x - item.width / 2, y: at.y - item.height / 2 };
    }),
    via,
  );
}

function fromCorner(boxes: readonly Box[], via: Sized["via"] = new Map()): Sized {
  const left = boxes.reduce((least, box) => Math.min(least, box.x), Infinity);
  const top = boxes.reduce((least, box) => Math.min(least, box.y), Infinity);
  if (boxes.length === 0) return { boxes: [], width: 0, height: 0, via: new Map() };
  const moved = boxes.map((box) => ({ ...box, x: Math.round(box.x - left), y: Math.round(box.y - top) }));
  return {
    boxes: moved,
    via: new Map(Array.from(via, ([id, points]) => [id, points.map(({ x, y }) => ({ x: x - left, y: y - top }))])),
    width: moved.reduce((most, box) => Math.max(most, box.x + box.width), 0),
    height: moved.reduce((most, box) => Math.max(most, box.y + box.height), 0),
  };
}

/**
 * Wires between nodes, and from the Blueprint's own inputs to the nodes that begin with them. What else an input feeds,
 * what a body takes from its loop, and which outputs a Blueprint gives stand in the details: drawn, they would hide the
 * flow that a person looks for.
 */
function placeWires(graph: Graph, nodes: ReadonlyMap<string, GraphNode>, pills: Map<string, Item>): PlacedWire[] {
  const given = new Map<string, Set<string>>();
  const isFed = new Set<string>();
  for (const { from, to } of graph.wires) {
    given.set(from.node, (given.get(from.node) ?? new Set()).add(from.port));
    if (nodes.has(from.node)) isFed.add(to.node);
  }
  const placed = new Map<string, PlacedWire>();
  const labelled = new Set<string>();
  for (const { from, to, control } of graph.wires) {
    const target = nodes.get(to.node);
    if (target === undefined) continue;
    const isInput = from.node === "$inputs" && target.parent === undefined && !isFed.has(to.node);
    if (!nodes.has(from.node) && !isInput) continue;
    const source = isInput ? pillFor(pills, from.port) : from.node;
    const sourcePort = isInput ? "" : from.port;
    const id = `${source}:${handleName(sourcePort, control)}>${to.node}:${handleName(to.port, control)}`;
    // One label a port, at its first wire.
    const port = `${source}:${sourcePort}`;
    const isNamed =
      !isInput && !control && (sourcePort === "error" || (given.get(source)?.size ?? 0) > 1) && !labelled.has(port);
    if (isNamed) labelled.add(port);
    placed.set(id, {
      id,
      source,
      sourcePort,
      target: to.node,
      targetPort: to.port,
      control,
      label: isNamed ? sourcePort : undefined,
      via: [],
    });
  }
  return Array.from(placed.values());
}

function pillFor(pills: Map<string, Item>, port: string): string {
  const id = `$inputs.${port}`;
  if (!pills.has(id)) {
    // The width of the label in the page's 12 px type, near enough, with room for the mark before it.
    const width = Math.min(NODE_WIDTH, Math.max(64, Math.round(port.length * 7.1) + 40));
    pills.set(id, {
      id,
      kind: "pill",
      width,
      height: PILL_HEIGHT,
      parent: undefined,
      label: port,
      takes: [],
      gives: [],
    });
  }
  return id;
}

function portsOf(wires: readonly PlacedWire[], end: "source" | "target"): Map<string, readonly string[]> {
  const ports = new Map<string, Set<string>>();
  for (const wire of wires) {
    const port = end === "source" ? wire.sourcePort : wire.targetPort;
    ports.set(wire[end], (ports.get(wire[end]) ?? new Set()).add(handleName(port, wire.control)));
  }
  return new Map(Array.from(ports, ([id, names]) => [id, Array.from(names)]));
}

/** Order wires have a handle of their own: they carry no value. */
export const handleName = (port: string, control: boolean): string => (control ? "(after)" : port);
