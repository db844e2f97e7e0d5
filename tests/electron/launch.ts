/** A real Electron, started and driven from outside: its main process by `evaluate`, its pages as any browser's. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { _electron, type ElectronApplication } from "playwright";
import { onTestFinished } from "vitest";

export const root = new URL("../..", import.meta.url).pathname;

/** Root cannot have the sandbox of the system; one test has it, as another user. */
const isRoot = process.getuid?.() === 0;

export function electronProgram(): string {
  const folder = process.env["ELECTRON_OVERRIDE_DIST_PATH"];
  if (!folder) throw new Error('Cannot test without Electron: run these tests by "npm run test:electron"');
  const usual: Partial<Record<NodeJS.Platform, string>> = {
    darwin: "Electron.app/Contents/MacOS/Electron",
    win32: "electron.exe",
  };
  return join(folder, usual[process.platform] ?? "electron");
}

export interface Launched {
  readonly app: ElectronApplication;
  /** What main and its children wrote. */
  readonly output: () => string;
  /** The whole tree of its processes, main first. */
  readonly pids: () => number[];
}

/** A start takes one second, three on a busy machine. */
const LAUNCH_MS = 20_000;

export interface LaunchOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In the place of Electron itself. */
  readonly program?: string;
  /** Whoever starts it may have the sandbox of the system. */
  readonly isSandboxed?: boolean;
}

export async function launch(args: readonly string[], options: LaunchOptions = {}): Promise<Launched> {
  const start = (): Promise<ElectronApplication> =>
    _electron.launch({
      executablePath: options.program ?? electronProgram(),
      args: [...args],
      chromiumSandbox: !isRoot || options.isSandboxed === true,
      timeout: LAUNCH_MS,
      env: { ...(process.env as Record<string, string>), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
  const app = await start().catch((error: unknown) => {
    // About one start in a hundred never tells the debugger that it listens, on a machine with too much to do.
    console.warn("Electron did not start, and is started once more:", error);
    return start();
  });
  let output = "";
  app.process().stdout?.on("data", (text) => (output += text));
  app.process().stderr?.on("data", (text) => (output += text));
  onTestFinished(() => app.close());
  return { app, output: () => output, pids: () => treeOf(app.process().pid!) };
}

/** Linux only, as everything that looks into processes here. */
function treeOf(pid: number): number[] {
  let children: number[] = [];
  try {
    // Each thread has the children that it started.
    children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
  return [pid, ...children.flatMap(treeOf)];
}
