// The whole preload, for `webPreferences.preload`: it passes one port of the page to main, and exposes nothing.
// Sandboxed preloads are one CommonJS file; the two words stand in electron-port.ts too, and a test compares them.
declare const require: (name: "electron") => {
  readonly ipcRenderer: { postMessage(channel: string, message: unknown, ports: readonly MessagePort[]): void };
};
const { ipcRenderer } = require("electron");

window.addEventListener("message", (event) => {
  const [port] = event.ports;
  if (!port || event.source !== window || event.data?.atomiton !== "atomiton:connect" || event.ports.length !== 1)
    return;
  port.postMessage(["atomiton:preload"]);
  ipcRenderer.postMessage("atomiton:connect", event.data, [port]);
});
