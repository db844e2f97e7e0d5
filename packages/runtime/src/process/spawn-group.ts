/**
 * Runs a program in a process group of its own. Order of an end, whatever caused it:
 * 1. The program has exited, or was told to (abort, limit, a failing blob store): SIGTERM to the whole group.
 *    After an exit of its own accord, what it left running has `LINGER_MS` to end by itself first.
 * 2. `graceMs` later SIGKILL to the whole group.
 * 3. The group is empty; the pipes are read out; only now the promise settles.
 */
import { randomUUID } from "node:crypto";

import type { BlobAccess, SpawnOptions, SpawnResult } from "../blueprint/define-node.ts";
import { openEnvironment } from "../secrets/index.ts";
import { GROUP_MARK, groupIsGone, groupOf, signalGroup } from "./group.ts";
import type { Group } from "./group.ts";
import { trackGroup } from "./live-groups.ts";
import { bounded, feed, LINGER_MS, unlessHeldOpen } from "./pipes.ts";
import type { Pipe } from "./pipes.ts";
import { checkFolder, start } from "./start.ts";

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;
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
 * The environment is this process's without its secrets, with `env` over it. A non-zero exit is a result, not an error.
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
    ...openEnvironment(),
    ...options.env,
    [GROUP_MARK]: mark,
  });
  const group = groupOf(child.pid!, mark);
  const untrack = trackGroup(group);

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
    untrack();
    signal?.removeEventListener("abort", onAbort);
  }
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
