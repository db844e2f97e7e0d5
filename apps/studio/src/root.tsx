/** Above the page: which session it shows, and recordings that are dropped on it. */
import { useEffect, useState, type ReactNode } from "react";
import { useStore } from "zustand";

import { App } from "./app.tsx";
import { OpenRecording } from "./panels/time/open-recording.tsx";
import type { Shown, Tab } from "./recording/tab.ts";
import { TabContext, useTab } from "./recording/use-tab.ts";
import { Empty } from "./ui/empty.tsx";
import { Icon } from "./ui/icons.tsx";
import { StudioContext } from "./use-studio.ts";

export function Root({ tab }: { tab: Tab }): ReactNode {
  const shown = useStore(tab.state, (state) => state.shown);
  return (
    <TabContext value={tab}>
      <Page shown={shown} />
      <DropPlace />
    </TabContext>
  );
}

function Page({ shown }: { shown: Shown }): ReactNode {
  switch (shown.at) {
    case "here":
      return (
        <StudioContext key={shown.session.id} value={shown.session}>
          <App />
        </StudioContext>
      );
    case "reading":
      return (
        <main aria-busy="true" className="h-dvh">
          <Empty icon="clock" title="Reading the recording">
            <span className="break-words">{shown.name}</span>
          </Empty>
        </main>
      );
    case "failed":
      return (
        <main role="alert" className="h-dvh">
          <Empty icon="warning" title="The recording cannot be shown">
            <p className="mb-4 break-words">{shown.message}</p>
            <OpenRecording look="plain" />
          </Empty>
        </main>
      );
  }
}

const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;

/** A file that is let go anywhere over the page is opened as a recording. */
function DropPlace(): ReactNode {
  const tab = useTab();
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      // Only where the pointer leaves the window, not one element for another.
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      setOver(false);
      if (!holdsFiles(event)) return;
      event.preventDefault();
      const [file] = event.dataTransfer?.files ?? [];
      if (file !== undefined) void tab.openFile(file);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, [tab]);
  if (!isOver) return null;
  return (
    <div className="pointer-events-none fixed inset-0 z-70 flex items-center justify-center bg-[var(--scrim)] p-4">
      <p className="flex items-center gap-2.5 rounded-2xl border-2 border-dashed border-accent bg-surface px-6 py-5 text-base font-medium shadow-high">
        <Icon name="recording" className="text-accent" />
        Let go to open the recording
      </p>
    </div>
  );
}
