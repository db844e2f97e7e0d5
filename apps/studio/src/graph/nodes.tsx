/** One card, loop or pill of the graph. Each hears of its own node alone. */
import { Handle, Position, type NodeProps } from "@xyflow/react";
import { memo, type ReactNode } from "react";

import { compact, integer } from "../model/format.ts";
import { isFinal, itemsBegun, tally, unseen, within, type NodeView, type Work } from "../model/node-view.ts";
import type { NodeOutputs } from "../model/outputs.ts";
import { Elapsed } from "../ui/elapsed.tsx";
import { Icon, iconOf } from "../ui/icons.tsx";
import { StateShape, toneOf, toneText, useWord, wordOf } from "../ui/state-mark.tsx";
import { useStudio, useStudioState } from "../use-studio.ts";
import { BreakpointMark, StopMark } from "./breakpoint-mark.tsx";
import type { BoxNode } from "./canvas.tsx";
import type { Box, Direction } from "./layout.ts";

const borders = {
  quiet: "border-line-strong",
  accent: "border-accent",
  ok: "border-[color-mix(in_srgb,var(--ok)_55%,var(--line-strong))]",
  bad: "border-bad",
  warn: "border-warn",
} as const;

function useNode({ id: path, parent }: Box): { view: NodeView | undefined; isSelected: boolean } {
  const view = useStudioState((state) =>
    state.execution === undefined ? undefined : (state.execution.nodes.get(path) ?? unseen),
  );
  const loop = useStudioState((state) => (parent === undefined ? undefined : state.execution?.nodes.get(parent)));
  const isSelected = useStudioState((state) => state.selected === path);
  return { view: view && within(loop, view), isSelected };
}

export const StepNode = memo(function StepNode({ data: { box, direction } }: NodeProps<BoxNode>): ReactNode {
  const { view, isSelected } = useNode(box);
  return (
    <Card box={box} view={view} isSelected={isSelected} className="bg-surface">
      <Head box={box} view={view} />
      <Foot box={box} view={view} />
      <Ports box={box} direction={direction} />
    </Card>
  );
});

export const LoopNode = memo(function LoopNode({ data: { box, direction } }: NodeProps<BoxNode>): ReactNode {
  const { view, isSelected } = useNode(box);
  return (
    <Card
      box={box}
      view={view}
      isSelected={isSelected}
      className="bg-[color-mix(in_srgb,var(--surface)_55%,var(--canvas))]"
    >
      <Head box={box} view={view} isLoop />
      <Ports box={box} direction={direction} />
    </Card>
  );
});

export const PillNode = memo(function PillNode({ data: { box, direction } }: NodeProps<BoxNode>): ReactNode {
  return (
    <div className="flex size-full items-center justify-center gap-1.5 rounded-full border border-dashed border-line-strong bg-canvas px-2.5 text-xs text-muted">
      <span className="size-1.5 shrink-0 rounded-full bg-line-strong" />
      <span className="truncate">{box.label}</span>
      <Ports box={box} direction={direction} />
    </div>
  );
});

interface CardProps {
  box: Box;
  view: NodeView | undefined;
  isSelected: boolean;
  className: string;
  children: ReactNode;
}

function Card({ box, view, isSelected, className, children }: CardProps): ReactNode {
  const studio = useStudio();
  const tone = view === undefined ? "quiet" : toneOf(view.state);
  const isDim = view?.state === "skipped" || view?.state === "cancelled";
  return (
    <div className="group relative size-full">
      <div
        data-node={box.id}
        data-state={view?.state ?? "none"}
        className={`relative flex size-full flex-col overflow-hidden rounded-xl border shadow-card transition-[border-color,box-shadow] duration-150 ${borders[tone]} ${className} ${
          isSelected ? "ring-2 ring-accent ring-offset-2 ring-offset-canvas" : ""
        } ${isDim ? "border-dashed opacity-75" : ""}`}
      >
        {/* The card is a picture; the button over it is what a keyboard and a screen reader meet. */}
        <button
          type="button"
          aria-pressed={isSelected}
          aria-label={describe(box, view)}
          onClick={(event) => {
            event.stopPropagation();
            studio.select(box.id);
          }}
          className={`nopan absolute inset-x-0 top-0 z-10 rounded-xl outline-offset-0 ${box.kind === "loop" ? "h-14" : "h-full"}`}
        />
        {children}
      </div>
      <BreakpointMark path={box.id} name={box.node?.id ?? box.id} />
      <StopMark path={box.id} />
    </div>
  );
}

function describe(box: Box, view: NodeView | undefined): string {
  const { node } = box;
  const what = `${node?.id ?? box.id}, ${node?.title ?? ""}`;
  return view === undefined ? what : `${what}, ${wordOf(view.state, view.why)}`;
}

function Head({ box, view, isLoop = false }: { box: Box; view: NodeView | undefined; isLoop?: boolean }): ReactNode {
  const { node } = box;
  if (node === undefined) return null;
  const tone = view === undefined ? "quiet" : toneOf(view.state);
  return (
    <div className={`flex items-center gap-2.5 px-3 ${isLoop ? "pt-2.5" : "pt-2.5"}`}>
      <span
        className={`flex size-7 shrink-0 items-center justify-center rounded-lg bg-hover ${tone === "quiet" ? "text-muted" : toneText[tone]}`}
      >
        <Icon name={iconOf(node.uses, node.icon)} />
      </span>
      <span className="min-w-0 flex-1">
        <span className="block truncate text-sm leading-4.5 font-semibold text-text">{node.id}</span>
        {isLoop && view !== undefined ? (
          <Foot box={box} view={view} isInHead />
        ) : (
          <span className="block truncate text-2xs leading-4 text-faint" title={node.uses}>
            {node.title}
          </span>
        )}
      </span>
      {view !== undefined && <StateShape state={view.state} size={17} />}
    </div>
  );
}

function Foot({
  box,
  view,
  isInHead = false,
}: {
  box: Box;
  view: NodeView | undefined;
  isInHead?: boolean;
}): ReactNode {
  const type = box.node?.uses ?? "";
  if (view === undefined) {
    return <p className="mt-1 truncate px-3 font-mono text-2xs leading-4 text-faint">{type}</p>;
  }
  const { work } = view;
  const share = shareOf(work);
  const isAtWork = view.state === "running";
  return (
    <>
      <div
        className={`flex items-center gap-1.5 overflow-hidden text-2xs leading-4 whitespace-nowrap text-muted tabular-nums ${isInHead ? "" : "mt-1 px-3"}`}
      >
        {!isInHead && tally(view).length < 2 && <Word view={view} />}
        <Count box={box} view={view} />
        {view.attempt > 1 && (
          <span className="rounded bg-warn-soft px-1 font-medium text-warn">attempt {view.attempt}</span>
        )}
        {view.startedAt !== undefined && (
          <span className={isInHead ? "" : "ml-auto"}>
            <Elapsed from={view.startedAt} to={view.endedAt} />
          </span>
        )}
      </div>
      {isAtWork && share !== undefined && (
        <span className={`absolute inset-x-0 h-0.5 bg-line ${isInHead ? "top-0" : "bottom-0"}`}>
          <span
            className="block h-full bg-accent transition-[width] duration-150"
            style={{ width: `${share * 100}%` }}
          />
        </span>
      )}
    </>
  );
}

function Word({ view }: { view: NodeView }): ReactNode {
  const word = useWord(view.state, view.why);
  return <span className={`font-medium ${toneText[toneOf(view.state)]}`}>{word}</span>;
}

/** What a count of instances calls them: a completed item is done. */
const tallyWords: Partial<Record<NodeView["state"], string>> = {
  running: "at work",
  completed: "done",
  failed: "failed",
  skipped: "skipped",
  cancelled: "cancelled",
};

/**
 * A number says what it counts, and is the same for who was there and who comes late: items by state; of a loop its
 * items; of a node at work its share, or its own words; afterwards what came out of its first port that counts.
 */
function Count({ box, view }: { box: Box; view: NodeView }): ReactNode {
  const { work } = view;
  const isLoop = box.kind === "loop";
  const items = useStudioState(({ execution }) => (isLoop && execution ? itemsBegun(execution.nodes, box.id) : 0));
  const out = useStudioState(({ execution }) => countOut(execution?.outputs.get(box.id), box));
  if (view.instances > 1) return <Tally view={view} />;
  if (isLoop) {
    if (view.state === "running" && work?.total !== undefined) {
      return (
        <span>
          {compact(work.done)} of {compact(work.total)} items
        </span>
      );
    }
    return items > 0 && <span>{items === 1 ? "1 item" : `${compact(items)} items`}</span>;
  }
  if (view.state === "running") {
    const share = shareOf(work);
    const words = work?.message ?? (share === undefined ? undefined : `${Math.floor(share * 100)}%`);
    return words !== undefined && <span className="min-w-0 truncate">{words}</span>;
  }
  return out !== undefined && <span className="min-w-0 truncate">{out}</span>;
}

function Tally({ view }: { view: NodeView }): ReactNode {
  const parts = tally(view);
  const [only] = parts;
  if (only !== undefined && parts.length === 1 && isFinal(view.state)) return <span>{compact(only.count)} items</span>;
  return (
    <span className="min-w-0 truncate">
      {parts.map(({ state, count }, at) => (
        <span key={state} className={state === "failed" ? "font-medium text-bad" : undefined}>
          {at > 0 && ", "}
          {compact(count)} {tallyWords[state]}
        </span>
      ))}
    </span>
  );
}

/** More figures than a card has room for. */
const ROUNDED_FROM = 1_000_000;

/** `9,998 kept`: a number that a port tells of itself, and the port's name for what it counts. */
function countOut(outputs: NodeOutputs | undefined, { id, node }: Box): string | undefined {
  const ports = outputs?.byInstance.get(id);
  for (const { name } of node?.outputs ?? []) {
    const port = ports?.get(name);
    if (port?.ended === true && port.itemCount > 0)
      return `${port.itemCount < ROUNDED_FROM ? integer(port.itemCount) : compact(port.itemCount)} ${name}`;
  }
  return undefined;
}

const shareOf = (work: Work | undefined): number | undefined =>
  work?.total !== undefined && work.total > 0 ? Math.min(1, work.done / work.total) : undefined;

function Ports({ box, direction }: { box: Box; direction: Direction }): ReactNode {
  const isRight = direction === "right";
  return (
    <>
      {box.takes.map((port, index) => (
        <Handle
          key={port}
          id={port}
          type="target"
          position={isRight ? Position.Left : Position.Top}
          isConnectable={false}
          className="port"
          style={place(index, box.takes.length, box, direction)}
        />
      ))}
      {box.gives.map((port, index) => (
        <Handle
          key={port}
          id={port}
          type="source"
          position={isRight ? Position.Right : Position.Bottom}
          isConnectable={false}
          className="port"
          style={place(index, box.gives.length, box, direction)}
        />
      ))}
    </>
  );
}

/** Spread along the side that the wires come from. */
function place(index: number, count: number, box: Box, direction: Direction): { top: number } | { left: number } {
  const side = direction === "right" ? box.height : box.width;
  const at = (side * (index + 1)) / (count + 1);
  return direction === "right" ? { top: at } : { left: at };
}
