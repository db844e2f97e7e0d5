/** The Blueprint by itself before a run; its run's inputs, errors and outputs afterwards. */
import type { ReactNode } from "react";

import type { BlueprintInfo } from "../../host/host.ts";
import type { Execution } from "../../model/execution.ts";
import { duration, integer } from "../../model/format.ts";
import { Icon } from "../../ui/icons.tsx";
import { Pair, Pairs, Section } from "../../ui/section.tsx";
import { StateBadge } from "../../ui/state-mark.tsx";
import { ValueView } from "../../ui/value-view.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";
import { BreakpointList } from "../debug/breakpoint-list.tsx";
import { ErrorCard } from "./error-card.tsx";

export function Overview({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const execution = useStudioState((state) => state.execution);
  return (
    <>
      <div className="px-5 py-4">
        <h2 className="text-base font-semibold">{execution === undefined ? blueprint.name : "This run"}</h2>
        {execution === undefined && blueprint.description !== undefined && (
          <p className="mt-1 text-sm text-muted">{blueprint.description}</p>
        )}
        {execution !== undefined && <RunFacts execution={execution} />}
      </div>
      <BreakpointList />
      {execution === undefined ? <Plan blueprint={blueprint} /> : <Run execution={execution} blueprint={blueprint} />}
    </>
  );
}

function RunFacts({ execution }: { execution: Execution }): ReactNode {
  const { completed } = execution;
  return (
    <div className="mt-2.5 space-y-2.5">
      {execution.seq >= 0 && <StateBadge state={execution.state} />}
      <Pairs>
        <Pair name="Execution">
          <code className="font-mono text-xs break-all text-muted">{execution.id}</code>
        </Pair>
        {completed !== undefined && (
          <>
            <Pair name="Took">{duration(completed.durationMs)}</Pair>
            <Pair name="Steps">
              {integer(completed.counts.completed ?? 0)} completed
              {(completed.counts.skipped ?? 0) > 0 && `, ${integer(completed.counts.skipped ?? 0)} skipped`}
              {(completed.counts.failed ?? 0) > 0 && `, ${integer(completed.counts.failed ?? 0)} failed and handled`}
            </Pair>
          </>
        )}
      </Pairs>
      {execution.missed > 0 && (
        <p className="flex items-start gap-1.5 text-xs text-warn">
          <Icon name="warning" size={14} className="mt-0.5" />
          {integer(execution.missed)} messages did not arrive: logs or items are missing here. The host has them.
        </p>
      )}
    </div>
  );
}

function Run({ execution, blueprint }: { execution: Execution; blueprint: BlueprintInfo }): ReactNode {
  const { error, completed, started } = execution;
  const input = Object.entries(started?.input ?? {});
  return (
    <>
      {error !== undefined && (
        <Section title={execution.state === "cancelled" ? "Why it ended" : "Error"}>
          <ErrorCard
            error={error.detail}
            message={error.message}
            path={error.path}
            isCancel={execution.state === "cancelled"}
          />
        </Section>
      )}
      {completed !== undefined && <Results result={completed.result} />}
      {completed === undefined && error === undefined && (
        <Section title="Result">
          <p className="text-sm text-muted">
            {blueprint.outputs.length === 0
              ? "This Blueprint has no outputs."
              : "The outputs stand here when the run is done. Click a node to see its own before that."}
          </p>
        </Section>
      )}
      {input.length > 0 && (
        <Section title="Inputs">
          <div className="space-y-3">
            {input.map(([name, value]) => (
              <Named key={name} name={name} value={value} />
            ))}
          </div>
        </Section>
      )}
    </>
  );
}

function Results({ result }: { result: Record<string, unknown> }): ReactNode {
  const entries = Object.entries(result);
  return (
    <Section title="Result" note={entries.length > 1 ? `${entries.length} outputs` : undefined}>
      {entries.length === 0 ? (
        <p className="text-sm text-muted">It gave nothing out.</p>
      ) : (
        <div className="space-y-4">
          {entries.map(([name, value]) => (
            <Named key={name} name={name} value={value} />
          ))}
        </div>
      )}
    </Section>
  );
}

const Named = ({ name, value }: { name: string; value: unknown }): ReactNode => (
  <div>
    <h4 className="mb-1 font-mono text-xs text-muted">{name}</h4>
    <ValueView value={value} />
  </div>
);

function Plan({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  return (
    <>
      {blueprint.problems.length > 0 && <Problems blueprint={blueprint} />}
      <Section title="Inputs" note={blueprint.inputs.length === 0 ? undefined : blueprint.inputs.length}>
        {blueprint.inputs.length === 0 ? (
          <p className="text-sm text-muted">None: it runs as it is.</p>
        ) : (
          <Ports ports={blueprint.inputs} />
        )}
      </Section>
      <Section title="Outputs" note={blueprint.outputs.length === 0 ? undefined : blueprint.outputs.length}>
        {blueprint.outputs.length === 0 ? (
          <p className="text-sm text-muted">None.</p>
        ) : (
          <Ports ports={blueprint.outputs} />
        )}
      </Section>
      <Section title="File">
        <Pairs>
          <Pair name="Path">
            <code className="font-mono text-xs">{blueprint.file}</code>
          </Pair>
          <Pair name="Version">{blueprint.version}</Pair>
          <Pair name="Nodes">{integer(blueprint.nodes)}</Pair>
        </Pairs>
      </Section>
    </>
  );
}

function Ports({
  ports,
}: {
  ports: readonly { name: string; type: string; description?: string | undefined }[];
}): ReactNode {
  return (
    <ul className="space-y-2">
      {ports.map(({ name, type, description }) => (
        <li key={name}>
          <p className="flex items-baseline justify-between gap-3">
            <span className="truncate text-sm font-medium">{name}</span>
            <code className="shrink-0 font-mono text-2xs text-faint">{type}</code>
          </p>
          {description !== undefined && <p className="text-xs text-muted">{description}</p>}
        </li>
      ))}
    </ul>
  );
}

/** Where a problem's `where` names a node, the node can be looked at. */
function Problems({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const studio = useStudio();
  return (
    <Section title="Problems" note={blueprint.problems.length}>
      <ul className="space-y-2">
        {blueprint.problems.map((problem) => {
          const id = /^nodes\.([^.]+)/.exec(problem.where)?.[1];
          const node = blueprint.graph.nodes.find(({ path }) => path === id);
          const isError = problem.severity === "error";
          return (
            <li
              key={`${problem.line}:${problem.column}:${problem.code}:${problem.where}`}
              className={`rounded-lg px-3 py-2 text-sm ${isError ? "bg-bad-soft" : "bg-warn-soft"}`}
            >
              <p className={`flex items-center gap-1.5 text-xs font-semibold ${isError ? "text-bad" : "text-warn"}`}>
                <Icon name={isError ? "octagon" : "warning"} size={13} />
                {problem.code}
                <span className="ml-auto font-mono text-2xs font-normal text-muted">
                  {problem.line}:{problem.column}
                </span>
              </p>
              <p className="mt-1 break-words">{problem.message}</p>
              {node !== undefined && (
                <button
                  type="button"
                  className="mt-1 text-xs font-medium text-accent hover:underline"
                  onClick={() => studio.select(node.path)}
                >
                  Show {node.id}
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
