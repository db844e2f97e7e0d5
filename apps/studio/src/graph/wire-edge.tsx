import { EdgeLabelRenderer, Position, type EdgeProps } from "@xyflow/react";
import { memo, type ReactNode } from "react";

import { wireState } from "../model/wire-state.ts";
import { useStudioState } from "../use-studio.ts";
import type { WireData } from "./canvas.tsx";
import type { Point } from "./layout.ts";

/** A wire: it moves while its value is out and its target is at work on it, and at no other time. */
export const WireEdge = memo(function WireEdge(props: EdgeProps<WireData>): ReactNode {
  const { source, target, data } = props;
  const wire = data?.wire;
  const state = useStudioState(({ execution }) =>
    execution === undefined
      ? "idle"
      : wireState(
          isPlain(source) ? execution.nodes.get(source) : undefined,
          wire?.sourcePort ?? "",
          isPlain(target) ? execution.nodes.get(target) : undefined,
          execution.nodes.size > 0 && (!isPlain(source) || execution.nodes.has(source)),
          execution.outputs.get(source),
        ),
  );
  const path = pathOf(props, wire?.via ?? []);
  const label = wire?.label;
  return (
    <>
      <path
        className="wire"
        d={path}
        data-state={state}
        data-error={wire?.sourcePort === "error"}
        data-control={wire?.control ?? false}
      />
      {label !== undefined && (
        <EdgeLabelRenderer>
          <span
            className={`pointer-events-none absolute z-2 rounded bg-canvas px-0.5 text-2xs leading-4 ${label === "error" ? "text-bad" : "text-faint"}`}
            style={{ transform: labelPlace(props) }}
          >
            {label}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
});

/** Curves that leave and enter every point in the direction of the flow. */
function pathOf(
  { sourceX, sourceY, targetX, targetY, sourcePosition }: EdgeProps<WireData>,
  via: readonly Point[],
): string {
  const isRight = sourcePosition === Position.Right;
  const end = { x: targetX, y: targetY };
  let path = `M${sourceX},${sourceY}`;
  let from: Point = { x: sourceX, y: sourceY };
  for (const to of [...via, end]) {
    const bend = Math.max(12, Math.abs(isRight ? to.x - from.x : to.y - from.y) / 2);
    path += isRight
      ? ` C${from.x + bend},${from.y} ${to.x - bend},${to.y} ${to.x},${to.y}`
      : ` C${from.x},${from.y + bend} ${to.x},${to.y - bend} ${to.x},${to.y}`;
    from = to;
  }
  return path;
}

/** Beside the port that it names. */
function labelPlace({ sourceX, sourceY, sourcePosition }: EdgeProps<WireData>): string {
  return sourcePosition === Position.Right
    ? `translate(${sourceX + 6}px, ${sourceY}px) translate(0, -105%)`
    : `translate(${sourceX}px, ${sourceY + 4}px) translate(-50%, 0)`;
}

/** An input is no node. */
const isPlain = (id: string): boolean => !id.includes("$");
