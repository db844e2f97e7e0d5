/** A real Electron, started and driven from outside: its main process by `evaluate`, its pages as any browser's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { _electron, type ElectronApplication } from "playwright";
import { onTestFinished } from "vitest";

export const root = new URL("../..", import.meta.url).pathname;

/** Root cannot have the sandbox of the system; one test has it, as another user. */
const isRoot = process.getuid?.() === 0;

function electronProgram(): string {
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

export async function launch(args: readonly string[], options: { cwd?: string } = {}): Promise<Launched> {
  const app = await _electron.launch({
    executablePath: electronProgram(),
    args: [...(isRoot ? ["--no-sandbox"] : []), ...args],
    timeout: 30_000,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
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
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
  return [pid, ...children.flatMap(treeOf)];
}
