import type { ReactNode } from "react";

import type { Link } from "../../host/host.ts";
import { toneText, type Tone } from "../../ui/state-mark.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

const looks: Record<Link["at"], { word: string; tone: Tone; shape: ReactNode }> = {
  connecting: { word: "Connecting", tone: "warn", shape: <circle cx="5" cy="5" r="3.2" strokeDasharray="2 2" /> },
  live: { word: "Live", tone: "ok", shape: <circle cx="5" cy="5" r="3.4" fill="currentColor" /> },
  reconnecting: { word: "Reconnecting", tone: "warn", shape: <path d="M8.4 5a3.4 3.4 0 1 1-1.2-2.6M7.4.8v1.8H5.6" /> },
  lost: { word: "Not connected", tone: "bad", shape: <path d="m2.2 2.2 5.6 5.6M7.8 2.2 2.2 7.8" /> },
};

/** Whether the page hears its host, always in view. */
export function LinkState(): ReactNode {
  const link = useStudioState((state) => state.link);
  const { word, tone, shape } = looks[link.at];
  return (
    <span
      role="status"
      aria-label={`Host: ${word}`}
      data-link={link.at}
      className="flex items-center gap-1.5 px-1 text-xs font-medium text-muted"
      title={link.at === "lost" ? link.reason : `Host: ${word}`}
    >
      <svg
        width="10"
        height="10"
        viewBox="0 0 10 10"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.4"
        aria-hidden="true"
        className={toneText[tone]}
      >
        {shape}
      </svg>
      <span className={link.at === "live" ? "max-sm:hidden" : "max-sm:sr-only"}>{word}</span>
    </span>
  );
}

/** Another try with the same key, or of the same page, ends the same way: the reason says what to do instead. */
const NO_USE: ReadonlySet<string> = new Set(["NO_TOKEN", "REJECTED", "CONTRACT_MISMATCH", "VERSION_MISMATCH"]);
export const mayTryAgain = (link: Link): boolean => link.at === "lost" && !NO_USE.has(link.code);

/** What a person can do while there is no link. */
export function LinkNotice(): ReactNode {
  const link = useStudioState((state) => state.link);
  const studio = useStudio();
  if (link.at === "live" || link.at === "connecting") return null;
  const isLost = link.at === "lost";
  return (
    <div
      role="alert"
      className={`flex items-center gap-3 border-b border-line px-4 py-2 text-sm ${isLost ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn"}`}
    >
      <p className="min-w-0 flex-1">
        {isLost
          ? link.reason
          : "The link to the host is down. What you see stays; it is brought up to date when the host answers."}
      </p>
      {mayTryAgain(link) && (
        <button type="button" className="font-medium underline underline-offset-2" onClick={() => studio.reconnect()}>
          Try now
        </button>
      )}
    </div>
  );
}
