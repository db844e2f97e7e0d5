import { EdgeLabelRenderer, getBezierPath, type EdgeProps } from "@xyflow/react";
import { memo, type ReactNode } from "react";
import { wireState } from "../model/wire-state.ts";
import { useStudioState } from "../use-studio.ts";
import type { WireData } from "./canvas.tsx";

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
        ),
  );
  const [path, labelX, labelY] = getBezierPath(props);
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
            className={`pointer-events-none absolute rounded bg-canvas px-1 text-2xs leading-4 ${label === "error" ? "text-bad" : "text-faint"}`}
            style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}
          >
            {label}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
});

/** Inputs, items and outputs are no nodes. */
const isPlain = (id: string): boolean => !id.includes("$");
