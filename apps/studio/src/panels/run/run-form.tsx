/** Asks for a Blueprint's inputs: one field each, made from its type. */
import { useEffect, useMemo, useState, type ReactNode } from "react";

import type { BlueprintInfo } from "../../host/host.ts";
import { fieldsOf, initialOf, readForm, type Field, type Typed } from "../../model/form.ts";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icons.tsx";
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

  const change = (name: string, text: string): void => {
    setTyped((before) => ({ ...before, [name]: text }));
    setMended((before) => new Set(before).add(name));
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
        const first = fields.find((field) => !read.ok && read.messages[field.name] !== undefined);
        if (first !== undefined) document.getElementById(`input-${first.name}`)?.focus();
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
            text={typed[field.name] ?? ""}
            message={messages[field.name]}
            onChange={(text) => change(field.name, text)}
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

interface FieldProps {
  field: Field;
  text: string;
  message: string | undefined;
  onChange: (text: string) => void;
}

function FieldView({ field, text, message, onChange }: FieldProps): ReactNode {
  const id = `input-${field.name}`;
  const about = `${id}-about`;
  if (field.kind === "boolean") {
    return (
      <div>
        <label className="flex items-start gap-2.5 text-sm font-medium" htmlFor={id}>
          <input
            id={id}
            type="checkbox"
            className="mt-0.5 size-4 accent-[var(--accent-solid)]"
            checked={text === "true"}
            aria-describedby={about}
            onChange={(event) => onChange(String(event.target.checked))}
          />
          {field.label}
        </label>
        <About id={about} field={field} message={message} />
      </div>
    );
  }
  return (
    <div>
      <div className="mb-1 flex items-baseline justify-between gap-3">
        <label htmlFor={id} className="text-sm font-medium">
          {field.label}
          {field.required && <span className="ml-1.5 text-xs font-medium text-accent">required</span>}
        </label>
        <code className="font-mono text-2xs text-faint">{field.type}</code>
      </div>
      <Control id={id} about={about} field={field} text={text} isBad={message !== undefined} onChange={onChange} />
      <About id={about} field={field} message={message} />
    </div>
  );
}

function Control({
  id,
  about,
  field,
  text,
  isBad,
  onChange,
}: {
  id: string;
  about: string;
  field: Field;
  text: string;
  isBad: boolean;
  onChange: (text: string) => void;
}): ReactNode {
  const look = `w-full rounded-lg border bg-sunken px-2.5 text-sm placeholder:text-faint ${isBad ? "border-bad" : "border-line-strong"}`;
  const said = { id, "aria-describedby": about, "aria-invalid": isBad, "aria-required": field.required };
  if (field.kind === "enum") {
    return (
      <select {...said} value={text} onChange={(event) => onChange(event.target.value)} className={`${look} h-9`}>
        {(text === "" || !field.required) && <option value="">Choose…</option>}
        {field.options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    );
  }
  if (field.multiline) {
    return (
      <textarea
        {...said}
        value={text}
        rows={4}
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
        placeholder={
          field.type.startsWith("list") ? '["one", "two"]' : field.kind === "json" ? '{ "key": "value" }' : ""
        }
        className={`${look} py-2 font-mono text-xs`}
      />
    );
  }
  const isNumber = field.kind === "number" || field.kind === "integer";
  return (
    <div className="relative">
      {field.kind === "file" && <Icon name="file" size={15} className="absolute top-2.5 left-2.5 text-faint" />}
      <input
        {...said}
        type="text"
        inputMode={field.kind === "integer" ? "numeric" : isNumber ? "decimal" : "text"}
        value={text}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
        placeholder={field.kind === "file" ? "data/rows.csv" : ""}
        className={`${look} h-9 ${field.kind === "file" ? "pl-8" : ""} ${isNumber ? "tabular-nums" : ""}`}
      />
    </div>
  );
}

function About({ id, field, message }: { id: string; field: Field; message: string | undefined }): ReactNode {
  const help = field.help ?? (field.kind === "file" ? "A path below the served folder" : undefined);
  return (
    <p id={id} className={`mt-1 text-xs ${message === undefined ? "text-muted" : "font-medium text-bad"}`}>
      {message ?? help}
    </p>
  );
}
