import { useRef, type ReactNode } from "react";

import { useMayGoBack, useTab } from "../../recording/use-tab.ts";
import { Button } from "../../ui/button.tsx";

/** Asks for a file and shows it as a recording; in one, also leads back to what was there before. */
export function OpenRecording({
  look = "quiet",
  onChosen,
}: {
  look?: "quiet" | "plain";
  onChosen?: (() => void) | undefined;
}): ReactNode {
  const tab = useTab();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        tabIndex={-1}
        aria-label="Recording"
        className="sr-only"
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          // The same file may be chosen again.
          event.target.value = "";
          if (file === undefined) return;
          onChosen?.();
          void tab.openFile(file);
        }}
      />
      <Button look={look} icon="recording" onClick={() => input.current?.click()}>
        Open recording…
      </Button>
    </>
  );
}

/** Back from a recording that was chosen here. */
export function LeaveRecording(): ReactNode {
  const tab = useTab();
  if (!useMayGoBack()) return null;
  return (
    <Button icon="close" onClick={() => tab.start()}>
      Close
    </Button>
  );
}
