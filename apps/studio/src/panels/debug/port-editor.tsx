/** One value at a stop, and the text in which a person puts another in its place. */
import type { Val } from "@atomiton/runtime/contract";
import { useState, type ReactNode } from "react";

import { editText, readEdit } from "../../model/edit-value.ts";
import { Button, TextButton } from "../../ui/button.tsx";
import { fieldLook } from "../../ui/fields.tsx";
import { ValView } from "../../ui/value-view.tsx";
import { useStudio } from "../../use-studio.ts";

interface Props {
  stopId: string;
  port: string;
  /** As Blueprint files write it. */
  type: string;
  /** Undefined where it has none. */
  val: Val | undefined;
  mayEdit: boolean;
}

export function PortEditor({ stopId, port, type, val, mayEdit }: Props): ReactNode {
  const [isOpen, setOpen] = useState(false);
  // Of a value that is cut or hidden nobody here knows the whole.
  const canStart = val === undefined || val.t === "json";
  return (
    <div>
      <h5 className="mb-1 flex items-baseline justify-between gap-3 text-xs">
        <span className="font-mono text-muted">{port}</span>
        <span className="flex items-baseline gap-2">
          <span className="font-mono text-2xs text-faint">{type}</span>
          {mayEdit && canStart && !isOpen && (
            <TextButton
              aria-label={val === undefined ? `Give a value to ${port}` : `Edit ${port}`}
              onClick={() => setOpen(true)}
            >
              {val === undefined ? "Give a value" : "Edit"}
            </TextButton>
          )}
        </span>
      </h5>
      {isOpen ? (
        <Editor stopId={stopId} port={port} type={type} val={val} onClose={() => setOpen(false)} />
      ) : (
        val !== undefined && <ValView val={val} />
      )}
    </div>
  );
}

function Editor({ stopId, port, type, val, onClose }: Omit<Props, "mayEdit"> & { onClose: () => void }): ReactNode {
  const { steering } = useStudio();
  const start = editText(val, type);
  const [text, setText] = useState(start.text);
  const [problem, setProblem] = useState<string>();
  const save = async (): Promise<void> => {
    const read = readEdit(text, start.isText);
    if ("message" in read) return setProblem(read.message);
    try {
      await steering.override(stopId, port, read.value);
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <textarea
        // It was asked for, and is where the hands go next.
        autoFocus
        aria-label={`New value of ${port}`}
        aria-invalid={problem !== undefined}
        value={text}
        rows={Math.min(10, text.split("\n").length + 1)}
        spellCheck={false}
        onChange={(event) => setText(event.target.value)}
        className={`${fieldLook(problem !== undefined)} py-2 font-mono text-xs`}
      />
      <p className={`text-xs break-words ${problem === undefined ? "text-muted" : "text-bad"}`}>
        {problem ?? (start.isText ? "A text, as it is" : 'JSON: 12, "text", [1, 2], { "key": true }')}
      </p>
      <div className="mt-2 flex gap-2">
        <Button look="primary" type="submit">
          Put it in
        </Button>
        <Button onClick={onClose}>Leave it</Button>
      </div>
    </form>
  );
}
