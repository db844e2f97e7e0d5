/** The fields of every form: of inputs, answers and configurations. */
import type { ReactNode } from "react";

import { ENTRY_LIMIT, initialAt, lengthKey, lengthOf, type Field, type Typed } from "../model/form.ts";
import { IconButton, TextButton } from "./button.tsx";
import { Icon } from "./icons.tsx";

export interface FieldProps {
  field: Field;
  /** Where it stands in the form: `rows/0/to`. */
  at: string;
  typed: Typed;
  /** By the same keys. */
  messages: Readonly<Record<string, string>>;
  onChange: (texts: Typed) => void;
}

const idOf = (at: string): string => `input-${at}`;

/** The first field that something is wrong with, in the order of the page. */
export function focusFirst(messages: Readonly<Record<string, string>>): void {
  const ids = new Set(Object.keys(messages).map(idOf));
  const first = [...document.querySelectorAll<HTMLElement>("[id^='input-']")].find(({ id }) => ids.has(id));
  first?.focus();
}

export function FieldView(props: FieldProps): ReactNode {
  const { field, at, typed, messages, onChange } = props;
  if (field.kind === "object") return <ObjectView {...props} />;
  if (field.kind === "list") return <ListView {...props} />;
  const id = idOf(at);
  const about = `${id}-about`;
  const text = typed[at] ?? "";
  const message = messages[at];
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
            onChange={(event) => onChange({ [at]: String(event.target.checked) })}
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
          {field.required && <Required />}
        </label>
        <code className="font-mono text-2xs text-faint">{field.type}</code>
      </div>
      <Control
        id={id}
        about={about}
        field={field}
        text={text}
        isBad={message !== undefined}
        onChange={(changed) => onChange({ [at]: changed })}
      />
      <About id={about} field={field} message={message} />
    </div>
  );
}

const Required = (): ReactNode => <span className="text-xs font-medium text-accent"> required</span>;

function ObjectView({ field, at, ...rest }: FieldProps): ReactNode {
  return (
    <fieldset className="min-w-0 space-y-3 border-l-2 border-line pl-3">
      <legend className="text-sm font-medium">
        {field.label}
        {field.required && <Required />}
      </legend>
      {field.help !== undefined && <p className="text-xs text-muted">{field.help}</p>}
      {field.fields?.map((inner) => (
        <FieldView key={inner.name} field={inner} at={`${at}/${inner.name}`} {...rest} />
      ))}
    </fieldset>
  );
}

function ListView({ field, at, typed, messages, onChange }: FieldProps): ReactNode {
  const { item } = field;
  const length = lengthOf(at, typed);
  if (item === undefined) return null;
  const add = (): void => onChange({ [lengthKey(at)]: String(length + 1), ...initialAt(item, `${at}/${length}`) });
  return (
    <fieldset className="min-w-0 space-y-3 border-l-2 border-line pl-3">
      <legend className="text-sm font-medium">
        {field.label}
        {field.required && <Required />}
      </legend>
      {Array.from({ length }, (_, index) => (
        // Entries have no identity but their place.
        // oxlint-disable-next-line react/no-array-index-key
        <div key={index} className="flex items-start gap-2">
          <div className="min-w-0 flex-1">
            <FieldView
              field={{ ...item, label: item.label === "entry" ? `${field.label} ${index + 1}` : item.label }}
              at={`${at}/${index}`}
              typed={typed}
              messages={messages}
              onChange={onChange}
            />
          </div>
          <IconButton
            icon="trash"
            name={`Remove ${field.label} ${index + 1}`}
            onClick={() => onChange(without(at, index, length, typed))}
          />
        </div>
      ))}
      <p id={idOf(at)} tabIndex={-1} className={messages[at] === undefined ? "text-xs text-muted" : "text-xs text-bad"}>
        {messages[at] ?? field.help}
      </p>
      <TextButton disabled={length >= ENTRY_LIMIT} onClick={add}>
        Add to {field.label}
      </TextButton>
    </fieldset>
  );
}

/** Entries behind the one that goes move up by one. */
function without(at: string, index: number, length: number, typed: Typed): Typed {
  const changed: Record<string, string> = { [lengthKey(at)]: String(length - 1) };
  for (const [key, text] of Object.entries(typed)) {
    const place = key.startsWith(`${at}/`) ? /^(\d+)(.*)$/s.exec(key.slice(at.length + 1)) : null;
    if (place !== null && Number(place[1]) > index) changed[`${at}/${Number(place[1]) - 1}${place[2]}`] = text;
  }
  return changed;
}

export const fieldLook = (isBad: boolean): string =>
  `w-full rounded-lg border bg-sunken px-2.5 text-sm font-normal placeholder:text-faint ${isBad ? "border-bad" : "border-line-strong"}`;

const inputTypes: Partial<Record<Field["kind"], string>> = {
  date: "date",
  time: "time",
  "date-time": "datetime-local",
};

interface ControlProps {
  id: string;
  about: string;
  field: Field;
  text: string;
  isBad: boolean;
  onChange: (text: string) => void;
}

function Control({ id, about, field, text, isBad, onChange }: ControlProps): ReactNode {
  const look = fieldLook(isBad);
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
        type={inputTypes[field.kind] ?? "text"}
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
