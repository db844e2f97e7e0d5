import { link, readFile, rename, rm, writeFile } from "node:fs/promises";

import { EventsError } from "../core/errors.ts";

/** Locks of this process: its own id in a lock file does not tell whether it is from before a restart. */
const held = new Set<string>();

/**
 * Takes `path` for this process, in a file `<path>.lock`; resolves with the function that gives it back. A lock whose
 * process is gone (killed) is taken over. `what` names the thing in the error. Rejects with JOURNAL when a living process
 * has it, this one included.
 * @example
 * const unlock = await lockFile("data/host", 'the data folder "data"');
 */
export async function lockFile(path: string, what: string): Promise<() => Promise<void>> {
  const lock = `${path}.lock`;
  while (!(await tryTake(lock))) {
    const holder = await readFile(lock, "utf8").catch(() => "");
    if (held.has(lock) || (Number(holder) !== process.pid && isAlive(Number(holder)))) {
      throw new EventsError(
        "JOURNAL",
        `Cannot open ${what}: process ${holder} has it open; close it there, or remove ${lock} if that is no journal's process`,
        { holder: Number(holder), lock },
      );
    }
    await bury(lock, holder);
  }
  held.add(lock);
  return async () => {
    held.delete(lock);
    await rm(lock, { force: true });
  };
}

/** A link appears whole or not at all: nobody reads a lock without its process. */
async function tryTake(lock: string): Promise<boolean> {
  const own = `${lock}.${process.pid}`;
  await writeFile(own, String(process.pid));
  try {
    await link(own, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

/** Takes a dead process's lock away; one that somebody else took in the meantime is put back. */
async function bury(lock: string, dead: string): Promise<void> {
  const grave = `${lock}.${process.pid}.dead`;
  try {
    await rename(lock, grave);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await readFile(grave, "utf8")) === dead) await rm(grave, { force: true });
  else await rename(grave, lock);
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
