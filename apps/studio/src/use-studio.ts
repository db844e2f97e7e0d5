import { createContext, useContext, useEffect, useState } from "react";
import { useStore } from "zustand";

import type { StudioState, StudioStore } from "./store.ts";
import type { Studio } from "./studio.ts";

export const StudioContext = createContext<{ studio: Studio; store: StudioStore } | undefined>(undefined);

function useContextValue(): { studio: Studio; store: StudioStore } {
  const value = useContext(StudioContext);
  if (value === undefined) throw new Error("Cannot use the studio: no StudioContext is above this component");
  return value;
}

export const useStudio = (): Studio => useContextValue().studio;

/** Renders again only when what the selector picks is another value. */
export const useStudioState = <T>(pick: (state: StudioState) => T): T => useStore(useContextValue().store, pick);

/** True while the media query matches. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const read = (): void => setMatches(list.matches);
    read();
    list.addEventListener("change", read);
    return () => list.removeEventListener("change", read);
  }, [query]);
  return matches;
}

/** Both side panels stand beside the graph. */
export const WIDE = "(min-width: 1080px)";
