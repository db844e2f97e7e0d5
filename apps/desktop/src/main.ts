/** Studio in a window, the runtime in a utility process; main introduces them and stays out of what they say. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { servePages } from "@atomiton/events/electron/main";
import { openBlobStore } from "@atomiton/runtime";
import { app, BrowserWindow, ipcMain, protocol, session } from "electron";

import { answerWith } from "./app-protocol.ts";
import { HostProcess } from "./host-process.ts";
import { denyPermissions, holdPages } from "./security.ts";
import { STUDIO } from "./words.ts";

const here = import.meta.dirname;
const dir = resolve(app.commandLine.getSwitchValue("dir") || ".");

// (4) Every renderer in the sandbox of the system. Fatal where that was switched off on the command line.
if (!app.commandLine.hasSwitch("no-sandbox")) app.enableSandbox();
// (18) Pages of a protocol of our own: files would all be one origin.
protocol.registerSchemesAsPrivileged([
  { scheme: "app", privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } },
]);
holdPages(app);

if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) {
  process.stderr.write(`Cannot open "${dir}": it is no folder; give a folder of Blueprints with --dir=<folder>\n`);
  app.exit(2);
} else void app.whenReady().then(open);

function open(): void {
  // One folder for both processes: a host that is started anew finds what the one before it has kept.
  const blobFolder = mkdtempSync(join(tmpdir(), "atomiton-blobs-"));
  const blobs = openBlobStore({ dir: blobFolder });
  const host = new HostProcess(join(here, "host.js"), [dir, blobFolder]);
  denyPermissions(session.defaultSession);
  protocol.handle("app", answerWith(resolve(here, "../../studio/dist"), blobs));
  // (17) Who asks is judged: a window of ours, its main frame, Studio's own origin.
  const pages = servePages({
    ipcMain,
    to: () => host.child,
    origins: [STUDIO],
    admits: { role: "ui", grants: ["*"] },
  });

  const openWindow = (): void => {
    const window = new BrowserWindow({
      width: 1280,
      height: 800,
      title: "Atomiton Studio",
      // (2, 3, 20) No Node in the page, a world of its own for the preload, which exposes nothing.
      webPreferences: {
        preload: join(here, "preload.cjs"),
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webSecurity: true,
        spellcheck: false,
      },
    });
    pages.add(window.webContents);
    window.removeMenu();
    void window.loadURL(`${STUDIO}/`);
  };
  openWindow();
  app.on("activate", () => {
    if (BrowserWindow.getAllWindows().length === 0) openWindow();
  });

  let isOver = false;
  app.on("before-quit", (event) => {
    if (isOver) return;
    event.preventDefault();
    void host.end().then(async () => {
      isOver = true;
      await blobs.close();
      rmSync(blobFolder, { recursive: true, force: true });
      app.quit();
    });
  });
}

app.on("window-all-closed", () => {
  if (process.platform !== "darwin") app.quit();
});
