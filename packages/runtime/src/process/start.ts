/** Starts a program in a process group of its own, or says why it cannot. */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { stat } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";

import { NodeError } from "../errors.ts";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type Exit = { code: number | null; signal: string | null };

/**
 * Resolves when the program runs. `giveUp` settles `exited` for one that not even SIGKILL ends.
 * Throws `NodeError` of class `process`, or `config` for text with NUL.
 */
export async function start(
  command: string,
  args: readonly string[],
  cwd: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<{ child: Child; exited: Promise<Exit>; giveUp: () => void }> {
  let child: Child;
  try {
    child = spawn(command, args, {
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      windowsHide: true,
      env,
      ...(cwd === undefined ? {} : { cwd }),
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith("E") && !code.startsWith("ERR_")) throw notStarted(command, error as NodeJS.ErrnoException);
    throw new NodeError(
      `Cannot start "${command}": ${(error as Error).message}; a command, its arguments and its environment are text without NUL`,
      { code: code ?? "SPAWN", class: "config", retryable: false },
      { cause: error },
    );
  }
  // On exit Node throws away what a pipe holds unless someone listens; our reader comes some ticks later.
  child.stdout?.on("readable", () => undefined);
  child.stderr?.on("readable", () => undefined);
  let giveUp = (): void => undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, killedBy) => resolve({ code, signal: killedBy }));
    giveUp = () => resolve({ code: null, signal: null });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    // Stays for good: a failing kill must not become an unhandled "error" event.
    child.on("error", (error: NodeJS.ErrnoException) => reject(notStarted(command, error)));
  });
  return { child, exited, giveUp };
}

function notStarted(command: string, error: NodeJS.ErrnoException): NodeError {
  const code = error.code ?? "SPAWN";
  const ways: Record<string, string> = {
    ENOENT: "there is no such program; check its name and PATH, or give its full path",
    EACCES: "the file is not executable, or a folder on the way is closed; check its rights",
    E2BIG: "its arguments and environment are too long for the system; pass large data through stdin or a file",
    EAGAIN: "the system has no room for another process; lower the concurrency",
  };
  const retryable = code === "EAGAIN" || code === "ENOMEM";
  return new NodeError(
    `Cannot start "${command}": ${ways[code] ?? error.message}`,
    { code, class: "process", retryable },
    { cause: error },
  );
}

export async function checkFolder(command: string, cwd: string): Promise<void> {
  const found = await stat(cwd).catch(() => undefined);
  if (found?.isDirectory()) return;
  const state = found ? "is not a folder" : "does not exist";
  throw new NodeError(`Cannot start "${command}" in "${cwd}": this folder ${state}; check "cwd"`, {
    code: found ? "ENOTDIR" : "ENOENT",
    class: "config",
    path: cwd,
    retryable: false,
  });
}
