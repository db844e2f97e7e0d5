import type { Val } from "@atomiton/runtime/contract";
/** A value for reading: table, tree, text or file. Bounded: what is left out is said. */
import { useState, type ReactNode } from "react";

import { bytes, integer } from "../model/format.ts";
import { brief, isFileRef, shown, shownVal, type FileRef, type Shown, type Table } from "../model/value.ts";
import { useStudio } from "../use-studio.ts";
import { Button, TextButton } from "./button.tsx";
import { Icon } from "./icons.tsx";

const ROWS_AT_ONCE = 50;
const ENTRIES_AT_ONCE = 100;
const TEXT_LIMIT = 20_000;

export const ValView = ({ val }: { val: Val | undefined }): ReactNode => <ShownView shown={shownVal(val)} />;
export const ValueView = ({ value }: { value: unknown }): ReactNode => <ShownView shown={shown(value)} />;

function ShownView({ shown: it }: { shown: Shown }): ReactNode {
  switch (it.as) {
    case "nothing":
      return <p className="text-sm text-faint">No value</p>;
    case "plain":
      return <code className="font-mono text-sm text-accent">{String(it.value)}</code>;
    case "text":
      return <TextView text={it.text} />;
    case "file":
      return <FileView file={it.file} />;
    case "table":
      return <TableView table={it.table} />;
    case "tree":
      return (
        <div className="overflow-x-auto rounded-lg border border-line bg-sunken px-2.5 py-2 font-mono text-xs">
          <Entries value={it.value} depth={0} />
        </div>
      );
    case "redacted":
      return <p className="text-sm text-muted">Hidden: it holds a secret.</p>;
    case "cut":
      return (
        <div className="space-y-1.5">
          <ShownView shown={it.preview} />
          <p className="flex items-center gap-1.5 text-xs text-warn">
            <Icon name="warning" size={13} />
            Cut: {bytes(it.bytes)} in all, this is the beginning.
          </p>
          <ReadInParts reference={it.ref} isText={it.preview.as === "text"} />
        </div>
      );
  }
}

/** Entries, or characters of a text, that one part has. */
const PART = { entries: 100, characters: 10_000 } as const;

/** What was too large to send, asked of the host part by part. */
function ReadInParts({ reference, isText }: { reference: string; isText: boolean }): ReactNode {
  const { steering } = useStudio();
  const [part, setPart] = useState<{ start: number; val: Val; total: number | undefined; next: number | undefined }>();
  const [problem, setProblem] = useState<string>();
  const count = isText ? PART.characters : PART.entries;
  const read = async (start: number): Promise<void> => {
    try {
      const { value, total, nextStart } = await steering.read({ ref: reference }, { start, count });
      setPart({ start, val: value, total, next: nextStart });
      setProblem(undefined);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  if (!steering.canRead) return null;
  const { start = 0, total, next } = part ?? {};
  return (
    <div className="space-y-1.5">
      {part !== undefined && <ValView val={part.val} />}
      <p className="flex flex-wrap items-center gap-x-3 text-xs text-muted tabular-nums">
        {part === undefined ? (
          <TextButton onClick={() => void read(0)}>Read it in parts</TextButton>
        ) : (
          <>
            {integer(start + 1)} to {integer(next ?? total ?? start + count)}
            {total !== undefined && ` of ${integer(total)}`}
            {start > 0 && <TextButton onClick={() => void read(Math.max(0, start - count))}>Previous part</TextButton>}
            {next !== undefined && <TextButton onClick={() => void read(next)}>Next part</TextButton>}
          </>
        )}
      </p>
      {problem !== undefined && <p className="text-xs break-words text-bad">{problem}</p>}
    </div>
  );
}

function TextView({ text }: { text: string }): ReactNode {
  if (text === "") return <p className="text-sm text-faint">An empty text</p>;
  const isCut = text.length > TEXT_LIMIT;
  return (
    <div className="space-y-1.5">
      <pre className="max-h-72 overflow-auto rounded-lg border border-line bg-sunken px-2.5 py-2 font-mono text-xs break-words whitespace-pre-wrap text-text">
        {isCut ? text.slice(0, TEXT_LIMIT) : text}
      </pre>
      {isCut && (
        <p className="text-xs text-warn">
          Cut: the first {integer(TEXT_LIMIT)} of {integer(text.length)} characters.
        </p>
      )}
    </div>
  );
}

function FileView({ file }: { file: FileRef }): ReactNode {
  const studio = useStudio();
  const name = file.name ?? "file";
  const save = async (): Promise<void> => {
    try {
      const url = URL.createObjectURL(await studio.download(file.$blob));
      const link = document.createElement("a");
      link.href = url;
      link.download = name;
      link.click();
      // The browser has taken the address by the next turn; the bytes are freed then.
      setTimeout(() => URL.revokeObjectURL(url), 0);
    } catch (error) {
      studio.notify(`"${name}" was not downloaded: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return (
    <div className="flex items-center gap-2.5 rounded-lg border border-line bg-sunken px-2.5 py-2">
      <Icon name="file" className="text-muted" />
      <span className="min-w-0 flex-1">
        <span className="block truncate text-sm font-medium">{name}</span>
        <span className="block truncate text-xs text-muted">
          {bytes(file.size)}, {file.type}
          {studio.player !== undefined && "; its bytes are not in the recording"}
        </span>
      </span>
      {studio.player === undefined && (
        <Button icon="download" onClick={() => void save()} aria-label={`Download ${name}`}>
          Download
        </Button>
      )}
    </div>
  );
}

function TableView({ table }: { table: Table }): ReactNode {
  const [limit, setLimit] = useState(ROWS_AT_ONCE);
  const rows = table.rows.slice(0, limit);
  return (
    <div className="space-y-1.5">
      <div
        className="max-h-80 overflow-auto rounded-lg border border-line"
        tabIndex={0}
        role="region"
        aria-label="Table"
      >
        <table className="w-full border-separate border-spacing-0 text-left text-xs">
          <thead className="sticky top-0">
            <tr>
              {table.columns.map((column) => (
                <th
                  key={column}
                  scope="col"
                  className="border-b border-line bg-hover px-2.5 py-1.5 font-medium whitespace-nowrap text-muted"
                >
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              // Rows have no identity of their own, and their order does not change.
              // oxlint-disable-next-line react/no-array-index-key
              <tr key={index} className="hover:bg-hover">
                {table.columns.map((column) => (
                  <td
                    key={column}
                    className={`max-w-56 truncate border-b border-line px-2.5 py-1.5 ${typeof row[column] === "number" ? "text-right tabular-nums" : ""}`}
                    title={brief(row[column], 400)}
                  >
                    {brief(row[column])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="flex flex-wrap items-center gap-x-2 text-xs text-muted">
        {table.rows.length > limit
          ? `${integer(limit)} of ${integer(table.rows.length)} rows`
          : `${integer(table.rows.length)} ${table.rows.length === 1 ? "row" : "rows"}`}
        {table.moreColumns > 0 && `, ${integer(table.moreColumns)} more columns not shown`}
        {table.rows.length > limit && (
          <button
            type="button"
            className="font-medium text-accent hover:underline"
            onClick={() => setLimit(limit + 4 * ROWS_AT_ONCE)}
          >
            Show more
          </button>
        )}
      </p>
    </div>
  );
}

function Entries({ value, depth }: { value: object; depth: number }): ReactNode {
  const [limit, setLimit] = useState(ENTRIES_AT_ONCE);
  const all = Array.isArray(value)
    ? value.map((item, index): [string, unknown] => [String(index), item])
    : Object.entries(value);
  if (all.length === 0)
    return <span className="text-faint">{Array.isArray(value) ? "an empty list" : "an empty object"}</span>;
  return (
    <ul className={depth === 0 ? "" : "border-l border-line pl-3"}>
      {all.slice(0, limit).map(([key, item]) => (
        <li key={key} className="leading-5">
          <Entry name={key} value={item} depth={depth} />
        </li>
      ))}
      {all.length > limit && (
        <li>
          <button type="button" className="text-accent hover:underline" onClick={() => setLimit(limit * 4)}>
            {integer(all.length - limit)} more
          </button>
        </li>
      )}
    </ul>
  );
}

function Entry({ name, value, depth }: { name: string; value: unknown; depth: number }): ReactNode {
  const [isOpen, setOpen] = useState(depth < 1);
  if (typeof value !== "object" || value === null) {
    return (
      <span className="break-words whitespace-pre-wrap">
        <span className="text-muted">{name}: </span>
        <span className={typeof value === "string" ? "text-text" : "text-accent"}>
          {typeof value === "string" ? brief(value, 2_000) : String(value)}
        </span>
      </span>
    );
  }
  if (isFileRef(value)) return <FileView file={value} />;
  return (
    <>
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
        className="flex max-w-full items-center gap-1 rounded hover:bg-hover"
      >
        <Icon name={isOpen ? "down" : "right"} size={12} className="text-faint" />
        <span className="text-muted">{name}</span>
        <span className="truncate text-faint">
          {Array.isArray(value) ? `[${value.length}]` : isOpen ? "" : brief(value, 60)}
        </span>
      </button>
      {isOpen && (
        <div className="ml-1.5">
          <Entries value={value} depth={depth + 1} />
        </div>
      )}
    </>
  );
}
