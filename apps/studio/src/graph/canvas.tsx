/** The graph of the open Blueprint. Nodes and wires are laid out once a Blueprint; what they show, each reads itself. */
import type { NodeState } from "@atomiton/runtime/contract";
import {
  Background,
  BackgroundVariant,
  Panel,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  type Edge,
  type Node,
  type Viewport,
} from "@xyflow/react";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from "react";

import type { BlueprintInfo } from "../host/host.ts";
import type { Execution } from "../model/execution.ts";
import { IconButton } from "../ui/button.tsx";
import { Empty } from "../ui/empty.tsx";
import { useStudio, useStudioState } from "../use-studio.ts";
import {
  layoutFor,
  layoutGraph,
  handleName,
  type Box,
  type Direction,
  type GraphLayout,
  type PlacedWire,
} from "./layout.ts";
import { LoopNode, PillNode, StepNode } from "./nodes.tsx";
import { WireEdge } from "./wire-edge.tsx";

const nodeTypes = { node: StepNode, loop: LoopNode, pill: PillNode };
const edgeTypes = { wire: WireEdge };
const wholeGraph = { padding: 0.06, maxZoom: 1, minZoom: 0.05, duration: 200 };
/** Below it a card's text cannot be read: the graph is then shown from its start, and follows what is at work. */
const READABLE_ZOOM = 0.85;
const MARGIN = 24;
/** Long enough for an eye to follow. */
const PAN_MS = 250;
/** Of the zoom buttons below the graph. */
const FOOT = 40;
/** Above it only what is in view is drawn. */
const DRAW_ALL_LIMIT = 300;

export type BoxNode = Node<{ box: Box; direction: Direction }>;
export type WireData = Edge<{ wire: PlacedWire }>;

export function Canvas({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<{ width: number; height: number }>();
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const read = (): void => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width > 0 && height > 0) setSize({ width, height });
    };
    read();
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const { graph } = blueprint;
  // The direction is chosen when a Blueprint opens and when the page turns from wide to narrow, not at every drag of a panel.
  const isTall = size !== undefined && size.width < 560;
  const hasSize = size !== undefined;
  const layout = useMemo(
    () => (size === undefined ? undefined : isTall ? layoutGraph(graph, "down") : layoutFor(graph, size)),
    // oxlint-disable-next-line react/exhaustive-deps -- see above
    [graph, isTall, hasSize],
  );
  return (
    <div ref={frame} className="relative h-full min-h-0 w-full bg-canvas" role="region" aria-label="Graph">
      {graph.nodes.length === 0 ? (
        <Empty icon="node" title="No nodes to show">
          {blueprint.problems.length > 0
            ? "The file could not be read as a graph. Its problems are listed beside it."
            : `Add nodes to ${blueprint.file}; the page follows the file.`}
        </Empty>
      ) : (
        layout !== undefined && (
          <ReactFlowProvider key={`${blueprint.id}:${layout.direction}`}>
            <Flow layout={layout} size={size} />
          </ReactFlowProvider>
        )
      )}
    </div>
  );
}

function Flow({
  layout,
  size,
}: {
  layout: GraphLayout;
  size: { width: number; height: number } | undefined;
}): ReactNode {
  const studio = useStudio();
  const selected = useStudioState((state) => state.selected);
  const nodes = useMemo(() => layout.boxes.map((box) => nodeFrom(box, layout.direction)), [layout]);
  const edges = useMemo(() => layout.wires.map(edgeFrom), [layout]);
  const { fitView, getViewport, setViewport, zoomIn, zoomOut } = useReactFlow();
  const wasTouched = useRef(false);
  const places = useMemo(() => placesOf(layout), [layout]);
  const active = useStudioState(({ execution, selected: chosen }) => chosen ?? activeIn(execution, places));
  const isDone = useStudioState(({ execution }) => execution?.state === "completed");

  useEffect(() => {
    if (!wasTouched.current && size !== undefined) void setViewport(startView(layout, size));
  }, [setViewport, layout, size]);

  // What is at work, or was chosen, comes into view; a person who moved the graph keeps their place.
  useEffect(() => {
    if (isDone && size !== undefined && !wasTouched.current)
      void setViewport(startView(layout, size), { duration: PAN_MS });
  }, [isDone, layout, setViewport, size]);
  useEffect(() => {
    const place = active === undefined ? undefined : places.get(active);
    if (place === undefined || size === undefined || wasTouched.current) return;
    const before = getViewport();
    const after = broughtIn(place, before, size);
    if (after.x !== before.x || after.y !== before.y) void setViewport(after, { duration: PAN_MS });
  }, [active, getViewport, places, setViewport, size]);

  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      minZoom={0.05}
      maxZoom={1.6}
      nodesDraggable={false}
      nodesConnectable={false}
      edgesFocusable={false}
      elementsSelectable={false}
      nodesFocusable
      onlyRenderVisibleElements={nodes.length > DRAW_ALL_LIMIT}
      zoomOnDoubleClick={false}
      disableKeyboardA11y
      onMoveStart={(event) => {
        if (event !== null) wasTouched.current = true;
      }}
      onNodeClick={(_event, node) => {
        if (node.type !== "pill") studio.select(node.id);
      }}
      onPaneClick={() => {
        if (selected !== undefined) studio.select(undefined);
      }}
      proOptions={{ hideAttribution: true }}
      aria-label="Nodes and wires"
    >
      <Background variant={BackgroundVariant.Dots} gap={20} size={1.5} />
      <Panel position="bottom-left" className="!m-3 flex rounded-lg border border-line bg-surface shadow-card">
        <IconButton icon="plus" name="Zoom in" onClick={() => void zoomIn()} />
        <IconButton icon="minus" name="Zoom out" onClick={() => void zoomOut()} />
        <IconButton
          icon="fit"
          name="Show the whole graph"
          onClick={() => {
            wasTouched.current = true;
            void fitView(wholeGraph);
          }}
        />
      </Panel>
    </ReactFlow>
  );
}

/** As large as fits, centred; what does not fit at a readable size begins at its start. */
function startView(
  layout: GraphLayout,
  size: { width: number; height: number },
): { x: number; y: number; zoom: number } {
  const height = size.height - FOOT;
  const fits = Math.min((size.width - 2 * MARGIN) / layout.width, (height - 2 * MARGIN) / layout.height);
  const zoom = Math.min(1, Math.max(READABLE_ZOOM, fits));
  const start = (room: number, length: number): number => Math.max(MARGIN, (room - length * zoom) / 2);
  return { x: start(size.width, layout.width), y: start(height, layout.height), zoom };
}

type Place = Pick<Box, "x" | "y" | "width" | "height">;

/** Where the nodes stand in the graph's own coordinates; loops are where their bodies are. */
function placesOf({ boxes }: GraphLayout): ReadonlyMap<string, Place> {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const places = new Map<string, Place>();
  for (const box of boxes) {
    if (box.kind !== "node") continue;
    let { x, y } = box;
    for (let parent = box.parent; parent !== undefined; parent = byId.get(parent)?.parent) {
      x += byId.get(parent)?.x ?? 0;
      y += byId.get(parent)?.y ?? 0;
    }
    places.set(box.id, { x, y, width: box.width, height: box.height });
  }
  return places;
}

/** The first node that is at work, else the first that waits; once the run has failed, the one that failed. */
function activeIn(execution: Execution | undefined, places: ReadonlyMap<string, Place>): string | undefined {
  if (execution === undefined) return undefined;
  const wanted: readonly NodeState[] = execution.state === "failed" ? ["failed"] : ["running", "waiting"];
  for (const state of wanted)
    for (const path of places.keys()) if (execution.nodes.get(path)?.state === state) return path;
  return undefined;
}

/** The least move that brings the place wholly into the canvas. */
function broughtIn(
  place: Place,
  { x, y, zoom }: Viewport,
  size: { width: number; height: number },
): { x: number; y: number; zoom: number } {
  const shift = (from: number, length: number, room: number): number => {
    const start = from + MARGIN > room - length ? Math.min(0, room - MARGIN - length - from) : 0;
    return from < MARGIN ? MARGIN - from : start;
  };
  return {
    x: x + shift(place.x * zoom + x, place.width * zoom, size.width),
    y: y + shift(place.y * zoom + y, place.height * zoom, size.height - FOOT),
    zoom,
  };
}

function nodeFrom(box: Box, direction: Direction): BoxNode {
  const [into, out] = direction === "right" ? [Position.Left, Position.Right] : [Position.Top, Position.Bottom];
  return {
    id: box.id,
    type: box.kind,
    position: { x: box.x, y: box.y },
    width: box.width,
    height: box.height,
    data: { box, direction },
    targetPosition: into,
    sourcePosition: out,
    focusable: false,
    ...(box.parent === undefined ? {} : { parentId: box.parent }),
  };
}

function edgeFrom(wire: PlacedWire): WireData {
  return {
    id: wire.id,
    type: "wire",
    source: wire.source,
    target: wire.target,
    sourceHandle: handleName(wire.sourcePort, wire.control),
    targetHandle: handleName(wire.targetPort, wire.control),
    data: { wire },
    zIndex: 1,
  };
}
