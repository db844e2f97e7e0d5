/**
 * Runs a program in a process group of its own. Order of an end, whatever caused it:
 * 1. The program has exited, or was told to (abort, limit, a failing blob store): SIGTERM to the whole group.
 *    After an exit of its own accord, what it left running has `LINGER_MS` to end by itself first.
 * 2. `graceMs` later SIGKILL to the whole group.
 * 3. The group is empty; the pipes are read out; only now the promise settles.
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";

import type { BlobAccess, SpawnOptions, SpawnResult } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { GROUP_MARK, groupIsGone, signalGroup } from "./group.ts";
import type { Group } from "./group.ts";

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;
/** `cmd | tee`: the last writers of a pipe end moments after the program. */
const LINGER_MS = 500;
/** Of stdout and stderr, each. They go to the blob store, not to memory. */
const OUTPUT_LIMIT_BYTES = 2 * 1024 ** 3;

export interface SpawnGroupOptions extends SpawnOptions {
  /** Where stdout and stderr go. */
  blobs: Pick<BlobAccess, "put">;
  /** Its abort ends the group; the promise then rejects with the signal's reason, once the group is gone. */
  signal?: AbortSignal;
  /** Between SIGTERM and SIGKILL. Default 5,000. A signal whose reason has a `graceMs` overrides it. */
  graceMs?: number;
  /** `outputBytes`: of stdout and of stderr, each; default 2 GiB. Beyond it the group is killed and the call fails. */
  limits?: { outputBytes?: number };
}

/**
 * Starts `command` (found in PATH, no shell) with `args`, and waits for it and everything it started.
 * The environment is this process's, with `env` over it. A non-zero exit is a result, not an error.
 * Throws `NodeError` of class `process` (`ENOENT`, `EACCES`, …: it did not start), `config` (no such `cwd`, a NUL in an
 * argument), `resource` (`OUTPUT_LIMIT`); the signal's reason; what the blob store throws.
 * Process groups are POSIX: on Windows only the program itself is killed.
 * @example
 * const { code, stdout } = await spawnGroup("git", ["log", "--oneline"], { cwd: repository, blobs });
 */
export async function spawnGroup(
  command: string,
  args: readonly string[],
  options: SpawnGroupOptions,
): Promise<SpawnResult> {
  const { blobs, cwd, signal, onOutput, graceMs = GRACE_MS } = options;
  const limit = options.limits?.outputBytes ?? OUTPUT_LIMIT_BYTES;
  signal?.throwIfAborted();
  if (cwd !== undefined) await checkFolder(command, cwd);
  const mark = randomUUID();
  const { child, exited, giveUp } = await start(command, args, cwd, {
    ...process.env,
    ...options.env,
    [GROUP_MARK]: mark,
  });
  const group: Group = { pid: child.pid!, mark };

  let failure: { error: unknown } | undefined;
  let ending: Promise<void> | undefined;
  /** SIGTERM, grace, SIGKILL, gone. Once. */
  const end = (): Promise<void> => (ending ??= endGroup(group, graceOf(signal) ?? graceMs));
  const fail = (error: unknown): void => {
    failure ??= { error };
    void end().then(giveUp);
  };
  const onAbort = (): void => fail(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();

  const collect = async (name: "stdout" | "stderr", pipe: Pipe) => {
    try {
      return await blobs.put(bounded(command, name, pipe, limit, onOutput), { type: "text/plain", name });
    } catch (error) {
      // Nobody reads the pipe any more: the program would block on it for ever.
      fail(error);
      pipe.from.destroy();
      return undefined;
    }
  };

  try {
    const pipes: Pipe[] = [{ from: child.stdout }, { from: child.stderr }];
    const outputs = Promise.all([collect("stdout", pipes[0]!), collect("stderr", pipes[1]!)]);
    feed(child.stdin, options.stdin, fail);
    const exit = await exited;
    if (!(await groupIsGone(group, failure ? 0 : LINGER_MS))) await end();
    await ending;
    child.stdin.destroy();
    const [stdout, stderr] = await unlessHeldOpen(outputs, pipes);
    if (failure) throw failure.error;
    return { ...exit, stdout: stdout!, stderr: stderr! };
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type Exit = { code: number | null; signal: string | null };

interface Pipe {
  readonly from: Readable;
  /** Since when its reader waits for the program; undefined while the blob store is the slow one. */
  waitingSince?: number | undefined;
}

async function start(
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

async function checkFolder(command: string, cwd: string): Promise<void> {
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

/** Whoever cancels says how long its processes have. */
function graceOf(signal: AbortSignal | undefined): number | undefined {
  const asked: unknown = (signal?.reason as { graceMs?: unknown } | null | undefined)?.graceMs;
  return typeof asked === "number" ? asked : undefined;
}

async function endGroup(group: Group, graceMs: number): Promise<void> {
  await signalGroup(group, "SIGTERM");
  if (await groupIsGone(group, graceMs)) return;
  await signalGroup(group, "SIGKILL");
  // A process in an uninterruptible wait of the kernel outlives even this; every wait ends.
  await groupIsGone(group, GRACE_MS);
}

async function* bounded(
  command: string,
  name: "stdout" | "stderr",
  pipe: Pipe,
  limit: number,
  onOutput: SpawnOptions["onOutput"],
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder();
  let size = 0;
  for await (const chunk of chunksOf(pipe)) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new NodeError(
        `Cannot keep the ${name} of "${command}": it passed ${limit} bytes; let it write to a file, or raise the limit`,
        { code: "OUTPUT_LIMIT", class: "resource", retryable: false },
      );
    }
    onOutput?.(name, decoder.decode(chunk, { stream: true }));
    yield chunk;
  }
  const rest = decoder.decode();
  if (rest !== "") onOutput?.(name, rest);
}

async function* chunksOf(pipe: Pipe): AsyncGenerator<Uint8Array> {
  const chunks = (pipe.from as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      pipe.waitingSince = performance.now();
      const next = await chunks.next();
      pipe.waitingSince = undefined;
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    // Cut by `unlessHeldOpen`: the program's own output ended long before.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  } finally {
    pipe.waitingSince = undefined;
    await chunks.return?.();
  }
}

/** A program may end, or close its stdin, before it has read all: EPIPE is its own affair, not a failure. */
function feed(stdin: Writable, bytes: Uint8Array | undefined, fail: (error: unknown) => void): void {
  stdin.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ECONNRESET" && error.code !== "ERR_STREAM_DESTROYED") fail(error);
  });
  stdin.end(bytes);
}

/** A process that left the group (setsid) may hold the pipes open for ever: silent for `LINGER_MS`, they are cut. */
async function unlessHeldOpen<T>(outputs: Promise<T>, pipes: readonly Pipe[]): Promise<T> {
  const watch = setInterval(() => {
    for (const { from, waitingSince } of pipes) {
      if (waitingSince !== undefined && performance.now() - waitingSince > LINGER_MS) from.destroy();
    }
  }, LINGER_MS / 10);
  return await outputs.finally(() => clearInterval(watch));
}
