import { useEffect, useState, type ReactNode } from "react";

import { useMedia } from "../use-studio.ts";
import { IconButton } from "./button.tsx";

type Theme = "light" | "dark";
const KEY = "atomiton:theme";

const stored = (): Theme | undefined => {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : undefined;
};

/** The system's choice until the person makes one; going back to what the system has gives the choice back to it. */
export function ThemeToggle(): ReactNode {
  const system: Theme = useMedia("(prefers-color-scheme: dark)") ? "dark" : "light";
  const [chosen, setChosen] = useState(stored);
  const theme = chosen ?? system;
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const other: Theme = theme === "dark" ? "light" : "dark";
  const toggle = (): void => {
    if (other === system) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, other);
    setChosen(other === system ? undefined : other);
  };
  return <IconButton icon={theme === "dark" ? "sun" : "moon"} name={`Use the ${other} theme`} onClick={toggle} />;
}

/** Before the first picture, so that no wrong theme flashes up. */
export function applyTheme(): void {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset["theme"] = stored() ?? (isDark ? "dark" : "light");
}
