import type { ReactNode } from "react";

/** A part of a side panel, with its heading. */
export function Section({
  title,
  note,
  children,
}: {
  title: string;
  note?: ReactNode;
  children: ReactNode;
}): ReactNode {
  return (
    <section aria-label={title} className="border-t border-line px-5 py-4">
      <h3 className="mb-2.5 flex items-baseline justify-between gap-3 text-xs font-semibold text-muted">
        {title}
        {note !== undefined && <span className="font-normal text-faint tabular-nums">{note}</span>}
      </h3>
      {children}
    </section>
  );
}

/** Names and what they mean, one a row. */
export function Pairs({ children }: { children: ReactNode }): ReactNode {
  return (
    <dl className="grid grid-cols-[minmax(5.5rem,auto)_1fr] items-baseline gap-x-4 gap-y-1.5 text-sm">{children}</dl>
  );
}

export function Pair({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}
