/** Changes a node's configuration while its run goes on. */
import type { ConfigReply } from "@atomiton/runtime/client";
import { useEffect, useState, type ReactNode } from "react";

import type { BlueprintInfo, GraphNode } from "../../host/host.ts";
import { changeOf, configForm, type ConfigForm } from "../../model/config-form.ts";
import type { Typed } from "../../model/form.ts";
import { itemOf, nodePathOf } from "../../model/path.ts";
import { Button, TextButton } from "../../ui/button.tsx";
import { FieldView, focusFirst } from "../../ui/fields.tsx";
import { Sheet } from "../../ui/sheet.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

export function ConfigDialog({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const { steering } = useStudio();
  const path = useStudioState((state) => state.configuring);
  const node = blueprint.graph.nodes.find((one) => path !== undefined && one.path === nodePathOf(path));
  return (
    <Sheet
      isOpen={path !== undefined && node !== undefined}
      onClose={() => steering.openConfig(undefined)}
      title={`Configuration of ${node?.id ?? ""}`}
      place="center"
    >
      {path !== undefined && node !== undefined && <Loaded key={path} path={path} node={node} />}
    </Sheet>
  );
}

interface Read {
  readonly form: ConfigForm;
  readonly hash: string;
}

function Loaded({ path, node }: { path: string; node: GraphNode }): ReactNode {
  const { steering } = useStudio();
  const [read, setRead] = useState<Read>();
  const [problem, setProblem] = useState<string>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isWanted = true;
    steering.config(path, node.uses, node.config).then(
      ({ schema, config, hash }) => isWanted && setRead({ form: configForm(schema, config), hash }),
      (error: unknown) => isWanted && setProblem(error instanceof Error ? error.message : String(error)),
    );
    return () => {
      isWanted = false;
    };
  }, [node, path, round, steering]);
  if (problem !== undefined) return <p className="px-5 py-4 text-sm break-words text-bad">{problem}</p>;
  if (read === undefined) return <p className="px-5 py-4 text-sm text-muted">Reading it…</p>;
  return <Fields key={read.hash} path={path} read={read} onReadAgain={() => setRound(round + 1)} />;
}

/** From when on the host says that a change counts. */
const appliedTexts: Readonly<Record<ConfigReply["applied"], string>> = {
  live: "Applied: what runs has it now.",
  "next-attempt": "Applied: it counts from the next attempt on.",
  "next-item": "Applied: it counts from the next item on.",
};

function Fields({ path, read, onReadAgain }: { path: string; read: Read; onReadAgain: () => void }): ReactNode {
  const studio = useStudio();
  const { steering } = studio;
  const [typed, setTyped] = useState<Typed>(read.form.typed);
  const [wasSent, setWasSent] = useState(false);
  const [refusal, setRefusal] = useState<{ text: string; isConflict: boolean }>();
  const isLive = useStudioState((state) => state.link.at === "live");
  const change = changeOf(read.form, typed);
  const messages = wasSent && !change.ok ? change.messages : {};
  const isChanged = !change.ok || change.patch.length > 0;
  const apply = async (): Promise<void> => {
    setWasSent(true);
    if (!change.ok) return focusFirst(change.messages);
    try {
      const applied = await steering.configure(path, change.patch, read.hash, change.values);
      steering.openConfig(undefined);
      studio.notify(appliedTexts[applied]);
    } catch (error) {
      const details = (error as { details?: { configHash?: unknown } }).details;
      setRefusal({
        text: error instanceof Error ? error.message : String(error),
        isConflict: details?.configHash !== undefined,
      });
    }
  };
  return (
    <form
      noValidate
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void apply();
      }}
    >
      <div className="min-h-0 flex-1 space-y-4 overflow-y-auto px-5 py-4">
        <p className="text-xs text-muted">
          For this run only{itemOf(path) === "" ? "" : `, item ${itemOf(path)}`}; the file stays as it is. A text that
          begins with {"${"} is an expression.
        </p>
        {refusal !== undefined && (
          <div role="alert" className="rounded-lg bg-bad-soft px-3 py-2 text-sm break-words text-bad">
            {refusal.text}
            {refusal.isConflict && (
              <p className="mt-1">
                <TextButton onClick={onReadAgain}>Read it again</TextButton>
              </p>
            )}
          </div>
        )}
        {read.form.fields.length === 0 && <p className="text-sm text-muted">It has nothing to set.</p>}
        {read.form.fields.map((field) => (
          <FieldView
            key={field.name}
            field={field}
            at={field.name}
            typed={typed}
            messages={messages}
            onChange={(texts) => setTyped((before) => ({ ...before, ...texts }))}
          />
        ))}
      </div>
      <div className="flex items-center justify-end gap-2 border-t border-line px-5 py-3">
        <Button onClick={() => steering.openConfig(undefined)}>Close</Button>
        <Button look="primary" icon="check" type="submit" disabled={!isChanged || !isLive}>
          Apply
        </Button>
      </div>
    </form>
  );
}
