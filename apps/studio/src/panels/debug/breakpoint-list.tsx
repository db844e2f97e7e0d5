/** Breakpoints, of all nodes or of one: on or off, what narrows them down, whether the host took them. */
import type { ReactNode } from "react";

import type { GraphNode } from "../../host/host.ts";
import {
  detailOf,
  find,
  ofNode,
  placeWords,
  type BreakpointPlace,
  type KnownBreakpoint,
} from "../../model/breakpoints.ts";
import { isTerminal } from "../../model/execution.ts";
import { nodePathOf } from "../../model/path.ts";
import { Button, IconButton, TextButton } from "../../ui/button.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Section } from "../../ui/section.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

/** All of the Blueprint. */
export function BreakpointList(): ReactNode {
  const list = useStudioState((state) => state.breakpoints);
  const mayDebug = useStudioState((state) => state.rights.debug);
  if (!mayDebug || list.length === 0) return null;
  return (
    <Section title="Breakpoints" note={list.length}>
      <Rows list={list} />
    </Section>
  );
}

const offered: readonly { at: BreakpointPlace; word: string }[] = [
  { at: "before", word: "Before it runs" },
  { at: "after", word: "After it ran" },
  { at: "error", word: "On an error" },
];

/** Those of a node, and the ways to set others. */
export function NodeBreakpoints({ node }: { node: GraphNode }): ReactNode {
  const { steering } = useStudio();
  const all = useStudioState((state) => state.breakpoints);
  const mayDebug = useStudioState((state) => state.rights.debug);
  if (!mayDebug) return null;
  const list = ofNode(all, node.path);
  const missing = offered.filter(({ at }) => find(all, node.path, at) === undefined);
  return (
    <Section title="Breakpoints">
      {list.length > 0 && <Rows list={list} isOfOneNode />}
      <div className={`flex flex-wrap items-center gap-2 ${list.length > 0 ? "mt-3" : ""}`}>
        {missing.map(({ at, word }) => (
          <Button key={at} onClick={() => steering.toggle(node.path, at)} aria-label={`Stop ${placeWords[at]}`}>
            {word}
          </Button>
        ))}
        <TextButton onClick={() => steering.edit(node.path, missing[0]?.at ?? "before")}>With a condition…</TextButton>
      </div>
    </Section>
  );
}

function Rows({ list, isOfOneNode = false }: { list: readonly KnownBreakpoint[]; isOfOneNode?: boolean }): ReactNode {
  return (
    <ul className="space-y-2">
      {list.map((breakpoint) => (
        <Row key={breakpoint.id} breakpoint={breakpoint} isOfOneNode={isOfOneNode} />
      ))}
    </ul>
  );
}

function Row({ breakpoint, isOfOneNode }: { breakpoint: KnownBreakpoint; isOfOneNode: boolean }): ReactNode {
  const studio = useStudio();
  const { steering } = studio;
  const runs = useStudioState(({ execution }) => execution !== undefined && !isTerminal(execution.state));
  const { id, at, path, enabled, verified, message } = breakpoint;
  const name = `${nodePathOf(path)}, ${placeWords[at]}`;
  const detail = detailOf(breakpoint);
  return (
    <li className="flex items-start gap-2 text-sm">
      <input
        type="checkbox"
        aria-label={`Enabled: ${name}`}
        checked={enabled}
        onChange={() => steering.enable(id, !enabled)}
        className="mt-1 size-4 shrink-0 accent-[var(--bad)]"
      />
      <div className="min-w-0 flex-1">
        <button
          type="button"
          className="max-w-full text-left break-words hover:underline"
          onClick={() => (isOfOneNode ? steering.edit(path, at) : studio.select(nodePathOf(path)))}
        >
          {!isOfOneNode && <span className="font-medium">{nodePathOf(path)} </span>}
          <span className={isOfOneNode ? "font-medium" : "text-muted"}>{placeWords[at]}</span>
        </button>
        {detail !== "" && <p className="font-mono text-2xs break-words text-muted">{detail}</p>}
        {verified === false && (
          <p className="flex gap-1 text-xs break-words text-bad">
            <Icon name="warning" size={12} className="mt-0.5" />
            Does not stand: {message ?? "the host did not say why"}
          </p>
        )}
        {verified === true && message !== undefined && <p className="text-xs text-warn">{message}</p>}
        {runs && verified === undefined && <p className="text-xs text-muted">Not set in this run.</p>}
      </div>
      <IconButton icon="pencil" name={`Edit the breakpoint of ${name}`} onClick={() => steering.edit(path, at)} />
      <IconButton icon="trash" name={`Remove the breakpoint of ${name}`} onClick={() => steering.remove(id)} />
    </li>
  );
}
