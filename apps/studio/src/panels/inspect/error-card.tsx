import type { RtError } from "@atomiton/runtime/contract";
import type { ReactNode } from "react";

import { nodePathOf } from "../../model/path.ts";
import { Icon } from "../../ui/icons.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

/** What a class of errors asks of the person who reads it. */
const wayOut: Partial<Record<RtError["class"], string>> = {
  user: "Look at the data that this node was given.",
  config: "Look at this node's configuration in the file.",
  network: "Is the address right, and can the host reach it? A retry rule on the node helps against short failures.",
  timeout: "It took longer than it may. Raise the node's timeout, or give it less to do at once.",
  http: "The server answered with an error. Its status and text are above.",
  process: "The program ended with an error. What it wrote is in the logs.",
  resource: "The host ran out of something: memory, disk or a limit.",
};

interface Props {
  error: RtError;
  message?: string;
  path?: string | undefined;
  note?: ReactNode;
  isCancel?: boolean;
}

export function ErrorCard({ error, message = error.message, path, note, isCancel = false }: Props): ReactNode {
  const studio = useStudio();
  const selected = useStudioState((state) => state.selected);
  const tone = isCancel ? "bg-warn-soft text-warn" : "bg-bad-soft text-bad";
  const causes = causesOf(error);
  return (
    <div className={`rounded-lg px-3 py-2.5 ${tone}`}>
      <p className="flex items-center gap-1.5 text-xs font-semibold">
        <Icon name={isCancel ? "info" : "octagon"} size={13} />
        {error.code}
        {error.http !== undefined && <span className="font-normal">HTTP {error.http}</span>}
        {error.exit !== undefined && (
          <span className="font-normal">
            {error.exit.signal === null ? `exit code ${error.exit.code}` : `signal ${error.exit.signal}`}
          </span>
        )}
      </p>
      <p className="mt-1 text-sm break-words whitespace-pre-wrap text-text">{message}</p>
      {causes.map((cause) => (
        <p key={cause} className="mt-1 text-xs break-words text-muted">
          Because: {cause}
        </p>
      ))}
      {!isCancel && wayOut[error.class] !== undefined && (
        <p className="mt-1.5 text-xs text-muted">{wayOut[error.class]}</p>
      )}
      {note !== undefined && <p className="mt-1.5 text-xs font-medium text-text">{note}</p>}
      {path !== undefined && path !== selected && (
        <button
          type="button"
          className="mt-1.5 text-xs font-medium text-accent hover:underline"
          onClick={() => studio.select(nodePathOf(path), path)}
        >
          Show {path}
        </button>
      )}
    </div>
  );
}

/** A chain of causes has an end; this many are worth reading. */
const CAUSES_SHOWN = 4;

function causesOf(error: RtError): readonly string[] {
  const causes: string[] = [];
  for (let at = error.cause; at !== undefined && causes.length < CAUSES_SHOWN; at = at.cause) {
    if (at.message !== error.message && !causes.includes(at.message)) causes.push(at.message);
  }
  return causes;
}
