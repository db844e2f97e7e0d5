/** The question that a run asks a person: its prompt, what it is about, a form from its schema. */
import type { Val, WaitInfo } from "@atomiton/runtime/contract";
import { useEffect, useMemo, useState, type ReactNode } from "react";

import { initialOf, readForm, type Typed } from "../../model/form.ts";
import { shortName } from "../../model/path.ts";
import { answerOf, formOf } from "../../model/schema-form.ts";
import { Button } from "../../ui/button.tsx";
import { FieldView, focusFirst } from "../../ui/fields.tsx";
import { Sheet } from "../../ui/sheet.tsx";
import { ValView } from "../../ui/value-view.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";
import { TimeLeft } from "./stand-lines.tsx";

export function AnswerForm(): ReactNode {
  const { steering } = useStudio();
  const answering = useStudioState((state) => state.answering);
  const wait = useStudioState(({ execution }) => execution?.waits.find(({ waitId }) => waitId === answering));
  return (
    <Sheet
      isOpen={wait !== undefined}
      onClose={() => steering.openAnswer(undefined)}
      title={wait?.prompt ?? "An answer is needed"}
      place="center"
    >
      {wait !== undefined && <Question key={wait.waitId} wait={wait} />}
    </Sheet>
  );
}

function Question({ wait }: { wait: WaitInfo }): ReactNode {
  const { steering } = useStudio();
  const form = useMemo(() => formOf(wait.schema), [wait.schema]);
  const [typed, setTyped] = useState<Typed>(() => initialOf(form.fields));
  const [wasSent, setWasSent] = useState(false);
  const [isSending, setSending] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const isLive = useStudioState((state) => state.link.at === "live");
  const read = readForm(form.fields, typed);
  const messages = wasSent && !read.ok ? read.messages : {};

  const send = async (): Promise<void> => {
    setWasSent(true);
    if (!read.ok) return focusFirst(read.messages);
    setSending(true);
    setRefusal(await steering.answer(wait.waitId, answerOf(form, read.input)));
    setSending(false);
  };
  return (
    <form
      noValidate
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div className="min-h-0 flex-1 space-y-4 overflow-y-auto px-5 py-4">
        <p className="text-xs text-muted">
          {shortName(wait.path)} waits for the first answer
          {wait.until !== undefined && (
            <>
              , <TimeLeft until={wait.until} />
            </>
          )}
        </p>
        {refusal !== undefined && (
          <p role="alert" className="rounded-lg bg-bad-soft px-3 py-2 text-sm break-words text-bad">
            {refusal}
          </p>
        )}
        <Context path={wait.path} />
        {form.fields.map((field) => (
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
        <Button onClick={() => steering.openAnswer(undefined)}>Close</Button>
        <Button look="primary" icon="check" type="submit" disabled={isSending || !isLive}>
          {isSending ? "Sending" : "Answer"}
        </Button>
      </div>
    </form>
  );
}

/** What its node was given to show to whoever answers. */
function Context({ path }: { path: string }): ReactNode {
  const { steering } = useStudio();
  const [context, setContext] = useState<Val>();
  useEffect(() => {
    let isWanted = true;
    steering.input(path, "context").then(
      (val) => isWanted && setContext(val),
      // Nothing is wired to it.
      () => {},
    );
    return () => {
      isWanted = false;
    };
  }, [path, steering]);
  if (context === undefined) return null;
  return (
    <section aria-label="What it is about">
      <ValView val={context} />
    </section>
  );
}
