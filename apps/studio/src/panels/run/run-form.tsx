/** Asks for a Blueprint's inputs: one field each, made from its type. */
import { useEffect, useMemo, useState, type ReactNode } from "react";

import type { BlueprintInfo } from "../../host/host.ts";
import { fieldsOf, initialOf, readForm, type Typed } from "../../model/form.ts";
import { Button } from "../../ui/button.tsx";
import { FieldView, focusFirst } from "../../ui/fields.tsx";
import { Sheet } from "../../ui/sheet.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

/** What was typed last, by Blueprint: a second run starts from the first one's inputs. Gone with the page. */
const typedBefore = new Map<string, Typed>();

export function RunForm({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const isOpen = useStudioState((state) => state.isAsking);
  const studio = useStudio();
  return (
    <Sheet isOpen={isOpen} onClose={() => studio.closeForm()} title={`Run ${blueprint.name}`} place="center">
      <Fields blueprint={blueprint} />
    </Sheet>
  );
}

function Fields({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const studio = useStudio();
  const fields = useMemo(() => fieldsOf(blueprint.inputs), [blueprint]);
  const [typed, setTyped] = useState<Typed>(() => ({ ...initialOf(fields), ...typedBefore.get(blueprint.id) }));
  const [wasSent, setWasSent] = useState(false);
  /** Fields that somebody mended since the host refused them. */
  const [mended, setMended] = useState<ReadonlySet<string>>(new Set());
  const refusal = useStudioState((state) => state.refusal);
  const isStarting = useStudioState((state) => state.isStarting);
  const isLive = useStudioState((state) => state.link.at === "live");
  const read = readForm(fields, typed);
  const refused = Object.entries(refusal?.messages ?? {}).filter(([name]) => !mended.has(name));
  const messages = { ...Object.fromEntries(refused), ...(wasSent && !read.ok ? read.messages : {}) };
  const isAllInFields =
    refusal === undefined ||
    (Object.keys(refusal.messages).length > 0 &&
      Object.keys(refusal.messages).every((name) => fields.some((field) => field.name === name)));

  useEffect(() => {
    const first = fields.find(({ name }) => refusal?.messages[name] !== undefined);
    if (first !== undefined) document.getElementById(`input-${first.name}`)?.focus();
  }, [fields, refusal]);

  const change = (texts: Typed): void => {
    setTyped((before) => ({ ...before, ...texts }));
    setMended((before) => new Set([...before, ...Object.keys(texts)]));
  };
  const send = (): void => {
    setWasSent(true);
    setMended(new Set());
    if (!read.ok) return;
    typedBefore.set(blueprint.id, typed);
    studio.execute(read.input);
  };
  return (
    <form
      noValidate
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        if (!read.ok) focusFirst(read.messages);
      }}
    >
      <div className="min-h-0 flex-1 space-y-4 overflow-y-auto px-5 py-4">
        {refusal !== undefined && !isAllInFields && (
          <p role="alert" className="rounded-lg bg-bad-soft px-3 py-2 text-sm break-words text-bad">
            {refusal.text}
          </p>
        )}
        {fields.map((field) => (
          <FieldView
            key={field.name}
            field={field}
            at={field.name}
            typed={typed}
            messages={messages}
            onChange={change}
          />
        ))}
      </div>
      <div className="flex items-center justify-end gap-2 border-t border-line px-5 py-3">
        <Button onClick={() => studio.closeForm()}>Close</Button>
        <Button look="primary" icon="play" type="submit" disabled={isStarting || !isLive}>
          {isStarting ? "Starting" : "Run"}
        </Button>
      </div>
    </form>
  );
}
