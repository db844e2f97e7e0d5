/** One node: its state, what went wrong, what it gave out, how it is set up. */
import { useMemo, type ReactNode } from "react";

import type { BlueprintInfo, GraphNode } from "../../host/host.ts";
import { integer } from "../../model/format.ts";
import { select } from "../../model/log-book.ts";
import { settled, tally, unseen, within, type NodeView } from "../../model/node-view.ts";
import { noOutputs, type InstanceOutputs, type PortOutput } from "../../model/outputs.ts";
import { itemOf } from "../../model/path.ts";
import { IconButton } from "../../ui/button.tsx";
import { Elapsed } from "../../ui/elapsed.tsx";
import { Icon, iconOf } from "../../ui/icons.tsx";
import { Section } from "../../ui/section.tsx";
import { StateBadge, StateShape, wordOf } from "../../ui/state-mark.tsx";
import { ValView, ValueView } from "../../ui/value-view.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";
import { NodeBreakpoints } from "../debug/breakpoint-list.tsx";
import { StopPanel } from "../debug/stop-panel.tsx";
import { LogLines } from "../logs/log-lines.tsx";
import { ErrorCard } from "./error-card.tsx";
import { Setup } from "./setup.tsx";

/** Log lines shown beside a node; the panel below has all. */
const LINES_SHOWN = 30;

export function NodeDetails({ node, blueprint }: { node: GraphNode; blueprint: BlueprintInfo }): ReactNode {
  const studio = useStudio();
  const hasRun = useStudioState((state) => state.execution !== undefined);
  const own = useStudioState((state) => state.execution?.nodes.get(node.path) ?? unseen);
  const loop = useStudioState((state) =>
    node.parent === undefined ? undefined : state.execution?.nodes.get(node.parent),
  );
  const view = within(loop, own);
  const problems = blueprint.problems.filter(
    ({ where }) => where === `nodes.${node.id}` || where.startsWith(`nodes.${node.id}.`),
  );
  return (
    <>
      <div className="flex items-start gap-3 px-5 py-4">
        <span className="flex size-9 shrink-0 items-center justify-center rounded-lg bg-hover text-muted">
          <Icon name={iconOf(node.uses, node.icon)} size={18} />
        </span>
        <div className="min-w-0 flex-1">
          <h2 className="truncate text-base leading-5 font-semibold">{node.id}</h2>
          <p className="truncate text-xs text-muted">
            {node.title} <code className="font-mono text-2xs text-faint">{node.uses}</code>
          </p>
        </div>
        <IconButton
          icon="close"
          name="Close the node's details"
          onClick={() => studio.select(undefined)}
          className="-mt-1 -mr-2"
        />
      </div>
      {hasRun && <Facts node={node} view={view} />}
      <StopPanel node={node} />
      {problems.length > 0 && (
        <Section title="Problems">
          {problems.map((problem) => (
            <p key={`${problem.line}:${problem.column}:${problem.code}`} className="text-sm">
              <span className="font-mono text-xs text-muted">line {problem.line}</span> {problem.message}
            </p>
          ))}
        </Section>
      )}
      {view.faults.length > 0 && <Faults view={view} />}
      {hasRun && <Outputs node={node} view={view} />}
      <NodeBreakpoints node={node} />
      {hasRun && <NodeLog path={node.path} />}
      <Setup node={node} wires={blueprint.graph.wires} />
    </>
  );
}

/** Of a node that waits the host says for what, in a word. */
const waitWords: Readonly<Record<string, string>> = {
  input: "It waits for a person’s answer.",
  time: "It waits for its time.",
  event: "It waits for an event.",
  unknownOutcome: "Its last attempt was cut off: whether it was carried out is not known.",
};

function Facts({ node, view }: { node: GraphNode; view: NodeView }): ReactNode {
  const { work } = view;
  const share = work?.total !== undefined && work.total > 0 ? Math.min(100, (work.done / work.total) * 100) : undefined;
  const isLoop = /^core\/(?:forEach|while)@/.test(node.uses);
  return (
    <div className="space-y-2.5 px-5 pb-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 text-xs text-muted tabular-nums">
        <StateBadge state={view.state} why={view.why} />
        {view.startedAt !== undefined && <Elapsed from={view.startedAt} to={view.endedAt} />}
        {view.attempt > 1 && <span>attempt {view.attempt}</span>}
        {view.instances > 1 && (
          <span>
            {tally(view)
              .map(({ state, count }) => `${integer(count)} ${wordOf(state).toLowerCase()}`)
              .join(", ")}
          </span>
        )}
      </div>
      {view.why !== undefined && <p className="text-sm text-muted">{waitWords[view.why] ?? view.why}</p>}
      {work !== undefined && view.state === "running" && (
        <div>
          <p className="mb-1 flex justify-between gap-3 text-xs text-muted tabular-nums">
            <span className="truncate">{work.message ?? "Done"}</span>
            {isLoop && work.total !== undefined ? (
              <span>
                {integer(work.done)} of {integer(work.total)} items
              </span>
            ) : (
              share !== undefined && <span>{Math.floor(share)}%</span>
            )}
          </p>
          {share !== undefined && (
            <div className="h-1.5 overflow-hidden rounded-full bg-hover">
              <div
                className="h-full rounded-full bg-accent transition-[width] duration-150"
                style={{ width: `${share}%` }}
              />
            </div>
          )}
        </div>
      )}
    </div>
  );
}

function Faults({ view }: { view: NodeView }): ReactNode {
  const [latest, ...older] = view.faults;
  if (latest === undefined) return null;
  const note = latest.handled
    ? "It was handled: an error port or the loop took care of it."
    : latest.willRetryAt !== undefined && view.state === "backoff"
      ? "It will be tried again."
      : undefined;
  return (
    <Section
      title={view.faultCount > 1 ? "Latest error" : "Error"}
      note={view.faultCount > 1 ? `${integer(view.faultCount)} in all` : undefined}
    >
      <ErrorCard error={latest.error} note={note} />
      {itemOf(latest.path) !== "" && <p className="mt-1.5 text-xs text-muted">Item {itemOf(latest.path)}</p>}
      {older.length > 0 && (
        <details className="mt-2">
          <summary className="text-xs font-medium text-accent">Earlier errors</summary>
          <ul className="mt-1.5 space-y-1.5">
            {older.map((fault) => (
              <li key={`${fault.path}:${fault.attempt}:${fault.ts}`} className="text-xs break-words text-muted">
                <code className="font-mono text-2xs text-bad">{fault.error.code}</code> {itemOf(fault.path)} attempt{" "}
                {fault.attempt}: {fault.error.message}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Section>
  );
}

function Outputs({ node, view }: { node: GraphNode; view: NodeView }): ReactNode {
  const studio = useStudio();
  const outputs = useStudioState((state) => state.execution?.outputs.get(node.path) ?? noOutputs);
  const chosen = useStudioState((state) => state.instance);
  const instances = useMemo(() => Array.from(outputs.byInstance.keys()).toReversed(), [outputs]);
  // Who comes late is told the last ones alone; how many completed is known to all.
  const completed = view.instances > 1 ? (view.counts.completed ?? 0) : 0;
  const forgotten = instances.length > 0 ? Math.max(outputs.forgotten, completed - instances.length) : 0;
  const shownPath = chosen !== undefined && outputs.byInstance.has(chosen) ? chosen : instances[0];
  const ports = shownPath === undefined ? undefined : outputs.byInstance.get(shownPath);
  return (
    <Section title="What came out" note={instances.length > 1 ? `${integer(instances.length)} items` : undefined}>
      {instances.length > 1 && (
        <label className="mb-3 flex items-center gap-2 text-xs text-muted">
          Item
          <select
            value={shownPath}
            onChange={(event) => studio.select(node.path, event.target.value)}
            className="h-8 min-w-0 flex-1 rounded-lg border border-line-strong bg-sunken px-2 text-xs text-text"
          >
            {instances.map((path) => (
              <option key={path} value={path}>
                {itemOf(path) || path}
              </option>
            ))}
          </select>
        </label>
      )}
      {forgotten > 0 && (
        <p className="mb-2 text-xs text-muted">
          The latest {integer(instances.length)} are here, {integer(forgotten)} older ones are not.
        </p>
      )}
      {shownPath !== undefined && chosen === shownPath && <InstanceState path={shownPath} />}
      {ports === undefined || ports.size === 0 ? <NothingOut view={view} /> : <PortList node={node} ports={ports} />}
    </Section>
  );
}

function InstanceState({ path }: { path: string }): ReactNode {
  const instance = useStudioState((state) => state.execution?.instances.get(path));
  if (instance === undefined) return null;
  return (
    <p className="mb-2 flex items-center gap-1.5 text-xs text-muted">
      <StateShape state={instance.state} size={14} />
      {wordOf(instance.state)}
      {instance.attempt > 1 && `, attempt ${instance.attempt}`}
    </p>
  );
}

function NothingOut({ view }: { view: NodeView }): ReactNode {
  const text =
    view.state === "skipped"
      ? "Skipped: nothing came in, so nothing went out."
      : view.state === "completed" || settled(view) > 0
        ? "It completed and gave nothing out."
        : view.state === "failed"
          ? "It failed before it gave anything out."
          : "Nothing yet. What it gives out stands here as soon as it is out.";
  return <p className="text-sm text-muted">{text}</p>;
}

function PortList({ node, ports }: { node: GraphNode; ports: InstanceOutputs }): ReactNode {
  const types = new Map(node.outputs.map((port) => [port.name, port.type]));
  return (
    <div className="space-y-4">
      {Array.from(ports, ([name, port]) => (
        <div key={name}>
          <h4 className="mb-1 flex items-baseline justify-between gap-3 text-xs">
            <span className="font-mono text-muted">{name}</span>
            <span className="font-mono text-2xs text-faint">
              {port.via === "run" ? "" : `${port.via}, `}
              {types.get(name) ?? ""}
            </span>
          </h4>
          <PortValue port={port} />
        </div>
      ))}
    </div>
  );
}

function PortValue({ port }: { port: PortOutput }): ReactNode {
  if (port.itemCount === 0) return <ValView val={port.value} />;
  if (port.value !== undefined) {
    return (
      <>
        <p className="mb-1 text-xs text-muted">{integer(port.itemCount)} items</p>
        <ValView val={port.value} />
      </>
    );
  }
  const rows = port.items.map((item) => (item.t === "json" ? item.v : item));
  return (
    <>
      <p className="mb-1 text-xs text-muted">
        {integer(port.itemCount)} items{port.ended ? "" : " so far"}
        {port.itemCount > rows.length && `, the latest ${integer(rows.length)}`}
      </p>
      <ValueView value={rows} />
    </>
  );
}

function NodeLog({ path }: { path: string }): ReactNode {
  const log = useStudioState((state) => state.execution?.log);
  const lines = useMemo(
    () => (log === undefined ? [] : select(log, { level: "debug", node: path, text: "" })),
    [log, path],
  );
  if (lines.length === 0) return null;
  return (
    <Section
      title="Log"
      note={lines.length > LINES_SHOWN ? `the last ${LINES_SHOWN} of ${integer(lines.length)}` : undefined}
    >
      <div className="-mx-2">
        <LogLines lines={lines.slice(-LINES_SHOWN)} isNarrow />
      </div>
    </Section>
  );
}
