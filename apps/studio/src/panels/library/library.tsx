/** Left: the Blueprints of the host's folder, and what runs or ran. */
import { useMemo, useState, type ReactNode } from "react";

import type { BlueprintEntry, ExecutionInfo } from "../../host/host.ts";
import { ago, duration } from "../../model/format.ts";
import { Button } from "../../ui/button.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Icon } from "../../ui/icons.tsx";
import { StateShape, useWord } from "../../ui/state-mark.tsx";
import { useMinute } from "../../ui/use-now.ts";
import { useStudio, useStudioState } from "../../use-studio.ts";
import { mayTryAgain } from "../link/link-state.tsx";
import { OpenRecording } from "../time/open-recording.tsx";

/** Fewer are found by eye. */
const SEARCH_FROM = 7;

export function Library({ onChosen, onInspect }: { onChosen?: () => void; onInspect: () => void }): ReactNode {
  const { bus } = useStudio();
  return (
    <nav aria-label="Library" className="flex h-full min-h-0 flex-col overflow-y-auto">
      <Blueprints {...(onChosen === undefined ? {} : { onChosen })} />
      <Executions {...(onChosen === undefined ? {} : { onChosen })} />
      <div className="mt-auto border-t border-line p-2">
        <OpenRecording onChosen={onChosen} />
        {bus !== undefined && (
          <Button look="quiet" icon="globe" onClick={onInspect}>
            Inspect the link…
          </Button>
        )}
      </div>
    </nav>
  );
}

const Heading = ({ id, children, count }: { id: string; children: ReactNode; count?: number }): ReactNode => (
  <h2 id={id} className="flex items-baseline gap-2 px-4 pt-4 pb-1.5 text-xs font-semibold text-muted">
    {children}
    {count !== undefined && <span className="font-normal text-faint tabular-nums">{count}</span>}
  </h2>
);

function Blueprints({ onChosen }: { onChosen?: () => void }): ReactNode {
  const blueprints = useStudioState((state) => state.blueprints);
  const [search, setSearch] = useState("");
  const found = useMemo(() => {
    if (blueprints.at !== "here") return [];
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    return blueprints.value.filter(({ name, file }) =>
      words.every((word) => `${name} ${file}`.toLowerCase().includes(word)),
    );
  }, [blueprints, search]);

  if (blueprints.at === "failed") {
    return (
      <Empty icon="warning" title="The list could not be read">
        {blueprints.message}
      </Empty>
    );
  }
  if (blueprints.at !== "here") return <Placeholder />;
  const { value } = blueprints;
  return (
    <section aria-labelledby="blueprints">
      <Heading id="blueprints" count={value.length}>
        Blueprints
      </Heading>
      {value.length >= SEARCH_FROM && (
        <label className="mx-3 mb-2 flex h-8 items-center gap-2 rounded-lg border border-line bg-sunken px-2.5 focus-within:border-accent">
          <Icon name="search" size={14} className="text-faint" />
          <span className="sr-only">Search Blueprints</span>
          <input
            type="search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            placeholder="Search"
            className="w-full bg-transparent text-sm outline-none placeholder:text-faint"
          />
        </label>
      )}
      {value.length === 0 ? (
        <Empty icon="stack" title="No Blueprints here yet">
          Save one as <code className="font-mono text-xs">name.blueprint.yaml</code> in the folder that is served; it
          appears by itself.
        </Empty>
      ) : found.length === 0 ? (
        <p className="px-4 py-2 text-sm text-muted">Nothing matches “{search}”.</p>
      ) : (
        <ul className="space-y-px px-2">
          {found.map((entry) => (
            <li key={entry.id}>
              <BlueprintRow entry={entry} {...(onChosen === undefined ? {} : { onChosen })} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function BlueprintRow({ entry, onChosen }: { entry: BlueprintEntry; onChosen?: () => void }): ReactNode {
  const studio = useStudio();
  const isOpen = useStudioState((state) => state.openId === entry.id);
  return (
    <button
      type="button"
      aria-current={isOpen ? "page" : undefined}
      onClick={() => {
        void studio.open(entry.id);
        onChosen?.();
      }}
      className={`flex w-full items-center gap-2.5 rounded-lg px-2 py-1.5 text-left transition-colors -outline-offset-2 ${isOpen ? "bg-accent-soft" : "hover:bg-hover"}`}
    >
      <Icon name="stack" className={isOpen ? "text-accent" : "text-faint"} />
      <span className="min-w-0 flex-1">
        <span className={`block truncate text-sm ${isOpen ? "font-semibold" : "font-medium"}`}>{entry.name}</span>
        <span className="block truncate text-xs text-faint" title={entry.file}>
          {entry.file.replace(/\.blueprint\.(ya?ml|json)$/, "")}
        </span>
      </span>
      <ProblemBadge errors={entry.errors} warnings={entry.warnings} />
    </button>
  );
}

export function ProblemBadge({ errors, warnings }: { errors: number; warnings: number }): ReactNode {
  if (errors + warnings === 0) return null;
  const isError = errors > 0;
  const count = isError ? errors : warnings;
  const word = `${count} ${isError ? "error" : "warning"}${count === 1 ? "" : "s"}`;
  return (
    <span
      title={word}
      className={`inline-flex items-center gap-1 rounded-full px-1.5 text-2xs leading-5 font-semibold tabular-nums ${isError ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn"}`}
    >
      <Icon name={isError ? "octagon" : "warning"} size={12} />
      <span aria-hidden="true">{count}</span>
      <span className="sr-only">{word}</span>
    </span>
  );
}

function Executions({ onChosen }: { onChosen?: () => void }): ReactNode {
  const executions = useStudioState((state) => state.executions);
  if (executions.length === 0) return null;
  return (
    <section aria-labelledby="executions" className="mt-2 border-t border-line pb-4">
      <Heading id="executions" count={executions.length}>
        Runs
      </Heading>
      <ul className="space-y-px px-2">
        {executions.map((info) => (
          <li key={info.executionId}>
            <ExecutionRow info={info} {...(onChosen === undefined ? {} : { onChosen })} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function ExecutionRow({ info, onChosen }: { info: ExecutionInfo; onChosen?: () => void }): ReactNode {
  const studio = useStudio();
  const isShown = useStudioState((state) => state.executionId === info.executionId);
  // The list is asked for at changes; the one in view is known better. A recording's list says how each one ended.
  const state = useStudioState(({ execution, recording }) =>
    recording === undefined && execution?.id === info.executionId && execution.seq >= 0 ? execution.state : info.state,
  );
  const word = useWord(state);
  const minute = useMinute();
  const isOver = info.startedAt !== undefined && info.endedAt !== undefined;
  const when = info.startedAt === undefined ? "" : ago(info.startedAt, minute);
  return (
    <button
      type="button"
      aria-current={isShown ? "true" : undefined}
      title={info.executionId}
      onClick={() => {
        studio.showExecution(info.executionId);
        onChosen?.();
      }}
      className={`flex w-full items-center gap-2.5 rounded-lg px-2 py-1.5 text-left transition-colors -outline-offset-2 ${isShown ? "bg-accent-soft" : "hover:bg-hover"}`}
    >
      <StateShape state={state} />
      <span className="min-w-0 flex-1">
        <span className="block truncate text-sm font-medium">{info.blueprint.name}</span>
        <span className="block truncate text-xs text-faint">
          {word}
          {isOver ? ` in ${duration((info.endedAt ?? 0) - (info.startedAt ?? 0))}` : ""}
          {when === "" ? "" : `, ${when}`}
        </span>
      </span>
    </button>
  );
}

function Placeholder(): ReactNode {
  const link = useStudioState((state) => state.link);
  const studio = useStudio();
  if (link.at === "lost") {
    return (
      <div className="flex flex-col items-center pb-6">
        <Empty icon="warning" title="No host">
          Blueprints are listed as soon as the page is connected.
        </Empty>
        {mayTryAgain(link) && <Button onClick={() => studio.reconnect()}>Try now</Button>}
      </div>
    );
  }
  return (
    <div aria-busy="true" aria-label="The Blueprints are being read" className="space-y-2 px-4 pt-12">
      {[70, 55, 80, 60].map((width) => (
        <div key={width} className="h-9 rounded-lg bg-hover" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}
