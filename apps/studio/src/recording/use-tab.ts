import { createContext, useContext } from "react";
import { useStore } from "zustand";

import type { Tab } from "./tab.ts";

export const TabContext = createContext<Tab | undefined>(undefined);

export function useTab(): Tab {
  const tab = useContext(TabContext);
  if (tab === undefined) throw new Error("Cannot use the tab: no TabContext is above this component");
  return tab;
}

export const useMayGoBack = (): boolean => useStore(useTab().state, (state) => state.mayGoBack);
