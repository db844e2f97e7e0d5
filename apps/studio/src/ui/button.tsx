import type { ButtonHTMLAttributes, ReactNode } from "react";

import { Icon, type IconName } from "./icons.tsx";

type Look = "primary" | "plain" | "danger" | "quiet";

const looks: Record<Look, string> = {
  primary: "bg-accent-solid text-white hover:bg-accent-solid-hover shadow-card border-transparent",
  plain: "bg-surface text-text border-line-strong hover:bg-hover shadow-card",
  danger: "bg-surface text-bad border-line-strong hover:bg-bad-soft shadow-card",
  quiet: "border-transparent text-muted hover:bg-hover hover:text-text",
};

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  icon?: IconName;
  children?: ReactNode;
}

export function Button({ look = "plain", icon, children, className, ...rest }: Props): ReactNode {
  return (
    <button
      type="button"
      className={`inline-flex h-8 shrink-0 items-center justify-center gap-1.5 rounded-lg border px-3 text-sm font-medium whitespace-nowrap transition-colors select-none disabled:pointer-events-none disabled:opacity-50 pointer-coarse:h-9 ${looks[look]} ${className ?? ""}`}
      {...rest}
    >
      {icon !== undefined && <Icon name={icon} size={14} />}
      {children}
    </button>
  );
}

/** A button that is its icon: its name is said, and shown on hover. */
export function IconButton({
  icon,
  name,
  className,
  ...rest
}: Omit<Props, "look" | "children"> & { icon: IconName; name: string }): ReactNode {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      className={`inline-flex size-8 shrink-0 items-center justify-center rounded-lg text-muted transition-colors hover:bg-hover hover:text-text disabled:opacity-40 pointer-coarse:size-9 ${className ?? ""}`}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  );
}

/** A button within a text. */
export function TextButton({ className, ...rest }: ButtonHTMLAttributes<HTMLButtonElement>): ReactNode {
  return (
    <button
      type="button"
      className={`text-left text-xs font-medium text-accent hover:underline disabled:opacity-50 ${className ?? ""}`}
      {...rest}
    />
  );
}

interface ToolProps {
  icon: IconName;
  name: string;
  /** As it is pressed: `F8`. */
  keys?: string;
  /** Why it cannot be pressed now; it can still be reached, so that everybody learns why. */
  whyNot: string | undefined;
  onPress: () => void;
}

/** An icon of a row of tools: its tooltip says its key, or why it cannot be used. */
export function ToolButton({ icon, name, keys, whyNot, onPress }: ToolProps): ReactNode {
  const isOff = whyNot !== undefined;
  return (
    <button
      type="button"
      aria-label={name}
      aria-disabled={isOff}
      aria-keyshortcuts={keys?.replace("⇧", "Shift+")}
      title={isOff ? `${name}: ${whyNot}` : keys === undefined ? name : `${name} (${keys})`}
      onClick={() => {
        if (!isOff) onPress();
      }}
      className={`inline-flex size-8 shrink-0 items-center justify-center rounded-lg transition-colors pointer-coarse:size-9 ${isOff ? "cursor-default text-faint opacity-50" : "text-text hover:bg-hover"}`}
    >
      <Icon name={icon} />
    </button>
  );
}
