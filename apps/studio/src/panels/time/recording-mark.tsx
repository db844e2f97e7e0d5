import type { ReactNode } from "react";

import { Icon } from "../../ui/icons.tsx";
import { useStudioState } from "../../use-studio.ts";

/** In the place of the link's state: this is the past, and nothing here runs. */
export function RecordingMark(): ReactNode {
  const name = useStudioState((state) => state.recording?.name);
  if (name === undefined) return null;
  return (
    <span
      role="status"
      title={`A recording: ${name}. Nothing here runs.`}
      data-recording={name}
      className="flex max-w-64 min-w-0 items-center gap-1.5 rounded-full bg-warn-soft px-2.5 py-1 text-xs font-semibold text-warn max-sm:max-w-32"
    >
      <Icon name="recording" size={14} />
      <span className="shrink-0">Recording</span>
      <span className="truncate font-normal max-md:hidden">{name}</span>
    </span>
  );
}
