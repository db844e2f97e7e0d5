/**
 * Where everything stands: boxes for nodes, loops with their body inside, pills where values enter and leave the whole.
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
  readonly flow?: "in" | "out" | undefined;
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
  /** The port's name, where the source has several or it is the error port. */
  readonly label?: string | undefined;
}

export interface GraphLayout {
  readonly direction: Direction;
  readonly boxes: readonly Box[];
  readonly wires: readonly PlacedWire[];
  readonly width: number;
  readonly height: number;
}

export const NODE_WIDTH = 216;
export const NODE_HEIGHT = 76;
const PILL_HEIGHT = 30;
/** Room for a loop's own title above its body. */
const LOOP_HEAD = 60;
const LOOP_PADDING = 16;
const GAP = { right: { rank: 52, side: 28 }, down: { rank: 36, side: 32 } } as const;

type Graph = BlueprintInfo["graph"];
type Item = Omit<Box, "x" | "y">;
type Sized = { boxes: Box[]; width: number; height: number };

/** The direction in which the graph is shown larger in a canvas of this size. */
export function layoutFor(graph: Graph, canvas: { width: number; height: number }): GraphLayout {
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

  const { boxes, width, height } = layoutScope(undefined, items, wires, direction);
  return { direction, wires, boxes: withOrderedPorts(boxes, wires, direction), width, height };
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
  const own = (items.get(parent) ?? []).map((item): Item => {
    if (item.kind !== "loop") return item;
    const body = layoutScope(item.id, items, wires, direction);
    for (const box of body.boxes) {
      inner.push(box.parent === item.id ? { ...box, x: box.x + LOOP_PADDING, y: box.y + LOOP_HEAD } : box);
    }
    return {
      ...item,
      width: Math.max(NODE_WIDTH, body.width + 2 * LOOP_PADDING),
      height: body.height + LOOP_HEAD + LOOP_PADDING,
    };
  });
  const placed = (parent === undefined && direction === "right" ? asWritten(own, wires) : undefined) ?? ranked(own, wires, direction);
  return { ...placed, boxes: [...placed.boxes, ...inner] };
}

/** The file's own positions, where it gives every node one and no two boxes would cover each other. */
function asWritten(items: readonly Item[], wires: readonly PlacedWire[]): Sized | undefined {
  const own = items.filter((item) => item.kind !== "pill");
  if (own.length === 0 || own.some((item) => item.node?.position === undefined)) return undefined;
  const boxes = own.map((item): Box => ({ ...item, x: item.node?.position?.x ?? 0, y: item.node?.position?.y ?? 0 }));
  for (const pill of items) {
    if (pill.kind !== "pill") continue;
    const wire = wires.find(({ source, target }) => (pill.flow === "in" ? source : target) === pill.id);
    const beside = boxes.find((box) => box.id === (pill.flow === "in" ? wire?.target : wire?.source));
    if (beside === undefined) return undefined;
    const x = pill.flow === "in" ? beside.x - GAP.right.rank - pill.width : beside.x + beside.width + GAP.right.rank;
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
  return fromCorner(
    items.map((item): Box => {
      const at = graph.node(item.id) as { x: number; y: number };
      return { ...item, x: at.x - item.width / 2, y: at.y - item.height / 2 };
    }),
  );
}

function fromCorner(boxes: readonly Box[]): Sized {
  const left = boxes.reduce((least, box) => Math.min(least, box.x), Infinity);
  const top = boxes.reduce((least, box) => Math.min(least, box.y), Infinity);
  if (boxes.length === 0) return { boxes: [], width: 0, height: 0 };
  const moved = boxes.map((box) => ({ ...box, x: Math.round(box.x - left), y: Math.round(box.y - top) }));
  return {
    boxes: moved,
    width: moved.reduce((most, box) => Math.max(most, box.x + box.width), 0),
    height: moved.reduce((most, box) => Math.max(most, box.y + box.height), 0),
  };
}

/** Wires between boxes. The Blueprint's own inputs and outputs become pills. */
function placeWires(graph: Graph, nodes: ReadonlyMap<string, GraphNode>, pills: Map<string, Item>): PlacedWire[] {
  const given = new Map<string, Set<string>>();
  for (const { from } of graph.wires) given.set(from.node, (given.get(from.node) ?? new Set()).add(from.port));

  const seen = new Set<string>();
  return graph.wires.flatMap((wire): PlacedWire[] => {
    // What a body takes from its loop and gives back to it, the frame around it says.
    if (scopeOf(wire.to.node, nodes) !== undefined && !(nodes.has(wire.from.node) && nodes.has(wire.to.node))) return [];
    const source = nodes.has(wire.from.node) ? wire.from.node : pillFor(pills, "in", wire.from.port);
    const target = nodes.has(wire.to.node) ? wire.to.node : pillFor(pills, "out", wire.to.port);
    const isPill = !nodes.has(wire.from.node);
    const sourcePort = isPill ? "" : wire.from.port;
    const targetPort = nodes.has(wire.to.node) ? wire.to.port : "";
    const id = `${source}:${sourcePort}>${target}:${targetPort}${wire.control ? "!" : ""}`;
    if (seen.has(id)) return [];
    seen.add(id);
    const hasLabel = !isPill && !wire.control && (sourcePort === "error" || (given.get(source)?.size ?? 0) > 1);
    return [{ id, source, sourcePort, target, targetPort, control: wire.control, label: hasLabel ? sourcePort : undefined }];
  });
}

function scopeOf(to: string, nodes: ReadonlyMap<string, GraphNode>): string | undefined {
  const node = nodes.get(to);
  if (node !== undefined) return node.parent;
  return to.endsWith("/$outputs") ? to.slice(0, -"/$outputs".length) : undefined;
}

function pillFor(pills: Map<string, Item>, flow: "in" | "out", port: string): string {
  const id = `${flow === "in" ? "$inputs" : "$outputs"}.${port}`;
  if (!pills.has(id)) {
    // The width of the label in the page's 12 px type, near enough, with room for the mark before it.
    const width = Math.min(NODE_WIDTH, Math.max(64, Math.round(port.length * 7.1) + 40));
    pills.set(id, { id, kind: "pill", width, height: PILL_HEIGHT, parent: undefined, label: port, flow, takes: [], gives: [] });
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
