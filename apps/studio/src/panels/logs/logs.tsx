/** Below: what the nodes wrote, as it comes. */
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";

import { isTerminal } from "../../model/execution.ts";
import { integer } from "../../model/format.ts";
import { emptyLog, select, type LogLevel } from "../../model/log-book.ts";
import { IconButton } from "../../ui/button.tsx";
import { Icon } from "../../ui/icons.tsx";
import { useStudioState } from "../../use-studio.ts";
import { LogLines } from "./log-lines.tsx";

/** Lines in the page while it follows: more than a screen, and few enough for a flood of them. */
const LINES_FOLLOWED = 120;
/** Lines in the page around the place where somebody reads; the filter reaches all that are kept. */
const LINES_READ = 1_000;
/** From the bottom, within which the list counts as being at its end. */
const END_PX = 24;

/** Keys by which a person reads back. */
const UPWARDS = new Set(["ArrowUp", "PageUp", "Home"]);

const levels: readonly { level: LogLevel; word: string }[] = [
  { level: "debug", word: "All levels" },
  { level: "info", word: "Info and up" },
  { level: "warn", word: "Warnings and errors" },
  { level: "error", word: "Errors" },
];

const nothing = {
  none: "Run the Blueprint: what its nodes write stands here as it comes.",
  on: "No node has written anything yet.",
  over: "No node wrote anything, and none failed.",
  unknown: "No node had written anything when the link to the host broke.",
} as const;

export function Logs({ isOpen, onToggle }: { isOpen: boolean; onToggle: () => void }): ReactNode {
  const log = useStudioState((state) => state.execution?.log) ?? emptyLog;
  const selected = useStudioState((state) => state.selected);
  const run = useStudioState(({ execution, leftAt }) =>
    execution === undefined ? "none" : isTerminal(execution.state) ? "over" : leftAt === undefined ? "on" : "unknown",
  );
  const [level, setLevel] = useState<LogLevel>("debug");
  const [text, setText] = useState("");
  const [isOfNode, setOfNode] = useState(false);
  /** The newest line when somebody stopped following: what comes does not move what is read. */
  const [readFrom, setReadFrom] = useState<number>();
  const isFollowing = readFrom === undefined;
  const node = isOfNode ? selected : undefined;
  const lines = useMemo(() => (isOpen ? select(log, { level, node, text }) : []), [isOpen, log, level, node, text]);
  const shown =
    readFrom === undefined
      ? lines.slice(-LINES_FOLLOWED)
      : lines.filter(({ id }) => id > readFrom - LINES_READ && id <= readFrom + LINES_READ);
  const setFollowing = (follows: boolean): void => setReadFrom(follows ? undefined : log.written);

  return (
    <section
      aria-label="Logs"
      className={`flex min-h-0 shrink-0 flex-col border-t border-line bg-surface ${isOpen ? "h-[var(--logs)] max-lg:h-[38dvh]" : ""}`}
    >
      <div className="flex h-10 shrink-0 items-center gap-2 px-2 text-xs">
        <button
          type="button"
          aria-expanded={isOpen}
          onClick={onToggle}
          className="flex h-8 items-center gap-1.5 rounded-lg px-2 font-semibold text-muted hover:bg-hover"
        >
          <Icon name={isOpen ? "down" : "up"} size={14} />
          Logs
          {log.written > 0 && <span className="font-normal text-faint tabular-nums">{integer(log.written)}</span>}
        </button>
        {isOpen && (
          <>
            <label className="ml-auto flex h-7 min-w-0 items-center gap-1.5 rounded-lg border border-line bg-sunken px-2 focus-within:border-accent">
              <Icon name="search" size={13} className="text-faint" />
              <span className="sr-only">Search the logs</span>
              <input
                type="search"
                value={text}
                onChange={(event) => setText(event.target.value)}
                placeholder="Search"
                className="w-28 min-w-0 bg-transparent outline-none placeholder:text-faint max-sm:w-16"
              />
            </label>
            <label>
              <span className="sr-only">Level</span>
              <select
                value={level}
                onChange={(event) => setLevel(event.target.value as LogLevel)}
                className="h-7 rounded-lg border border-line bg-sunken px-1.5 text-muted max-sm:w-20"
              >
                {levels.map(({ level: value, word }) => (
                  <option key={value} value={value}>
                    {word}
                  </option>
                ))}
              </select>
            </label>
            {selected !== undefined && (
              <button
                type="button"
                aria-pressed={isOfNode}
                onClick={() => setOfNode(!isOfNode)}
                className={`h-7 max-w-40 truncate rounded-lg border px-2 ${isOfNode ? "border-accent bg-accent-soft text-accent" : "border-line text-muted hover:bg-hover"}`}
              >
                Only {selected}
              </button>
            )}
            <IconButton
              icon="follow"
              name={isFollowing ? "Following: stop" : "Follow the newest"}
              aria-pressed={isFollowing}
              onClick={() => setFollowing(!isFollowing)}
              className={isFollowing ? "bg-accent-soft !text-accent" : ""}
            />
          </>
        )}
      </div>
      {isOpen && (
        <Scroll isFollowing={isFollowing} onFollow={setFollowing} newest={log.written}>
          {shown.length === 0 ? (
            <p className="px-3 py-4 text-sm text-muted">
              {log.written === 0 ? nothing[run] : "No line passes the filter."}
            </p>
          ) : (
            <>
              {(lines.length > shown.length || log.written > log.lines.length) && (
                <p className="px-2 py-1 text-xs text-faint">
                  {isFollowing ? "The last " : ""}
                  {integer(shown.length)} of {integer(lines.length)} lines
                  {log.written > log.lines.length &&
                    `; ${integer(log.written - log.lines.length)} older ones are no longer here`}
                  {isFollowing && lines.length > shown.length && ". Scroll up to read on."}
                </p>
              )}
              <LogLines lines={shown} />
            </>
          )}
        </Scroll>
      )}
    </section>
  );
}

interface ScrollProps {
  isFollowing: boolean;
  onFollow: (isFollowing: boolean) => void;
  newest: number | undefined;
  children: ReactNode;
}

/** Stays at the end while it follows; scrolling up stops that, scrolling to the end begins it again. */
function Scroll({ isFollowing, onFollow, newest, children }: ScrollProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null || !isFollowing) return;
    const toEnd = (): void => {
      element.scrollTop = element.scrollHeight;
    };
    toEnd();
    // Lines get their real height when they come into view: once more when that is known.
    const frame = requestAnimationFrame(toEnd);
    return () => cancelAnimationFrame(frame);
  }, [isFollowing, newest]);
  const stop = (): void => {
    const element = box.current;
    if (isFollowing && element !== null && element.scrollHeight > element.clientHeight) onFollow(false);
  };
  return (
    <div
      ref={box}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log lines"
      className="min-h-0 flex-1 overflow-y-auto px-1 pb-2 -outline-offset-2"
      onWheel={(event) => event.deltaY < 0 && stop()}
      onTouchMove={stop}
      onKeyDown={(event) => UPWARDS.has(event.key) && stop()}
      onScroll={(event) => {
        if (isFollowing) return;
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        if (scrollHeight - scrollTop - clientHeight < END_PX) onFollow(true);
      }}
    >
      {children}
    </div>
  );
}
