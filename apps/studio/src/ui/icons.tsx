/** The page's icons, drawn on a 16 px grid with one stroke. */
import type { ReactNode } from "react";

const drawn = {
  play: <path d="M5 3.2v9.6L12.6 8z" />,
  pause: <path d="M5.4 3.4v9.2M10.6 3.4v9.2" strokeWidth="2.2" />,
  stepBack: <path d="M11.6 3.4 5.8 8l5.8 4.6zM4 3.6v8.8" />,
  stepOn: <path d="M4.4 3.4 10.2 8l-5.8 4.6zM12 3.6v8.8" />,
  stepOver: (
    <>
      <path d="M2.6 8.6a5.4 5.4 0 0 1 10.4-1.4M13.4 3.6v3.8H9.6" />
      <circle cx="8" cy="12.2" r="1.5" fill="currentColor" />
    </>
  ),
  stepInto: (
    <>
      <path d="M8 2v6.6M5 5.8l3 3 3-3" />
      <circle cx="8" cy="12.6" r="1.5" fill="currentColor" />
    </>
  ),
  stepOut: (
    <>
      <path d="M8 8.8V2.2M5 5l3-3 3 3" />
      <circle cx="8" cy="12.6" r="1.5" fill="currentColor" />
    </>
  ),
  resume: <path d="M3.4 3.4v9.2M6.8 3.4v9.2L13.4 8z" />,
  person: (
    <>
      <circle cx="8" cy="5" r="2.6" />
      <path d="M2.8 13.6c.6-3 2.6-4.4 5.2-4.4s4.6 1.4 5.2 4.4" />
    </>
  ),
  trash: <path d="M2.8 4.4h10.4M6 4.2V2.6h4v1.6M4.2 4.6l.6 8.8h6.4l.6-8.8" />,
  toStart: <path d="M8 3.8 3.6 8 8 12.2M12.8 3.8 8.4 8l4.4 4.2" />,
  recording: (
    <>
      <circle cx="8" cy="8" r="5.8" />
      <circle cx="8" cy="8" r="2.2" fill="currentColor" />
    </>
  ),
  stop: <rect x="4" y="4" width="8" height="8" rx="1.2" />,
  menu: <path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11" />,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  search: (
    <>
      <circle cx="7" cy="7" r="4.2" />
      <path d="m10.2 10.2 3.3 3.3" />
    </>
  ),
  sun: (
    <>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.6v1.2M8 13.2v1.2M1.6 8h1.2M13.2 8h1.2M3.5 3.5l.8.8M11.7 11.7l.8.8M3.5 12.5l.8-.8M11.7 4.3l.8-.8" />
    </>
  ),
  moon: <path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z" />,
  up: <path d="m4 10 4-4 4 4" />,
  down: <path d="m4 6 4 4 4-4" />,
  right: <path d="m6 4 4 4-4 4" />,
  back: <path d="M13 8H3.5M7 4 3 8l4 4" />,
  follow: <path d="M8 2.5v8.5M4.5 7.5 8 11l3.5-3.5M3.5 13.5h9" />,
  warning: <path d="M8 2.4 14.2 13H1.8zM8 6.5v3M8 11.3v.1" />,
  info: (
    <>
      <circle cx="8" cy="8" r="5.8" />
      <path d="M8 7.4v3.4M8 5.1v.1" />
    </>
  ),
  download: <path d="M8 2.5v7.2M4.9 6.8 8 9.9l3.1-3.1M2.8 12.8h10.4" />,
  copy: (
    <>
      <rect x="5.6" y="5.6" width="7.6" height="7.6" rx="1.4" />
      <path d="M10.4 5.6V4a1.2 1.2 0 0 0-1.2-1.2H4A1.2 1.2 0 0 0 2.8 4v5.2A1.2 1.2 0 0 0 4 10.4h1.6" />
    </>
  ),
  panel: (
    <>
      <rect x="2.2" y="3" width="11.6" height="10" rx="1.6" />
      <path d="M9.8 3v10" />
    </>
  ),
  plus: <path d="M8 3v10M3 8h10" />,
  minus: <path d="M3 8h10" />,
  fit: (
    <path d="M2.8 6V3.6a.8.8 0 0 1 .8-.8H6M10 2.8h2.4a.8.8 0 0 1 .8.8V6M13.2 10v2.4a.8.8 0 0 1-.8.8H10M6 13.2H3.6a.8.8 0 0 1-.8-.8V10" />
  ),
  clock: (
    <>
      <circle cx="8" cy="8" r="5.6" />
      <path d="M8 4.9V8l2.1 1.5" />
    </>
  ),
  // Kinds of nodes
  node: <rect x="3" y="3" width="10" height="10" rx="2.4" />,
  file: <path d="M4 2.2h4.8L12 5.4v8.4H4zM8.6 2.4v3.2h3.2" />,
  table: <path d="M2.4 3.2h11.2v9.6H2.4zM2.4 6.4h11.2M2.4 9.6h11.2M6.2 6.4v6.4" />,
  braces: (
    <path d="M6 2.6c-1.6 0-2 .8-2 2v1.6C4 7.4 3.4 8 2.4 8c1 0 1.6.6 1.6 1.8v1.6c0 1.2.4 2 2 2M10 2.6c1.6 0 2 .8 2 2v1.6C12 7.4 12.6 8 13.6 8c-1 0-1.6.6-1.6 1.8v1.6c0 1.2-.4 2-2 2" />
  ),
  branch: <path d="M2.4 8h3.2l3-4h5M5.6 8l3 4h5M11.6 2l2 2-2 2M11.6 10l2 2-2 2" />,
  funnel: <path d="M2.4 3h11.2L9.4 8.2v4.6l-2.8-1.6v-3z" />,
  merge: <path d="M2.4 4h2.8l3 4 -3 4H2.4M8.2 8h5.4M11.4 5.8 13.6 8l-2.2 2.2" />,
  globe: (
    <>
      <circle cx="8" cy="8" r="5.8" />
      <path d="M2.2 8h11.6M8 2.2c2 1.7 2.7 3.6 2.7 5.8S10 12.1 8 13.8C6 12.1 5.3 10.2 5.3 8S6 3.9 8 2.2z" />
    </>
  ),
  terminal: <path d="M2.2 3h11.6v10H2.2zM4.6 6l2 2-2 2M8.2 10.2h3.2" />,
  text: <path d="M3 3.6h10M8 3.6v9M6.2 12.6h3.6M3 3.6v1.6M13 3.6v1.6" />,
  lines: <path d="M3 4h10M3 7h7M3 10h10M3 13h5" />,
  octagon: <path d="M5.6 2.4h4.8l3.2 3.2v4.8l-3.2 3.2H5.6l-3.2-3.2V5.6zM8 5.4v3.2M8 10.7v.1" />,
  loop: <path d="M3.2 7.2a4.9 4.9 0 0 1 8.6-2.4M12.8 8.8a4.9 4.9 0 0 1-8.6 2.4M12 2.4v2.6H9.4M4 13.6V11h2.6" />,
  stack: <path d="M8 2.2 13.8 5.2 8 8.2 2.2 5.2zM2.2 8 8 11l5.8-3M2.2 10.8l5.8 3 5.8-3" />,
  pencil: <path d="M3 13h2.4l7.4-7.4-2.4-2.4L3 10.6zM9 4.6 11.4 7" />,
  check: <path d="m3.6 8.4 3 3 5.8-6.6" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof drawn;

/** Decoration beside a text: hidden from screen readers. */
export function Icon({ name, size = 16, className }: { name: IconName; size?: number; className?: string }): ReactNode {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      className={`shrink-0 ${className ?? ""}`}
    >
      {drawn[name]}
    </svg>
  );
}

const BY_TYPE: readonly [start: string, icon: IconName][] = [
  ["core/csv", "table"],
  ["core/xlsx", "table"],
  ["core/file", "file"],
  ["core/transform", "braces"],
  ["core/json", "braces"],
  ["core/code", "braces"],
  ["core/switch", "branch"],
  ["core/filter", "funnel"],
  ["core/validate", "funnel"],
  ["core/merge", "merge"],
  ["core/collect", "merge"],
  ["core/input", "person"],
  ["core/delay", "clock"],
  ["core/schedule", "clock"],
  ["core/http", "globe"],
  ["core/webhook", "globe"],
  ["core/shell", "terminal"],
  ["core/template", "text"],
  ["core/log", "lines"],
  ["core/fail", "octagon"],
  ["core/assert", "octagon"],
  ["core/forEach", "loop"],
  ["core/while", "loop"],
  ["core/while", "loop"],
  ["core/blueprint", "stack"],
  ["core/set", "pencil"],
];

/** Of a node by its `uses`; a path is another Blueprint. */
export function iconOf(uses: string, hint?: string): IconName {
  if (hint !== undefined && hint in drawn) return hint as IconName;
  if (uses.startsWith(".") || uses.endsWith(".yaml") || uses.endsWith(".json")) return "stack";
  return BY_TYPE.find(([start]) => uses.startsWith(start))?.[1] ?? "node";
}

export function Brand({ size = 24 }: { size?: number }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="shrink-0">
      <rect width="32" height="32" rx="8" fill="var(--accent-solid)" />
      <g fill="none" stroke="#fff" strokeWidth="2.2">
        <path d="M9 22.5 16 9.5l7 13" />
        <path d="M12 17.6h8" strokeOpacity=".65" />
      </g>
      <g fill="#fff">
        <circle cx="16" cy="8.8" r="3.1" />
        <circle cx="8.6" cy="23" r="3.1" />
        <circle cx="23.4" cy="23" r="3.1" />
      </g>
    </svg>
  );
}
