import { memo, type ReactNode } from "react";

import { clockTime } from "../../model/format.ts";
import type { LogLine } from "../../model/log-book.ts";
import { shortName } from "../../model/path.ts";
import { brief } from "../../model/value.ts";
import { useStudio } from "../../use-studio.ts";

const tones: Record<LogLine["level"], string> = {
  debug: "text-faint",
  info: "text-muted",
  warn: "text-warn",
  error: "text-bad",
};

/** The list as it is given: bounded by who gives it. */
export function LogLines({ lines, isNarrow = false }: { lines: readonly LogLine[]; isNarrow?: boolean }): ReactNode {
  return (
    <ol className="font-mono text-xs">
      {lines.map((line) => (
        <Line key={line.id} line={line} isNarrow={isNarrow} />
      ))}
    </ol>
  );
}

const Line = memo(function Line({ line, isNarrow }: { line: LogLine; isNarrow: boolean }): ReactNode {
  const studio = useStudio();
  return (
    <li
      data-level={line.level}
      // Lines out of view are neither laid out nor painted.
      className="flex items-baseline gap-x-3 rounded px-2 py-0.5 leading-4.5 [contain-intrinsic-size:auto_1.375rem] [content-visibility:auto] hover:bg-hover"
    >
      {!isNarrow && <time className="shrink-0 text-faint tabular-nums max-sm:hidden">{clockTime(line.ts)}</time>}
      <span className={`w-10 shrink-0 font-medium ${tones[line.level]}`}>{line.level}</span>
      {!isNarrow && line.path === "" && <span className="w-32 shrink-0 truncate text-muted max-sm:w-20">the run</span>}
      {!isNarrow && line.path !== "" && (
        <button
          type="button"
          title={line.path}
          onClick={() => studio.select(line.node, line.path)}
          className="w-32 shrink-0 truncate text-left text-muted hover:text-accent hover:underline max-sm:w-20"
        >
          {shortName(line.path)}
        </button>
      )}
      <span
        className={`min-w-0 flex-1 break-words whitespace-pre-wrap ${line.level === "error" ? "text-bad" : line.stream === "stderr" ? "text-warn" : "text-text"}`}
      >
        {line.message}
        {line.data?.t === "json" && <span className="text-faint"> {brief(line.data.v, 400)}</span>}
      </span>
    </li>
  );
});
