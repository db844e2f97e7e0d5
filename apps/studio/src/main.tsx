import "./jitless.ts";
import "./styles.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app.tsx";
import { pageFrames } from "./frame.ts";
import { openBusHost } from "./host/bus-host.ts";
import { readAddress, writeAddress } from "./model/address.ts";
import { createStudioStore } from "./store.ts";
import { Studio } from "./studio.ts";
import { applyTheme } from "./ui/theme.tsx";
import { StudioContext } from "./use-studio.ts";

/** Of this tab alone: a token in the visible address would be copied along with it. */
const TOKEN_KEY = "atomiton:token";

applyTheme();
const address = readAddress(location.hash);
if (address.token !== undefined) sessionStorage.setItem(TOKEN_KEY, address.token);
// The token and `run` leave the address before anything else happens.
history.replaceState(null, "", location.pathname + location.search + writeAddress(address));

const store = createStudioStore();
const host = openBusHost({ token: address.token ?? sessionStorage.getItem(TOKEN_KEY) ?? undefined });
const studio = new Studio({
  host,
  store,
  address,
  frames: pageFrames,
  now: () => Date.now(),
  onView: (view) => history.replaceState(null, "", location.pathname + location.search + writeAddress(view)),
});
studio.start();
addEventListener("focus", () => studio.lookAgain());

// An address with another execution or token, pasted into this tab, is another view: begin again with it.
addEventListener("hashchange", () => location.reload());

const root = document.getElementById("root");
if (root === null) throw new Error('Cannot draw the page: index.html has no element with the id "root"');
createRoot(root).render(
  <StrictMode>
    <StudioContext value={{ studio, store }}>
      <App />
    </StudioContext>
  </StrictMode>,
);
