/** States of nodes and executions: a word, a colour and a shape, so that none of them is needed alone. */
import type { ExecState, NodeState } from "@atomiton/runtime/contract";
import type { ReactNode } from "react";

import { useStudioState } from "../use-studio.ts";

type AnyState = NodeState | ExecState;
export type Tone = "quiet" | "accent" | "ok" | "bad" | "warn";

interface Look {
  readonly word: string;
  readonly tone: Tone;
  readonly shape: ReactNode;
}

const ring = <circle cx="8" cy="8" r="5.6" />;
const looks: Record<AnyState, Look> = {
  pending: {
    word: "Not reached yet",
    tone: "quiet",
    shape: <circle cx="8" cy="8" r="5.6" strokeDasharray="2.2 2.2" />,
  },
  ready: { word: "Ready", tone: "accent", shape: ring },
  queued: { word: "Queued", tone: "quiet", shape: ring },
  held: {
    word: "Held",
    tone: "warn",
    shape: (
      <>
        {ring}
        <path d="M6.6 6v4M9.4 6v4" />
      </>
    ),
  },
  pausing: {
    word: "Pausing",
    tone: "warn",
    shape: (
      <>
        {ring}
        <path d="M6.6 6v4M9.4 6v4" />
      </>
    ),
  },
  paused: {
    word: "Paused",
    tone: "warn",
    shape: (
      <>
        {ring}
        <path d="M6.6 6v4M9.4 6v4" />
      </>
    ),
  },
  running: {
    word: "Running",
    tone: "accent",
    shape: (
      <g className="origin-center animate-turn">
        <circle cx="8" cy="8" r="5.6" opacity=".25" />
        <path d="M8 2.4a5.6 5.6 0 0 1 5.6 5.6" />
      </g>
    ),
  },
  waiting: {
    word: "Waiting",
    tone: "warn",
    shape: (
      <path d="M4.6 2.6h6.8M4.6 13.4h6.8M5.4 2.6c0 3 2.6 3.6 2.6 5.4s-2.6 2.4-2.6 5.4M10.6 2.6c0 3-2.6 3.6-2.6 5.4s2.6 2.4 2.6 5.4" />
    ),
  },
  backoff: { word: "Retrying soon", tone: "warn", shape: <path d="M13 8A5 5 0 1 1 11.3 4.2M11.6 1.8v2.8H8.8" /> },
  completed: {
    word: "Completed",
    tone: "ok",
    shape: (
      <>
        {ring}
        <path d="m5.6 8.2 1.7 1.7 3.2-3.6" />
      </>
    ),
  },
  failed: {
    word: "Failed",
    tone: "bad",
    shape: (
      <>
        <path d="M5.7 2.4h4.6l3.3 3.3v4.6l-3.3 3.3H5.7l-3.3-3.3V5.7z" />
        <path d="m6.2 6.2 3.6 3.6M9.8 6.2 6.2 9.8" />
      </>
    ),
  },
  skipped: { word: "Skipped", tone: "quiet", shape: <path d="m3.4 4.4 3.6 3.6-3.6 3.6M8.6 4.4 12.2 8l-3.6 3.6" /> },
  cancelling: {
    word: "Cancelling",
    tone: "warn",
    shape: (
      <>
        {ring}
        <rect x="6" y="6" width="4" height="4" rx=".6" />
      </>
    ),
  },
  cancelled: {
    word: "Cancelled",
    tone: "warn",
    shape: (
      <>
        {ring}
        <rect x="6" y="6" width="4" height="4" rx=".6" />
      </>
    ),
  },
};

export const toneText: Record<Tone, string> = {
  quiet: "text-faint",
  accent: "text-accent",
  ok: "text-ok",
  bad: "text-bad",
  warn: "text-warn",
};
export const toneSoft: Record<Tone, string> = {
  quiet: "bg-hover text-muted",
  accent: "bg-accent-soft text-accent",
  ok: "bg-ok-soft text-ok",
  bad: "bg-bad-soft text-bad",
  warn: "bg-warn-soft text-warn",
};

export const toneOf = (state: AnyState): Tone => looks[state].tone;
/** `why`: of a node that waits, for what; `input` is a question to a person. */
export const wordOf = (state: AnyState, why?: string): string =>
  state === "waiting" && why === "input" ? "Waiting for an answer" : looks[state].word;

/** The shape alone; its word is for screen readers where no text stands beside it. */
export function StateShape({
  state,
  size = 16,
  isNamed = false,
}: {
  state: AnyState;
  size?: number;
  isNamed?: boolean;
}): ReactNode {
  const { shape, tone, word } = looks[state];
  const name = isNamed ? { role: "img", "aria-label": word } : { "aria-hidden": true };
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      className={`shrink-0 ${toneText[tone]}`}
      {...name}
    >
      {shape}
    </svg>
  );
}

const ENDED: ReadonlySet<AnyState> = new Set(["completed", "failed", "skipped", "cancelled"]);

/** While nobody hears the host, what was under way is told as what it was. */
export function useWord(state: AnyState, why?: string): string {
  const isUnknown = useStudioState(({ leftAt }) => leftAt !== undefined) && !ENDED.has(state);
  const word = wordOf(state, why);
  return isUnknown ? `Was ${word.toLowerCase()}` : word;
}

export function StateBadge({ state, why }: { state: AnyState; why?: string | undefined }): ReactNode {
  const { tone } = looks[state];
  const word = useWord(state, why);
  return (
    <span
      className={`inline-flex items-center gap-1.5 rounded-full py-0.5 pr-2.5 pl-1.5 text-xs font-medium ${toneSoft[tone]}`}
    >
      <StateShape state={state} size={14} />
      {word}
    </span>
  );
}
