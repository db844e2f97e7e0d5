import type { ReactNode } from "react";

import { Icon, type IconName } from "./icons.tsx";

/** Says what is not there and what to do about it. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }): ReactNode {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-1 px-6 py-8 text-center">
      <span className="mb-2 flex size-10 items-center justify-center rounded-xl border border-line bg-surface text-faint shadow-card">
        <Icon name={icon} size={18} />
      </span>
      <p className="text-base font-medium text-text">{title}</p>
      {children !== undefined && <div className="max-w-72 text-sm text-muted">{children}</div>}
    </div>
  );
}
