/** The page: library on the left, graph in the middle, details on the right, logs below. On small screens the sides are sheets. */
import { useEffect, useState, type ReactNode } from "react";

import { Canvas } from "./graph/canvas.tsx";
import type { BlueprintInfo } from "./host/host.ts";
import { isTerminal } from "./model/execution.ts";
import { BreakpointDialog } from "./panels/debug/breakpoint-dialog.tsx";
import { ConfigDialog } from "./panels/inspect/config-dialog.tsx";
import { Details } from "./panels/inspect/details.tsx";
import { Library, ProblemBadge } from "./panels/library/library.tsx";
import { Inspector } from "./panels/link/inspector.tsx";
import { LinkNotice, LinkState } from "./panels/link/link-state.tsx";
import { Logs } from "./panels/logs/logs.tsx";
import { AnswerForm } from "./panels/run/answer-form.tsx";
import { RunBar } from "./panels/run/run-bar.tsx";
import { RunForm } from "./panels/run/run-form.tsx";
import { LeaveRecording } from "./panels/time/open-recording.tsx";
import { RecordingMark } from "./panels/time/recording-mark.tsx";
import { TimeLine } from "./panels/time/time-line.tsx";
import { Button, IconButton } from "./ui/button.tsx";
import { Empty } from "./ui/empty.tsx";
import { Brand } from "./ui/icons.tsx";
import { Sheet } from "./ui/sheet.tsx";
import { StateShape } from "./ui/state-mark.tsx";
import { ThemeToggle } from "./ui/theme.tsx";
import { useMedia, useStudio, useStudioState, WIDE } from "./use-studio.ts";

export function App(): ReactNode {
  const isWide = useMedia(WIDE);
  const isTall = useMedia("(min-height: 620px)");
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [areDetailsOpen, setDetailsOpen] = useState(false);
  const [areLogsOpen, setLogsOpen] = useState(isWide && isTall);
  const [isInspecting, setInspecting] = useState(false);
  const studio = useStudio();
  const blueprint = useStudioState((state) => state.blueprint);
  const selected = useStudioState((state) => state.selected);
  const isStill = useStudioState(
    ({ recording, leftAt }) => leftAt !== undefined || (recording !== undefined && !recording.isPlaying),
  );
  const info = blueprint.at === "here" ? blueprint.value : undefined;

  // On a small screen a click on a node opens its details.
  const isSheetOpen = areDetailsOpen || selected !== undefined;

  return (
    <div className="flex h-dvh flex-col" data-still={isStill ? "" : undefined}>
      <Header isWide={isWide} onMenu={() => setMenuOpen(true)} onDetails={() => setDetailsOpen(true)} />
      <LinkNotice />
      <div className="flex min-h-0 flex-1">
        {isWide && (
          <div className="w-64 shrink-0 border-r border-line bg-surface">
            <Library onInspect={() => setInspecting(true)} />
          </div>
        )}
        <main className="flex min-w-0 flex-1 flex-col [--logs:11rem]">
          <RunBar onDetails={isWide ? undefined : () => setDetailsOpen(true)} />
          <div className="min-h-0 flex-1">
            <Middle onMenu={isWide ? undefined : () => setMenuOpen(true)} />
          </div>
          <TimeLine />
          {info !== undefined && <Logs isOpen={areLogsOpen} onToggle={() => setLogsOpen(!areLogsOpen)} />}
        </main>
        {isWide && info !== undefined && (
          <div className="w-88 shrink-0 border-l border-line bg-surface">
            <Details blueprint={info} />
          </div>
        )}
      </div>
      {!isWide && (
        <Sheet isOpen={isMenuOpen} onClose={() => setMenuOpen(false)} title="Library" place="left">
          <Library
            onChosen={() => setMenuOpen(false)}
            onInspect={() => {
              setMenuOpen(false);
              setInspecting(true);
            }}
          />
        </Sheet>
      )}
      {!isWide && info !== undefined && (
        <Sheet
          isOpen={isSheetOpen}
          onClose={() => {
            setDetailsOpen(false);
            studio.select(undefined);
          }}
          title="Details"
          isTitleHidden={selected !== undefined}
          place="bottom"
        >
          <Details blueprint={info} />
        </Sheet>
      )}
      {info !== undefined && <RunForm key={info.id} blueprint={info} />}
      <AnswerForm />
      {info !== undefined && <BreakpointDialog blueprint={info} />}
      {info !== undefined && <ConfigDialog blueprint={info} />}
      {studio.bus !== undefined && (
        <Sheet
          isOpen={isInspecting}
          onClose={() => setInspecting(false)}
          title="The link to the host"
          place={isWide ? "center" : "bottom"}
        >
          <Inspector bus={studio.bus} />
        </Sheet>
      )}
      <Notice />
    </div>
  );
}

function Header({
  isWide,
  onMenu,
  onDetails,
}: {
  isWide: boolean;
  onMenu: () => void;
  onDetails: () => void;
}): ReactNode {
  const blueprint = useStudioState((state) => state.blueprint);
  const isRecording = useStudioState((state) => state.recording !== undefined);
  const info = blueprint.at === "here" ? blueprint.value : undefined;
  return (
    <header className="flex h-14 shrink-0 items-center gap-3 border-b border-line bg-surface pr-3 pl-4 max-sm:gap-1.5 max-sm:px-2">
      {!isWide && <IconButton icon="menu" name="Open the library" onClick={onMenu} />}
      <span className={`flex items-center gap-2.5 lg:w-60 ${info === undefined ? "" : "max-sm:hidden"}`}>
        <Brand />
        <span className={`text-base font-semibold tracking-tight ${info === undefined ? "" : "max-lg:sr-only"}`}>
          Atomiton
        </span>
      </span>
      <div className="min-w-0 flex-1">
        {info !== undefined && (
          <>
            <h1 className="flex items-center gap-2 text-base leading-5 font-semibold">
              <span className="truncate">{info.name}</span>
              <ProblemBadge errors={info.errors} warnings={info.warnings} />
            </h1>
            <p className="truncate text-xs text-faint">{info.file}</p>
          </>
        )}
      </div>
      {isRecording ? <RecordingMark /> : <LinkState />}
      <ThemeToggle />
      {!isWide && info !== undefined && <IconButton icon="panel" name="Show the details" onClick={onDetails} />}
      {isRecording ? <LeaveRecording /> : info !== undefined && <RunControls info={info} />}
    </header>
  );
}

function RunControls({ info }: { info: BlueprintInfo }): ReactNode {
  const studio = useStudio();
  const isLive = useStudioState((state) => state.link.at === "live");
  const isStarting = useStudioState((state) => state.isStarting);
  const mayControl = useStudioState((state) => state.rights.control);
  const isCancelling = useStudioState((state) => state.isCancelling || state.execution?.state === "cancelling");
  const isRunning = useStudioState(
    ({ execution, isAttaching }) => execution !== undefined && !isAttaching && !isTerminal(execution.state),
  );
  if (isRunning && !mayControl) return null;
  if (isRunning) {
    return (
      <Button look="danger" icon="stop" disabled={isCancelling || !isLive} onClick={() => void studio.cancel()}>
        {isCancelling ? "Cancelling" : "Cancel"}
      </Button>
    );
  }
  const hasErrors = info.errors > 0;
  return (
    <Button
      look="primary"
      icon="play"
      disabled={hasErrors || isStarting || !isLive}
      title={hasErrors ? "It has errors: mend them in the file first" : isLive ? "" : "Not connected"}
      onClick={() => studio.run()}
    >
      {isStarting ? "Starting" : info.inputs.length > 0 ? "Run…" : "Run"}
    </Button>
  );
}

function Middle({ onMenu }: { onMenu: (() => void) | undefined }): ReactNode {
  const blueprint = useStudioState((state) => state.blueprint);
  const hasAny = useStudioState(({ blueprints }) => blueprints.at === "here" && blueprints.value.length > 0);
  switch (blueprint.at) {
    case "here":
      return <Canvas blueprint={blueprint.value} />;
    case "failed":
      return (
        <Empty icon="warning" title="This Blueprint cannot be shown">
          {blueprint.message}
        </Empty>
      );
    case "loading":
      return <Loading>Opening the Blueprint…</Loading>;
    case "nothing":
      return (
        <Empty icon="stack" title={hasAny ? "Choose a Blueprint" : "Nothing is open"}>
          {hasAny
            ? "Its graph is drawn here, and you watch it run."
            : "Blueprints of the served folder are listed in the library."}
          {onMenu !== undefined && (
            <p className="mt-4">
              <Button onClick={onMenu} icon="menu">
                Open the library
              </Button>
            </p>
          )}
        </Empty>
      );
  }
}

/** Quiet: most of the time it is gone before it is read. */
const Loading = ({ children }: { children: ReactNode }): ReactNode => (
  <div aria-busy="true" className="flex h-full items-center justify-center gap-2.5 text-sm text-muted">
    <StateShape state="running" />
    {children}
  </div>
);

/** Long enough to read two sentences. */
const NOTICE_MS = 8_000;

/** Below every dialog: it never lies over what somebody is about to press, and waits until they are done. */
function Notice(): ReactNode {
  const studio = useStudio();
  const notice = useStudioState((state) => state.notice);
  const isAsking = useStudioState((state) => state.isAsking || state.answering !== undefined);
  useEffect(() => {
    if (notice === undefined || isAsking) return;
    const timer = setTimeout(() => studio.dismiss(), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [isAsking, notice, studio]);
  return (
    <div aria-live="assertive" className="pointer-events-none fixed inset-x-0 bottom-4 z-30 flex justify-center px-4">
      {notice !== undefined && (
        <div className="pointer-events-auto flex max-w-lg items-start gap-2 rounded-xl border border-line bg-surface py-2.5 pr-1.5 pl-4 text-sm shadow-high">
          <p className="min-w-0 py-1 break-words">{notice.text}</p>
          <IconButton icon="close" name="Dismiss" onClick={() => studio.dismiss()} />
        </div>
      )}
    </div>
  );
}
