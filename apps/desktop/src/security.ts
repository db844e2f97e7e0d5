/** What no page may do here, Studio's own included. The numbers are those of Electron's security checklist. */
import { shell, type App, type Session } from "electron";

import { STUDIO } from "./words.ts";

/** Addresses that a click may open in the system's browser: encrypted ones, without a password in them. */
export function mayOpenOutside(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, username, password } = new URL(address);
  return protocol === "https:" && username === "" && password === "";
}

export function isStudio(address: string): boolean {
  return address === STUDIO || address.startsWith(`${STUDIO}/`);
}

/** (5) Of the permissions that pages ask for, none is given. */
export function denyPermissions(session: Session): void {
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
}

/** (11, 12) No webviews; (13) Studio stays where it is; (14) no new windows; (15) few addresses lead outside. */
export function holdPages(app: App): void {
  app.on("web-contents-created", (_created, contents) => {
    contents.on("will-attach-webview", (event) => event.preventDefault());
    contents.on("will-frame-navigate", (event) => {
      if (!event.isMainFrame || !isStudio(event.url)) event.preventDefault();
    });
    contents.on("will-redirect", (event) => event.preventDefault());
    contents.setWindowOpenHandler(({ url }) => {
      if (mayOpenOutside(url)) void shell.openExternal(url);
      return { action: "deny" };
    });
  });
}
