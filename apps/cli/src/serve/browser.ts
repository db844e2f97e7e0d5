import { spawn } from "node:child_process";

/** Whether a person sits there who would see a browser open. */
export function mayOpenBrowser(stdout: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stdout.isTTY === true && !env["CI"] && !env["NO_BROWSER"];
}

/** Asks the desktop to open `address`. Resolves false where there is no desktop that can. */
export function openBrowser(address: string, platform: NodeJS.Platform = process.platform): Promise<boolean> {
  const [command, args]: [string, string[]] =
    platform === "darwin"
      ? ["open", [address]]
      : platform === "win32"
        ? // Not `cmd /c start`: its parser would take the & of the fragment as its own.
          ["rundll32", ["url.dll,FileProtocolHandler", address]]
        : ["xdg-open", [address]];
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "ignore", detached: true });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}
