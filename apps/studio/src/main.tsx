import "./jitless.ts";
import "./styles.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { readAddress, writeAddress } from "./model/address.ts";
import { Tab } from "./recording/tab.ts";
import { Root } from "./root.tsx";
import { applyTheme } from "./ui/theme.tsx";

/** Of this tab alone: a token in the visible address would be copied along with it. */
const TOKEN_KEY = "atomiton:token";

applyTheme();
const address = readAddress(location.hash);
if (address.token !== undefined) sessionStorage.setItem(TOKEN_KEY, address.token);
const showAddress = (fragment: string): void =>
  history.replaceState(null, "", location.pathname + location.search + fragment);
// The token and `run` leave the address before anything else happens.
showAddress(writeAddress(address));

const tab = new Tab({
  address,
  token: address.token ?? sessionStorage.getItem(TOKEN_KEY) ?? undefined,
  onAddress: showAddress,
});
tab.start();
addEventListener("focus", () => tab.lookAgain());

// An address with another execution or token, pasted into this tab, is another view: begin again with it.
addEventListener("hashchange", () => location.reload());

const root = document.getElementById("root");
if (root === null) throw new Error('Cannot draw the page: index.html has no element with the id "root"');
createRoot(root).render(
  <StrictMode>
    <Root tab={tab} />
  </StrictMode>,
);
